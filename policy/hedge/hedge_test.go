package hedge_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/hedge"
)

// step is what one send comes to.
type step struct {
	after  time.Duration // until the headers
	status int           // 0: err
	err    error
	stays  bool // it does not obey its context
}

// servers answers the sends in turn, the last step again and again.
type servers struct {
	mu     sync.Mutex
	steps  []step
	sends  int
	bodies []string // of requests
	open   int      // response bodies
}

func (s *servers) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
		_ = req.Body.Close()
	}
	s.mu.Lock()
	n := s.sends
	st := s.steps[min(n, len(s.steps)-1)]
	s.sends++
	s.bodies = append(s.bodies, body)
	s.mu.Unlock()
	ended := req.Context().Done()
	if st.stays {
		ended = nil
	}
	select {
	case <-time.After(st.after):
	case <-ended:
		return nil, context.Cause(req.Context())
	}
	if st.status == 0 {
		return nil, st.err
	}
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	return &http.Response{
		StatusCode: st.status, Header: http.Header{"N": {string(rune('1' + n))}}, Request: req,
		Body: &countedBody{Reader: strings.NewReader("body"), ctx: req.Context(), s: s},
	}, nil
}

// countedBody fails once its attempt has ended, as net/http's does.
type countedBody struct {
	io.Reader
	ctx    context.Context
	s      *servers
	closed bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, b.ctx.Err()
	}
	return b.Reader.Read(p)
}

func (b *countedBody) Close() error {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if !b.closed {
		b.closed = true
		b.s.open--
	}
	return nil
}

// world is what a hedge asks.
type world struct {
	health, headroom float64
	refuse           bool
	spent            int
}

func (w *world) Health(*url.URL) float64   { return w.health }
func (w *world) Headroom(*url.URL) float64 { return w.headroom }
func (w *world) Spend(*url.URL) bool {
	if w.refuse {
		return false
	}
	w.spent++
	return true
}

func wrap(t *testing.T, c hedge.Config, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	m, err := hedge.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m(next)
}

// events are the names of what happened, in order.
type events struct {
	mu    sync.Mutex
	names []string
}

func (e *events) Observe(_ context.Context, ev exchange.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if strings.HasPrefix(ev.Name, "hedge.") {
		e.names = append(e.names, ev.Name)
	}
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.names, " ")
}

// call makes a call and reads its answer: the number of the send that it is of.
func call(t *testing.T, rt http.RoundTripper, method string, prepare func(*exchange.Call, *http.Request)) (answer string, state *exchange.Call, seen *events, err error) {
	t.Helper()
	ctx, state := exchange.WithCall(t.Context())
	seen = new(events)
	state.Observe(seen)
	req, err := http.NewRequestWithContext(ctx, method, "https://api.example/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(state, req)
	}
	resp, err := exchange.Send(rt, req, state, 0)
	if err != nil {
		return "", state, seen, err
	}
	if resp.Request != req {
		t.Error("the response is of another request")
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || string(b) != "body" {
		t.Errorf("body %q, %v", b, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return resp.Header.Get("N"), state, seen, nil
}

const ms = time.Millisecond

// warm makes the calls whose share is a hedge.
func warm(t *testing.T, rt http.RoundTripper, s *servers, n int) {
	t.Helper()
	steps := s.steps
	s.steps = []step{{10 * ms, 200, nil, false}}
	for range n {
		if _, _, _, err := call(t, rt, "GET", nil); err != nil {
			t.Fatal(err)
		}
	}
	s.mu.Lock()
	s.steps, s.sends, s.bodies = steps, 0, nil
	s.mu.Unlock()
}

// C5: which of the two sends the call gets, when, and what its history says.
func TestC5_FirstHeadersWin(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	for name, test := range map[string]struct {
		steps  []step
		answer string // the send; empty: an error
		took   time.Duration
		sends  int
		events string
		second string // of the history: status or error
	}{
		"fast enough":         {[]step{{90 * ms, 200, nil, false}}, "1", 90 * ms, 1, "", ""},
		"the second wins":     {[]step{{time.Second, 200, nil, false}, {20 * ms, 200, nil, false}}, "2", 120 * ms, 2, "hedge.sent hedge.won", "200"},
		"the first wins":      {[]step{{150 * ms, 200, nil, false}, {100 * ms, 200, nil, false}}, "1", 150 * ms, 2, "hedge.sent", "first"},
		"both at once":        {[]step{{120 * ms, 200, nil, true}, {20 * ms, 200, nil, true}}, "", 120 * ms, 2, "", ""},
		"first fails early":   {[]step{{50 * ms, 0, reset, false}}, "", 50 * ms, 1, "", ""},
		"first fails, second": {[]step{{150 * ms, 0, reset, false}, {100 * ms, 200, nil, false}}, "2", 200 * ms, 2, "hedge.sent hedge.won", "200"},
		"second fails, first": {[]step{{150 * ms, 200, nil, false}, {10 * ms, 0, reset, false}}, "1", 150 * ms, 2, "hedge.sent", "reset"},
		"both fail":           {[]step{{150 * ms, 0, reset, false}, {100 * ms, 0, errors.New("other"), false}}, "", 200 * ms, 2, "hedge.sent", "other"},
		"status of a failure": {[]step{{time.Second, 200, nil, false}, {20 * ms, 503, nil, false}}, "2", 120 * ms, 2, "hedge.sent hedge.won", "503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &servers{steps: test.steps}
				rt := wrap(t, hedge.Config{After: "100ms"}, s)
				warm(t, rt, s, 20)
				start := time.Now()
				answer, state, seen, err := call(t, rt, "GET", nil)
				if took := time.Since(start); took != test.took || s.sends != test.sends {
					t.Errorf("%d sends, took %v", s.sends, took)
				}
				if name == "both at once" { // either, and all of the other is cleaned up
					if err != nil {
						t.Error(err)
					}
				} else if answer != test.answer || (err == nil) != (test.answer != "") || seen.String() != test.events {
					t.Errorf("answer of send %q, %v; events %v", answer, err, seen)
				}
				synctest.Wait()
				if s.open != 0 {
					t.Errorf("%d response bodies are open", s.open)
				}
				history(t, state, test.answer, test.second, test.sends)
				if test.answer == "" && name != "both at once" && !errors.Is(err, reset) {
					t.Errorf("%v is not the first send's error", err)
				}
			})
		})
	}
}

// history checks the records of the attempts once everything has come to its
// end.
func history(t *testing.T, state *exchange.Call, winner, second string, sends int) {
	t.Helper()
	all := state.Attempts()
	if len(all) != sends || state.ChargedCount() != 1 {
		t.Fatalf("%d attempts, %d charged: %+v", len(all), state.ChargedCount(), all)
	}
	if second == "" {
		return
	}
	text := func(a exchange.Attempt) string {
		if a.Err != nil {
			return a.Err.Error()
		}
		return http.StatusText(a.Status)
	}
	switch {
	case winner == "2" && (all[1].Status == 0 || all[0].Err == nil || all[0].Status != 0 || state.LastAttempt().Number() != 2):
		t.Errorf("the second won: %q, %q", text(all[0]), text(all[1]))
	case winner == "1" && (all[0].Status != 200 || all[1].Err == nil || all[1].Status != 0 || state.LastAttempt().Number() != 1):
		t.Errorf("the first won: %q, %q", text(all[0]), text(all[1]))
	case winner != "2" && !strings.Contains(text(all[1]), second):
		t.Errorf("the second: %q, want %q", text(all[1]), second)
	}
	for _, a := range all {
		if a.Timings.Total == 0 {
			t.Errorf("attempt %d has not ended", a.Number)
		}
	}
	if winner != "" && all[2-1].Sent == exchange.SentNo {
		t.Errorf("sent: %v, %v", all[0].Sent, all[1].Sent)
	}
}

// C5: what is sent twice, and when not.
func TestC5_OnlyWhatIsHarmlessAndAffordable(t *testing.T) {
	t.Parallel()
	body := func(rewind bool) func(*exchange.Call, *http.Request) {
		return func(c *exchange.Call, req *http.Request) {
			req.Body, c.Idempotent = io.NopCloser(strings.NewReader("payload")), true
			if rewind {
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("payload")), nil }
			}
		}
	}
	for name, test := range map[string]struct {
		method  string
		prepare func(*exchange.Call, *http.Request)
		world   world
		sends   int
	}{
		"get":                    {"GET", nil, world{health: 1, headroom: 1}, 2},
		"head":                   {"HEAD", nil, world{health: 1, headroom: 0.51}, 2},
		"put":                    {"PUT", nil, world{health: 1, headroom: 1}, 1},
		"post":                   {"POST", nil, world{health: 1, headroom: 1}, 1},
		"post with a key":        {"POST", func(c *exchange.Call, _ *http.Request) { c.IdempotencyKey = "k" }, world{health: 1, headroom: 1}, 1},
		"idempotent post":        {"POST", func(c *exchange.Call, _ *http.Request) { c.Idempotent = true }, world{health: 1, headroom: 1}, 2},
		"body":                   {"POST", body(true), world{health: 1, headroom: 1}, 2},
		"body of one use":        {"POST", body(false), world{health: 1, headroom: 1}, 1},
		"body that fails":        {"POST", func(c *exchange.Call, req *http.Request) { body(true)(c, req); req.GetBody = failing }, world{health: 1, headroom: 1}, 1},
		"batch":                  {"GET", func(c *exchange.Call, _ *http.Request) { c.Class = exchange.ClassBatch }, world{health: 1, headroom: 1}, 1},
		"upgrade":                {"GET", func(_ *exchange.Call, req *http.Request) { req.Header.Set("Upgrade", "websocket") }, world{health: 1, headroom: 1}, 1},
		"breaker not closed":     {"GET", nil, world{health: 0.9, headroom: 1}, 1},
		"half of the quota used": {"GET", nil, world{health: 1, headroom: 0.5}, 1},
		"budget spent":           {"GET", nil, world{health: 1, headroom: 1, refuse: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &servers{steps: []step{{time.Second, 200, nil, false}, {10 * ms, 200, nil, false}}}
				w := test.world
				rt := wrap(t, hedge.Config{After: "100ms", Health: &w, Line: &w, Budgets: &w}, s)
				warm(t, rt, s, 20)
				if _, _, _, err := call(t, rt, test.method, test.prepare); err != nil {
					t.Fatal(err)
				}
				if s.sends != test.sends || w.spent != test.sends-1 {
					t.Errorf("%d sends, %d of them from the budget; want %d", s.sends, w.spent, test.sends)
				}
				if name == "body" && (s.bodies[0] != "payload" || s.bodies[1] != "payload") {
					t.Errorf("bodies %q", s.bodies)
				}
			})
		})
	}
}

func failing() (io.ReadCloser, error) { return nil, errors.New("gone") }

// C5: a share is learnt for each operation from a hundred answers.
func TestC5_AfterTheShareOfTheOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &servers{steps: []step{{0, 200, nil, false}}}
		rt := wrap(t, hedge.Config{After: "p95", Budget: 0.5}, s)
		named := func(name string) func(*exchange.Call, *http.Request) {
			return func(c *exchange.Call, _ *http.Request) { c.Template = name }
		}
		slow := func(name string) (sends int, took time.Duration) {
			s.steps, s.sends = []step{{time.Minute, 200, nil, false}, {10 * ms, 200, nil, false}}, 0
			start := time.Now()
			if _, _, _, err := call(t, rt, "GET", named(name)); err != nil {
				t.Fatal(err)
			}
			return s.sends, time.Since(start)
		}
		for i := range 99 { // 1 ms to 99 ms
			s.steps, s.sends = []step{{time.Duration(i+1) * ms, 200, nil, false}}, 0
			if _, _, _, err := call(t, rt, "GET", named("/a")); err != nil {
				t.Fatal(err)
			}
		}
		for _, status := range []int{429, 500, 503} { // they say nothing about the time
			s.steps, s.sends = []step{{time.Hour, status, nil, false}}, 0
			if _, _, _, err := call(t, rt, "GET", named("/a")); err != nil {
				t.Fatal(err)
			}
		}
		if n, took := slow("/a"); n != 1 || took != time.Minute { // the hundredth sample
			t.Errorf("too early: %d sends, %v", n, took)
		}
		if n, took := slow("/a"); n != 2 || took != 106*ms { // of 1..99 ms and a minute, sorted, the 96th
			t.Errorf("after 100 answers: %d sends, %v", n, took)
		}
		if n, took := slow("/b"); n != 1 || took != time.Minute {
			t.Errorf("an operation that is not known: %d sends, %v", n, took)
		}
	})
}

// C5: hedges are at most their share of the sends, however slow everything is.
func TestC5_ShareOfSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &servers{steps: []step{{time.Second, 200, nil, false}}}
		rt := wrap(t, hedge.Config{After: "20ms"}, s)
		const calls = 1000
		for range calls {
			if _, _, _, err := call(t, rt, "GET", nil); err != nil {
				t.Fatal(err)
			}
		}
		if extra := s.sends - calls; extra > calls/20 || extra < calls/20-1 {
			t.Errorf("%d hedges for %d calls", extra, calls)
		}
		warm(t, rt, s, 10_000) // a long time without trouble does not save up a storm
		for range 100 {
			if _, _, _, err := call(t, rt, "GET", nil); err != nil {
				t.Fatal(err)
			}
		}
		if extra := s.sends - 100; extra > 10+5 {
			t.Errorf("%d hedges for 100 calls after 10,000 fast ones", extra)
		}
	})
}

// The end of the call ends both sends at once.
func TestC5_Cancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &servers{steps: []step{{time.Hour, 200, nil, false}}}
		rt := wrap(t, hedge.Config{After: "20ms"}, s)
		warm(t, rt, s, 20)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ctx, state := exchange.WithCall(ctx)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := exchange.Send(rt, req, state, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Second || s.sends != 2 {
			t.Errorf("%d sends, took %v", s.sends, took)
		}
	})
}

// A panic of code beneath leaves no second send behind.
func TestC5_Panic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &servers{steps: []step{{time.Hour, 200, nil, false}}}
		var armed bool
		rt := wrap(t, hedge.Config{After: "20ms"}, exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			if armed && exchange.LiveFrom(req.Context()).Number() == 1 {
				time.Sleep(time.Second)
				panic("beneath")
			}
			return s.RoundTrip(req)
		}))
		warm(t, rt, s, 20)
		armed = true
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _, _, _ = call(t, rt, "GET", nil)
		}()
		synctest.Wait()
		if s.sends != 1 || s.open != 0 {
			t.Errorf("%d sends, %d open bodies", s.sends, s.open)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	if m, err := hedge.New(hedge.Config{}); m != nil || err != nil {
		t.Errorf("the zero value hedges: %v, %v", m != nil, err)
	}
	for want, c := range map[string]hedge.Config{
		"hedge.after: missing":      {Budget: 0.1},
		"hedge.after: \"p100\"":     {After: "p100"},
		"hedge.after: \"p5\"":       {After: "p5"},
		"hedge.after: \"soon\"":     {After: "soon"},
		"hedge.after: \"-5s\"":      {After: "-5s"},
		"hedge.after: \"2h\"":       {After: "2h"},
		"hedge.budget: 0.6":         {After: "p95", Budget: 0.6},
		"hedge.budget: -1":          {After: "p95", Budget: -1},
		"hedge.min_headroom: 1 ":    {After: "p95", MinHeadroom: 1},
		"hedge.min_headroom: -0.1 ": {After: "p95", MinHeadroom: -0.1},
	} {
		if _, err := hedge.New(c); !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
