package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/logging"
)

// book keeps what a JSON handler writes.
type book struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *book) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}

func (b *book) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: level}))
}

// lines parses the book: one JSON object per line, or the test fails.
func (b *book) lines(tb testing.TB) []map[string]any {
	tb.Helper()
	var out []map[string]any
	for line := range bytes.Lines(b.bytes()) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			tb.Fatalf("not a JSON line: %q: %v", line, err)
		}
		out = append(out, record)
	}
	return out
}

func wrap(tb testing.TB, c logging.Config, rt http.RoundTripper) http.RoundTripper {
	tb.Helper()
	m, err := logging.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return m(rt)
}

func get(tb testing.TB, ctx context.Context, u string) *http.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return req
}

// sending is the part of the chain that makes attempts.
func sending(rt http.RoundTripper) http.RoundTripper {
	return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		return exchange.Send(rt, req, exchange.CallFrom(req.Context()), 0)
	})
}

// do runs a call to its end.
func do(tb testing.TB, rt http.RoundTripper, req *http.Request) error {
	tb.Helper()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	if resp.Request != req {
		tb.Error("the response names another request")
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// TestLines compares each line with what it must say, attribute by attribute.
func TestLines(t *testing.T) {
	t.Parallel()
	const u = "http://api.example/users/4711?key=canary"
	emit := func(e exchange.Event) http.RoundTripper {
		return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			exchange.CallFrom(req.Context()).Emit(req, e)
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}, nil
		})
	}
	done := map[string]any{"level": "DEBUG", "msg": "call", "status": 200.0, "attempts": 0.0, "duration": 0.0}
	for _, tc := range []struct {
		name string
		next http.RoundTripper
		want []map[string]any // beside what about a call every line says
	}{
		{"success", sending(godwittest.Script(godwittest.Reply{Delay: 3 * time.Second})), []map[string]any{
			{"level": "DEBUG", "msg": "call", "status": 200.0, "attempts": 1.0, "duration": 3e9},
		}},
		{"status", sending(godwittest.Script(godwittest.Status(404))), []map[string]any{
			{"level": "DEBUG", "msg": "call", "status": 404.0, "attempts": 1.0, "duration": 0.0},
		}},
		{"status after giving up", exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			call := exchange.CallFrom(req.Context())
			resp, err := exchange.Send(godwittest.Script(godwittest.Status(503)), req, call, 0)
			call.SetStop("3 attempts were made", nil)
			call.SetRetryAfter(time.Minute)
			call.Emit(req, exchange.Event{Name: exchange.EventRetryGaveUp, Live: call.LastAttempt(), Status: 503, Delay: time.Minute, Reason: "3 attempts were made"})
			return resp, err
		}), []map[string]any{
			{"level": "WARN", "msg": "retry gave up", "status": 503.0, "attempt": 1.0, "sent": "yes", "reason": "3 attempts were made", "delay": 6e10},
			{"level": "DEBUG", "msg": "call", "status": 503.0, "attempts": 1.0, "duration": 0.0, "reason": "3 attempts were made", "delay": 6e10},
		}},
		{"failure", exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			call := exchange.CallFrom(req.Context())
			call.SetStop("3 attempts were made", nil)
			call.Emit(req, exchange.Event{Name: exchange.EventRetryGaveUp, Reason: "3 attempts were made", Cause: io.EOF})
			return nil, call.NewError(exchange.ErrHeaderTimeout, "timeout", req, errors.New("no response header within 1s"))
		}), []map[string]any{
			{"level": "WARN", "msg": "call failed", "attempts": 0.0, "duration": 0.0, "kind": "header timeout", "policy": "timeout", "cause": "no response header within 1s", "reason": "3 attempts were made"},
		}},
		{"failure of the network", sending(godwittest.Script(godwittest.Fail(&exchange.Error{Kind: exchange.ErrConnect, Err: io.EOF}))), []map[string]any{
			{"level": "WARN", "msg": "call failed", "attempts": 1.0, "duration": 0.0, "kind": "connect", "sent": "maybe", "cause": "EOF"},
		}},
		{"failure without a kind", godwittest.Script(godwittest.Fail(io.EOF)), []map[string]any{
			{"level": "WARN", "msg": "call failed", "attempts": 0.0, "duration": 0.0, "cause": "EOF"},
		}},
		{"cancelled", godwittest.Script(godwittest.Fail(&exchange.Error{Kind: exchange.ErrCanceled, Err: context.Canceled})), []map[string]any{
			{"level": "DEBUG", "msg": "call failed", "attempts": 0.0, "duration": 0.0, "kind": "canceled", "cause": "context canceled"},
		}},
		{"wait", emit(exchange.Event{Name: exchange.EventRetryWait, Status: 503, Delay: time.Second, Reason: "503 Service Unavailable"}), []map[string]any{
			{"level": "INFO", "msg": "retry", "status": 503.0, "delay": 1e9, "reason": "503 Service Unavailable"}, done,
		}},
		{"wait after an error", emit(exchange.Event{Name: exchange.EventRetryWait, Delay: time.Second, Reason: "connect", Cause: &exchange.Error{Kind: exchange.ErrConnect, Err: io.EOF}}), []map[string]any{
			{"level": "INFO", "msg": "retry", "delay": 1e9, "reason": "connect", "kind": "connect", "cause": "EOF"}, done,
		}},
		{"resent", emit(exchange.Event{Name: exchange.EventRetryResent, Reason: "again"}), []map[string]any{
			{"level": "INFO", "msg": "resent", "reason": "again"}, done,
		}},
		{"origin guard", emit(exchange.Event{Name: exchange.EventAuthRefused, Reason: "http://evil.example is not in the set"}), []map[string]any{
			{"level": "WARN", "msg": "credential refused", "reason": "http://evil.example is not in the set"}, done,
		}},
		{"anonymous hop", emit(exchange.Event{Name: exchange.EventAuthStripped, Reason: "left"}), []map[string]any{
			{"level": "INFO", "msg": "credential left behind", "reason": "left"}, done,
		}},
		{"redirect", emit(exchange.Event{Name: exchange.EventRedirectRefused, Status: 302, Reason: "downgrade"}), []map[string]any{
			{"level": "WARN", "msg": "redirect refused", "status": 302.0, "reason": "downgrade"}, done,
		}},
		{"body cut", sending(godwittest.Script(godwittest.Reply{Body: "begin and end", Fault: godwittest.FaultCut, At: 5})), []map[string]any{
			{"level": "DEBUG", "msg": "call", "status": 200.0, "attempts": 1.0, "duration": 0.0},
			{"level": "WARN", "msg": "body failed", "status": 200.0, "attempt": 1.0, "bytes": 5.0, "kind": "truncated", "sent": "yes", "cause": "the body broke off after 5 bytes: unexpected EOF"},
		}},
		{"breaker", emit(exchange.Event{Name: exchange.EventBreakerOpen, Delay: time.Second, Reason: "16 of the last 20 outcomes are failures"}), []map[string]any{
			{"level": "WARN", "msg": "breaker open", "delay": 1e9, "reason": "16 of the last 20 outcomes are failures"}, done,
		}},
		{"line", emit(exchange.Event{Name: exchange.EventLimitFrozen, Status: 429, Delay: time.Minute, Reason: "quota core: retry-after"}), []map[string]any{
			{"level": "WARN", "msg": "limit frozen", "status": 429.0, "delay": 6e10, "reason": "quota core: retry-after"}, done,
		}},
		{"store back", emit(exchange.Event{Name: exchange.EventLimitStoreBack, Reason: "it answers again"}), []map[string]any{
			{"level": "INFO", "msg": "limit store back", "reason": "it answers again"}, done,
		}},
		{"events without a line", emit(exchange.Event{Name: exchange.EventRedirect, Status: 302}), []map[string]any{done}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log book
				ctx, call := exchange.WithCall(t.Context())
				call.API, call.Operation, call.RequestID = "acme", "user", "req-1"
				call.Template, call.PathValues = "/users/{id}", []string{"4711"}
				_ = do(t, wrap(t, logging.Config{Logger: log.logger(slog.LevelDebug)}, tc.next), get(t, ctx, u)) // the log says it
				got := log.lines(t)
				if len(got) != len(tc.want) {
					t.Fatalf("%d lines, want %d:\n%s", len(got), len(tc.want), log.bytes())
				}
				for i, want := range tc.want {
					want = maps.Clone(want)
					maps.Copy(want, map[string]any{
						"api": "acme", "operation": "user", "request_id": "req-1",
						"method": "GET", "url": "http://api.example/users/***?key=***",
					})
					delete(got[i], "time")
					if !reflect.DeepEqual(got[i], want) {
						t.Errorf("line %d:\n got %v\nwant %v", i, got[i], want)
					}
				}
			})
		})
	}
}

// The observers hear of the beginning and the end of the call.
func TestStartAndDone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reply godwittest.Reply
		want  exchange.Event
	}{
		"response": {godwittest.Status(404), exchange.Event{Name: exchange.EventCallDone, Status: 404}},
		"error":    {godwittest.Fail(io.EOF), exchange.Event{Name: exchange.EventCallDone, Cause: io.EOF}},
	} {
		ctx, call := exchange.WithCall(t.Context())
		var seen []exchange.Event
		call.Observe(exchange.ObserverFunc(func(_ context.Context, e exchange.Event) { seen = append(seen, e) }))
		var log book
		_ = do(t, wrap(t, logging.Config{Logger: log.logger(slog.LevelError + 1)}, godwittest.Script(tc.reply)), get(t, ctx, "http://api.example/")) // the events say it
		if len(seen) != 2 || seen[0].Name != exchange.EventCallStart || seen[1].Name != tc.want.Name || seen[1].Status != tc.want.Status || seen[1].Cause != tc.want.Cause {
			t.Errorf("%s: events %+v", name, seen)
		}
		if len(log.bytes()) != 0 {
			t.Errorf("%s: the level is off, and there are lines: %s", name, log.bytes())
		}
	}
}

// Of the successes one in four is logged, the first included; of everything
// else all.
func TestSample(t *testing.T) {
	t.Parallel()
	for sample, want := range map[int]int{0: 40, 1: 40, 4: 10, 40: 1, 1000: 1} {
		var log book
		rt := wrap(t, logging.Config{Sample: sample, Logger: log.logger(slog.LevelDebug)},
			godwittest.Always(godwittest.Func(func(r *godwittest.Request) godwittest.Reply {
				if r.URL.Path == "/fail" {
					return godwittest.Fail(io.EOF)
				}
				if r.URL.Path == "/status" {
					return godwittest.Status(500)
				}
				return godwittest.Status(200)
			})))
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				for _, path := range []string{"/", "/status", "/fail"} {
					_ = do(t, rt, get(t, t.Context(), "http://api.example"+path)) // the log says it
				}
			})
		}
		wg.Wait()
		count := map[any]int{}
		for _, line := range log.lines(t) {
			count[line["status"]]++
		}
		if count[200.0] != want || count[500.0] != 40 || count[nil] != 40 {
			t.Errorf("sample %d: lines per status %v, want %d successes, 40 and 40", sample, count, want)
		}
	}
}

func TestNegativeSample(t *testing.T) {
	t.Parallel()
	if _, err := logging.New(logging.Config{Sample: -1}); !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), "logging.sample: -1 is negative") {
		t.Errorf("error %v", err)
	}
}

// Only fields of the allow list are shown.
func TestHeaders(t *testing.T) {
	t.Parallel()
	var log book
	reply := godwittest.Status(200).With("Content-Type", "text/plain").With("Set-Cookie", "s=canary").
		With("X-Api-Key", "canary").With("Retry-After", "1").With("Retry-After", "2\x1b[31m").With("Server", strings.Repeat("x", 5000))
	if err := do(t, wrap(t, logging.Config{Headers: true, Logger: log.logger(slog.LevelDebug)}, godwittest.Script(reply)), get(t, t.Context(), "http://api.example/")); err != nil {
		t.Fatal(err)
	}
	lines := log.lines(t)
	if len(lines) != 1 || bytes.Contains(log.bytes(), []byte("canary")) {
		t.Fatalf("log: %s", log.bytes())
	}
	shown, ok := lines[0]["headers"].(map[string]any)
	if !ok || shown["Retry-After"] != `1, 2\x1b[31m` || shown["Content-Type"] == nil {
		t.Errorf("headers %v", shown)
	}
	if server, ok := shown["Server"].(string); !ok || len(server) > 600 {
		t.Errorf("the server's field is shown with %d bytes", len(server))
	}
	for _, name := range []string{"Set-Cookie", "X-Api-Key"} {
		if _, ok := shown[name]; ok {
			t.Errorf("%s is shown", name)
		}
	}
}

// The default logger is asked at each call, so that a program can set it later.
func TestDefaultLogger(t *testing.T) { // not parallel: it sets the default logger
	before := slog.Default()
	defer slog.SetDefault(before)
	rt := wrap(t, logging.Config{}, godwittest.Always(godwittest.Status(200)))
	var log book
	slog.SetDefault(log.logger(slog.LevelDebug))
	if err := do(t, rt, get(t, t.Context(), "http://api.example/")); err != nil {
		t.Fatal(err)
	}
	if len(log.lines(t)) != 1 {
		t.Errorf("log: %s", log.bytes())
	}
}

// nobody answers without allocating anything.
type nobody struct{ resp *http.Response }

func (n nobody) RoundTrip(*http.Request) (*http.Response, error) { return n.resp, nil }

// Where Debug is off, a call costs no allocation; nor does an attempt's event.
func TestDisabledAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	for name, level := range map[string]slog.Level{"info": slog.LevelInfo, "off": slog.LevelError + 1} {
		var log book
		next := nobody{&http.Response{StatusCode: 200, Body: http.NoBody}}
		rt := wrap(t, logging.Config{Logger: log.logger(level)}, next)
		plain := testing.AllocsPerRun(100, func() { run(t, next) })
		logged := testing.AllocsPerRun(100, func() { run(t, rt) })
		if logged != plain {
			t.Errorf("level %s: %v allocations with the policy, %v without", name, logged, plain)
		}
		if len(log.bytes()) != 0 {
			t.Errorf("level %s: there are lines: %s", name, log.bytes())
		}
	}
}

var allocURL = &url.URL{Scheme: "http", Host: "api.example", Path: "/"}

// run makes a call and reports an attempt of it.
func run(tb testing.TB, rt http.RoundTripper) {
	ctx, call := exchange.WithCall(context.Background())
	req := (&http.Request{Method: http.MethodGet, URL: allocURL}).WithContext(ctx)
	if _, err := rt.RoundTrip(req); err != nil {
		tb.Fatal(err)
	}
	call.Emit(req, exchange.Event{Name: exchange.EventAttemptDone, Status: 200})
}
