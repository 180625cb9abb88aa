package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

func newRequest(t *testing.T, ctx context.Context, method string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "https://h/p", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// wired tells the attempt what is sent, like the transport does.
func wired(rt http.RoundTripper) http.RoundTripper {
	return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		exchange.LiveFrom(req.Context()).Wire(req)
		return rt.RoundTrip(req)
	})
}

func TestMiddleware_Contract(t *testing.T) {
	t.Parallel()
	godwittest.TestMiddleware(t, func(*testing.T) exchange.Middleware {
		return func(next http.RoundTripper) http.RoundTripper {
			return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
				req, call := exchange.Begin(req)
				return exchange.Send(next, req, call, 0)
			})
		}
	})
}

func TestChain(t *testing.T) {
	t.Parallel()
	var order []string
	name := func(n string) exchange.Middleware {
		return func(next http.RoundTripper) http.RoundTripper {
			return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
				order = append(order, n)
				return next.RoundTrip(req)
			})
		}
	}
	inner := errors.New("inner")
	rt := exchange.Chain(godwittest.Script(godwittest.Fail(inner)), name("a"), nil, name("b"), name("c"))
	if _, err := rt.RoundTrip(newRequest(t, t.Context(), "GET")); !errors.Is(err, inner) || strings.Join(order, "") != "abc" {
		t.Errorf("order %v, err %v", order, err)
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	bare := newRequest(t, t.Context(), "GET")
	with, call := exchange.Begin(bare)
	if exchange.CallFrom(bare.Context()) != nil || exchange.CallFrom(with.Context()) != call || with == bare || call.Start.IsZero() {
		t.Error("a request without a call must get one in a copy")
	}
	if again, same := exchange.Begin(with); again != with || same != call {
		t.Error("a request with a call must keep it")
	}
	type key struct{}
	ctx := context.WithValue(with.Context(), key{}, "v")
	if exchange.CallFrom(ctx) != call || ctx.Value(key{}) != "v" {
		t.Error("values are hidden")
	}
	if exchange.CallFrom(context.Background()) != nil || exchange.LiveFrom(context.Background()) != nil {
		t.Error("a plain context has neither call nor attempt")
	}
}

// TestWithCall_InsideAnAttempt: a call that a middleware makes inside an attempt
// has attempts of its own.
func TestWithCall_InsideAnAttempt(t *testing.T) {
	t.Parallel()
	req, call := exchange.Begin(newRequest(t, t.Context(), "GET"))
	_, err := exchange.Send(exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		ctx, inner := exchange.WithCall(req.Context())
		if exchange.LiveFrom(ctx) != nil || exchange.CallFrom(ctx) != inner || inner == call {
			t.Error("the inner call sees the outer attempt")
		}
		return nil, io.EOF
	}), req, call, 0)
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestOwn(t *testing.T) {
	t.Parallel()
	given := newRequest(t, t.Context(), "POST")
	given.Header.Set("X", "1")
	own := exchange.Own(given)
	own.Header.Set("X", "2")
	if own == given || given.Header.Get("X") != "1" {
		t.Error("Own outside an attempt must copy")
	}
	if own := exchange.Own(&http.Request{URL: &url.URL{}}); own.Header == nil {
		t.Error("Own left a nil header, which cannot be set")
	}
	req, call := exchange.Begin(given)
	req.GetBody = func() (io.ReadCloser, error) { return http.NoBody, nil }
	_, err := exchange.Send(exchange.RoundTripFunc(func(inside *http.Request) (*http.Response, error) {
		if exchange.Own(inside) != inside || inside == req {
			t.Error("inside an attempt the copy is the attempt's own")
		}
		inside.Header.Set("X", "3")
		if inside.GetBody != nil {
			t.Error("net/http could resend the body by itself")
		}
		changed := inside.Clone(inside.Context())
		if exchange.Own(changed) == changed {
			t.Error("somebody else's copy is not the attempt's own")
		}
		return nil, io.EOF
	}), req, call, 0)
	if !errors.Is(err, io.EOF) || given.Header.Get("X") != "1" || req.GetBody == nil {
		t.Errorf("err %v, header %v", err, given.Header)
	}
}

// TestSend_Records goes through what becomes of an attempt.
func TestSend_Records(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rt := wired(godwittest.Script(
			godwittest.Reply{Fault: godwittest.FaultDial},
			godwittest.Reply{Fault: godwittest.FaultLost, Delay: time.Second},
			godwittest.Reply{Status: 503, Body: "later", Delay: 2 * time.Second, Chunk: 5, Pace: time.Second, Proto: "HTTP/2.0", Reused: true},
		))
		req, call := exchange.Begin(newRequest(t, t.Context(), "GET"))
		for i := range 2 {
			if _, err := exchange.Send(rt, req, call, time.Duration(i)*time.Minute); err == nil {
				t.Error("no error")
			}
		}
		resp, err := exchange.Send(rt, req, call, 2*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Request != req {
			t.Error("the response's Request is not the one that came in")
		}
		last := call.LastAttempt()
		if last.Number() != 3 || last.Call() != call || last.Record().Timings.Total != 0 {
			t.Errorf("the attempt in flight: %+v", last.Record())
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		records := call.Attempts()
		if len(records) != 3 || call.AttemptCount() != 3 {
			t.Fatalf("%d attempts", len(records))
		}
		for i, want := range []exchange.Attempt{
			{Sent: exchange.SentNo},
			{Sent: exchange.SentMaybe, Wait: time.Minute, Duration: time.Second, Timings: exchange.Timings{Total: time.Second}},
			{Sent: exchange.SentYes, Wait: 2 * time.Minute, Duration: 2 * time.Second, Status: 503, Protocol: "HTTP/2.0", Reused: true, Timings: exchange.Timings{FirstByte: 2 * time.Second, Total: 4 * time.Second}},
		} {
			got := records[i]
			if got.Number != i+1 || got.Start.IsZero() || (got.Err == nil) != (i == 2) {
				t.Errorf("attempt %d: %+v", i+1, got)
			}
			got.Number, got.Start, got.Err = 0, time.Time{}, nil
			if got != want {
				t.Errorf("attempt %d: %+v, want %+v", i+1, got, want)
			}
		}
		if !errors.Is(records[0].Err, syscall.ECONNREFUSED) {
			t.Errorf("the first failed with %v", records[0].Err)
		}
		e := call.NewError(exchange.ErrServer, "", req, nil)
		if e.Sent != exchange.SentYes || len(e.Attempts) != 3 {
			t.Errorf("the error knows of %d attempts, sent %s", len(e.Attempts), e.Sent)
		}
	})
}

// TestSend_CompletesErrors: an Error made inside the attempt learns how it ended.
func TestSend_CompletesErrors(t *testing.T) {
	t.Parallel()
	req, call := exchange.Begin(newRequest(t, t.Context(), "GET"))
	rt := godwittest.Script(godwittest.Reply{Fault: godwittest.FaultLost})
	_, err := exchange.Send(wired(exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		_, err := rt.RoundTrip(req)
		return nil, call.NewError(exchange.ErrConnect, "", req, err)
	})), req, call, 0)
	e, ok := errors.AsType[*exchange.Error](err)
	if !ok || e.Sent != exchange.SentMaybe || len(e.Attempts) != 1 || e.Attempts[0].Sent != exchange.SentMaybe || e.Attempts[0].Err == nil {
		t.Errorf("err = %+v, attempts %+v", err, e.Attempts)
	}
}

// closeCount counts Close calls.
type closeCount struct {
	io.Reader
	n int
}

func (c *closeCount) Close() error {
	c.n++
	return nil
}

func TestSend_BrokenTransports(t *testing.T) {
	t.Parallel()
	body := &closeCount{Reader: strings.NewReader("x")}
	for name, next := range map[string]exchange.RoundTripFunc{
		"neither": func(*http.Request) (*http.Response, error) { return nil, nil },
		"both": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: body}, io.EOF
		},
		"nil in both": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, io.EOF },
	} {
		req, call := exchange.Begin(newRequest(t, t.Context(), "GET"))
		if resp, err := exchange.Send(next, req, call, 0); resp != nil || err == nil {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
	if body.n != 1 {
		t.Errorf("the response beside an error was closed %d times", body.n)
	}
	req, call := exchange.Begin(newRequest(t, t.Context(), "GET"))
	resp, err := exchange.Send(exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 204}, nil }), req, call, 0)
	if err != nil || resp.Body == nil || resp.Body.Close() != nil {
		t.Errorf("a response without a body: %+v, %v", resp, err)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, call := exchange.WithCall(t.Context())
		var mu sync.Mutex
		var seen []string
		observe := func(prefix string) exchange.Observer {
			return exchange.ObserverFunc(func(_ context.Context, e exchange.Event) {
				mu.Lock()
				defer mu.Unlock()
				record, attempt := e.Attempt()
				if e.Call() != call || !attempt {
					t.Errorf("%s: another call, or no attempt", e.Name)
				}
				seen = append(seen, fmt.Sprintf("%s%s #%d %s %s status=%d bytes=%d delay=%v err=%v", prefix, e.Name, record.Number, e.Method(), e.URL(), e.Status, e.Bytes, e.Delay, e.Err()))
			})
		}
		for _, o := range []string{"", "2 ", "3 "} {
			call.Observe(observe(o))
		}
		req := newRequest(t, ctx, "GET")
		req.URL.RawQuery = "token=x"
		rt := wired(godwittest.Script(godwittest.Fail(&url.Error{Op: "Get", URL: "https://h/?token=x", Err: io.EOF}), godwittest.Text(200, "hello"), godwittest.Text(200, "hello"), godwittest.Status(204)))
		if _, err := exchange.Send(rt, req, call, 0); err == nil {
			t.Error("no error")
		}
		for i := range 3 {
			resp, err := exchange.Send(rt, req, call, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					t.Error(err)
				}
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		var first []string
		for _, s := range seen {
			if !strings.HasPrefix(s, "2 ") && !strings.HasPrefix(s, "3 ") {
				first = append(first, s)
			}
		}
		const where = " GET https://h/p?token=*** "
		want := []string{
			"attempt.start #1" + where + "status=0 bytes=0 delay=0s err=<nil>", "attempt.done #1" + where + "status=0 bytes=0 delay=0s err=EOF",
			"attempt.start #2" + where + "status=0 bytes=0 delay=1s err=<nil>", "attempt.done #2" + where + "status=200 bytes=0 delay=0s err=<nil>", "call.body #2" + where + "status=200 bytes=5 delay=0s err=<nil>",
			"attempt.start #3" + where + "status=0 bytes=0 delay=1s err=<nil>", "attempt.done #3" + where + "status=200 bytes=0 delay=0s err=<nil>", "call.body #3" + where + "status=200 bytes=0 delay=0s err=<nil>",
			"attempt.start #4" + where + "status=0 bytes=0 delay=1s err=<nil>", "attempt.done #4" + where + "status=204 bytes=0 delay=0s err=<nil>", "call.body #4" + where + "status=204 bytes=0 delay=0s err=<nil>",
		}
		if got := strings.Join(first, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("events:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
		if len(seen) != 3*len(want) {
			t.Errorf("%d events reached three observers, want %d", len(seen), 3*len(want))
		}
	})
}

// TestCall_Concurrent lets everything that is said to be safe run at once, for
// the race detector.
func TestCall_Concurrent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		req, call := exchange.Begin(newRequest(t, t.Context(), "GET"))
		rt := wired(godwittest.Always(godwittest.Reply{Body: "hello", Delay: time.Millisecond}))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				resp, err := exchange.Send(rt, req, call, 0)
				if err != nil {
					t.Error(err)
					return
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				call.Observe(exchange.ObserverFunc(func(context.Context, exchange.Event) {}))
				call.AddRedirect(exchange.Redirect{Status: 302})
				for _, a := range call.Attempts() {
					if a.Number == 0 || a.Start.IsZero() {
						t.Errorf("half an attempt: %+v", a)
					}
				}
				_ = call.Redirects()
				_ = call.NewError(exchange.ErrServer, "", req, io.EOF)
			})
		}
		wg.Wait()
		if n, m := call.AttemptCount(), len(call.Redirects()); n != 8 || m != 8 {
			t.Errorf("%d attempts, %d redirects", n, m)
		}
	})
}

func TestCall_Bookkeeping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, call := exchange.WithCall(t.Context())
		if call.Attempts() != nil || call.LastAttempt() != nil || len(call.Redirects()) != 0 {
			t.Error("a new call has a past")
		}
		if _, ok := call.Remaining(ctx); ok {
			t.Error("time is limited without a deadline")
		}
		call.Deadline = time.Now().Add(time.Hour)
		if left, ok := call.Remaining(ctx); !ok || left != time.Hour {
			t.Errorf("Remaining = %v, %v", left, ok)
		}
		nearer, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if left, ok := call.Remaining(nearer); !ok || left != time.Minute {
			t.Errorf("Remaining with a nearer context = %v, %v", left, ok)
		}
		hop := exchange.Redirect{Status: 302}
		call.AddRedirect(hop)
		call.Redirects()[0].Status = 999
		if got := call.Redirects(); len(got) != 1 || got[0] != hop {
			t.Errorf("Redirects = %v", got)
		}
		call.RequestID = "r1"
		call.SetRetryAfter(time.Minute)
		call.SetStop("the budget is spent", exchange.ErrRetryBudget)
		if e := call.NewError(exchange.ErrServer, "retry", nil, nil); e.RequestID != "r1" || e.RetryAfter != time.Minute || call.StopReason() != "the budget is spent" {
			t.Errorf("NewError = %+v", e)
		}
	})
}

func TestContextError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, call := exchange.WithCall(t.Context())
		req := newRequest(t, ctx, "GET")
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		if e := call.ContextError(canceled, "retry", req); e.Kind != exchange.ErrCanceled || !errors.Is(e, context.Canceled) || e.Policy != "retry" {
			t.Errorf("canceled: %+v", e)
		}
		late, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		<-late.Done()
		if e := call.ContextError(late, "retry", req); e.Kind != exchange.ErrTotalTimeout || !errors.Is(e, context.DeadlineExceeded) {
			t.Errorf("late: %+v", e)
		}
	})
}

func TestCloseBody(t *testing.T) {
	t.Parallel()
	exchange.CloseBody(&http.Request{})
	body := &closeCount{}
	exchange.CloseBody(&http.Request{Body: body})
	if body.n != 1 {
		t.Errorf("closed %d times", body.n)
	}
}
