package limit_test

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
	"github.com/godwit-go/godwit/policy/limit"
)

// script answers with status and header fields, and counts.
type script struct {
	n      int
	answer func(n int, req *http.Request) (*http.Response, error)
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.n++
	return s.answer(s.n, req)
}

func reply(req *http.Request, status int, body string, fields ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	return &http.Response{StatusCode: status, ProtoMajor: 1, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

type events []exchange.Event

func (e *events) Observe(_ context.Context, ev exchange.Event) {
	if strings.HasPrefix(ev.Name, "limit.") {
		*e = append(*e, ev)
	}
}

func (e events) names() string {
	var names []string
	for _, ev := range e {
		names = append(names, ev.Name)
	}
	return strings.Join(names, " ")
}

func get(t *testing.T, rt http.RoundTripper, seen *events) (*http.Response, error) {
	t.Helper()
	ctx, call := exchange.WithCall(t.Context())
	if seen != nil {
		call.Observe(seen)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/x?token=hush", nil)
	if err != nil {
		t.Fatal(err)
	}
	return rt.RoundTrip(req)
}

func middleware(t *testing.T, c limit.Config) exchange.Middleware {
	t.Helper()
	m, err := limit.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// LM7: whatever a server asks for, no call hangs, and the next ones know why
// they do not go.
func TestLM7_NonsenseRetryAfter(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]time.Duration{ // wait before the next call may leave; below 0: calls fail
		"31536000":                      -1,
		"-5":                            time.Second,
		"1.5":                           2 * time.Second,
		"soon":                          time.Second,
		"Mon, 01 Jan 1990 00:00:00 GMT": time.Second,
		"99999999999999999999999":       -1,
		"":                              time.Second,
	} {
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answer: func(n int, req *http.Request) (*http.Response, error) {
					if n == 2 {
						return reply(req, 429, "no", "Retry-After", after), nil
					}
					return reply(req, 200, "yes"), nil
				}}
				rt := middleware(t, limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: "10/s", Burst: 100}}})(s)
				var seen events
				for range 2 {
					resp, err := get(t, rt, &seen)
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
				}
				if !strings.Contains(seen.names(), "limit.refused limit.frozen") {
					t.Errorf("events %q", seen.names())
				}
				start := time.Now()
				resp, err := get(t, rt, nil)
				took := time.Since(start)
				if want < 0 {
					var e *exchange.Error
					if !errors.Is(err, exchange.ErrRateLimited) || !errors.As(err, &e) || e.RetryAfter < 24*time.Hour || took != 0 {
						t.Errorf("after %v: %v", took, err)
					}
					if strings.Contains(err.Error(), "hush") {
						t.Errorf("shows a query value: %v", err)
					}
					time.Sleep(time.Hour)
					if resp, err = get(t, rt, nil); err != nil {
						t.Fatalf("after max_freeze: %v", err)
					}
				} else if err != nil || took < want-10*time.Millisecond || took > want+300*time.Millisecond {
					t.Fatalf("waited %v, want %v: %v", took, want, err)
				}
				_ = resp.Body.Close()
			})
		})
	}
}

// With a dialect alone, a refusal holds all calls back until the server wants
// them, and then one goes first.
func TestDialectAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				return reply(req, 403, `{"message":"You have exceeded a secondary rate limit"}`, "Retry-After", "20", "Content-Type", "application/json"), nil
			}
			return reply(req, 200, "yes"), nil
		}}
		rt := middleware(t, limit.Config{Dialect: "github"})(s)
		resp, err := get(t, rt, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "secondary") {
			t.Errorf("the body that was looked into: %q, %v", body, err)
		}
		_ = resp.Body.Close()
		start := time.Now()
		var seen events
		if resp, err = get(t, rt, &seen); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("the next call left after %v", took)
		}
		if seen.names() != "limit.wait" || seen[0].Delay != 20*time.Second {
			t.Errorf("events %v", seen.names())
		}
	})
}

// A call that did not leave this process costs nothing; one that may have
// arrived does.
func TestCancelOnlyUnsent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		unsent := true
		s := &script{answer: func(n int, req *http.Request) (*http.Response, error) {
			switch {
			case n == 1:
				return reply(req, 200, "yes"), nil
			case unsent:
				return nil, exchange.LiveFrom(req.Context()).Call().NewError(exchange.ErrOriginNotAllowed, "auth", req, errors.New("held back"))
			}
			return nil, io.ErrUnexpectedEOF
		}}
		rt := middleware(t, limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: "1/s", Burst: 1}}})(s)
		resp, err := get(t, rt, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		time.Sleep(time.Minute)
		start := time.Now()
		for range 10 {
			if _, err := get(t, rt, nil); !errors.Is(err, exchange.ErrOriginNotAllowed) {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("ten calls that were not sent took %v", took)
		}
		unsent = false
		for range 10 {
			if _, err := get(t, rt, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 8900*time.Millisecond {
			t.Errorf("ten calls that may have arrived took %v", took)
		}
	})
}

// Concurrency ends with the body, or with the call's failure.
func TestConcurrencyEndsWithBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(n int, req *http.Request) (*http.Response, error) {
			if n == 2 {
				return nil, io.ErrUnexpectedEOF
			}
			return reply(req, 200, "a long story"), nil
		}}
		rt := middleware(t, limit.Config{Quotas: []limit.Quota{{Name: "open", Model: "concurrency", Limit: "1"}}})(s)
		for i := range 4 {
			resp, err := get(t, rt, nil)
			if i == 1 {
				if err == nil {
					t.Fatal("no error")
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			second := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			go func() {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/", nil)
				if err == nil {
					_, err = rt.RoundTrip(req)
				}
				second <- err
			}()
			if err := <-second; !errors.Is(err, exchange.ErrTimeout) && !errors.Is(err, exchange.ErrWouldMissDeadline) {
				t.Errorf("beside an open body: %v", err)
			}
			cancel()
			if i == 3 {
				_, err = io.ReadAll(resp.Body)
			} else {
				err = resp.Body.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// What others learn: that a line holds the attempt, that it was refused,
// whatever its status, and that no try can succeed.
func TestFactsAreNoted(t *testing.T) {
	t.Parallel()
	const body = `{"error":{"code":"insufficient_quota","type":"insufficient_quota"}}`
	for name, tc := range map[string]struct {
		dialect string
		status  int
		body    string
		fields  []string
		want    exchange.Fact
	}{
		"success": {"github", 200, "", nil, exchange.FactHeld},
		"refused": {
			"github", 403, "",
			[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Limit", "60", "X-RateLimit-Reset", "4000000000"},
			exchange.FactHeld | exchange.FactRefused,
		},
		"final": {"openai", 429, body, []string{"Content-Type", "application/json"}, exchange.FactHeld | exchange.FactFinal},
	} {
		quotas := []limit.Quota{{Name: "core", Limit: "5000/h"}}
		rt := middleware(t, limit.Config{Dialect: tc.dialect, Quotas: quotas})(exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			return reply(req, tc.status, tc.body, tc.fields...), nil
		}))
		ctx, call := exchange.WithCall(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if !call.LastAttempt().Has(tc.want) {
			t.Errorf("%s: not noted", name)
		}
		if tc.status == 200 && (call.LastAttempt().Has(exchange.FactRefused) || call.LastAttempt().Has(exchange.FactFinal)) {
			t.Errorf("%s: noted too much", name)
		}
	}
}

// The class of a call is that of the context in which it begins, or what the
// client sets.
func TestClasses(t *testing.T) {
	t.Parallel()
	for c, want := range map[limit.Class]exchange.Class{
		limit.Normal: exchange.ClassNormal, limit.Interactive: exchange.ClassInteractive, limit.Batch: exchange.ClassBatch,
	} {
		if _, call := exchange.WithCall(limit.WithClass(t.Context(), c)); call.Class != want {
			t.Errorf("class %d becomes %d, want %d", c, call.Class, want)
		}
	}
	synctest.Test(t, func(t *testing.T) { // max_wait does not apply to batch
		s := &script{answer: func(_ int, req *http.Request) (*http.Response, error) { return reply(req, 200, ""), nil }}
		rt := middleware(t, limit.Config{MaxWait: time.Second, Quotas: []limit.Quota{{Name: "core", Limit: "1/m", Burst: 1}}})(s)
		for i := range 3 {
			ctx, call := exchange.WithCall(t.Context())
			if i == 2 {
				call.Class = exchange.ClassBatch
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = rt.RoundTrip(req)
			if missed := errors.Is(err, exchange.ErrWouldMissDeadline); missed != (i == 1) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

// The server's own smaller limit is followed, and told.
func TestQuotaDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: func(_ int, req *http.Request) (*http.Response, error) {
			return reply(req, 200, "", "X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "3600"), nil
		}}
		rt := middleware(t, limit.Config{Quotas: []limit.Quota{{Name: "core", Model: "window", Limit: "5000/h"}}})(s)
		var seen events
		for range 2 {
			resp, err := get(t, rt, &seen)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		if n := strings.Count(seen.names(), "limit.quota_drift"); n != 1 {
			t.Errorf("%d times: %s", n, seen.names())
		}
	})
}
