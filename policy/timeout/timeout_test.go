package timeout_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/timeout"
)

// none is a Config in which nothing ends before hours have passed, so that a
// test sees the one limit that it sets.
var none = timeout.Config{
	Connect: 9 * time.Hour, TLS: 9 * time.Hour, Header: 9 * time.Hour,
	Idle: timeout.None, Attempt: timeout.None, Total: timeout.None,
}

// both puts the two middlewares around rt, as the chain does.
func both(tb testing.TB, c timeout.Config, rt http.RoundTripper) http.RoundTripper {
	tb.Helper()
	return exchange.Chain(rt, whole(tb, c), attempt(tb, c))
}

func whole(tb testing.TB, c timeout.Config) exchange.Middleware {
	tb.Helper()
	m, err := timeout.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func attempt(tb testing.TB, c timeout.Config) exchange.Middleware {
	tb.Helper()
	m, err := timeout.NewAttempt(c)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func get(tb testing.TB, ctx context.Context) *http.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.example/x?key=canary", nil)
	if err != nil {
		tb.Fatal(err)
	}
	return req
}

// outcome runs a call to the end of its body.
func outcome(rt http.RoundTripper, req *http.Request) error {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// wantTimeout checks an error of a timeout and when it came.
func wantTimeout(tb testing.TB, err error, kind *exchange.Kind, start time.Time, after time.Duration) {
	tb.Helper()
	if !errors.Is(err, kind) || !errors.Is(err, exchange.ErrTimeout) {
		tb.Errorf("error %v, want %v", err, kind)
	}
	for _, other := range []*exchange.Kind{exchange.ErrHeaderTimeout, exchange.ErrIdleTimeout, exchange.ErrAttemptTimeout, exchange.ErrTotalTimeout, exchange.ErrCanceled} {
		if other != kind && errors.Is(err, other) {
			tb.Errorf("error %v is also %v", err, other)
		}
	}
	var e *exchange.Error
	if !errors.As(err, &e) || !e.Timeout() || e.Policy != "timeout" {
		tb.Errorf("error %#v: want an Error of the policy that says Timeout()", err)
	}
	if strings.Contains(err.Error(), "canary") {
		tb.Errorf("error %v shows a query value", err)
	}
	if took := time.Since(start); took != after {
		tb.Errorf("failed after %v, want %v", took, after)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		config timeout.Config
		want   string // "": accepted
	}{
		{"zero", timeout.Config{}, ""},
		{"set", timeout.Config{Connect: 1, TLS: 1, Header: 1, Idle: 1, Attempt: 1, Total: 1}, ""},
		{"none where allowed", timeout.Config{Idle: timeout.None, Attempt: timeout.None, Total: timeout.None}, ""},
		{"connect none", timeout.Config{Connect: timeout.None}, "timeout.connect: cannot be switched off"},
		{"tls none", timeout.Config{TLS: timeout.None}, "timeout.tls: cannot be switched off"},
		{"header none", timeout.Config{Header: timeout.None}, "timeout.header: cannot be switched off"},
		{"connect negative", timeout.Config{Connect: -time.Second}, "timeout.connect: -1s is negative"},
		{"tls negative", timeout.Config{TLS: -time.Second}, "timeout.tls: -1s is negative"},
		{"header negative", timeout.Config{Header: -time.Second}, "timeout.header: -1s is negative"},
		{"idle negative", timeout.Config{Idle: -time.Second}, "timeout.idle: -1s is negative"},
		{"attempt negative", timeout.Config{Attempt: -2}, "timeout.attempt: -2ns is negative"},
		{"total negative", timeout.Config{Total: -time.Second}, "timeout.total: -1s is negative"},
	} {
		_, err := timeout.New(tc.config)
		_, errAttempt := timeout.NewAttempt(tc.config)
		if tc.want == "" {
			if err != nil || errAttempt != nil {
				t.Errorf("%s: %v, %v", tc.name, err, errAttempt)
			}
			continue
		}
		for _, err := range []error{err, errAttempt} {
			if !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
			}
		}
	}
}

// TestFC5_EachLimitHasItsKind is behaviour 12 of the list: the timeouts are
// told apart.
func TestFC5_EachLimitHasItsKind(t *testing.T) {
	t.Parallel()
	silent := godwittest.Reply{Fault: godwittest.FaultSilent}
	stall := godwittest.Reply{Body: "begin and end", Fault: godwittest.FaultStall, At: 5}
	trickle := godwittest.Reply{Body: strings.Repeat("x", 100), Chunk: 1, Pace: time.Second}
	for _, tc := range []struct {
		name  string
		set   func(*timeout.Config)
		reply godwittest.Reply
		kind  *exchange.Kind
		text  string
		after time.Duration
	}{
		{
			"header", func(c *timeout.Config) { c.Header = 5 * time.Second }, silent,
			exchange.ErrHeaderTimeout, "timeout: header timeout: no response header within 5s", 5 * time.Second,
		},
		{
			"idle", func(c *timeout.Config) { c.Idle = time.Second }, stall,
			exchange.ErrIdleTimeout, "no byte of the body for 1s", time.Second,
		},
		{
			"idle, after a flow", func(c *timeout.Config) { c.Idle = 3 * time.Second },
			godwittest.Reply{Body: "begin and end", Chunk: 1, Pace: 2 * time.Second, Fault: godwittest.FaultStall, At: 5},
			exchange.ErrIdleTimeout, "no byte of the body for 3s", 13 * time.Second,
		},
		{
			"attempt, headers", func(c *timeout.Config) { c.Attempt = 7 * time.Second }, silent,
			exchange.ErrAttemptTimeout, "timeout: attempt timeout: not finished within 7s", 7 * time.Second,
		},
		{
			"attempt, body", func(c *timeout.Config) { c.Attempt, c.Idle = 7*time.Second, 2*time.Second }, trickle,
			exchange.ErrAttemptTimeout, "not finished within 7s", 7 * time.Second,
		},
		{
			"total, headers", func(c *timeout.Config) { c.Total = 8 * time.Second }, silent,
			exchange.ErrTotalTimeout, "timeout: total timeout: not finished within 8s", 8 * time.Second,
		},
		{
			"total, body", func(c *timeout.Config) { c.Total, c.Idle = 8*time.Second, 2*time.Second }, trickle,
			exchange.ErrTotalTimeout, "not finished within 8s", 8 * time.Second,
		},
		{
			"the shortest wins", func(c *timeout.Config) { c.Header, c.Attempt, c.Total = 3*time.Second, 2*time.Second, 4*time.Second }, silent,
			exchange.ErrAttemptTimeout, "not finished within 2s", 2 * time.Second,
		},
		{
			"default header", func(c *timeout.Config) { *c = timeout.Config{} }, silent,
			exchange.ErrHeaderTimeout, "within 30s", 30 * time.Second,
		},
		{
			"default idle", func(c *timeout.Config) { *c = timeout.Config{} }, stall,
			exchange.ErrIdleTimeout, "for 1m0s", time.Minute,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				config := none
				tc.set(&config)
				start := time.Now()
				err := outcome(both(t, config, godwittest.Script(tc.reply)), get(t, t.Context()))
				wantTimeout(t, err, tc.kind, start, tc.after)
				if err != nil && !strings.Contains(err.Error(), tc.text) {
					t.Errorf("error %v, want %q in it", err, tc.text)
				}
			})
		})
	}
}

func TestFlowingStreamOutlivesHeaderTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stream := godwittest.Reply{Body: strings.Repeat("x", 3600), Chunk: 1, Pace: time.Second}
		config := timeout.Config{Header: 2 * time.Second, Idle: 2 * time.Second}
		start := time.Now()
		if err := outcome(both(t, config, godwittest.Script(stream)), get(t, t.Context())); err != nil {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if took := time.Since(start); took < time.Hour {
			t.Errorf("the stream took %v", took)
		}
	})
}

// A reader that takes its time is no idle connection.
func TestIdleCountsReadsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := none
		config.Idle = time.Second
		resp, err := both(t, config, godwittest.Script(godwittest.Reply{Body: "abc", Chunk: 1})).RoundTrip(get(t, t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			pause(t, time.Hour)
			if _, err := resp.Body.Read(make([]byte, 1)); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

// pause lets virtual time pass.
func pause(tb testing.TB, d time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	<-ctx.Done()
}

// The default total ends with the headers where the caller streams, a value
// that is set never does.
func TestTotalAndTheBody(t *testing.T) {
	t.Parallel()
	trickle := godwittest.Reply{Body: strings.Repeat("x", 100), Chunk: 1, Pace: time.Second}
	for _, tc := range []struct {
		name      string
		config    timeout.Config
		readsBody bool
		perCall   time.Duration
		after     time.Duration // 0: it ends well
	}{
		{"default, stream", timeout.Config{}, false, 0, 0},
		{"default, typed", timeout.Config{}, true, 0, time.Minute},
		{"set, stream", timeout.Config{Total: time.Minute}, false, 0, time.Minute},
		{"set, typed", timeout.Config{Total: time.Minute}, true, 0, time.Minute},
		{"per call, stream", timeout.Config{}, false, 50 * time.Second, 50 * time.Second},
		{"per call beats set", timeout.Config{Total: time.Second}, false, 50 * time.Second, 50 * time.Second},
		{"per call none, typed", timeout.Config{}, true, timeout.None, 0},
		{"per call none beats set", timeout.Config{Total: time.Second}, false, timeout.None, 0},
		{"none, typed", timeout.Config{Total: timeout.None}, true, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, call := exchange.WithCall(t.Context())
				call.ReadsBody, call.Timeouts.Total = tc.readsBody, tc.perCall
				start := time.Now()
				err := outcome(both(t, tc.config, godwittest.Script(trickle)), get(t, ctx))
				if tc.after == 0 {
					if err != nil {
						t.Errorf("%v after %v", err, time.Since(start))
					}
					return
				}
				wantTimeout(t, err, exchange.ErrTotalTimeout, start, tc.after)
			})
		})
	}
}

func TestHeaderAfterABody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := none
		config.Header = 5 * time.Second
		req := get(t, t.Context())
		req.Method, req.Body, req.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader("x")), 1
		start := time.Now()
		err := outcome(both(t, config, godwittest.Script(godwittest.Reply{Fault: godwittest.FaultSilent})), req)
		wantTimeout(t, err, exchange.ErrHeaderTimeout, start, 5*time.Second)
	})
}

func TestAttemptPerCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, call := exchange.WithCall(t.Context())
		call.Timeouts.Attempt = 3 * time.Second
		start := time.Now()
		err := outcome(both(t, none, godwittest.Script(godwittest.Reply{Fault: godwittest.FaultSilent})), get(t, ctx))
		wantTimeout(t, err, exchange.ErrAttemptTimeout, start, 3*time.Second)
	})
}

func TestNegativePerCallIsRefused(t *testing.T) {
	t.Parallel()
	for name, timeouts := range map[string]exchange.Timeouts{"total": {Total: -time.Second}, "attempt": {Attempt: -time.Second}} {
		ctx, call := exchange.WithCall(t.Context())
		call.Timeouts = timeouts
		wire := godwittest.Script()
		err := outcome(both(t, timeout.Config{}, wire), get(t, ctx))
		if !errors.Is(err, exchange.ErrRequest) || !strings.Contains(err.Error(), "the call's "+name+" timeout -1s is negative") {
			t.Errorf("%s: error %v", name, err)
		}
		if wire.Count() != 0 {
			t.Errorf("%s: it was sent", name)
		}
	}
}

// A redirect or a retry comes by again within the same call: it gets what is
// left, and nothing once that is used up.
func TestD7_TotalIsSetOncePerCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := none
		config.Total = 10 * time.Second
		wire := godwittest.Script(godwittest.Reply{Delay: 6 * time.Second}, godwittest.Reply{Delay: 6 * time.Second})
		rt := both(t, config, wire)
		ctx, _ := exchange.WithCall(t.Context())
		start := time.Now()
		if err := outcome(rt, get(t, ctx)); err != nil {
			t.Fatal(err)
		}
		wantTimeout(t, outcome(rt, get(t, ctx)), exchange.ErrTotalTimeout, start, 10*time.Second)

		post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://api.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		body := &closing{Reader: strings.NewReader("x")}
		post.Body = body
		wantTimeout(t, outcome(rt, post), exchange.ErrTotalTimeout, start, 10*time.Second)
		if wire.Count() != 2 || !body.closed {
			t.Errorf("%d sends, body closed: %v; want the third held back and its body closed", wire.Count(), body.closed)
		}
	})
}

// The attempt's middleware alone holds back what comes too late.
func TestD7_AttemptAfterTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, call := exchange.WithCall(t.Context())
		call.Deadline = time.Now().Add(-time.Second)
		wire := godwittest.Script()
		start := time.Now()
		wantTimeout(t, outcome(attempt(t, timeout.Config{Total: 5 * time.Second})(wire), get(t, ctx)), exchange.ErrTotalTimeout, start, 0)
		if wire.Count() != 0 {
			t.Error("it was sent")
		}
	})
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}
