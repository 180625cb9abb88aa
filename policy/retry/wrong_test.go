package retry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

// The tests named TestWrong are what popular clients do wrong, each over the
// real net/http where that matters.

// Elsewhere the second attempt has an empty body, and a 200 to it hides the
// loss.
func TestWrong_EmptyBodyOnRetry(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body  io.Reader
		sends int
	}{
		"bytes":             {strings.NewReader("the body"), 3},
		"bytes.Buffer":      {bytes.NewBufferString("the body"), 3},
		"some other reader": {io.MultiReader(strings.NewReader("the "), strings.NewReader("body")), 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			sends := 0
			server := godwittest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sends++
				if body, err := io.ReadAll(r.Body); err != nil || string(body) != "the body" {
					t.Errorf("%s: send %d has the body %q: %v", name, sends, body, err)
				}
				if sends < 3 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			ctx, call, _ := observed(t.Context())
			req, err := http.NewRequestWithContext(ctx, "PUT", "http://api.example/", tc.body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := wrap(t, Config{}, server.Transport()).RoundTrip(req)
			if tc.sends == 1 {
				wantAnswer(t, resp, err, 503, "")
				if call.StopReason() != "the request body cannot be sent a second time" {
					t.Errorf("%s: reason %q", name, call.StopReason())
				}
			} else {
				wantAnswer(t, resp, err, 200, "")
			}
			if sends != tc.sends {
				t.Errorf("%s: %d sends, want %d", name, sends, tc.sends)
			}
		})
	}
}

// Elsewhere a POST that the server had received is sent again, unasked.
func TestWrong_D1_POSTSentAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]http.HandlerFunc{
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"503":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"500":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int32
			server, _ := counting(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // whatever came of it
				arrived.Add(1)
				end(w, r)
			})
			for _, tc := range []struct {
				method, key string
				want        int32
			}{{"POST", "", 1}, {"PATCH", "", 1}, {"POST", "k1", 3}, {"GET", "", 3}} {
				arrived.Store(0)
				req := to(t, tc.method, server.URL)
				if tc.key != "" {
					req.Header.Set("Idempotency-Key", tc.key)
				}
				resp, err := wrap(t, quick, server.Client().Transport).RoundTrip(req)
				if err == nil {
					err = resp.Body.Close()
				}
				if (err != nil) != (name == "hangs up") {
					t.Errorf("%s: %v", tc.method, err)
				}
				if n := arrived.Load(); n != tc.want {
					t.Errorf("%s, key %q: arrived %d times, want %d", tc.method, tc.key, n, tc.want)
				}
			}
		})
	}
}

// Elsewhere Retry-After is ignored, its date form is retried at once, or only
// one form of date is read.
func TestWrong_RetryAfterIgnored(t *testing.T) {
	t.Parallel()
	in := func(form string) func() string {
		return func() string { return time.Now().Add(time.Minute).UTC().Format(form) }
	}
	for name, value := range map[string]func() string{
		"seconds":     func() string { return "60" },
		"IMF-fixdate": in(http.TimeFormat),
		"RFC 850":     in("Monday, 02-Jan-06 15:04:05 GMT"),
		"asctime":     in(time.ANSIC),
	} {
		synctest.Test(t, func(t *testing.T) {
			sends := 0
			server := godwittest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if sends++; sends == 1 {
					w.Header().Set("Retry-After", value())
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			start := time.Now()
			resp, err := wrap(t, Config{MaxRetryAfter: time.Hour}, server.Transport()).RoundTrip(request(t, t.Context(), "GET", ""))
			wantAnswer(t, resp, err, 200, "")
			if took := time.Since(start); took < time.Minute || took > time.Minute+2*time.Second {
				t.Errorf("%s: waited %v", name, took)
			}
		})
	}
}

// Elsewhere a day of Retry-After is slept for as long as the deadline allows,
// and all that comes back is "deadline exceeded".
func TestWrong_D7_SleptUntilTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := godwittest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "tomorrow") // a client that went away fails the test by itself
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		ctx, call, _ := observed(ctx)
		start := time.Now()
		resp, err := wrap(t, Config{MaxRetryAfter: 48 * time.Hour}, server.Transport()).RoundTrip(request(t, ctx, "GET", ""))
		if took := time.Since(start); took != 0 {
			t.Errorf("came back after %v", took)
		}
		wantAnswer(t, resp, err, 503, "tomorrow")
		if call.RetryAfter() != 24*time.Hour || call.StopReason() != "the server asks to wait 24h0m0s, and the call has 2s left" {
			t.Errorf("the call tells %v, %q", call.RetryAfter(), call.StopReason())
		}
	})
}

// Elsewhere each answer that is retried costs a socket and three goroutines, or
// a new connection. The bubble fails on a goroutine that stays.
func TestWrong_ConnectionsLeakedOrNotReused(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"empty": 0, "small": 100, "above 4 KiB": 10 << 10, "as much as is kept": drainBytes} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				server := godwittest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if requests.Add(1) > 50 {
						return
					}
					w.WriteHeader(http.StatusServiceUnavailable)
					_, _ = io.WriteString(w, strings.Repeat("x", size)) // a client that went away fails the test by itself
				}))
				resp, err := wrap(t, Config{Attempts: 51}, server.Transport()).RoundTrip(request(t, t.Context(), "GET", ""))
				wantAnswer(t, resp, err, 200, "")
				if requests.Load() != 51 || server.Dials() != 1 {
					t.Errorf("%d requests over %d connections", requests.Load(), server.Dials())
				}
			})
		})
	}
}

// Answers too large to be kept cost their connection, and no socket stays open.
func TestWrong_SocketsOfLargeAnswersLeak(t *testing.T) {
	t.Parallel()
	server := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10000000\r\n\r\n" + strings.Repeat("x", drainBytes+1))
	})
	tr, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := wrap(t, Config{Attempts: 20, Base: 1, Cap: 1}, tr).RoundTrip(to(t, "GET", server.URL()))
	if err != nil || resp.StatusCode != 503 {
		t.Fatal(resp, err)
	}
	if err := errors.Join(resp.Body.Close(), tr.Close()); err != nil {
		t.Error(err)
	}
	until := time.Now().Add(10 * time.Second)
	for server.OpenConns() > 0 { // the server notices each end by itself
		if time.Now().After(until) {
			t.Fatalf("%d of %d connections are open", server.OpenConns(), server.Conns())
		}
		<-time.After(time.Millisecond)
	}
	if server.Conns() != 20 {
		t.Errorf("%d connections, want one per attempt", server.Conns())
	}
}

// Elsewhere the last answer is lost after giving up, or handed over unclosed.
func TestWrong_LastAnswerLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := strings.Repeat("why it does not work ", 10_000) // more than is kept while waiting
		wire := godwittest.Always(godwittest.Text(503, body).With("X-Reason", "maintenance"))
		resp, err := wrap(t, Config{}, wire).RoundTrip(request(t, t.Context(), "GET", ""))
		if err != nil || resp.Header.Get("X-Reason") != "maintenance" || wire.OpenBodies() != 1 {
			t.Fatalf("%v, %v, %d bodies are open", resp, err, wire.OpenBodies())
		}
		wantAnswer(t, resp, err, 503, body)
		if wire.OpenBodies() != 0 || wire.Count() != 3 {
			t.Errorf("%d bodies are open after %d sends", wire.OpenBodies(), wire.Count())
		}
	})
}

// Elsewhere a count of retries retries neither a 503 nor a refused connection.
func TestWrong_CountThatRetriesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, fails := range map[string]godwittest.Reply{"503": godwittest.Status(503), "refused": {Fault: godwittest.FaultDial}} {
			ctx, call, _ := observed(t.Context())
			resp, err := wrap(t, Config{Attempts: 4}, godwittest.Script(fails, fails, fails, godwittest.Text(200, "at last"))).RoundTrip(request(t, ctx, "GET", ""))
			wantAnswer(t, resp, err, 200, "at last")
			if call.AttemptCount() != 4 {
				t.Errorf("%s: %d attempts", name, call.AttemptCount())
			}
		}
	})
}

// Elsewhere an unknown authority is dialled four times.
func TestWrong_FC8_UnknownAuthorityDialledAgain(t *testing.T) {
	t.Parallel()
	server, conns := counting(t, (*httptest.Server).StartTLS, func(http.ResponseWriter, *http.Request) {})
	tr, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = wrap(t, quick, tr).RoundTrip(to(t, "GET", server.URL))
	if e, ok := errors.AsType[*exchange.Error](err); !ok || e.Kind != exchange.ErrTLS || len(e.Attempts) != 1 || conns.Load() != 1 {
		t.Errorf("%v after %d connections", err, conns.Load())
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
}

// Elsewhere a spent budget reads like an error of the server, is empty for ever,
// or lets the next attempt go without a wait.
func TestWrong_BudgetReadsLikeTheServersError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := retryOf(t, Config{Attempts: 100, Base: time.Millisecond, Cap: time.Millisecond})
		wire := godwittest.Always(godwittest.Fail(io.ErrUnexpectedEOF))
		rt := r.Wrap(wire)
		get := func() error {
			_, err := rt.RoundTrip(request(t, t.Context(), "GET", ""))
			return err
		}
		err := get()
		if wire.Count() != 31 || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, exchange.ErrConnect) || !errors.Is(err, exchange.ErrRetryBudget) || !strings.Contains(err.Error(), spent) {
			t.Errorf("%d sends: %v", wire.Count(), err)
		}
		for range 10 { // it lets nothing through while it is spent
			if err := get(); !errors.Is(err, exchange.ErrRetryBudget) {
				t.Error(err)
			}
		}
		if n := wire.Count(); n != 41 {
			t.Errorf("%d sends, want one per call once it is spent", n)
		}
		time.Sleep(defaultWindow)
		if get(); wire.Count() < 41+31 {
			t.Errorf("%d sends: it was not filled again", wire.Count()-41)
		}
	})
}

// Elsewhere all who wait wake at the same moment and trip the limit again. With
// no line to spread them the drawn wait does.
func TestWrong_AllWakeAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var back []time.Duration
		start := time.Now()
		var draws atomic.Int64
		r := retryOf(t, Config{Budget: BudgetConfig{MinPerSecond: 1000}})
		r.backoff.Rand = func(n int64) int64 { return draws.Add(1) * 7919 * 1e6 % n } // spread, and the same in each run
		rt := r.Wrap(godwittest.Always(godwittest.Func(func(*godwittest.Request) godwittest.Reply {
			if time.Since(start) < 10*time.Second {
				return godwittest.Status(429).With("Retry-After", "10")
			}
			mu.Lock()
			defer mu.Unlock()
			back = append(back, time.Since(start))
			return godwittest.Status(200)
		})))
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				resp, err := rt.RoundTrip(request(t, t.Context(), "POST", "x"))
				wantAnswer(t, resp, err, 200, "OK")
			})
		}
		wg.Wait()
		slices.Sort(back)
		if len(back) != 100 || back[0] < 10*time.Second || back[99] > 10*time.Second+defaultBase || back[99]-back[0] < defaultBase*8/10 {
			t.Fatalf("%d came back from %v to %v", len(back), back[0], back[len(back)-1])
		}
		for i := range 90 {
			if back[i+10]-back[i] < defaultBase/50 {
				t.Errorf("ten come back within %v", back[i+10]-back[i])
			}
		}
	})
}

// A connection that dies under a GET: what net/http sends again by itself is
// reported, counted as an attempt and charged to the budget.
func TestFC4_SilentResendIsCharged(t *testing.T) {
	t.Parallel()
	var got atomic.Int32
	server := godwittest.Raw(t, func(c *godwittest.Conn) {
		for n := 1; ; n++ {
			if _, err := c.ReadRequest(); err != nil {
				return
			}
			got.Add(1)
			if n == 2 || got.Load() > 3 {
				return // without a word
			}
			c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	tr, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	r := retryOf(t, Config{Attempts: 2, Base: 1, Cap: 1})
	get := func() (*http.Response, *exchange.Call, *events, error) {
		ctx, call, seen := observed(t.Context())
		resp, err := r.Wrap(tr).RoundTrip(to(t, "GET", server.URL()).WithContext(ctx))
		return resp, call, seen, err
	}
	resp, _, _, err := get()
	wantAnswer(t, resp, err, 200, "ok")
	resp, call, seen, err := get()
	wantAnswer(t, resp, err, 200, "ok")
	a := call.Attempts()
	if got.Load() != 3 || len(a) != 1 || a[0].Resent != 1 || call.ChargedCount() != 2 || len(seen.named(exchange.EventRetryResent)) != 1 {
		t.Errorf("%d requests, attempts %+v, %d charged, %d reported", got.Load(), a, call.ChargedCount(), len(seen.named(exchange.EventRetryResent)))
	}
	u := to(t, "GET", server.URL()).URL
	if n := r.servers.Get(u).Value.normal.repeats(); n != 1 {
		t.Errorf("%d repeats are booked, want 1", n)
	}
	// A resend that fails has used up the second send of the call.
	_, call, _, err = get()
	if !errors.Is(err, exchange.ErrConnect) || call.AttemptCount() != 1 || call.ChargedCount() != 2 || call.StopReason() != attemptsMade(2) {
		t.Errorf("%v after %d attempts, %d charged: %s", err, call.AttemptCount(), call.ChargedCount(), call.StopReason())
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
}

// The table of Sent against a real network: what provably did not leave may be
// a POST, and is sent again.
func TestFC1_SentNoOverTheNetwork(t *testing.T) {
	t.Parallel()
	refusing := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.SendCut("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 1000)
	})
	plain := godwittest.Raw(t, func(c *godwittest.Conn) { c.SendCut("no TLS here\r\n", 1000) })
	for name, tc := range map[string]struct {
		proxy, url string
		kind       *exchange.Kind
		attempts   int
	}{
		"connection refused": {"none", "http://" + closedAddr, exchange.ErrConnect, 3},
		"proxy refused":      {"http://" + closedAddr, "http://api.example", exchange.ErrProxy, 3},
		"CONNECT refused":    {refusing.URL(), "https://api.example", exchange.ErrProxy, 3},
		"no TLS":             {"none", "https://" + plain.Addr(), exchange.ErrTLS, 1},
	} {
		tr, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: tc.proxy}})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", tc.url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = wrap(t, quick, tr).RoundTrip(req)
		e, ok := errors.AsType[*exchange.Error](err)
		if !ok || e.Kind != tc.kind || e.Sent != exchange.SentNo || len(e.Attempts) != tc.attempts {
			t.Errorf("%s: %v, %s", name, err, describe(e))
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
}

func describe(e *exchange.Error) string {
	if e == nil {
		return "no error of godwit"
	}
	return fmt.Sprintf("sent %v after %d attempts", e.Sent, len(e.Attempts))
}
