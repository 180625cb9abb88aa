package godwit_test

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/policy/retry"
)

// What a limit refuses waits in its line, for as long as max_wait and the
// deadline allow, not max_retry_after; what is final does not.
func TestRefusalWaitsInItsLine(t *testing.T) {
	t.Parallel()
	const noMoney = `{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"pay"}}`
	window := limit.Config{MaxWait: time.Hour, Quotas: []limit.Quota{{Name: "core", Model: "window", Limit: "1000/h"}}}
	refusal := godwittest.Text(429, "no").With("Retry-After", "600")
	for _, tc := range []struct {
		name      string
		config    limit.Config
		replies   []godwittest.Reply
		deadline  time.Duration
		want      string
		from, to  time.Duration // that it takes
		stop      string
		stopKind  *exchange.Kind
		askedMore time.Duration // the call tells to wait at least so long
	}{
		{"waits", window, []godwittest.Reply{refusal, godwittest.Text(200, "done")}, 0, "done", 10 * time.Minute, 11 * time.Minute, "", nil, 0},
		{
			"would miss the deadline", window,
			[]godwittest.Reply{refusal},
			time.Minute, "no", 0, 0,
			"the next attempt was held back here: deadline would be missed: the turn is in", exchange.ErrWouldMissDeadline, 10 * time.Minute,
		},
		{
			"would wait too long",
			limit.Config{MaxWait: time.Minute, Quotas: window.Quotas},
			[]godwittest.Reply{refusal},
			0, "no", 0, 0,
			"the next attempt was held back here: deadline would be missed: the turn is in", exchange.ErrWouldMissDeadline, 10 * time.Minute,
		},
		{
			"is final",
			limit.Config{Dialect: "openai"},
			[]godwittest.Reply{godwittest.Text(429, noMoney).With("Content-Type", "application/json")},
			0, noMoney, 0, 0,
			"the server says that no further try can succeed", nil, 0,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				wire := godwittest.Script(tc.replies...)
				rt := exchange.Chain(wire, middleware(t, retry.New, retry.Config{}), middleware(t, limit.New, tc.config))
				ctx, call := exchange.WithCall(t.Context())
				start := time.Now()
				if tc.deadline > 0 {
					call.Deadline = start.Add(tc.deadline)
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://api.example/", strings.NewReader("the body"))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				if err != nil || string(got) != tc.want {
					t.Errorf("%q, %v; want %q", got, err, tc.want)
				}
				if took := time.Since(start); took < tc.from || took > tc.to {
					t.Errorf("took %v", took)
				}
				if !strings.HasPrefix(call.StopReason(), tc.stop) || (call.StopReason() == "") != (tc.stop == "") || call.StopKind() != tc.stopKind || call.RetryAfter() < tc.askedMore {
					t.Errorf("the call tells %q, %v, %v", call.StopReason(), call.StopKind(), call.RetryAfter())
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
				wire.Verify(t)
			})
		})
	}
}

func middleware[C any](t *testing.T, build func(C) (exchange.Middleware, error), config C) exchange.Middleware {
	t.Helper()
	m, err := build(config)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The default client leaves a refusal to its line, for a POST too.
func TestRefusalOfTheDefaultClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := godwittest.Script(godwittest.Text(429, "no").With("Retry-After", "20"), godwittest.Text(200, "done"))
		client := scripted(t, wire, func(c *godwit.Config) { c.Retry.Attempts = 0 })
		var meta godwit.Meta
		start := time.Now()
		text, err := godwit.Post[string](t.Context(), client, "/jobs", "the body", godwit.Into(&meta))
		if err != nil || text != "done" || len(meta.Attempts) != 2 || meta.Attempts[1].Wait != 0 {
			t.Errorf("%q, %v, attempts %+v", text, err, meta.Attempts)
		}
		if took := time.Since(start); took < 20*time.Second || took > 25*time.Second {
			t.Errorf("took %v", took)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What held the next attempt back stands beside what the server said, and does
// not replace it.
func TestHeldBackThroughTheClient(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"short": `{"why":"maintenance"}`, "longer than is kept": strings.Repeat("maintenance ", 10_000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				wire := godwittest.Script(godwittest.Text(503, body))
				sends := 0
				client := scripted(t, wire, func(c *godwit.Config) {
					c.Retry.Attempts = 3
					c.AttemptMiddleware = []exchange.Middleware{func(next http.RoundTripper) http.RoundTripper {
						return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
							if sends++; sends == 1 {
								return next.RoundTrip(req)
							}
							e := exchange.CallFrom(req.Context()).NewError(godwit.ErrCircuitOpen, "breaker", req, nil)
							e.RetryAfter = 9 * time.Second
							return nil, e
						})
					}}
				})
				_, err := godwit.Get[string](t.Context(), client, "/x")
				e, ok := errors.AsType[*godwit.Error](err)
				if !ok || e.Kind != godwit.ErrServer || !errors.Is(err, godwit.ErrCircuitOpen) || e.Status != 503 || e.RetryAfter != 9*time.Second || len(e.Attempts) != 2 {
					t.Fatalf("%+v", err)
				}
				if !strings.Contains(e.Body, "maintenance") || e.Hint != "not sent again: the next attempt was held back here: circuit open" {
					t.Errorf("body %q, hint %q", e.Body, e.Hint)
				}
				if cut := errors.Is(err, godwit.ErrTruncated); cut != (name != "short") {
					t.Errorf("told of a cut: %v", err)
				}
				if err := client.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestD2_OneKeyPerCall: the same bytes on every attempt and hop of a call, and
// on no hop to another origin, where nothing guards a second send any more.
func TestD2_OneKeyPerCall(t *testing.T) {
	t.Parallel()
	lost := godwittest.Reply{Fault: godwittest.FaultEmpty}
	keysOf := func(t *testing.T, wire *godwittest.Transport, change func(*godwit.Config)) (keys []string, err error) {
		t.Helper()
		client := scripted(t, wire, func(c *godwit.Config) {
			c.Retry.Attempts = 4
			if change != nil {
				change(c)
			}
		})
		_, err = godwit.Post[string](t.Context(), client, "/orders", "one coffee", godwit.IdempotencyKey(""))
		for _, r := range wire.Requests() {
			keys = append(keys, field(r.Header, "Idempotency-Key"))
			if string(r.Body) != "one coffee" {
				t.Errorf("request %d has the body %q", r.Number, r.Body)
			}
		}
		return keys, errors.Join(err, client.Close())
	}
	synctest.Test(t, func(t *testing.T) {
		keys, err := keysOf(t, godwittest.Script(lost, godwittest.Status(503), godwittest.Redirect(307, "/v2/orders"), lost, godwittest.Text(200, "done")), nil)
		if err != nil || len(keys) != 5 || keys[0] == "" || strings.Join(keys, " ") != strings.TrimSpace(strings.Repeat(keys[0]+" ", 5)) {
			t.Errorf("keys %q, %v", keys, err)
		}
		other, err := keysOf(t, godwittest.Script(godwittest.Text(200, "done")), nil)
		if err != nil || len(other) != 1 || other[0] == keys[0] {
			t.Errorf("two calls have the keys %q and %q: %v", keys[0], other, err)
		}
		keys, err = keysOf(t, godwittest.Script(godwittest.Redirect(307, "https://other.test/orders"), lost), func(c *godwit.Config) {
			c.Redirect.CrossOriginBody = "allow"
		})
		if !errors.Is(err, godwit.ErrConnect) || len(keys) != 2 || keys[0] == "" || keys[1] != "" {
			t.Errorf("keys %q, %v; want one send without a key beyond the origin", keys, err)
		}
	})
}

// All who wait for a quota to come back leave one after the other, and the
// server refuses nobody again. Elsewhere they wake at once and trip it.
func TestWrong_AllWakeAtTheReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var served []time.Duration
		refused := 0
		wire := godwittest.Always(godwittest.Func(func(*godwittest.Request) godwittest.Reply {
			mu.Lock()
			defer mu.Unlock()
			at := time.Since(start)
			if at < 30*time.Second {
				refused++
				return godwittest.Text(429, "no").With("Retry-After", strconv.Itoa(int((30*time.Second - at + time.Second - 1).Seconds())))
			}
			served = append(served, at)
			return godwittest.Text(200, "done")
		}))
		client := scripted(t, wire, func(c *godwit.Config) {
			c.Retry.Attempts = 0
			c.Timeout.Total = 10 * time.Minute
			c.Limit = limit.Config{MaxWait: 5 * time.Minute, Quotas: []limit.Quota{{Name: "core", Model: "window", Limit: "600/m"}}}
		})
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if text, err := godwit.Post[string](t.Context(), client, "/jobs", "x"); err != nil || text != "done" {
					t.Errorf("%q, %v", text, err)
				}
			})
		}
		group.Wait()
		if refused != 1 || len(served) != 100 {
			t.Errorf("%d refusals, %d served; want the one of the call that found out", refused, len(served))
		}
		for i := range served[10:] {
			if d := served[i+10] - served[i]; d < 500*time.Millisecond {
				t.Fatalf("ten leave within %v of a quota of 10/s", d)
			}
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
}
