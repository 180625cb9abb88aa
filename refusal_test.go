package godwit_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
