package hedge

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/upstream"
)

// errLost ends the attempt that is answered second.
var errLost = errors.New("another attempt of the call was answered first")

type hedger struct {
	Config
	rules
	origins *upstream.Table[origin]
	next    http.RoundTripper
}

// RoundTrip sends the request, and once more if it takes too long.
func (h *hedger) RoundTrip(req *http.Request) (*http.Response, error) {
	live := exchange.LiveFrom(req.Context())
	if live == nil {
		return h.alone(req)
	}
	entry := h.origins.Get(req.URL)
	defer entry.Release()
	o := entry.Value
	o.send(h.budget)
	op := operationOf(req, live.Call())
	after := h.after
	if h.share > 0 {
		after = o.after(op)
	}
	start := time.Now()
	var resp *http.Response
	var err error
	if after > 0 && harmless(req, live) {
		r := race{hedger: h, origin: o, req: req, live: live, after: after}
		resp, err = r.run()
	} else {
		resp, err = h.next.RoundTrip(req)
	}
	if h.share > 0 && resp != nil && telling(resp.StatusCode, live) {
		o.observe(op, time.Since(start), h.share)
	}
	return resp, err
}

// alone serves a chain in which nobody else makes attempts.
func (h *hedger) alone(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	resp, err := exchange.Send(h, req, call, 0)
	if resp != nil {
		resp.Request = incoming
	}
	return resp, err
}

// operationOf returns what a request has its times in common with: the named
// operation, else the path template, else all of its method.
func operationOf(req *http.Request, call *exchange.Call) operation {
	op := operation{req.Method, call.Operation}
	if op.name == "" {
		op.name = call.Template
	}
	return op
}

// harmless reports whether the server may get the request twice at the same
// time, and the request can be sent twice.
func harmless(req *http.Request, live *exchange.Live) bool {
	call, source := live.Call(), live.Source()
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
	default:
		if !call.Idempotent {
			return false
		}
	}
	return call.Class != exchange.ClassBatch && !live.Has(exchange.FactProbe) && len(req.Header["Upgrade"]) == 0 &&
		(!hasBody(source) || source.GetBody != nil)
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// telling reports whether an answer says something about the time that the
// operation needs: refusals and failures are often faster, or much slower.
func telling(status int, live *exchange.Live) bool {
	return status < 500 && status != http.StatusTooManyRequests && !live.Has(exchange.FactRefused)
}

// race is a request that may be sent twice. The first send runs in the goroutine
// of the call, the second in that of the timer; the second ends at the latest
// when the first has an answer or the call ends.
type race struct {
	*hedger
	origin *origin
	req    *http.Request
	live   *exchange.Live
	after  time.Duration

	mu     sync.Mutex
	over   bool           // the first send has an answer
	won    bool           // the second has
	second *exchange.Live // nil: it was not sent
	done   chan struct{}  // closed when the second send is over
	resp   *http.Response // of the second send, if it won
}

// run sends, and returns the answer that comes first; if there is none, the
// error of the first send.
func (r *race) run() (resp *http.Response, err error) {
	timer := time.AfterFunc(r.after, r.hedge)
	defer func() { // on a panic too: what is beneath may be the caller's own code
		timer.Stop()
		r.end()
	}()
	resp, err = r.next.RoundTrip(r.req)
	second, cause := r.other(err)
	if second == nil {
		return resp, err
	}
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // both were answered; this one is not wanted
	}
	r.live.Yield(cause)
	return second, nil
}

// other is called when the first send has come to an end. It returns the answer
// of the second one if that is the call's, and why the first one's is not.
func (r *race) other(err error) (resp *http.Response, cause error) {
	r.mu.Lock()
	lost := r.won
	if r.second == nil || err == nil && !lost {
		r.over = true
		r.mu.Unlock()
		return nil, nil
	}
	r.mu.Unlock()
	<-r.done // without an answer to the first send the second is the only hope
	if resp, r.resp = r.resp, nil; lost {
		err = errLost
	}
	return resp, err
}

// end makes sure that nothing is left of a second send that nobody waits for.
func (r *race) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.second != nil && !r.won {
		r.second.Cancel(errLost)
	}
	if r.resp != nil && r.resp.Body != nil {
		_ = r.resp.Body.Close() // nobody came for it
	}
}

// hedge makes the second send, if that is still wanted and allowed.
func (r *race) hedge() {
	req := r.prepare()
	if req == nil {
		return
	}
	call := r.live.Call()
	call.Emit(req, exchange.Event{Name: exchange.EventHedgeSent, Live: r.second, Delay: r.after, Reason: r.reason()})
	resp, err := r.second.Run(r.next)
	defer close(r.done)
	switch {
	case err != nil:
	case r.wins(resp):
		call.Emit(req, exchange.Event{Name: exchange.EventHedgeWon, Live: r.second, Status: resp.StatusCode})
	case resp.Body != nil:
		_ = resp.Body.Close() // the other attempt's answer is the call's
	}
}

// wins makes the answer of the second send that of the call, unless the first
// one was faster.
func (r *race) wins(resp *http.Response) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	r.won, r.resp = true, resp
	r.second.Win()
	r.live.Cancel(errLost)
	return true
}

// prepare begins the second attempt; nil if there is none.
func (r *race) prepare() *http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	source := r.live.Source()
	if r.over || source.Context().Err() != nil {
		return nil
	}
	req := source.WithContext(source.Context())
	if hasBody(source) {
		body, err := source.GetBody()
		if err != nil {
			return nil // the first send goes on
		}
		req.Body = body
	}
	if !r.allowed() {
		exchange.CloseBody(req)
		return nil
	}
	r.second, r.done = exchange.Beside(req, r.live.Call()), make(chan struct{})
	return req
}

// allowed reports whether the upstream is well, and pays.
func (r *race) allowed() bool {
	u := r.req.URL
	if r.Health != nil && r.Health.Health(u) < 1 || r.Line != nil && r.Line.Headroom(u) <= r.minHeadroom || !r.origin.take() {
		return false
	}
	if r.Budgets != nil && !r.Budgets.Spend(u) {
		r.origin.giveBack()
		return false
	}
	return true
}

func (r *race) reason() string {
	if r.share > 0 {
		return fmt.Sprintf("no answer within %v, the time of %d %% of the operation's calls", r.after.Round(time.Millisecond), r.share)
	}
	return fmt.Sprintf("no answer within %v", r.after)
}
