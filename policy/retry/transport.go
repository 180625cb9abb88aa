package retry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

const policy = "retry"

// spent says that the failure is the server's and the refusal to repeat ours.
const spent = "the local retry budget for this server is spent, see retry.budget"

type retrier struct {
	*Retry
	next http.RoundTripper
}

// RoundTrip makes the attempts of a call. It keeps the factory of the body;
// the attempts get a body each.
func (t *retrier) RoundTrip(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	if req.Context().Err() != nil {
		exchange.CloseBody(req)
		return nil, call.ContextError(req.Context(), policy, req)
	}
	entry := t.servers.Get(req.URL)
	defer entry.Release()
	r := round{Retry: t.Retry, incoming: incoming, req: req, call: call, server: entry.Value}
	r.most, r.budget, r.allowance = r.rules.attempts, &r.server.normal, r.rules.budget
	if call.Class == exchange.ClassBatch {
		r.most, r.budget, r.allowance = r.batchAttempts, &r.server.batch, r.batchBudget
	}
	return r.run(t.next)
}

// round is one RoundTrip: a call, or a hop of one that is redirected.
type round struct {
	*Retry
	incoming  *http.Request
	req       *http.Request
	call      *exchange.Call
	server    *server
	budget    *budget
	allowance allowance
	most      int // charged sends
	attempts  int // so far
}

// again is a further attempt that is about to be made.
type again struct {
	send    *http.Request
	wait    time.Duration
	charged bool // the budget paid
	receipt int64
	before  kept // the outcome that it is made for
}

// run sends until an outcome is the last.
func (r *round) run(next http.RoundTripper) (*http.Response, error) {
	a := again{send: r.req}
	for {
		now := r.attempt(next, a)
		if now.local && r.attempts > 1 && r.req.Context().Err() == nil {
			return r.heldBack(a, now)
		}
		v := r.decide(r.facts(now))
		if v.again {
			a, v = r.prepare(v)
		}
		if !v.again {
			return r.stop(now, v, now.delay)
		}
		if now.resp != nil {
			keep(r.req.Context(), r.call, r.req, now.resp)
		}
		a.before = now
		r.call.Emit(r.req, exchange.Event{Name: exchange.EventRetryWait, Live: r.call.LastAttempt(), Status: now.status, Delay: v.wait, Reason: v.reason, Cause: now.err})
		if !sleep(r.req.Context(), v.wait) {
			exchange.CloseBody(a.send)
			r.refund(a)
			return nil, r.call.ContextError(r.req.Context(), policy, r.req)
		}
	}
}

// attempt sends once and books it.
func (r *round) attempt(next http.RoundTripper, a again) kept {
	r.attempts++
	r.call.SetRetryAfter(0)
	resp, err := exchange.Send(next, a.send, r.call, a.wait)
	if resp != nil {
		resp.Request = r.incoming
	}
	live := r.call.LastAttempt()
	now := kept{resp, err, outcomeOf(resp, err, live)}
	if now.local {
		return now
	}
	resent := live.Resent()
	r.budget.sent(r.allowance, time.Since(r.start), 1+resent, resent)
	if resp != nil && now.status < 400 {
		r.server.observe(live.Latency())
	}
	return now
}

// facts collects what the decision needs.
func (r *round) facts(now kept) facts {
	f := facts{outcome: now.outcome}
	if now.status != 0 && !now.refused && r.when == nil && !slices.Contains(r.statuses, now.status) {
		return f // the way of a success: nothing else is asked
	}
	ctx, live := r.req.Context(), r.call.LastAttempt()
	f.ended = ctx.Err() != nil
	if r.when != nil && !f.ended && !f.final {
		f.decision = r.when(Outcome{Request: r.incoming, Response: now.resp, Err: now.err, Attempt: live.Number(), Sent: now.sent})
	}
	f.held = f.held && r.most > 1 // where retrying is off, going back to the line is too
	if f.held || r.most > 1 && r.call.Class == exchange.ClassBatch && live.Has(exchange.FactProbe) {
		live.Note(exchange.FactFree)
	}
	f.most, f.attempt, f.all, f.refusals = r.most, r.attempts, r.call.AttemptCount(), r.call.Refusals()
	f.sends = r.call.ChargedCount() - len(r.call.Redirects())
	f.rewindable = !hasBody(r.req) || r.req.GetBody != nil
	f.repeatable = slices.Contains(r.methods, method(r.req)) || r.call.Idempotent || r.call.IdempotencyKey != "" || keyed(r.req.Header)
	f.left, f.bounded = r.call.Remaining(ctx)
	f.latency = time.Duration(r.server.latency.Load())
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

// prepare opens the body anew and pays. Whatever fails, the last outcome can
// still be returned, and the verdict says why it is.
func (r *round) prepare(v verdict) (again, verdict) {
	a := again{send: r.req, wait: v.wait}
	if hasBody(r.req) {
		body, err := r.req.GetBody()
		if err != nil {
			return a, verdict{reason: "the request body cannot be opened a second time"}
		}
		a.send = r.req.WithContext(r.req.Context())
		a.send.Body = body
	}
	if v.line {
		r.call.MarkRefused()
		return a, v
	}
	if a.receipt, a.charged = r.budget.take(r.allowance, time.Since(r.start)); !a.charged {
		if a.send != r.req {
			exchange.CloseBody(a.send)
		}
		return a, verdict{reason: spent, kind: exchange.ErrRetryBudget}
	}
	return a, v
}

// refund gives back what was paid for an attempt that was not sent.
func (r *round) refund(a again) {
	if a.charged {
		r.budget.giveBack(a.receipt)
	}
}

// heldBack returns the outcome before: this client itself kept the attempt from
// being sent.
func (r *round) heldBack(a again, now kept) (*http.Response, error) {
	r.refund(a)
	reason := fmt.Sprintf("the next attempt was held back here: %s", now.kind)
	if own, ok := errors.AsType[*exchange.Error](now.err); ok && own.Err != nil {
		reason += ": " + own.Err.Error()
	}
	return r.stop(a.before, verdict{reason: reason, kind: now.kind}, max(a.before.delay, now.delay))
}

// stop returns the last outcome and says why it is the last, and when another
// try makes sense.
func (r *round) stop(last kept, v verdict, delay time.Duration) (*http.Response, error) {
	r.call.SetRetryAfter(delay)
	r.call.SetStop(v.reason, v.kind)
	if v.reason != "" {
		r.call.Emit(r.req, exchange.Event{Name: exchange.EventRetryGaveUp, Live: r.call.LastAttempt(), Status: last.status, Delay: delay, Reason: v.reason, Cause: last.err})
	}
	if last.err != nil {
		return nil, withReason(r.call, r.req, last.err, last.kind, v)
	}
	return last.resp, nil
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
