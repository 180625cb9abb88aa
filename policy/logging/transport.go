package logging

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

type logger struct {
	next      http.RoundTripper
	sample    uint64
	headers   bool
	set       *slog.Logger
	successes atomic.Uint64
}

// log returns the logger if it takes records of that level, else nil.
func (l *logger) log(ctx context.Context, level slog.Level) *slog.Logger {
	to := l.set
	if to == nil {
		to = slog.Default()
	}
	if !to.Enabled(ctx, level) {
		return nil
	}
	return to
}

// RoundTrip reports the beginning and the end of the call. What happens between
// comes in as events.
func (l *logger) RoundTrip(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	ctx := req.Context()
	if l.log(ctx, slog.LevelWarn) != nil {
		call.Observe(l)
	}
	call.Emit(req, exchange.Event{Name: exchange.EventCallStart})
	resp, err := l.next.RoundTrip(req)
	if err != nil {
		call.Emit(req, exchange.Event{Name: exchange.EventCallDone, Cause: err})
		l.failed(ctx, call, req, err)
		return nil, err
	}
	if resp.Request == req { // not after a redirect: then it is the last hop's
		resp.Request = incoming
	}
	call.Emit(req, exchange.Event{Name: exchange.EventCallDone, Status: resp.StatusCode})
	l.answered(ctx, call, req, resp)
	return resp, nil
}

// answered logs a call that has a response. Of the successes only a sample is
// logged.
func (l *logger) answered(ctx context.Context, call *exchange.Call, req *http.Request, resp *http.Response) {
	to := l.log(ctx, slog.LevelDebug)
	if to == nil {
		return
	}
	if resp.StatusCode < 400 && (l.successes.Add(1)-1)%l.sample != 0 {
		return
	}
	var r record
	r.about(call, req)
	r.add(slog.Int("status", resp.StatusCode), slog.Int("attempts", call.AttemptCount()), slog.Duration("duration", time.Since(call.Start)))
	r.text(call, "reason", call.StopReason())
	r.delay(call.RetryAfter())
	if l.headers {
		r.add(headers(call, resp.Header))
	}
	to.LogAttrs(ctx, slog.LevelDebug, "call", r.attrs...)
}

// failed logs a call without a response. That the caller gave up is no failure
// and no news to it.
func (l *logger) failed(ctx context.Context, call *exchange.Call, req *http.Request, err error) {
	f := failureOf(call, err)
	level := slog.LevelWarn
	if f.kind == exchange.ErrCanceled {
		level = slog.LevelDebug
	}
	to := l.log(ctx, level)
	if to == nil {
		return
	}
	var r record
	r.about(call, req)
	r.add(slog.Int("attempts", call.AttemptCount()), slog.Duration("duration", time.Since(call.Start)))
	r.failure(call, f)
	r.text(call, "reason", call.StopReason())
	r.delay(f.delay)
	to.LogAttrs(ctx, level, "call failed", r.attrs...)
}

// line says how an event is logged.
type line struct {
	level   slog.Level
	message string
}

// lineOf returns the line of an event; ok is false for those that have none.
func lineOf(e exchange.Event) (l line, ok bool) {
	switch e.Name {
	case exchange.EventRetryWait:
		return line{slog.LevelInfo, "retry"}, true
	case exchange.EventRetryResent:
		return line{slog.LevelInfo, "resent"}, true
	case exchange.EventRetryGaveUp: // without a response the failed call says it
		return line{slog.LevelWarn, "retry gave up"}, e.Status != 0
	case exchange.EventAuthRefused:
		return line{slog.LevelWarn, "credential refused"}, true
	case exchange.EventAuthStripped:
		return line{slog.LevelInfo, "credential left behind"}, true
	case exchange.EventRedirectRefused:
		return line{slog.LevelWarn, "redirect refused"}, true
	case exchange.EventCallBody:
		return line{slog.LevelWarn, "body failed"}, e.Cause != nil
	}
	l, ok = flowLines[e.Name]
	return l, ok
}

// flowLines are the lines of the policies that hold calls back: each change of
// their state once, with what was read and for how long.
var flowLines = map[string]line{
	exchange.EventBreakerOpen:      {slog.LevelWarn, "breaker open"},
	exchange.EventBreakerHalfOpen:  {slog.LevelInfo, "breaker half-open"},
	exchange.EventBreakerClosed:    {slog.LevelInfo, "breaker closed"},
	exchange.EventBreakerStoreLost: {slog.LevelWarn, "breaker store lost"},
	exchange.EventBreakerStoreBack: {slog.LevelInfo, "breaker store back"},
	exchange.EventLimitRefused:     {slog.LevelWarn, "limit refused"},
	exchange.EventLimitFrozen:      {slog.LevelWarn, "limit frozen"},
	exchange.EventLimitQuotaDrift:  {slog.LevelWarn, "limit quota drift"},
	exchange.EventLimitStoreLost:   {slog.LevelWarn, "limit store lost"},
	exchange.EventLimitStoreBack:   {slog.LevelInfo, "limit store back"},
}

// Observe logs the events that have a line of their own.
func (l *logger) Observe(ctx context.Context, e exchange.Event) {
	as, ok := lineOf(e)
	if !ok || l.log(ctx, as.level) == nil {
		return
	}
	call := e.Call()
	f := failureOf(call, e.Cause)
	if e.Name == exchange.EventCallBody && f.kind == exchange.ErrCanceled {
		as.level = slog.LevelDebug // as in failed
	}
	to := l.log(ctx, as.level)
	if to == nil {
		return
	}
	var r record
	r.about(call, nil)
	r.add(slog.String("method", show(call, e.Method())), slog.String("url", e.URL()))
	r.event(call, e, f)
	to.LogAttrs(ctx, as.level, as.message, r.attrs...)
}
