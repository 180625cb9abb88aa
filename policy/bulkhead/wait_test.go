package bulkhead

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

// The wait ends with the call's deadline, which no context carries, and with
// the context's.
func TestWaitEndsWithTheCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		call, context time.Duration
		want          time.Duration
	}{
		{"deadline of the call", 3 * time.Second, 0, 3 * time.Second},
		{"deadline of the context", 0, 4 * time.Second, 4 * time.Second},
		{"the nearer one", 5 * time.Second, 4 * time.Second, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rt := wrap(t, Config{MaxInFlight: 1, MaxQueue: 2}, godwittest.Always(godwittest.Reply{Body: "hello"}))
				first, err := rt.RoundTrip(request(t, t.Context(), apiURL))
				if err != nil {
					t.Fatal(err)
				}
				ctx, call := exchange.WithCall(t.Context())
				if c.call > 0 {
					call.Deadline = time.Now().Add(c.call)
				}
				if c.context > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.context)
					defer cancel()
				}
				start := time.Now()
				_, err = rt.RoundTrip(request(t, ctx, apiURL))
				if !errors.Is(err, exchange.ErrTotalTimeout) || time.Since(start) != c.want {
					t.Errorf("error %v after %v, want the timeout after %v", err, time.Since(start), c.want)
				}
				finish(t, first, nil)
				if inFlight, waiting := gateOf(t, rt, apiURL).counts(); inFlight != 0 || waiting != 0 {
					t.Errorf("%d in flight and %d waiting at the end", inFlight, waiting)
				}
			})
		})
	}
}

// Nobody waits in vain: when the queue before it is longer than the time left,
// a call is told so at once.
func TestNoWaitInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rt := wrap(t, Config{MaxInFlight: 1, MaxQueue: 100}, godwittest.Always(godwittest.Reply{Body: "hello", Delay: time.Second}))
		for range minSamples {
			resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
			finish(t, resp, err)
		}
		var wg sync.WaitGroup
		for range 11 { // one goes, ten wait
			wg.Go(func() {
				resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
				finish(t, resp, err)
			})
		}
		synctest.Wait()
		ctx, call := exchange.WithCall(t.Context())
		call.Deadline = time.Now().Add(9 * time.Second)
		start := time.Now()
		_, err := rt.RoundTrip(request(t, ctx, apiURL))
		var e *exchange.Error
		if !errors.As(err, &e) || e.Kind != exchange.ErrWouldMissDeadline || e.RetryAfter != 10*time.Second || e.Sent != exchange.SentNo || time.Since(start) != 0 {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		call.Deadline = time.Now().Add(13 * time.Second)
		resp, err := rt.RoundTrip(request(t, ctx, apiURL))
		finish(t, resp, err)
		if took := time.Since(start); took != 12*time.Second {
			t.Errorf("served after %v, behind ten others", took)
		}
		wg.Wait()
	})
}

// 10,000 waiters: all are served in the end or leave, and nothing is left over.
func TestTenThousandWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers = 10_000
		var inside, most atomic.Int64
		rt := wrap(t, Config{MaxInFlight: 8, MaxQueue: callers}, exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			now := inside.Add(1)
			defer inside.Add(-1)
			for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
			}
			time.Sleep(time.Millisecond)
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("hello")), Request: req}, nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var served, left atomic.Int64
		for i := range callers {
			wg.Go(func() {
				own := t.Context()
				if i%2 == 1 {
					own = ctx
				}
				resp, err := rt.RoundTrip(request(t, own, apiURL))
				switch {
				case err == nil:
					finish(t, resp, nil)
					served.Add(1)
				case errors.Is(err, exchange.ErrCanceled):
					left.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		time.Sleep(10 * time.Millisecond)
		cancel()
		wg.Wait()
		if served.Load() < callers/2 || left.Load() < callers/3 || served.Load()+left.Load() != callers {
			t.Errorf("%d served, %d left", served.Load(), left.Load())
		}
		if most.Load() != 8 {
			t.Errorf("%d at the same time, want 8", most.Load())
		}
		if inFlight, waiting := gateOf(t, rt, apiURL).counts(); inFlight != 0 || waiting != 0 {
			t.Errorf("%d in flight and %d waiting at the end", inFlight, waiting)
		}
		synctest.Wait()
	})
}

// sick is an upstream whose breaker is open when it is set.
type sick struct{ atomic.Bool }

func (s *sick) Health(*url.URL) float64 {
	if s.Load() {
		return 0
	}
	return 1
}

// Calls that waited are not sent into an outage that began meanwhile.
func TestOutageWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		health := new(sick)
		transport := godwittest.Always(godwittest.Reply{Body: "hello", Delay: time.Second})
		rt := wrap(t, Config{MaxInFlight: 1, MaxQueue: 10, Health: health}, transport)
		var wg sync.WaitGroup
		wg.Go(func() {
			resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
			finish(t, resp, err)
		})
		synctest.Wait()
		for range 5 {
			wg.Go(func() {
				_, err := rt.RoundTrip(request(t, t.Context(), apiURL))
				if !errors.Is(err, exchange.ErrCircuitOpen) {
					t.Errorf("error %v", err)
				}
			})
		}
		probe := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			exchange.LiveFrom(req.Context()).Note(exchange.FactProbe)
			return rt.RoundTrip(req)
		})
		wg.Go(func() {
			ctx, call := exchange.WithCall(t.Context())
			resp, err := exchange.Send(probe, request(t, ctx, apiURL), call, 0)
			finish(t, resp, err)
		})
		synctest.Wait()
		health.Store(true)
		wg.Wait()
		if n := transport.Count(); n != 2 {
			t.Errorf("%d requests sent, want the first and the probe", n)
		}
		if inFlight, waiting := gateOf(t, rt, apiURL).counts(); inFlight != 0 || waiting != 0 {
			t.Errorf("%d in flight and %d waiting at the end", inFlight, waiting)
		}
	})
}
