package retry

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
)

// TestLM7_RetryAfter is behaviour 4: the wait until the second attempt, with
// the longest draw on top, or none. The server's clock is three hours ahead.
func TestLM7_RetryAfter(t *testing.T) {
	t.Parallel()
	const draw = 500 * time.Millisecond
	date := func(form string, d time.Duration) func(time.Time) string {
		return func(server time.Time) string { return server.Add(d).UTC().Format(form) }
	}
	text := func(s string) func(time.Time) string { return func(time.Time) string { return s } }
	for _, tc := range []struct {
		name   string
		status int
		config Config
		value  func(server time.Time) string
		want   time.Duration // below 0: the first answer is the last
		asked  time.Duration // what the call then tells
	}{
		{"seconds", 503, Config{}, text("30"), 30*time.Second + draw, 0},
		{"seconds on 429", 429, Config{}, text("30"), 30*time.Second + draw, 0},
		{"seconds on 413", 413, Config{Statuses: []int{413}}, text("30"), 30*time.Second + draw, 0},
		{"fraction", 503, Config{}, text("1.5"), 2*time.Second + draw, 0},
		{"zero", 503, Config{}, text("0"), draw, 0},
		{"negative", 503, Config{}, text("-5"), draw, 0},
		{"garbage", 503, Config{}, text("soon"), draw, 0},
		{"IMF-fixdate", 503, Config{}, date(http.TimeFormat, 40*time.Second), 40*time.Second + draw, 0},
		{"RFC 850", 503, Config{}, date("Monday, 02-Jan-06 15:04:05 GMT", 40*time.Second), 40*time.Second + draw, 0},
		{"asctime", 503, Config{}, date(time.ANSIC, 40*time.Second), 40*time.Second + draw, 0},
		{"past date", 503, Config{}, date(http.TimeFormat, -time.Hour), draw, 0},
		{"a year", 503, Config{}, text("31536000"), -1, 365 * 24 * time.Hour},
		{"a year on 429", 429, Config{}, text("31536000"), -1, 365 * 24 * time.Hour},
		{"date in a day", 503, Config{}, date(http.TimeFormat, 24*time.Hour), -1, 24 * time.Hour},
		{"above the cap", 503, Config{MaxRetryAfter: 5 * time.Second}, text("6"), -1, 6 * time.Second},
		{"switched off", 503, Config{RetryAfter: "ignore"}, text("31536000"), draw, 0},
		{"not retried, but told", 404, Config{}, text("7"), -1, 7 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := time.Now().Add(3 * time.Hour)
				refusal := godwittest.Text(tc.status, "later").
					With("Date", server.UTC().Format(http.TimeFormat)).With("Retry-After", tc.value(server))
				ctx, call, _ := observed(t.Context())
				start := time.Now()
				resp, err := wrap(t, tc.config, godwittest.Script(refusal, godwittest.Text(200, "done"))).RoundTrip(request(t, ctx, "GET", ""))
				if tc.want < 0 {
					if took := time.Since(start); took != 0 {
						t.Errorf("the refusal came after %v", took)
					}
					wantAnswer(t, resp, err, tc.status, "later")
				} else {
					if took := time.Since(start); took != tc.want {
						t.Errorf("waited %v, want %v", took, tc.want)
					}
					wantAnswer(t, resp, err, 200, "done")
				}
				if call.RetryAfter() != tc.asked {
					t.Errorf("the call tells %v, want %v", call.RetryAfter(), tc.asked)
				}
			})
		})
	}
}

func TestLM7_TwoFieldsTheLarger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		refusal := godwittest.Status(503).With("Retry-After", "9").With("Retry-After", "20")
		resp, err := wrap(t, Config{}, godwittest.Script(refusal, godwittest.Text(200, ""))).RoundTrip(request(t, t.Context(), "GET", ""))
		wantAnswer(t, resp, err, 200, "")
		if took := time.Since(start); took != 20*time.Second+500*time.Millisecond {
			t.Errorf("waited %v", took)
		}
	})
}

// TestD7_NoWaitPassesTheDeadline: whichever deadline is near, the last outcome
// comes back at once.
func TestD7_NoWaitPassesTheDeadline(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		reply godwittest.Reply
		asked time.Duration
		text  string
	}{
		{
			"Retry-After", godwittest.Text(503, "later").With("Retry-After", "30"), 30 * time.Second,
			"the server asks to wait 30s, and the call has 2s left",
		},
		{
			"Retry-After of a day", godwittest.Text(503, "later").With("Retry-After", "86400"), 24 * time.Hour,
			"the server asks to wait 24h0m0s, longer than retry.max_retry_after 1m0s",
		},
		{"backoff", godwittest.Text(503, "later"), 0, "the wait does not fit into the 2s that the call has left"},
	} {
		for deadline, set := range map[string]func(context.Context, *exchange.Call) (context.Context, context.CancelFunc){
			"call": func(ctx context.Context, c *exchange.Call) (context.Context, context.CancelFunc) {
				c.Deadline = time.Now().Add(2 * time.Second)
				return ctx, func() {}
			},
			"caller": func(ctx context.Context, c *exchange.Call) (context.Context, context.CancelFunc) {
				c.Deadline = time.Now().Add(time.Hour)
				return context.WithTimeout(ctx, 2*time.Second)
			},
		} {
			t.Run(tc.name+", deadline of the "+deadline, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					ctx, call, seen := observed(t.Context())
					ctx, cancel := set(ctx, call)
					defer cancel()
					start := time.Now()
					resp, err := wrap(t, Config{Base: 4 * time.Second}, godwittest.Script(tc.reply)).RoundTrip(request(t, ctx, "GET", ""))
					if took := time.Since(start); took != 0 {
						t.Errorf("came back after %v", took)
					}
					wantAnswer(t, resp, err, 503, "later")
					if call.RetryAfter() != tc.asked || call.StopReason() != tc.text {
						t.Errorf("the call tells %v and %q, want %v and %q", call.RetryAfter(), call.StopReason(), tc.asked, tc.text)
					}
					if e := call.NewError(exchange.ErrServer, "", nil, nil); e.RetryAfter != tc.asked {
						t.Errorf("the error tells %v", e.RetryAfter)
					}
					gaveUp := seen.named(exchange.EventRetryGaveUp)
					if len(gaveUp) != 1 || gaveUp[0].Delay != tc.asked || gaveUp[0].Reason != tc.text {
						t.Errorf("gave up: %+v", gaveUp)
					}
				})
			})
		}
	}
}

func TestD7_ErrorAtTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, call, _ := observed(t.Context())
		call.Deadline = time.Now().Add(100 * time.Millisecond)
		start := time.Now()
		_, err := wrap(t, Config{}, godwittest.Script(godwittest.Fail(io.EOF))).RoundTrip(request(t, ctx, "GET", ""))
		if took := time.Since(start); took != 0 {
			t.Errorf("came back after %v", took)
		}
		if !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "the wait does not fit into the 100ms that the call has left") {
			t.Errorf("error %v", err)
		}
	})
}

// A delay that an earlier answer asked for does not stick to a later outcome.
func TestRetryAfterIsThatOfTheLastAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, call, _ := observed(t.Context())
		wire := godwittest.Script(godwittest.Status(503).With("Retry-After", "5"), godwittest.Text(200, ""))
		resp, err := wrap(t, Config{}, wire).RoundTrip(request(t, ctx, "GET", ""))
		wantAnswer(t, resp, err, 200, "")
		if call.RetryAfter() != 0 || call.StopReason() != "" {
			t.Errorf("the call tells %v and %q", call.RetryAfter(), call.StopReason())
		}
	})
}

var errReason = errors.New("the user closed the window")

// TestFC16_CancelDuringTheWait returns at once with the cause, sends nothing
// more and leaves no body open.
func TestFC16_CancelDuringTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opens, closes := 1, 0
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		req := request(t, ctx, "PUT", "x")
		req.Body = countedBody{strings.NewReader("x"), &closes}
		req.GetBody = func() (io.ReadCloser, error) {
			opens++
			return countedBody{strings.NewReader("x"), &closes}, nil
		}
		wire := godwittest.Script(godwittest.Status(503).With("Retry-After", "30"))
		timer := time.AfterFunc(7*time.Second, func() { cancel(errReason) })
		defer timer.Stop()
		start := time.Now()
		_, err := wrap(t, Config{}, wire).RoundTrip(req)
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("came back after %v", took)
		}
		var e *exchange.Error
		if !errors.Is(err, exchange.ErrCanceled) || !errors.Is(err, errReason) || !errors.Is(err, context.Canceled) || !errors.As(err, &e) || len(e.Attempts) != 1 {
			t.Errorf("error %#v", err)
		}
		if opens != 2 || closes != 2 || wire.OpenBodies() != 0 {
			t.Errorf("%d request bodies opened, %d closed, %d response bodies open", opens, closes, wire.OpenBodies())
		}
	})
}

func TestFC16_CanceledBeforeAndBetween(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		closes := 0
		req := request(t, ctx, "PUT", "x")
		req.Body = countedBody{strings.NewReader("x"), &closes}
		cancel(errReason)
		wire := godwittest.Script()
		_, err := wrap(t, Config{}, wire).RoundTrip(req)
		if !errors.Is(err, exchange.ErrCanceled) || !errors.Is(err, errReason) || wire.Count() != 0 || closes != 1 {
			t.Errorf("error %v, %d sends, %d bodies closed", err, wire.Count(), closes)
		}

		// The answer of a call that was cancelled meanwhile is still its answer.
		ctx, cancel = context.WithCancelCause(t.Context())
		wire = godwittest.Script(godwittest.Func(func(*godwittest.Request) godwittest.Reply {
			cancel(errReason)
			return godwittest.Text(503, "")
		}))
		start := time.Now()
		resp, err := wrap(t, Config{}, wire).RoundTrip(request(t, ctx, "GET", ""))
		if err != nil || resp.StatusCode != 503 || time.Since(start) != 0 {
			t.Fatalf("%v, %v after %v", resp, err, time.Since(start))
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

// meter is a response body that counts what is read of it and blocks until it
// is closed once left bytes are gone.
type meter struct {
	left   int
	read   int
	closed chan struct{}
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left == 0 {
		<-m.closed
		return 0, errors.New("closed")
	}
	n := min(m.left, len(p))
	m.left -= n
	m.read += n
	return n, nil
}

func (m *meter) Close() error {
	close(m.closed)
	return nil
}

// TestDrainIsBounded: keeping an answer costs at most 64 KiB and 50 ms, and what
// was not read is never taken for the end.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		left   int   // bytes that come before it stalls
		length int64 // announced
		cancel time.Duration
		read   int
		took   time.Duration
	}{
		{"endless", 1 << 30, -1, 0, 64 << 10, 0},
		{"announced as too long", 1 << 30, 64<<10 + 1, 0, 64 << 10, 0},
		{"stalls", 10, -1, 0, 10, 50 * time.Millisecond},
		{"stalls, cancelled", 10, -1, 20 * time.Millisecond, 10, 20 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				body := &meter{left: tc.left, closed: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.cancel > 0 {
					defer time.AfterFunc(tc.cancel, cancel).Stop()
				}
				start := time.Now()
				resp := &http.Response{StatusCode: 503, Body: body, ContentLength: tc.length}
				ctx, call, _ := observed(ctx)
				keep(ctx, call, request(t, ctx, "GET", ""), resp)
				if took := time.Since(start); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				<-body.closed // it is closed whatever happened
				synctest.Wait()
				if body.read != tc.read {
					t.Errorf("%d bytes read, want %d", body.read, tc.read)
				}
				got, err := io.ReadAll(resp.Body)
				var e *exchange.Error
				if len(got) != tc.read || !errors.Is(err, exchange.ErrTruncated) || !errors.As(err, &e) || e.Status != 503 {
					t.Errorf("%d bytes are kept, then %v", len(got), err)
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
				if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
					t.Errorf("read after close: %v", err)
				}
			})
		})
	}
}
