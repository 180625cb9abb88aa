package bulkhead

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

func wrap(tb testing.TB, c Config, rt http.RoundTripper) http.RoundTripper {
	tb.Helper()
	m, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return m(rt)
}

func request(tb testing.TB, ctx context.Context, url string) *http.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return req
}

// gateOf returns the gate of an origin, for what the outside cannot see.
func gateOf(tb testing.TB, rt http.RoundTripper, rawURL string) *gate {
	tb.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		tb.Fatal(err)
	}
	e, ok := rt.(*bulkhead).gates.Find(u)
	if !ok {
		tb.Fatal("the origin is not known")
	}
	defer e.Release()
	return e.Value
}

func (g *gate) counts() (inFlight, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inFlight, g.waiting
}

func finish(tb testing.TB, resp *http.Response, err error) {
	tb.Helper()
	if err != nil {
		tb.Error(err)
		return
	}
	if err := resp.Body.Close(); err != nil {
		tb.Error(err)
	}
}

const apiURL = "http://api.example/x?token=secret"

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{MaxInFlight: -1}, "bulkhead.max_in_flight: -1 is not between"},
		{Config{MaxInFlight: maxSlots + 1}, "bulkhead.max_in_flight"},
		{Config{MaxInFlight: 1, MaxQueue: -2}, "bulkhead.max_queue: -2 is not between"},
		{Config{MaxQueue: 5}, "bulkhead.max_queue: there is no queue without"},
	} {
		m, err := New(c.config)
		if m != nil || !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.config, err, c.want)
		}
	}
	if m, err := New(Config{}); m != nil || err != nil {
		t.Errorf("the zero value makes a middleware, or the error %v", err)
	}
}

// The slot is held until the body is closed or at its end, not until RoundTrip
// returns.
func TestSlotEndsWithTheBody(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(io.ReadCloser) error{
		"closed": func(b io.ReadCloser) error { return b.Close() },
		"read":   func(b io.ReadCloser) error { _, err := io.Copy(io.Discard, b); return err },
		"closed twice": func(b io.ReadCloser) error {
			return errors.Join(b.Close(), b.Close())
		},
		"read and closed": func(b io.ReadCloser) error {
			_, err := io.Copy(io.Discard, b)
			return errors.Join(err, b.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rt := wrap(t, Config{MaxInFlight: 1}, godwittest.Always(godwittest.Text(200, "hello")))
				req := request(t, t.Context(), apiURL)
				first, err := rt.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				if first.Request != req {
					t.Error("the response belongs to another request")
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
					finish(t, resp, err)
				}()
				synctest.Wait()
				if inFlight, waiting := gateOf(t, rt, apiURL).counts(); inFlight != 1 || waiting != 1 {
					t.Errorf("%d in flight and %d waiting while the body is open", inFlight, waiting)
				}
				if err := end(first.Body); err != nil {
					t.Error(err)
				}
				<-done
				if inFlight, waiting := gateOf(t, rt, apiURL).counts(); inFlight != 0 || waiting != 0 {
					t.Errorf("%d in flight and %d waiting at the end", inFlight, waiting)
				}
			})
		})
	}
}

// Every way that a call can end gives the slot back.
func TestEveryEndFreesTheSlot(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]godwittest.Reply{
		"no body": godwittest.Status(204),
		"refused": {Fault: godwittest.FaultDial},
		"reset":   {Fault: godwittest.FaultLost},
		"cut":     {Body: "hello", Fault: godwittest.FaultCut, At: 2},
		"500":     godwittest.Text(500, "oops"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := wrap(t, Config{MaxInFlight: 1, MaxQueue: -1}, godwittest.Always(reply))
			for range 3 {
				resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
				if errors.Is(err, exchange.ErrRateLimited) {
					t.Fatal("the slot of the call before was not given back")
				}
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body) // a cut body fails: its slot counts
				}
			}
		})
	}
}

func TestPanicBeneathFreesTheSlot(t *testing.T) {
	t.Parallel()
	rt := wrap(t, Config{MaxInFlight: 1, MaxQueue: -1}, exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) { panic("beneath") }))
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, err := rt.RoundTrip(request(t, t.Context(), apiURL))
			t.Errorf("returned %v", err)
		}()
	}
	if inFlight, _ := gateOf(t, rt, apiURL).counts(); inFlight != 0 {
		t.Errorf("%d in flight after a panic", inFlight)
	}
}

// A full queue refuses at once, says so, and nothing was sent.
func TestFullQueueRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := godwittest.Always(godwittest.Reply{Body: "hello", Delay: time.Second})
		rt := wrap(t, Config{MaxInFlight: 2, MaxQueue: 3}, transport)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
				finish(t, resp, err)
			})
		}
		synctest.Wait()
		start := time.Now()
		_, err := rt.RoundTrip(request(t, t.Context(), apiURL))
		var e *exchange.Error
		if !errors.As(err, &e) || e.Kind != exchange.ErrRateLimited || e.Policy != policy || e.Sent != exchange.SentNo {
			t.Errorf("error %v", err)
		}
		if !strings.Contains(err.Error(), "2 calls are in flight and 3 wait") || strings.Contains(err.Error(), "secret") {
			t.Errorf("error text %q", err)
		}
		if time.Since(start) != 0 {
			t.Errorf("refused after %v", time.Since(start))
		}
		if other, err := rt.RoundTrip(request(t, t.Context(), "http://other.example/")); err != nil {
			t.Errorf("another upstream is held back: %v", err)
		} else {
			finish(t, other, nil)
		}
		wg.Wait()
		if n := transport.Count(); n != 6 {
			t.Errorf("%d requests sent, want 6", n)
		}
	})
}

// Slots are given in order of arrival.
func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := godwittest.Always(godwittest.Reply{Body: "hello", Delay: time.Second})
		rt := wrap(t, Config{MaxInFlight: 1, MaxQueue: 100}, transport)
		var wg sync.WaitGroup
		var want []string
		for i := range 50 {
			want = append(want, strconv.Itoa(i))
			wg.Go(func() {
				req := request(t, t.Context(), apiURL)
				req.Header.Set("X-Id", strconv.Itoa(i))
				resp, err := rt.RoundTrip(req)
				finish(t, resp, err)
			})
			synctest.Wait()
		}
		wg.Wait()
		var got []string
		for _, r := range transport.Requests() {
			got = append(got, r.Header.Get("X-Id"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("served in the order %v", got)
		}
	})
}

// A waiter that is gone leaves at once and delays nobody.
func TestFG_CanceledWaiterGivesNothingAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rt := wrap(t, Config{MaxInFlight: 1, MaxQueue: 2}, godwittest.Always(godwittest.Reply{Body: "hello"}))
		first, err := rt.RoundTrip(request(t, t.Context(), apiURL))
		if err != nil {
			t.Fatal(err)
		}
		gone := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		canceled := make(chan error, 1)
		go func() {
			_, err := rt.RoundTrip(request(t, ctx, apiURL))
			canceled <- err
		}()
		synctest.Wait()
		served := make(chan struct{})
		go func() {
			defer close(served)
			resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
			finish(t, resp, err)
		}()
		synctest.Wait()
		cancel(gone)
		start := time.Now()
		if err := <-canceled; !errors.Is(err, exchange.ErrCanceled) || !errors.Is(err, gone) || time.Since(start) != 0 {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		if inFlight, waiting := gateOf(t, rt, apiURL).counts(); inFlight != 1 || waiting != 1 {
			t.Errorf("%d in flight and %d waiting", inFlight, waiting)
		}
		finish(t, first, nil)
		<-served
	})
}

// A slot that comes in the same moment as the end goes on to the next.
func TestSlotAndEndAtOnce(t *testing.T) {
	t.Parallel()
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			rt := wrap(t, Config{MaxInFlight: 1, MaxQueue: 10}, godwittest.Always(godwittest.Reply{Body: "hello"}))
			first, err := rt.RoundTrip(request(t, t.Context(), apiURL))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				resp, err := rt.RoundTrip(request(t, ctx, apiURL))
				switch {
				case err == nil:
					finish(t, resp, nil)
				case !errors.Is(err, exchange.ErrCanceled):
					t.Error(err)
				}
			})
			synctest.Wait()
			wg.Go(func() {
				resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
				finish(t, resp, err)
			})
			synctest.Wait()
			wg.Go(func() { finish(t, first, nil) })
			wg.Go(cancel)
			wg.Wait()
			if inFlight, waiting := gateOf(t, rt, apiURL).counts(); inFlight != 0 || waiting != 0 {
				t.Errorf("%d in flight and %d waiting at the end", inFlight, waiting)
			}
		})
	}
}

// A body that switches protocols stays writable.
func TestUpgradedBodyIsWritable(t *testing.T) {
	t.Parallel()
	rt := wrap(t, Config{MaxInFlight: 1}, exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: &pipe{}, Request: req}, nil
	}))
	resp, err := rt.RoundTrip(request(t, t.Context(), apiURL))
	if err != nil {
		t.Fatal(err)
	}
	w, ok := resp.Body.(io.Writer)
	if !ok {
		t.Fatal("the body cannot be written to")
	}
	if n, err := w.Write([]byte("hi")); n != 2 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	finish(t, resp, nil)
	if inFlight, _ := gateOf(t, rt, apiURL).counts(); inFlight != 0 {
		t.Errorf("%d in flight after Close", inFlight)
	}
}

type pipe struct{ strings.Builder }

func (*pipe) Read([]byte) (int, error) { return 0, io.EOF }
func (*pipe) Close() error             { return nil }
