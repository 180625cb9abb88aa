package retry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

// wrap puts the policy, drawing the longest waits, around rt.
func wrap(tb testing.TB, c Config, rt http.RoundTripper) http.RoundTripper {
	tb.Helper()
	return retryOf(tb, c).Wrap(rt)
}

// retryOf returns the policy, drawing the longest waits.
func retryOf(tb testing.TB, c Config) *Retry {
	tb.Helper()
	r, err := NewRetry(c)
	if err != nil {
		tb.Fatal(err)
	}
	r.backoff.Rand = most
	return r
}

func request(tb testing.TB, ctx context.Context, method, body string) *http.Request {
	tb.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://api.example/x?key=canary", r)
	if err != nil {
		tb.Fatal(err)
	}
	return req
}

// events records what is reported about a call.
type events struct {
	mu   sync.Mutex
	list []exchange.Event
}

func (e *events) Observe(_ context.Context, ev exchange.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) named(name string) []exchange.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []exchange.Event
	for _, ev := range e.list {
		if ev.Name == name {
			out = append(out, ev)
		}
	}
	return out
}

// observed returns a context with a call that records its events.
func observed(ctx context.Context) (context.Context, *exchange.Call, *events) {
	ctx, call := exchange.WithCall(ctx)
	seen := new(events)
	call.Observe(seen)
	return ctx, call, seen
}

// wantAnswer checks that the outcome is a response, open and complete.
func wantAnswer(tb testing.TB, resp *http.Response, err error, status int, body string) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("error %v, want the response %d", err, status)
	}
	got, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		tb.Errorf("reading the body: %v", err)
	}
	if resp.StatusCode != status || string(got) != body {
		tb.Errorf("response %d %q, want %d %q", resp.StatusCode, got, status, body)
	}
}

// TestBackoffDoublesToTheCap is behaviour 5: the waits, and that the records
// of the attempts tell them.
func TestBackoffDoublesToTheCap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := godwittest.Always(godwittest.Status(503))
		ctx, call, seen := observed(t.Context())
		start := time.Now()
		req := request(t, ctx, "GET", "")
		resp, err := wrap(t, Config{Attempts: 7}, wire).RoundTrip(req)
		if resp.Request != req {
			t.Error("the response names another request")
		}
		wantAnswer(t, resp, err, 503, "Service Unavailable")
		waits := []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
		at := start
		for i, a := range call.Attempts() {
			at = at.Add(waits[i])
			if a.Wait != waits[i] || !a.Start.Equal(at) || a.Number != i+1 || a.Status != 503 || a.Sent != exchange.SentYes {
				t.Errorf("attempt %+v, want number %d after %v at %v", a, i+1, waits[i], at.Sub(start))
			}
		}
		if n := wire.Count(); n != 7 {
			t.Errorf("%d sends", n)
		}
		if n := wire.OpenBodies(); n != 0 {
			t.Errorf("%d bodies are open", n)
		}
		for i, e := range seen.named(exchange.EventRetryWait) {
			if a, ok := e.Attempt(); !ok || a.Number != i+1 || e.Delay != waits[i+1] || e.Reason != "503 Service Unavailable" || e.Status != 503 {
				t.Errorf("event %+v", e)
			}
		}
		if got := seen.named(exchange.EventRetryGaveUp); len(got) != 1 || got[0].Reason != "7 attempts were made" || got[0].Status != 503 {
			t.Errorf("gave up: %+v", got)
		}
		if call.StopReason() != "7 attempts were made" {
			t.Errorf("stop reason %q", call.StopReason())
		}
	})
}

// A hop of a redirect is no attempt: the backoff starts anew, the number of
// attempts of the call does not.
func TestRedirectsResetTheBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := godwittest.Script(
			godwittest.Status(503), godwittest.Status(503), godwittest.Redirect(302, "/y"), // first hop
			godwittest.Status(503), godwittest.Status(503), // second hop
		)
		rt := wrap(t, Config{Attempts: 4}, wire)
		ctx, call, _ := observed(t.Context())
		resp, err := rt.RoundTrip(request(t, ctx, "GET", ""))
		wantAnswer(t, resp, err, 302, "")
		call.AddRedirect(exchange.Redirect{Status: 302})
		resp, err = rt.RoundTrip(request(t, ctx, "GET", ""))
		wantAnswer(t, resp, err, 503, "Service Unavailable")
		var waits []time.Duration
		for _, a := range call.Attempts() {
			waits = append(waits, a.Wait)
		}
		want := []time.Duration{0, 500 * time.Millisecond, time.Second, 0, 500 * time.Millisecond}
		if len(waits) != len(want) {
			t.Fatalf("waits %v, want %v", waits, want)
		}
		for i := range want {
			if waits[i] != want[i] {
				t.Errorf("waits %v, want %v", waits, want)
			}
		}
		wire.Verify(t)
	})
}

// TestFC1_FC2_WhatIsSentAgain is behaviour 6 over the scripted network.
func TestFC1_FC2_WhatIsSentAgain(t *testing.T) {
	t.Parallel()
	type setup func(*http.Request, *exchange.Call)
	header := func(name string) setup { return func(r *http.Request, _ *exchange.Call) { r.Header.Set(name, "k1") } }
	refused := godwittest.Reply{Fault: godwittest.FaultDial}
	reset := godwittest.Reply{Fault: godwittest.FaultReset}
	lost := godwittest.Reply{Fault: godwittest.FaultLost}
	empty := godwittest.Reply{Fault: godwittest.FaultEmpty}
	for _, tc := range []struct {
		name   string
		method string
		setup  setup
		fails  godwittest.Reply
		sends  int
	}{
		{"GET, refused", "GET", nil, refused, 3},
		{"POST, refused", "POST", nil, refused, 3},
		{"GET, reset at accept", "GET", nil, reset, 3},
		{"POST, reset at accept", "POST", nil, reset, 1},
		{"GET, reset after the request", "GET", nil, lost, 3},
		{"POST, reset after the request", "POST", nil, lost, 1},
		{"PATCH, reset after the request", "PATCH", nil, lost, 1},
		{"POST, no reply", "POST", nil, empty, 1},
		{"POST, no reply, key", "POST", header("Idempotency-Key"), empty, 3},
		{"POST, no reply, other key", "POST", header("X-Idempotency-Key"), empty, 3},
		{"POST, no reply, key of the call", "POST", func(_ *http.Request, c *exchange.Call) { c.IdempotencyKey = "k" }, empty, 3},
		{"POST, no reply, declared", "POST", func(_ *http.Request, c *exchange.Call) { c.Idempotent = true }, empty, 3},
		{"POST, no reply, other header", "POST", header("X-Request-Id"), empty, 1},
		{"PUT, no reply", "PUT", nil, empty, 3},
		{"DELETE, no reply", "DELETE", nil, empty, 3},
		{"HEAD, no reply", "HEAD", nil, empty, 3},
		{"OPTIONS, no reply", "OPTIONS", nil, empty, 3},
		{"no method, no reply", "", nil, empty, 3},
		{"GET, 500", "GET", nil, godwittest.Status(500), 3},
		{"POST, 500", "POST", nil, godwittest.Status(500), 1},
		{"POST, 503 with key", "POST", header("Idempotency-Key"), godwittest.Status(503), 3},
		{"POST, 429", "POST", nil, godwittest.Status(429), 3},
		{"GET, 501", "GET", nil, godwittest.Status(501), 1},
		{"GET, 404", "GET", nil, godwittest.Status(404), 1},
		{"GET, unknown name", "GET", nil, godwittest.Reply{Fault: godwittest.FaultDial, Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, 1},
		{"POST, resolver down", "POST", nil, godwittest.Reply{Fault: godwittest.FaultDial, Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}, 3},
		{"GET, error of nobody knows what", "GET", nil, godwittest.Fail(errors.New("quota of the plug-in")), 1},
		{"GET, local refusal", "GET", nil, godwittest.Fail(&exchange.Error{Kind: exchange.ErrOriginNotAllowed}), 1},
		{"GET, invalid request", "GET", nil, godwittest.Fail(&exchange.Error{Kind: exchange.ErrRequest}), 1},
		{"GET, 407 of the proxy", "GET", nil, godwittest.Fail(&exchange.Error{Kind: exchange.ErrProxy, Status: 407}), 1},
		{"GET, 502 of the proxy", "GET", nil, godwittest.Fail(&exchange.Error{Kind: exchange.ErrProxy, Status: 502}), 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				wire := godwittest.Always(tc.fails)
				ctx, call, _ := observed(t.Context())
				req := request(t, ctx, tc.method, "")
				req.Method = tc.method
				if tc.setup != nil {
					tc.setup(req, call)
				}
				resp, err := wrap(t, Config{}, wire).RoundTrip(req)
				if resp != nil {
					err = resp.Body.Close()
				}
				if err != nil && tc.fails.Fault == godwittest.NoFault {
					t.Error(err)
				}
				if n := wire.Count(); n != tc.sends && tc.fails.Fault != godwittest.FaultDial || call.AttemptCount() != tc.sends {
					t.Errorf("%d sends, %d attempts; want %d", n, call.AttemptCount(), tc.sends)
				}
				if n := wire.OpenBodies(); n != 0 {
					t.Errorf("%d bodies are open", n)
				}
			})
		})
	}
}

// An error keeps its kind and its cause, and tells the history.
func TestErrorKeepsItsKind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			fails  error
			kind   *exchange.Kind
			policy string
			text   string
		}{
			{io.ErrUnexpectedEOF, exchange.ErrConnect, "", "connect: unexpected EOF (not sent again: 3 attempts were made)"},
			{
				&exchange.Error{Kind: exchange.ErrHeaderTimeout, Policy: "timeout", Err: errors.New("no response header within 1s")},
				exchange.ErrHeaderTimeout, "timeout", "timeout: header timeout: no response header within 1s (not sent again: 3 attempts were made)",
			},
			{&exchange.Error{Kind: exchange.ErrConnect}, exchange.ErrConnect, "", "connect: not sent again: 3 attempts were made"},
		} {
			ctx, _, seen := observed(t.Context())
			_, err := wrap(t, Config{}, godwittest.Always(godwittest.Fail(tc.fails))).RoundTrip(request(t, ctx, "GET", ""))
			var e *exchange.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || e.Policy != tc.policy || !strings.HasSuffix(err.Error(), tc.text) {
				t.Errorf("error %v, want %q", err, tc.text)
				continue
			}
			if tc.fails == io.ErrUnexpectedEOF && !errors.Is(err, tc.fails) {
				t.Errorf("%v lost its cause", err)
			}
			if len(e.Attempts) != 3 || e.Attempts[1].Wait != 500*time.Millisecond || e.Attempts[2].Err == nil || e.Sent != exchange.SentMaybe {
				t.Errorf("attempts %+v, sent %v", e.Attempts, e.Sent)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("%v shows a query value", err)
			}
			gaveUp := seen.named(exchange.EventRetryGaveUp)
			if len(gaveUp) != 1 || gaveUp[0].Cause == nil || gaveUp[0].Status != 0 {
				t.Errorf("gave up: %+v", gaveUp)
			}
		}
	})
}

// What nothing can heal is returned as it came, without a word of retrying.
func TestFinalErrorsPassUntouched(t *testing.T) {
	t.Parallel()
	refusal := errors.New("refused by a plug-in")
	ctx, call, seen := observed(t.Context())
	_, err := wrap(t, Config{}, godwittest.Script(godwittest.Fail(refusal))).RoundTrip(request(t, ctx, "GET", ""))
	if err != refusal || call.StopReason() != "" || len(seen.named(exchange.EventRetryGaveUp)) != 0 {
		t.Errorf("error %v, reason %q", err, call.StopReason())
	}
}

// countedBody counts how often it is opened and closed.
type countedBody struct {
	io.Reader
	closes *int
}

func (b countedBody) Close() error {
	*b.closes++
	return nil
}

// TestBodyIsRewound: each attempt sends the same bytes, each body that was
// opened is closed, and the attempts cannot replay it by themselves.
func TestBodyIsRewound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opens, closes := 0, 0
		open := func() (io.ReadCloser, error) {
			opens++
			return countedBody{strings.NewReader("the body"), &closes}, nil
		}
		req := request(t, t.Context(), "PUT", "the body")
		req.GetBody = open
		var err error
		if req.Body, err = open(); err != nil {
			t.Fatal(err)
		}
		wire := godwittest.Always(godwittest.Status(503))
		guard := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.GetBody != nil {
				t.Error("the attempt has a GetBody")
			}
			return wire.RoundTrip(r)
		})
		before := *req
		resp, err := wrap(t, Config{}, guard).RoundTrip(req)
		wantAnswer(t, resp, err, 503, "Service Unavailable")
		if opens != 3 || closes != 3 {
			t.Errorf("%d bodies opened, %d closed; want 3 and 3", opens, closes)
		}
		for _, r := range wire.Requests() {
			if string(r.Body) != "the body" || r.ContentLength != 8 {
				t.Errorf("request %d sent %q, length %d", r.Number, r.Body, r.ContentLength)
			}
		}
		if req.Body != before.Body || req.GetBody == nil {
			t.Error("the caller's request was changed")
		}
	})
}

func TestFC18_BodyThatCannotBeRewound(t *testing.T) {
	t.Parallel()
	const reason = "the request body cannot be sent a second time"
	closes := 0
	stream := func(ctx context.Context) *http.Request {
		req := request(t, ctx, "PUT", "x")
		req.Body, req.GetBody = countedBody{strings.NewReader("x"), &closes}, nil
		return req
	}
	ctx, call, seen := observed(t.Context())
	resp, err := wrap(t, Config{}, godwittest.Script(godwittest.Text(503, "later"))).RoundTrip(stream(ctx))
	wantAnswer(t, resp, err, 503, "later")
	if gaveUp := seen.named(exchange.EventRetryGaveUp); call.StopReason() != reason || len(gaveUp) != 1 || gaveUp[0].Reason != reason {
		t.Errorf("stop reason %q, gave up %+v", call.StopReason(), gaveUp)
	}
	ctx, _, _ = observed(t.Context())
	_, err = wrap(t, Config{}, godwittest.Script(godwittest.Fail(io.EOF))).RoundTrip(stream(ctx))
	if !errors.Is(err, io.EOF) || !errors.Is(err, exchange.ErrConnect) || !strings.Contains(err.Error(), reason) {
		t.Errorf("error %v, want the first one with the reason", err)
	}
	if closes != 2 {
		t.Errorf("%d bodies closed, want 2", closes)
	}
}

func TestFC18_BodyThatFailsToReopen(t *testing.T) {
	t.Parallel()
	ctx, call, _ := observed(t.Context())
	req := request(t, ctx, "PUT", "x")
	req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("the file is gone") }
	resp, err := wrap(t, Config{}, godwittest.Script(godwittest.Text(503, "later"))).RoundTrip(req)
	wantAnswer(t, resp, err, 503, "later")
	if call.StopReason() != "the request body cannot be opened a second time" {
		t.Errorf("stop reason %q", call.StopReason())
	}
}

// A request with http.NoBody has nothing to rewind.
func TestNoBodyIsRewindable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		req := request(t, t.Context(), "PUT", "")
		req.Body = http.NoBody
		resp, err := wrap(t, Config{}, godwittest.Script(godwittest.Status(503), godwittest.Text(200, "done"))).RoundTrip(req)
		wantAnswer(t, resp, err, 200, "done")
	})
}

// Many callers, each with its own body, retried at once.
func TestCR12_ConcurrentBodies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]int{}
		rt := wrap(t, Config{Budget: BudgetConfig{MinPerSecond: 1000}}, godwittest.Always(godwittest.Func(func(r *godwittest.Request) godwittest.Reply {
			mu.Lock()
			defer mu.Unlock()
			if !bytes.Equal(r.Body, []byte(r.Header.Get("X-Id"))) {
				t.Errorf("request %s carries the body %q", r.Header.Get("X-Id"), r.Body)
			}
			seen[r.Header.Get("X-Id")]++
			return godwittest.Status(503)
		})))
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				id := strings.Repeat(string(rune('a'+i%26)), i+1)
				req := request(t, t.Context(), "PUT", id)
				req.Header.Set("X-Id", id)
				resp, err := rt.RoundTrip(req)
				wantAnswer(t, resp, err, 503, "Service Unavailable")
			})
		}
		wg.Wait()
		for id, n := range seen {
			if n != 3 {
				t.Errorf("%s: %d sends", id, n)
			}
		}
		if len(seen) != 200 {
			t.Errorf("%d requests", len(seen))
		}
	})
}
