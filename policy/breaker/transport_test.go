package breaker

import (
	"context"
	"errors"
	"fmt"
	"math"
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

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{OpenAt: 1.1}, "breaker.open_at: 1.1 is no share"},
		{Config{OpenAt: -0.5}, "breaker.open_at"},
		{Config{OpenAt: math.NaN()}, "breaker.open_at"},
		{Config{Outcomes: -1}, "breaker.outcomes: -1 is not between"},
		{Config{Outcomes: 1001}, "breaker.outcomes"},
		{Config{MinOutcomes: 21}, "breaker.min_outcomes: 21 is not between 1 and breaker.outcomes 20"},
		{Config{MinOutcomes: -1}, "breaker.min_outcomes"},
		{Config{ProbeFirst: -time.Second}, "breaker.probe_first"},
		{Config{ProbeFirst: time.Microsecond}, "breaker.probe_first"},
		{Config{ProbeCap: 1000 * time.Hour}, "breaker.probe_cap"},
		{Config{ProbeFirst: 5 * time.Second, ProbeCap: time.Second}, "breaker.probe_first: 5s is above"},
		{Config{SlowStart: -1}, "breaker.slow_start"},
		{Config{WhenOpen: "explode"}, `breaker.when_open: "explode" is none of`},
	} {
		m, err := New(c.config)
		if m != nil || !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.config, err, c.want)
		}
	}
	for _, c := range []Config{{}, {Outcomes: 1}, {Outcomes: 10}, {ProbeFirst: 5 * time.Second}, {WhenOpen: "wait"}} {
		if m, err := New(c); m == nil || err != nil {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	if m, err := New(Config{WhenOpen: "off"}); m != nil || err != nil {
		t.Errorf("off makes a middleware, or the error %v", err)
	}
}

// FG19: with the breaker open, calls are refused at once and exactly one probe
// goes out each time.
func TestFG19_RefusedAtOnceAndOneProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(503, "down"))
		c := newClient(t, breakerOf(t, Config{}), upstream)
		c.break15()
		c.wantEvents(exchange.EventBreakerOpen)

		start := time.Now()
		_, err := c.get(t.Context())
		var e *exchange.Error
		if !errors.As(err, &e) || e.Kind != exchange.ErrCircuitOpen || e.Policy != policy || e.Sent != exchange.SentNo || e.RetryAfter != 500*time.Millisecond {
			t.Fatalf("error %v, %+v", err, e)
		}
		if strings.Contains(err.Error(), "secret") || len(e.Attempts) != 1 || e.Attempts[0].Sent != exchange.SentNo {
			t.Errorf("error %q with attempts %+v", err, e.Attempts)
		}
		if time.Since(start) != 0 {
			t.Errorf("refused after %v", time.Since(start))
		}
		sent := upstream.Count()
		for i, gap := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 2 * time.Second} {
			time.Sleep(gap - 1)
			if _, err := c.get(t.Context()); !errors.Is(err, exchange.ErrCircuitOpen) {
				t.Fatalf("before probe %d: %v", i+1, err)
			}
			time.Sleep(time.Nanosecond)
			var wg sync.WaitGroup
			var refused atomic.Int64
			for range 100 {
				wg.Go(func() {
					if _, err := c.get(t.Context()); errors.Is(err, exchange.ErrCircuitOpen) {
						refused.Add(1)
					}
				})
			}
			wg.Wait()
			if n := upstream.Count() - sent; n != i+1 || refused.Load() != 99 {
				t.Fatalf("%d probes, %d of 100 refused", n, refused.Load())
			}
		}
	})
}

// After the first success the load grows by an eighth, a quarter, a half.
func TestSlowStartBoundsCallsInFlight(t *testing.T) {
	t.Parallel()
	for _, paced := range []bool{false, true} {
		t.Run(fmt.Sprintf("paced %v", paced), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				upstream := newServer(godwittest.Reply{Delay: 100 * time.Millisecond})
				c := newClient(t, breakerOf(t, Config{Paced: paced}), upstream)
				burst := func() (passed int) {
					var wg sync.WaitGroup
					var n atomic.Int64
					for range 40 {
						wg.Go(func() {
							if _, err := c.get(t.Context()); err == nil {
								n.Add(1)
							} else if !errors.Is(err, exchange.ErrCircuitOpen) {
								t.Error(err)
							}
						})
					}
					wg.Wait()
					return int(n.Load())
				}
				if n := burst(); n != 40 { // the usual load
					t.Fatalf("%d of 40 pass while all is well", n)
				}
				upstream.set(godwittest.Text(500, "down"))
				burst()
				upstream.set(godwittest.Reply{Delay: 100 * time.Millisecond})
				time.Sleep(500 * time.Millisecond)
				if status, err := c.get(t.Context()); status != 200 {
					t.Fatalf("probe: %d, %v", status, err)
				}
				for step, want := range []int{5, 10, 20, 40} {
					if paced {
						want = 40
					}
					if n := burst(); n != want {
						t.Errorf("second %d of the slow start: %d pass, want %d", step, n, want)
					}
					time.Sleep(900 * time.Millisecond)
				}
				c.wantEvents(exchange.EventBreakerOpen, exchange.EventBreakerProbe, exchange.EventBreakerHalfOpen, exchange.EventBreakerClosed)
			})
		})
	}
}

// When half of the slow start fails again it is over.
func TestReopens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(500, "down"))
		b := breakerOf(t, Config{})
		c := newClient(t, b, upstream)
		c.break15()
		time.Sleep(500 * time.Millisecond)
		upstream.set(godwittest.Status(200))
		_, probeErr := c.get(t.Context())
		_, okErr := c.get(t.Context())
		upstream.set(godwittest.Text(500, "down"))
		_, badErr := c.get(t.Context()) // one of three
		if err := errors.Join(probeErr, okErr, badErr); err != nil {
			t.Fatal(err)
		}
		c.wantEvents(exchange.EventBreakerOpen, exchange.EventBreakerProbe, exchange.EventBreakerHalfOpen)
		if _, err := c.get(t.Context()); err != nil { // two of four
			t.Fatal(err)
		}
		if _, err := c.get(t.Context()); !errors.Is(err, exchange.ErrCircuitOpen) {
			t.Errorf("half of the slow start failed, and the next call: %v", err)
		}
		c.wantEvents(exchange.EventBreakerOpen, exchange.EventBreakerProbe, exchange.EventBreakerHalfOpen, exchange.EventBreakerOpen)
		u := &url.URL{Scheme: "http", Host: "api.example"}
		if h := b.Health(u); h != 0 {
			t.Errorf("health %v while open", h)
		}
		if h := b.Health(&url.URL{Scheme: "http", Host: "other.example"}); h != 1 {
			t.Errorf("health %v of an upstream that nobody called", h)
		}
	})
}

// A probe whose caller goes away leaves the next one to the next caller.
func TestFG19_CanceledProbe(t *testing.T) {
	t.Parallel()
	for _, whenOpen := range []string{"fail", "wait"} {
		t.Run(whenOpen, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				upstream := newServer(godwittest.Text(503, "down"))
				c := newClient(t, breakerOf(t, Config{WhenOpen: whenOpen}), upstream)
				c.break15()
				upstream.set(godwittest.Reply{Delay: time.Hour})
				time.Sleep(500 * time.Millisecond)
				ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("went away"))
				defer cancel()
				own, stop := context.WithCancel(t.Context())
				context.AfterFunc(ctx, stop)
				if _, err := c.get(own); !errors.Is(err, exchange.ErrCanceled) && !errors.Is(err, context.Canceled) {
					t.Fatalf("the probe: %v", err)
				}
				upstream.set(godwittest.Status(200))
				if whenOpen == "fail" {
					time.Sleep(900 * time.Millisecond) // the second probe is due
				}
				start := time.Now()
				if status, err := c.get(t.Context()); status != 200 {
					t.Fatalf("status %d, %v", status, err)
				}
				if took := time.Since(start); took > 900*time.Millisecond {
					t.Errorf("the next probe went after %v", took)
				}
			})
		})
	}
}

// A panic beneath a probe is no end of the probes either.
func TestPanicBeneathProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(503, "down"))
		var explode atomic.Bool
		c := newClient(t, breakerOf(t, Config{WhenOpen: "wait"}), exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			if explode.Load() {
				panic("beneath")
			}
			return upstream.RoundTrip(req)
		}))
		c.break15()
		explode.Store(true)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, err := c.get(t.Context())
			t.Errorf("returned %v", err)
		}()
		explode.Store(false)
		upstream.set(godwittest.Status(200))
		if status, err := c.get(t.Context()); status != 200 {
			t.Errorf("status %d, %v", status, err)
		}
	})
}

// A call waits for the probe's outcome, and goes when the upstream is back.
func TestWaitsForTheUpstream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(503, "down"))
		c := newClient(t, breakerOf(t, Config{WhenOpen: "wait"}), upstream)
		c.break15()
		const callers = 3_000
		var wg sync.WaitGroup
		var down, back atomic.Int64
		for range callers {
			wg.Go(func() {
				switch status, err := c.get(t.Context()); {
				case err != nil:
					t.Error(err)
				case status == 503:
					down.Add(1)
				case status == 200:
					back.Add(1)
				}
			})
		}
		time.Sleep(time.Second)
		upstream.set(godwittest.Reply{Delay: time.Millisecond})
		wg.Wait()
		if down.Load() != 1 || back.Load() != callers-1 {
			t.Errorf("%d got the answer of a failed probe, %d were served", down.Load(), back.Load())
		}
	})
}

// A batch call waits although others fail.
func TestBatchWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(503, "down"))
		c := newClient(t, breakerOf(t, Config{}), upstream)
		c.break15()
		upstream.set(godwittest.Status(200))
		if _, err := c.get(t.Context()); !errors.Is(err, exchange.ErrCircuitOpen) {
			t.Errorf("a normal call: %v", err)
		}
		start := time.Now()
		status, err := c.getWith(t.Context(), func(call *exchange.Call) { call.Class = exchange.ClassBatch })
		if status != 200 || time.Since(start) != 500*time.Millisecond {
			t.Errorf("a batch call: %d, %v after %v", status, err, time.Since(start))
		}
	})
}

// Waiters go in order of arrival.
func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(503, "down"))
		c := newClient(t, breakerOf(t, Config{WhenOpen: "wait"}), upstream)
		c.break15()
		var mu sync.Mutex
		var order []int
		upstream.set(godwittest.Reply{Delay: time.Millisecond})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := c.get(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
		}
		wg.Wait()
		for i, caller := range order[:25] { // one at a time, while the slow start lasts
			if i != caller {
				t.Fatalf("served in the order %v", order)
			}
		}
	})
}

// Waiting never outlasts the caller, and is not begun in vain.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		set     func(*exchange.Call)
		timeout time.Duration
		cancel  time.Duration
		kind    error
		after   time.Duration
	}{
		{name: "deadline before the probe", timeout: 400 * time.Millisecond, kind: exchange.ErrWouldMissDeadline},
		{name: "deadline of the call before the probe", set: func(c *exchange.Call) { c.Deadline = time.Now().Add(400 * time.Millisecond) }, kind: exchange.ErrWouldMissDeadline},
		{name: "canceled", cancel: 100 * time.Millisecond, kind: exchange.ErrCanceled, after: 100 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				upstream := newServer(godwittest.Text(503, "down"))
				c := newClient(t, breakerOf(t, Config{WhenOpen: "wait"}), upstream)
				c.break15()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.timeout > 0 {
					ctx, cancel = context.WithTimeout(ctx, tc.timeout)
					defer cancel()
				}
				if tc.cancel > 0 {
					defer time.AfterFunc(tc.cancel, cancel).Stop()
				}
				set := tc.set
				if set == nil {
					set = func(*exchange.Call) {}
				}
				start := time.Now()
				_, err := c.getWith(ctx, set)
				var e *exchange.Error
				if !errors.Is(err, tc.kind) || !errors.As(err, &e) || e.Sent != exchange.SentNo || time.Since(start) != tc.after {
					t.Errorf("error %v after %v, want %v after %v", err, time.Since(start), tc.kind, tc.after)
				}
				if tc.kind == exchange.ErrWouldMissDeadline && e.RetryAfter != 500*time.Millisecond {
					t.Errorf("told to come back in %v", e.RetryAfter)
				}
			})
		})
	}
}

// Those who wait for a probe under way are told when it fails and no other one
// comes in their time.
func TestWaitersOfAFailedProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(503, "down"))
		c := newClient(t, breakerOf(t, Config{WhenOpen: "wait"}), upstream)
		c.break15()
		upstream.set(godwittest.Reply{Status: 503, Delay: 200 * time.Millisecond})
		var wg sync.WaitGroup
		wg.Go(func() { // the probe, from 0.5 s to 0.7 s; the next one is due at 1.5 s
			if status, err := c.get(t.Context()); status != 503 {
				t.Errorf("the probe: %d, %v", status, err)
			}
		})
		time.Sleep(600 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		for range 3 {
			wg.Go(func() {
				start := time.Now()
				if _, err := c.get(ctx); !errors.Is(err, exchange.ErrWouldMissDeadline) || time.Since(start) != 100*time.Millisecond {
					t.Errorf("error %v after %v", err, time.Since(start))
				}
			})
		}
		wg.Wait()
	})
}

// What hangs since before the outage neither holds the slow start up nor counts
// in it.
func TestStaleCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Reply{Status: 503, Delay: 2 * time.Second})
		c := newClient(t, breakerOf(t, Config{}), upstream)
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if status, err := c.get(t.Context()); status != 503 {
					t.Errorf("%d, %v", status, err)
				}
			})
		}
		synctest.Wait()
		upstream.set(godwittest.Text(503, "down"))
		c.break15()
		upstream.set(godwittest.Status(200))
		time.Sleep(500 * time.Millisecond)
		for range 5 {
			if status, err := c.get(t.Context()); status != 200 {
				t.Errorf("%d, %v", status, err)
			}
		}
		wg.Wait()
		time.Sleep(3 * time.Second)
		if status, err := c.get(t.Context()); status != 200 {
			t.Errorf("%d, %v", status, err)
		}
		c.wantEvents(exchange.EventBreakerOpen, exchange.EventBreakerProbe, exchange.EventBreakerHalfOpen, exchange.EventBreakerClosed)
	})
}

// 429 and a 30 % brown-out leave it closed.
func TestStaysClosed(t *testing.T) {
	t.Parallel()
	n := 0
	for name, reply := range map[string]func() godwittest.Reply{
		"429": func() godwittest.Reply { return godwittest.Text(429, "slow down") },
		"404": func() godwittest.Reply { return godwittest.Text(404, "no") },
		"brown-out": func() godwittest.Reply {
			if n++; n%10 < 3 {
				return godwittest.Text(500, "oops")
			}
			return godwittest.Status(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, breakerOf(t, Config{}), godwittest.Always(godwittest.Func(func(*godwittest.Request) godwittest.Reply { return reply() })))
			for range 200 {
				if _, err := c.get(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			c.wantEvents()
		})
	}
}

// A connection that is refused opens it too, and origins are apart.
func TestOriginsAreApart(t *testing.T) {
	t.Parallel()
	b := breakerOf(t, Config{})
	c := newClient(t, b, godwittest.Always(godwittest.Reply{Fault: godwittest.FaultDial}))
	c.break15()
	if h := b.Health(&url.URL{Scheme: "http", Host: "API.example:80"}); h != 0 {
		t.Errorf("health %v of an upstream that refuses connections", h)
	}
	rt := b.Wrap(godwittest.Always(godwittest.Status(200)))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://other.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Request != req {
		t.Error("the response belongs to another request")
	}
	_ = resp.Body.Close() // an empty one of the test kit
}

func TestNilBreakerIsHealthy(t *testing.T) {
	t.Parallel()
	if h := (*Breaker)(nil).Health(&url.URL{Scheme: "http", Host: "api.example"}); h != 1 {
		t.Errorf("health %v", h)
	}
}
