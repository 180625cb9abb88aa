package retry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

// noting puts facts on the attempts whose answer has one of the statuses.
func noting(next http.RoundTripper, facts exchange.Fact, statuses ...int) http.RoundTripper {
	return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil {
			for _, s := range statuses {
				if resp.StatusCode == s {
					exchange.LiveFrom(req.Context()).Note(facts)
				}
			}
		}
		return resp, err
	})
}

const held = exchange.FactRefused | exchange.FactHeld

func repeated(n int, r godwittest.Reply, then ...godwittest.Reply) []godwittest.Reply {
	out := make([]godwittest.Reply, n, n+len(then))
	for i := range out {
		out[i] = r
	}
	return append(out, then...)
}

// What a line refuses goes back to the line whatever status says it and
// whatever the method is: without a wait, without a charge, and with the body.
func TestRefusalGoesBackToTheLine(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 403, 400, 503, 200} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				refusal := godwittest.Text(status, "no quota").With("Retry-After", "3600")
				wire := godwittest.Script(repeated(40, refusal, godwittest.Text(201, "done"))...)
				r := retryOf(t, Config{})
				ctx, call, seen := observed(t.Context())
				start := time.Now()
				resp, err := r.Wrap(noting(wire, held, status)).RoundTrip(request(t, ctx, "POST", "the body"))
				wantAnswer(t, resp, err, 201, "done")
				if took := time.Since(start); took != 0 {
					t.Errorf("waited %v outside the line", took)
				}
				if call.Refusals() != 40 || call.AttemptCount() != 41 || call.ChargedCount() != 1 {
					t.Errorf("%d refusals, %d attempts, %d charged", call.Refusals(), call.AttemptCount(), call.ChargedCount())
				}
				for _, q := range wire.Requests() {
					if string(q.Body) != "the body" {
						t.Errorf("request %d has the body %q", q.Number, q.Body)
					}
				}
				waits := seen.named(exchange.EventRetryWait)
				if len(waits) != 40 || waits[0].Delay != 0 || !strings.HasSuffix(waits[0].Reason, ", back to the line") {
					t.Errorf("%d waits, the first %+v", len(waits), waits[0])
				}
				for range 34 { // 10 % of 41 sends are below the floor of 30
					if !r.Spend(request(t, ctx, "GET", "").URL) {
						break
					}
				}
				if got := r.servers.Get(request(t, ctx, "GET", "").URL).Value.normal.repeats(); got != 30 {
					t.Errorf("%d repeats fit into the budget beside the refusals, want all 30", got)
				}
			})
		})
	}
}

// repeats returns what the budget counts now.
func (b *budget) repeats() (n int) {
	for _, c := range b.counts {
		n += c.repeats
	}
	return n
}

func TestRefusalsEnd(t *testing.T) {
	t.Parallel()
	refusal := godwittest.Text(429, "no quota")
	stream := func(req *http.Request) { req.GetBody = nil }
	for _, tc := range []struct {
		name   string
		config Config
		facts  exchange.Fact
		change func(*http.Request)
		sends  int
		reason string
	}{
		{"after a hundred", Config{}, held, nil, 101, "the server refused the call 101 times for want of quota"},
		{"where retrying is off", Config{Attempts: 1}, held, nil, 1, "1 attempt was made"},
		{"where 429 is not retried", Config{Statuses: []int{503}}, held, nil, 1, ""},
		{"with a body that cannot be rewound", Config{}, held, stream, 1, "the request body cannot be sent a second time"},
		{"at once if they are final", Config{}, held | exchange.FactFinal, nil, 1, "the server says that no further try can succeed"},
		{"by the count of attempts without a line", Config{}, exchange.FactRefused, nil, 3, "3 attempts were made"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				wire := godwittest.Always(refusal)
				ctx, call, _ := observed(t.Context())
				req := request(t, ctx, "POST", "x")
				if tc.change != nil {
					tc.change(req)
				}
				resp, err := wrap(t, tc.config, noting(wire, tc.facts, 429)).RoundTrip(req)
				wantAnswer(t, resp, err, 429, "no quota")
				if wire.Count() != tc.sends || call.StopReason() != tc.reason {
					t.Errorf("%d sends, reason %q; want %d and %q", wire.Count(), call.StopReason(), tc.sends, tc.reason)
				}
			})
		})
	}
}

// A final signal ends what would be retried, and says nothing where nothing
// would be.
func TestFinalSignals(t *testing.T) {
	t.Parallel()
	for status, reason := range map[int]string{
		503: "the server says that no further try can succeed",
		404: "",
		200: "",
	} {
		wire := godwittest.Always(godwittest.Text(status, "x"))
		ctx, call, _ := observed(t.Context())
		resp, err := wrap(t, Config{}, noting(wire, exchange.FactFinal, status)).RoundTrip(request(t, ctx, "GET", ""))
		wantAnswer(t, resp, err, status, "x")
		if wire.Count() != 1 || call.StopReason() != reason {
			t.Errorf("%d: %d sends, reason %q", status, wire.Count(), call.StopReason())
		}
	}
}

// second lets the first attempt pass and refuses the others as a policy of this
// client does.
func second(next http.RoundTripper, refuse func(*http.Request, *exchange.Call) error) http.RoundTripper {
	n := 0
	return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		if n++; n == 1 {
			return next.RoundTrip(req)
		}
		exchange.CloseBody(req)
		return nil, refuse(req, exchange.CallFrom(req.Context()))
	})
}

// TestHeldBackKeepsTheLastOutcome: whatever of this client holds a later attempt
// back, the call returns what the server said.
func TestHeldBackKeepsTheLastOutcome(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	long := strings.Repeat("x", drainBytes+1)
	for _, kind := range []*exchange.Kind{exchange.ErrCircuitOpen, exchange.ErrWouldMissDeadline, exchange.ErrRateLimited, exchange.ErrTotalTimeout} {
		refuse := func(req *http.Request, call *exchange.Call) error {
			e := call.NewError(kind, "breaker", req, boom)
			e.RetryAfter = 7 * time.Second
			return e
		}
		synctest.Test(t, func(t *testing.T) {
			wantStop := func(call *exchange.Call, seen *events, delay time.Duration) {
				t.Helper()
				reason := "the next attempt was held back here: " + kind.Error() + ": boom"
				if call.StopReason() != reason || call.StopKind() != kind || call.RetryAfter() != delay {
					t.Errorf("the call tells %q, %v, %v", call.StopReason(), call.StopKind(), call.RetryAfter())
				}
				if gaveUp := seen.named(exchange.EventRetryGaveUp); len(gaveUp) != 1 || gaveUp[0].Reason != reason || gaveUp[0].Delay != delay {
					t.Errorf("gave up: %+v", gaveUp)
				}
			}
			ctx, call, seen := observed(t.Context())
			r := retryOf(t, Config{})
			wire := godwittest.Script(godwittest.Text(503, "the answer"))
			resp, err := r.Wrap(second(wire, refuse)).RoundTrip(request(t, ctx, "PUT", "x"))
			wantAnswer(t, resp, err, 503, "the answer")
			wantStop(call, seen, 7*time.Second)
			if n := r.servers.Get(request(t, ctx, "GET", "").URL).Value.normal.repeats(); n != 0 {
				t.Errorf("%d repeats are booked, and none was sent", n)
			}

			ctx, call, seen = observed(t.Context())
			resp, err = wrap(t, Config{}, second(godwittest.Script(godwittest.Text(503, long).With("Retry-After", "20")), refuse)).RoundTrip(request(t, ctx, "GET", ""))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if string(got) != long[:drainBytes] || !errors.Is(err, exchange.ErrTruncated) || !strings.Contains(err.Error(), "only the first 65536 bytes") {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			wantStop(call, seen, 20*time.Second)

			ctx, call, seen = observed(t.Context())
			_, err = wrap(t, Config{}, second(godwittest.Script(godwittest.Fail(io.ErrUnexpectedEOF)), refuse)).RoundTrip(request(t, ctx, "GET", ""))
			var e *exchange.Error
			if !errors.As(err, &e) || e.Kind != exchange.ErrConnect || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, kind) || len(e.Attempts) != 2 || e.RetryAfter != 7*time.Second {
				t.Errorf("error %v, attempts %d, retry after %v", err, len(e.Attempts), e.RetryAfter)
			}
			wantStop(call, seen, 7*time.Second)

			// The first attempt has nothing to fall back on.
			ctx, call, _ = observed(t.Context())
			_, err = wrap(t, Config{}, exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
				return nil, refuse(req, call)
			})).RoundTrip(request(t, ctx, "GET", ""))
			if !errors.Is(err, kind) || call.AttemptCount() != 1 {
				t.Errorf("error %v after %d attempts", err, call.AttemptCount())
			}
		})
	}
}
