package exchange

import (
	"context"
	"net/http"
	"time"
)

// Names of the events that the policies report. The part before the dot is the
// policy.
const (
	EventCallStart        = "call.start"         // a call enters the chain
	EventCallDone         = "call.done"          // response headers or the final error are known
	EventCallBody         = "call.body"          // a response body was read to its end, failed or was closed
	EventAttemptStart     = "attempt.start"      // one send begins
	EventAttemptDone      = "attempt.done"       // its response headers or its error are known
	EventRetryWait        = "retry.wait"         // a wait before the next attempt begins
	EventRetryGaveUp      = "retry.gave_up"      // no further attempt although the outcome was not a success
	EventRetryResent      = "retry.resent"       // the request was sent again at once: by net/http itself, or without its Expect
	EventRedirect         = "redirect.follow"    // a redirect is about to be followed
	EventRedirectRefused  = "redirect.refused"   // a redirect is not followed
	EventAuthRefused      = "auth.refused"       // the origin guard held a request back
	EventAuthStripped     = "auth.stripped"      // a hop left the origin set and goes on anonymously
	EventBreakerOpen      = "breaker.open"       // calls to the upstream are held back; Delay is the time until the first probe
	EventBreakerProbe     = "breaker.probe"      // this attempt finds out whether the upstream is back
	EventBreakerHalfOpen  = "breaker.half_open"  // the upstream answers; the load grows slowly
	EventBreakerClosed    = "breaker.closed"     // the breaker holds nothing back any more
	EventBreakerStoreLost = "breaker.store_lost" // the store that a fleet shares does not answer; Cause says why
	EventBreakerStoreBack = "breaker.store_back" // it answers again
	EventBulkheadWait     = "bulkhead.wait"      // a wait for a slot begins
	EventHedgeSent        = "hedge.sent"         // no answer after a while: the request is sent a second time; Delay is how long that was
	EventHedgeWon         = "hedge.won"          // the second send was answered first
	EventLimitWait        = "limit.wait"         // a wait for a place in the line begins
	EventLimitRefused     = "limit.refused"      // the server refused the call for want of quota; Delay is what it asks to wait
	EventLimitFrozen      = "limit.frozen"       // a line is held back; Delay is for how long
	EventLimitQuotaDrift  = "limit.quota_drift"  // the server states another quota than is declared
	EventLimitStoreLost   = "limit.store_lost"   // the store that a fleet shares does not answer; Reason says why
	EventLimitStoreBack   = "limit.store_back"   // it answers again
)

// Event is one thing that happened to a call. What costs something to make is
// made when it is asked for.
type Event struct {
	Name   string        // one of the Event constants
	Status int           // response status; 0 without a response
	Delay  time.Duration // a wait that begins; 0 for none
	Bytes  int64         // bytes of body read, for call.body
	Reason string        // one phrase: why
	Live   *Live         // the attempt, for attempt and retry events
	Cause  error         // raw cause: not for printing, see Err

	call *Call
	req  *http.Request
}

// Call returns the call that it happened to.
func (e Event) Call() *Call { return e.call }

// Method returns the request's method.
func (e Event) Method() string { return methodOf(e.req) }

// URL returns the redacted URL.
func (e Event) URL() string { return e.call.RedactURL(e.req.URL) }

// Err returns the cause, fit to be shown.
func (e Event) Err() error { return scrub(e.Cause, e.call.Redactor) }

// Attempt returns the record of the attempt; ok is false if the event is about
// the whole call.
func (e Event) Attempt() (record Attempt, ok bool) {
	if e.Live == nil {
		return Attempt{}, false
	}
	return e.Live.Record(), true
}

// Observer receives events: logs, metrics, traces and the call log are
// observers. Observe is called synchronously and from several goroutines; it
// must return quickly and must not call back into the client.
type Observer interface {
	Observe(ctx context.Context, e Event)
}

// ObserverFunc adapts a function to [Observer].
type ObserverFunc func(ctx context.Context, e Event)

// Observe calls f.
func (f ObserverFunc) Observe(ctx context.Context, e Event) { f(ctx, e) }
