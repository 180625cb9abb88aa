package limit

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/internal/signal"
)

// Reading is what an answer says about a quota.
type Reading = signal.Record

// Class is the priority of a call. While calls of several classes wait, places
// go to interactive, normal and batch calls as 70 to 25 to 5; a share that
// nobody uses goes to the others. In a fleet this holds within each process.
type Class = line.Class

// The classes.
const (
	Normal      = line.Normal
	Interactive = line.Interactive // somebody looks at the screen
	Batch       = line.Batch       // patient: max_wait does not apply
)

// Op says which lines a call touches, and how much it may be delayed.
type Op = line.Op

// Outcome is what a call came to.
type Outcome = line.Outcome

// Limiter holds the lines of one API in this process, or the places of this
// process in the lines of a fleet. It is safe for concurrent use. Nothing needs
// to be closed: a timer runs while somebody waits, and a goroutine while the
// store is asked. A process of a fleet that ends calls Flush.
type Limiter struct {
	core    *line.Limiter
	lawless bool        // without quotas: nothing holds a call back until an answer does
	spoken  atomic.Bool // an answer has said something about a limit

	mu    sync.Mutex
	heard []line.Notice // of the store, until a call can tell of it
}

// maxNotices bounds what is kept for the next call to tell.
const maxNotices = 16

// NewLimiter returns the lines of an API.
func NewLimiter(c Config) (*Limiter, error) {
	o, err := c.options()
	if err != nil {
		return nil, err
	}
	l := &Limiter{lawless: len(c.Quotas) == 0 && c.Store == nil}
	o.Fleet, o.Notify = c.fleet(), l.note
	l.core = line.New(o)
	return l, nil
}

func (l *Limiter) note(n line.Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.heard) < maxNotices {
		l.heard = append(l.heard, n)
	}
}

// notices returns what no call has told of yet.
func (l *Limiter) notices() []line.Notice {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.heard
	l.heard = nil
	return n
}

// Grant is the right to send one call. Every grant must be ended with Done or
// Cancel, and with End. What is called on a grant that has ended does nothing.
type Grant struct{ core line.Grant }

// Acquire waits until the call may leave: until all lines that it touches have
// released a place for it. In one class nobody of this process overtakes anybody
// who waits for the same lines. If it is known that the wait would outlast the
// deadline or max_wait, Acquire fails at once and takes nothing, with an
// [exchange.Error] of kind ErrWouldMissDeadline whose RetryAfter is the wait;
// while the server wants no call for longer than max_freeze, of kind
// ErrRateLimited.
func (l *Limiter) Acquire(ctx context.Context, op Op) (Grant, error) {
	g, err := l.core.Acquire(ctx, op)
	return Grant{g}, refusal(err)
}

// Reserve takes a place and does not wait: [Grant.ETA] says how long until the
// call may leave. It fails as Acquire does.
func (l *Limiter) Reserve(ctx context.Context, op Op) (Grant, error) {
	g, err := l.core.Reserve(ctx, op)
	return Grant{g}, refusal(err)
}

// Peek returns how long a call would wait now; 0: it may go. It takes nothing. In
// a fleet it knows of the others what the store said last.
func (l *Limiter) Peek(op Op) time.Duration { return l.core.Peek(op) }

// Headroom returns which part of the quotas of an origin is free, from 0 to 1:
// the least of its lines; 0 while anybody waits.
func (l *Limiter) Headroom(u *url.URL) float64 { return l.core.Headroom(u) }

// ETA returns how long until a reserved call may leave. 0: now, and the place is
// taken; whoever asks again a second later or more has to wait for a new turn,
// at the front. It fails if the place was lost because its turn would come too
// late.
func (g Grant) ETA() (time.Duration, error) {
	d, err := g.core.ETA()
	return d, refusal(err)
}

// Done reports the outcome, as soon as the response headers are there or the
// call has failed. It returns what that changed.
func (g Grant) Done(out Outcome) []Notice {
	var all []Notice
	for _, n := range g.core.Done(out) {
		all = append(all, notice(n))
	}
	return all
}

// End reports that the response body was closed, which ends concurrency. For a
// call that is not done it stands for an outcome without an answer.
func (g Grant) End() { g.core.End() }

// Cancel gives the place back. That is right only if the call provably did not
// reach the server.
func (g Grant) Cancel() { g.core.Cancel() }

// Notice is something that an outcome told about a line.
type Notice struct {
	Event  string        // one of the exchange.EventLimit… names
	Quota  string        // name of the quota; of the store, empty
	Delay  time.Duration // how long the line is held back
	Reason string        // one phrase, with what was read
}

func notice(n line.Notice) Notice {
	out := Notice{Quota: n.Quota, Delay: n.Delay, Reason: n.Reason}
	switch n.Event {
	case line.Refused:
		out.Event = exchange.EventLimitRefused
	case line.Frozen:
		out.Event = exchange.EventLimitFrozen
	case line.Drift:
		out.Event = exchange.EventLimitQuotaDrift
	case line.StoreLost:
		out.Event = exchange.EventLimitStoreLost
	case line.StoreBack:
		out.Event = exchange.EventLimitStoreBack
	}
	return out
}

// refusal turns the line's reason into an error of this policy.
func refusal(err error) error {
	if err == nil {
		return nil // without the allocation below
	}
	return refusalOf(err)
}

func refusalOf(err error) error {
	var r *line.Refusal
	if !errors.As(err, &r) {
		return err
	}
	kind := exchange.ErrRateLimited
	switch r.Why {
	case line.TooLate:
		kind = exchange.ErrWouldMissDeadline
	case line.Unwell:
		kind = exchange.ErrCircuitOpen
	}
	return &exchange.Error{Kind: kind, Policy: policy, RetryAfter: r.Wait, Err: r.Err}
}

// Flush tells the store what it has not heard yet, so that nobody waits for a
// process that has ended. It returns when the store has answered, when it is
// lost, or with ctx. Without a store it does nothing.
func (l *Limiter) Flush(ctx context.Context) { l.core.Flush(ctx) }

// Line is what a limiter knows of one line, for people.
type Line = line.View

// Lines returns what is known of each line, by quota and origin.
func (l *Limiter) Lines() []Line { return l.core.Lines() }
