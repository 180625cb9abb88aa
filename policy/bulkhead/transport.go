package bulkhead

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/upstream"
)

const policy = "bulkhead"

// gate is the line of one upstream.
type gate struct {
	mu sync.Mutex
	line
}

type bulkhead struct {
	next   http.RoundTripper
	gates  *upstream.Table[gate]
	health Health
}

// RoundTrip takes a slot, waits for one if it must, and keeps it until the end
// of the response body.
func (b *bulkhead) RoundTrip(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	ctx := req.Context()
	if ctx.Err() != nil {
		exchange.CloseBody(req)
		return nil, call.ContextError(ctx, policy, req)
	}
	s := slot{entry: b.gates.Get(req.URL)}
	if err := b.enter(s.entry.Value, req, call); err != nil {
		s.entry.Release()
		exchange.CloseBody(req)
		return nil, err
	}
	s.start = time.Now()
	kept := false
	defer func() { // on a panic too: what is beneath may be the caller's own code
		if !kept {
			s.free()
		}
	}()
	resp, err := b.next.RoundTrip(req)
	if resp != nil {
		resp.Request = incoming
		kept = err == nil && s.keep(resp)
	}
	return resp, err
}

// slot is one slot of an upstream in use.
type slot struct {
	entry *upstream.Entry[gate]
	start time.Time
}

// free gives the slot back; it must run once.
func (s *slot) free() {
	g, now := s.entry.Value, time.Now()
	g.mu.Lock()
	g.held(now.Sub(s.start))
	g.leaveSlot(now)
	g.mu.Unlock()
	s.entry.Release()
}

// keep puts the end of the slot behind the end of the response body; false if
// there is no body to wait for.
func (s *slot) keep(resp *http.Response) bool {
	if resp.Body == nil || resp.Body == http.NoBody {
		return false
	}
	b := &body{inner: resp.Body, slot: *s}
	resp.Body = b
	if w, ok := b.inner.(io.Writer); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = struct {
			*body
			io.Writer
		}{b, w}
	}
	return true
}

// body is a response body that holds a slot.
type body struct {
	inner io.ReadCloser
	slot  slot
	freed atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.inner.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *body) Close() error {
	err := b.inner.Close()
	b.end()
	return err
}

func (b *body) end() {
	if !b.freed.Swap(true) {
		b.slot.free()
	}
}

// enter takes a slot. A call whose upstream fails while it waits asks the breaker
// anew, and then waits anew.
func (b *bulkhead) enter(g *gate, req *http.Request, call *exchange.Call) error {
	for {
		err := b.take(g, req, call)
		live := exchange.LiveFrom(req.Context())
		switch {
		case !errors.Is(err, errStopped):
			return err
		case live == nil || !live.Gated():
			return refuse(call, req, exchange.ErrCircuitOpen, 0, errStopped)
		}
		if err := live.Readmit(req); err != nil {
			return err
		}
	}
}

// errStopped: the breaker opened while the call waited for a slot.
var errStopped = errors.New("the breaker opened while the call waited for a slot")

// take takes a slot for the request, which may need a wait.
func (b *bulkhead) take(g *gate, req *http.Request, call *exchange.Call) error {
	g.mu.Lock()
	if g.enter() {
		g.mu.Unlock()
		return nil
	}
	left, bounded := call.Remaining(req.Context())
	eta := g.eta()
	switch {
	case g.full():
		waiting := g.waiting
		g.mu.Unlock()
		return refuse(call, req, exchange.ErrRateLimited, eta, fmt.Errorf("%d calls are in flight and %d wait, and no more may (bulkhead.max_queue)", g.slots, waiting))
	case bounded && left <= eta:
		g.mu.Unlock()
		return refuse(call, req, exchange.ErrWouldMissDeadline, eta, fmt.Errorf("the calls that wait for a slot already take %v, and the call has %v left", eta.Round(time.Millisecond), max(0, left.Round(time.Millisecond))))
	}
	w := &waiter{ctx: req.Context(), deadline: call.Deadline, ready: make(chan struct{})}
	g.join(w)
	g.mu.Unlock()
	call.Emit(req, exchange.Event{Name: exchange.EventBulkheadWait, Live: exchange.LiveFrom(req.Context()), Delay: eta, Reason: "all slots of the upstream are taken"})
	if err := g.wait(req, call, w); err != nil {
		return err
	}
	if b.stopped(req) {
		g.giveUp(w)
		return errStopped
	}
	return nil
}

// stopped reports whether nothing may be sent any more. The breaker's own probe
// may.
func (b *bulkhead) stopped(req *http.Request) bool {
	if live := exchange.LiveFrom(req.Context()); live != nil && live.Has(exchange.FactProbe) {
		return false
	}
	return b.health != nil && b.health.Health(req.URL) == 0
}

// refuse turns a call away; nothing of it was sent.
func refuse(call *exchange.Call, req *http.Request, kind *exchange.Kind, after time.Duration, cause error) error {
	e := call.NewError(kind, policy, req, cause)
	e.RetryAfter = after
	return e
}

// wait waits for w's slot, no longer than the call has time. A slot that comes
// together with the end is given on.
func (g *gate) wait(req *http.Request, call *exchange.Call, w *waiter) error {
	var over <-chan time.Time
	if !w.deadline.IsZero() {
		timer := time.NewTimer(time.Until(w.deadline))
		defer timer.Stop()
		over = timer.C
	}
	ctx := req.Context()
	select {
	case <-w.ready:
		if ctx.Err() == nil {
			return nil
		}
	case <-ctx.Done():
	case <-over:
	}
	g.giveUp(w)
	return waitError(ctx, call, req)
}

// giveUp takes a waiter that is gone out of the line, with the slot that it may
// have been given meanwhile.
func (g *gate) giveUp(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.granted {
		g.leaveSlot(time.Now())
		return
	}
	g.leave(w)
}

func waitError(ctx context.Context, call *exchange.Call, req *http.Request) error {
	if ctx.Err() != nil {
		return call.ContextError(ctx, policy, req)
	}
	return call.NewError(exchange.ErrTotalTimeout, policy, req, errors.New("no slot became free within the time of the call"))
}
