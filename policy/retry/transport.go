package retry

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/upstream"
)

const policy = "retry"

// spent says that the failure is the server's and the refusal to repeat ours.
const spent = "the local retry budget for this server is spent, see retry.budget"

// Bounds of what is read of an answer that is thrown away, so that its
// connection can be used again.
const (
	drainBytes = 64 << 10
	drainTime  = 50 * time.Millisecond
)

type retrier struct {
	next http.RoundTripper
	rules
	budgets *upstream.Table[budget]
	start   time.Time // budgets count time from here
}

// RoundTrip makes the attempts of a call. It keeps the factory of the body;
// the attempts get a body each.
func (r *retrier) RoundTrip(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	ctx := req.Context()
	if ctx.Err() != nil {
		exchange.CloseBody(req)
		return nil, call.ContextError(ctx, policy, req)
	}
	entry := r.budgets.Get(req.URL)
	defer entry.Release()
	send, wait := req, time.Duration(0)
	for attempt := 1; ; attempt++ {
		call.SetRetryAfter(0)
		resp, err := exchange.Send(r.next, send, call, wait)
		resent := call.LastAttempt().Resent()
		entry.Value.sent(r.budget, time.Since(r.start), 1+resent, resent)
		if resp != nil {
			resp.Request = incoming
		}
		o := outcomeOf(resp, err, call.LastAttempt())
		v := r.decide(r.facts(req, call, o, attempt))
		if v.again && !entry.Value.take(r.budget, time.Since(r.start)) {
			v = verdict{reason: spent, kind: exchange.ErrRetryBudget}
		}
		var next *http.Request
		if v.again {
			next, v = rewind(req, v)
		}
		if !v.again {
			return r.stop(req, call, resp, err, o, v)
		}
		if resp != nil {
			discard(ctx, resp)
		}
		call.Emit(req, exchange.Event{Name: exchange.EventRetryWait, Live: call.LastAttempt(), Status: o.status, Delay: v.wait, Reason: v.reason, Cause: err})
		if !sleep(ctx, v.wait) {
			exchange.CloseBody(next)
			return nil, call.ContextError(ctx, policy, req)
		}
		send, wait = next, v.wait
	}
}

// facts collects what the decision needs.
func (r *retrier) facts(req *http.Request, call *exchange.Call, o outcome, attempt int) facts {
	if o.status != 0 && !slices.Contains(r.statuses, o.status) {
		return facts{outcome: o} // the way of a success: nothing else is asked
	}
	ctx := req.Context()
	f := facts{
		outcome: o, ended: ctx.Err() != nil,
		sends: call.AttemptCount() - len(call.Redirects()), attempt: attempt,
		rewindable: !hasBody(req) || req.GetBody != nil,
	}
	f.repeatable = slices.Contains(r.methods, method(req)) || call.Idempotent || call.IdempotencyKey != "" || keyed(req.Header)
	f.left, f.bounded = call.Remaining(ctx)
	return f
}

// keyed reports whether the caller's own header makes repeating harmless. These
// are the two names that net/http knows too.
func keyed(h http.Header) bool {
	return h.Get("Idempotency-Key") != "" || h.Get("X-Idempotency-Key") != ""
}

func method(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// rewind returns the request for another attempt. It is called while the last
// outcome can still be returned, which it is if the body cannot be had again.
func rewind(req *http.Request, v verdict) (*http.Request, verdict) {
	if !hasBody(req) {
		return req, v
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, verdict{reason: "the request body cannot be opened a second time"}
	}
	next := req.WithContext(req.Context())
	next.Body = body
	return next, v
}

// stop returns the last outcome and says why it is the last.
func (r *retrier) stop(req *http.Request, call *exchange.Call, resp *http.Response, err error, o outcome, v verdict) (*http.Response, error) {
	reason := v.reason
	call.SetRetryAfter(o.delay)
	call.SetStop(reason, v.kind)
	if reason != "" {
		call.Emit(req, exchange.Event{Name: exchange.EventRetryGaveUp, Live: call.LastAttempt(), Status: o.status, Delay: o.delay, Reason: reason, Cause: err})
	}
	if err != nil {
		return nil, withReason(call, req, err, o.kind, v)
	}
	return resp, nil
}

// discard throws an answer away, within bounds of bytes and time. The reader
// ends at the latest when the body is closed.
func discard(ctx context.Context, resp *http.Response) {
	if resp.Body == http.NoBody || resp.ContentLength > drainBytes {
		_ = resp.Body.Close() // nothing of this answer is wanted
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.CopyN(io.Discard, resp.Body, drainBytes) // it fails at the end, or the connection is lost anyway
	}()
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
	_ = resp.Body.Close() // as above
}

// sleep waits for d; it reports false as soon as ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
