package logging_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/policy/logging"
)

// every is an inner chain that reports each event there is, with the text in
// every place that takes one, and ends with err or a response.
func every(text string, header http.Header, err error) http.RoundTripper {
	return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		call := exchange.CallFrom(req.Context())
		cause := fmt.Errorf("%s: %w", text, io.EOF)
		for _, name := range []string{
			exchange.EventAttemptStart, exchange.EventAttemptDone, exchange.EventRetryWait, exchange.EventRetryGaveUp, exchange.EventRetryResent,
			exchange.EventRedirect, exchange.EventRedirectRefused, exchange.EventAuthRefused, exchange.EventAuthStripped, exchange.EventCallBody,
			exchange.EventBreakerOpen, exchange.EventBreakerHalfOpen, exchange.EventBreakerClosed, exchange.EventBreakerStoreLost, exchange.EventBreakerStoreBack,
			exchange.EventLimitRefused, exchange.EventLimitFrozen, exchange.EventLimitQuotaDrift, exchange.EventLimitStoreLost, exchange.EventLimitStoreBack,
		} {
			for _, c := range []error{cause, call.NewError(exchange.ErrConnect, "", req, cause), &url.Error{Op: "Get", URL: req.URL.String(), Err: cause}} {
				call.Emit(req, exchange.Event{Name: name, Status: 503, Delay: time.Second, Reason: text, Cause: c})
			}
		}
		call.SetStop(text, nil)
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: 200, Header: header, Body: http.NoBody, Request: req}, nil
	})
}

// TestLG1_NoCanary puts a secret wherever a request can carry one.
func TestLG1_NoCanary(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func(io.Writer, *slog.HandlerOptions) slog.Handler{
		"json": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewJSONHandler(w, o) },
		"text": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(w, o) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			canary := godwittest.NewCanary(t)
			secret := canary.Secret()
			var log book
			logger := slog.New(handler(io.MultiWriter(&log, canary.Writer("log")), &slog.HandlerOptions{Level: slog.LevelDebug}))
			for _, end := range []error{
				nil,
				errors.New("the key " + secret + " was refused"),
				&url.Error{Op: "Get", URL: "http://user:" + secret + "@api.example/", Err: io.EOF},
				&exchange.Error{Kind: exchange.ErrConnect, Err: io.EOF},
			} {
				ctx, call := exchange.WithCall(t.Context())
				call.Redactor = new(redact.Redactor)
				call.Redactor.Add(secret)
				call.Template, call.PathValues = "/users/{id}", []string{"id-" + secret}
				call.RequestID = "req-" + secret
				req := get(t, ctx, "http://user:"+secret+"@api.example/users/id-"+secret+"?key="+secret+"&"+secret+"#"+secret)
				req.Header.Set("Authorization", "Bearer "+secret)
				req.Header.Set("Cookie", "session="+secret)
				header := http.Header{"Server": {secret}, "Set-Cookie": {"s=" + secret}, "X-Echo": {secret}, "Location": {"/?key=" + secret}, secret: {secret}}
				rt := wrap(t, logging.Config{Headers: true, Logger: logger}, every("it says "+secret, header, end))
				_ = do(t, rt, req) // the log says it
			}
			if n := bytes.Count(log.bytes(), []byte("\n")); n < 40 {
				t.Errorf("%d lines:\n%s", n, log.bytes())
			}
			canary.Assert()
		})
	}
}

// A secret that is not known as one is hidden too, by its place.
func TestLG1_UnknownSecrets(t *testing.T) {
	t.Parallel()
	var log book
	ctx, call := exchange.WithCall(t.Context())
	call.PathValues = []string{"4711-canary"}
	req := get(t, ctx, "http://canary:canary@api.example/users/4711-canary?key=canary&canary#canary")
	rt := wrap(t, logging.Config{Headers: true, Logger: log.logger(slog.LevelDebug)}, every("no", http.Header{"X-Token": {"canary"}}, nil))
	if err := do(t, rt, req); err != nil {
		t.Fatal(err)
	}
	if len(log.lines(t)) < 10 || bytes.Contains(log.bytes(), []byte("canary")) {
		t.Errorf("log:\n%s", log.bytes())
	}
}

// TestLG4_Injection: whatever the texts hold, a record is one line of JSON, and
// nothing that could steer a terminal is in it.
func TestLG4_Injection(t *testing.T) {
	t.Parallel()
	const evil = "a\x1b[2J\r\nlevel=ERROR\u202e\u2028\x00\x7f\u009b\x9bz"
	var log book
	for _, end := range []error{nil, errors.New(evil), &exchange.Error{Kind: exchange.ErrConnect, Policy: evil, Err: errors.New(evil)}} {
		ctx, call := exchange.WithCall(t.Context())
		call.API, call.Operation, call.RequestID = evil, evil, evil
		req := get(t, ctx, "http://api.example/")
		req.Method = evil
		req.URL = &url.URL{Scheme: "http", Host: "api.example" + evil, Path: "/" + evil, RawQuery: evil + "=1"}
		rt := wrap(t, logging.Config{Headers: true, Logger: log.logger(slog.LevelDebug)}, every(evil, http.Header{"Server": {evil}, "Etag" + evil: {evil}}, end))
		_ = do(t, rt, req) // the log says it
	}
	lines := log.lines(t)
	if len(lines) < 20 {
		t.Fatalf("%d lines", len(lines))
	}
	if i := bytes.IndexAny(log.bytes(), "\x1b\r\x00\x7f\u202e\u2028\u009b"); i >= 0 {
		t.Errorf("raw control character at byte %d: %q", i, log.bytes()[max(0, i-20):i+1])
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if redact.Printable(v) != v {
				t.Errorf("a value is not fit for a terminal: %q", v)
			}
		case map[string]any:
			for name, inner := range v {
				walk(name)
				walk(inner)
			}
		}
	}
	for _, line := range lines {
		walk(line)
	}
}

// Texts of a server's making do not grow the log without bound.
func TestLG4_Bounded(t *testing.T) {
	t.Parallel()
	var log book
	long := strings.Repeat("x", 1<<20)
	rt := wrap(t, logging.Config{Headers: true, Logger: log.logger(slog.LevelDebug)}, every(long, http.Header{"Server": {long}}, errors.New(long)))
	_ = do(t, rt, get(t, t.Context(), "http://api.example/")) // the log says it
	if n := len(log.lines(t)); n < 10 || len(log.bytes()) > n*4096 {
		t.Errorf("%d lines of %d bytes", n, len(log.bytes()))
	}
}
