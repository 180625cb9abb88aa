package line

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

// Reading is what an answer says about a quota.
type Reading = signal.Record

// Class is the priority of a call. While calls of several classes wait, places
// go to interactive, normal and batch calls as 70 to 25 to 5; a share that
// nobody uses goes to the others.
type Class uint8

// The classes.
const (
	Normal      Class = iota
	Interactive       // somebody looks at the screen
	Batch             // patient: max_wait does not apply
	classes
)

// weights are the shares of the classes.
var weights = [classes]float64{Normal: 25, Interactive: 70, Batch: 5}

// Op says which lines a call touches, and how much it may be delayed.
type Op struct {
	Origin     string             // such as https://api.example.com
	Credential string             // whose quota it is; a name or a hash, never a secret
	Operation  string             // name of the operation, if it has one
	Method     string             // request method
	Class      Class              // priority
	Cost       map[string]float64 // units by name of the quota, where the declared cost is not right
	Deadline   time.Time          // end of the call, besides that of the context; zero: none
	Front      bool               // was refused in its turn: it waits before those who have had none
	Gated      bool               // when its upstream fails it does not wait here: it is put out of the line as Unwell
	Probe      bool               // finds out whether the upstream is back: a line that Health holds back lets it pass
}

// Outcome is what a call came to.
type Outcome struct {
	Status   int                // status of the answer; 0: there was none
	Readings []Reading          // what the answer says about quotas
	Cost     map[string]float64 // units that were used, by name of the quota, where the estimate was not right
}

// Event says what a Notice is about.
type Event uint8

// The events.
const (
	Refused   Event = iota // the server refused a call
	Frozen                 // a line is held back
	Drift                  // the server states another limit than is declared
	StoreLost              // the fleet's store does not answer
	StoreBack              // it answers again
)

// Notice is something that a line was told.
type Notice struct {
	Event  Event
	Quota  string        // name of the quota; of the store, empty
	Delay  time.Duration // how long the line is held back
	Reason string        // one phrase, with what was read
}

// Why says why a call has no place in line.
type Why uint8

// The reasons.
const (
	TooLate   Why = iota // its turn would come later than it can wait
	Exhausted            // the server wants no call for longer than a line may be frozen
	TooDear              // it costs more than the quota ever gives
	Unwell               // its upstream has failed while it waited
	NoStore              // the store is lost, and nothing goes without it
)

// Refusal is why a call has no place in line. Nothing was sent or spent.
type Refusal struct {
	Why  Why
	Wait time.Duration // after which another try makes sense
	Err  error
}

// Error implements error.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the reason in words.
func (r *Refusal) Unwrap() error { return r.Err }

// New returns a limiter.
func New(o Options) *Limiter {
	l := &Limiter{
		quotas: o.Quotas, maxWait: o.MaxWait.Seconds(), health: o.Health, clock: o.Clock, notify: o.Notify, draw: o.Draw,
		groups: make(map[groupKey]*group), lines: make(map[lineKey]*tracked), sweepAt: maxGroups, wake: math.Inf(1),
	}
	if l.clock == nil {
		l.clock = realClock{time.Now()}
	}
	if l.draw == nil {
		l.draw = rand.Float64
	}
	l.start = l.clock.Start()
	if o.Fleet != nil {
		l.fleet = newFleet(l, *o.Fleet)
	}
	return l
}

// Limiter holds the lines of one API in this process, or the places of this
// process in the lines of a fleet. It is safe for concurrent use. A timer runs
// while somebody waits; with a fleet, one more while there is something to tell
// the store.
type Limiter struct {
	quotas    []Quota
	maxWait   float64
	clock     Clock
	notify    func(Notice)
	draw      func() float64
	fleet     *fleet
	start     time.Time
	mu        sync.Mutex
	groups    map[groupKey]*group
	lines     map[lineKey]*tracked
	sweepAt   int
	queues    [classes]queue
	waiting   int
	order     uint64 // of arrival
	scan      uint64 // number of the scan, to mark what is held in it
	checkedAt float64
	timer     Timer
	wake      float64 // when the timer fires; +Inf: it is off
	latency   float64 // median time to the response headers, s
	next      float64 // the next turn that the last scan saw
	free      *place  // places for reuse
	freed     int     // how many
	health    Health
	sick      bool // the line looked at last is held back altogether
}

// tracked is a line and who uses it.
type tracked struct {
	line
	remote   *remote // its place in a fleet; nil: the line is this process's own
	quota    *Quota
	key      lineKey
	queued   [classes]float64 // cost in line, by class
	ahead    float64          // scratch of inLine: units of those before the call
	turnHere float64          // scratch of inLine: the turn of the call in this line alone
	url      *url.URL         // origin, to ask for its health
	heldIn   uint64           // scan in which a call at the front claims it
	usedAt   float64
}

type lineKey struct {
	quota, origin, credential, operation, method string
}

// groupKey is what decides which lines a call touches.
type groupKey struct {
	origin, credential, operation, method string
	class                                 Class
}

// group is the queue of the calls that touch the same lines, in one class.
type group struct {
	key   groupKey
	lines []*tracked
	costs []float64
	head  *place
	tail  *place
	users int
}

// maxQuotas bounds the lines of a call.
const maxQuotas = 16

// state is where a place stands.
type state uint8

const (
	unused  state = iota
	queued        // in line
	turned        // its turn has come and nobody has taken it yet: Reserve
	gone          // the call has left
	holding       // its outcome is known; it holds concurrency
)

// place is a place in all lines of a call. Places are used again; gen tells
// whose it is.
type place struct {
	l          *Limiter
	gen        uint64
	state      state
	group      *group
	costs      [maxQuotas]float64
	tickets    [maxQuotas]float64
	probes     uint32 // lines for which it is the only call, by bit
	order      uint64
	left       float64 // when its turn came
	latest     float64 // its turn must not come later
	probe      bool
	gated      bool
	reserved   bool
	ready      chan struct{} // cap 1
	called     func()        // instead of ready
	err        error         // why it was put out of the line
	prev, next *place
}

// Grant is the right to send one call. Every grant must be ended with Done or
// Cancel, and with End. What is called on a grant that has ended does nothing.
type Grant struct {
	p   *place
	gen uint64
}

// now returns the time as lines count it.
func (l *Limiter) now() float64 { return l.clock.Now() }

// at converts a time; NaN for none.
func (l *Limiter) at(t time.Time) float64 {
	if t.IsZero() {
		return math.NaN()
	}
	return t.Sub(l.start).Seconds()
}

// Acquire waits until the call may leave: until all lines that it touches have
// released a place for it. In one class nobody overtakes anybody who waits for
// the same lines. If it is known that the wait would outlast the deadline or
// max_wait, Acquire fails at once and takes nothing, with a [Refusal].
func (l *Limiter) Acquire(ctx context.Context, op Op) (Grant, error) {
	g, eta, err := l.Enter(ctx, &op)
	if err != nil || eta == 0 {
		return g, err
	}
	if err := g.Wait(ctx); err != nil {
		return Grant{}, err
	}
	return g, nil
}

// Reserve takes a place and does not wait: [Grant.ETA] says how long until the
// call may leave. It fails as Acquire does.
func (l *Limiter) Reserve(ctx context.Context, op Op) (Grant, error) {
	g, _, err := l.enter(ctx, &op, true, nil)
	return g, err
}

// Enter is Acquire in two steps: eta is 0 if the call may leave at once;
// otherwise it must Wait.
func (l *Limiter) Enter(ctx context.Context, op *Op) (g Grant, eta time.Duration, err error) {
	return l.enter(ctx, op, false, nil)
}

// Call is Acquire for somebody who cannot wait: when eta is not 0, called is
// called once, at the call's turn or when it was put out of the line;
// [Grant.Result] tells which. It is called with the lock of the limiter held.
func (l *Limiter) Call(op *Op, called func()) (g Grant, eta time.Duration, err error) {
	return l.enter(context.Background(), op, false, called)
}

// Book enters a call that left at the time at without a place, because nothing
// was known then that could hold it back.
func (l *Limiter) Book(op *Op, at time.Time) Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	p := l.place(l.groupOf(op, now))
	p.group.fill(&p.costs, op)
	p.probe, p.reserved = op.Probe, false
	for _, t := range p.group.lines {
		l.advance(t, now)
	}
	l.leave(p, now)
	p.left = l.at(at)
	return Grant{p, p.gen}
}

// Peek returns how long a call would wait now; 0: it may go. It takes nothing.
// Where nobody can tell how long it is, such as for the end of another call, it
// is the shortest wait that there is.
func (l *Limiter) Peek(op Op) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	g := l.groupOf(&op, now)
	var costs [maxQuotas]float64
	g.fill(&costs, &op)
	wait := seconds(l.turn(g, &costs, now) - now)
	for i, t := range g.lines {
		if wait == 0 && !t.ready(costs[i]) {
			return 1
		}
	}
	return wait
}

// enter takes a place at the end of the line. eta is 0 if the call may leave at
// once.
func (l *Limiter) enter(ctx context.Context, op *Op, reserve bool, called func()) (g Grant, eta time.Duration, err error) {
	if ctx.Err() != nil {
		return g, 0, context.Cause(ctx)
	}
	deadline, bounded := ctx.Deadline()
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	p := l.place(l.groupOf(op, now))
	p.group.fill(&p.costs, op)
	p.probe, p.reserved, p.gated = op.Probe, reserve, op.Gated
	if l.waiting == 0 && !reserve || p.probe {
		if l.fits(p, now) {
			l.leave(p, now)
			return Grant{p, p.gen}, 0, nil
		}
	}
	p.latest = l.latest(op, deadline, bounded, now)
	turn := l.turn(p.group, &p.costs, now)
	if err := l.refusal(p, turn, now); err != nil {
		l.recycle(p)
		return g, 0, err
	}
	l.enqueue(p, op.Front)
	l.pump(now)
	if p.state != queued {
		if err := l.served(p); err != nil {
			return Grant{}, 0, err
		}
		return Grant{p, p.gen}, 0, nil
	}
	p.called = called
	return Grant{p, p.gen}, seconds(math.Max(turn-now, 1e-9)), nil
}

// latest returns the moment up to which the turn of a call is worth waiting
// for: an answer must fit before the deadline.
func (l *Limiter) latest(op *Op, deadline time.Time, bounded bool, now float64) float64 {
	latest := math.Inf(1)
	if op.Class != Batch {
		latest = now + l.maxWait
	}
	if !op.Deadline.IsZero() && (!bounded || op.Deadline.Before(deadline)) {
		deadline, bounded = op.Deadline, true
	}
	if bounded {
		latest = math.Min(latest, l.at(deadline)-l.latency)
	}
	return latest
}

// refusal says why a call whose turn would be at turn has no place in line; nil
// if it has.
func (l *Limiter) refusal(p *place, turn, now float64) error {
	for i, t := range p.group.lines {
		if p.gated && !p.probe && l.health != nil && l.healthOf(t) <= 0 {
			return refuse(Unwell, 0, "the upstream of quota %q has failed", t.quota.Name)
		}
		if t.stopped && p.group.key.class != Batch {
			return refuse(NoStore, retryLost, "the store of quota %q is lost, and limit.on_store_loss says stop", t.quota.Name)
		}
		if c := p.costs[i]; c > t.declared.Most()+tiny {
			return refuse(TooDear, 0, "a call that costs %g is more than quota %q ever gives", c, t.quota.Name)
		}
		if at, ok := t.exhausted(); ok {
			return refuse(Exhausted, at-now, "quota %q is exhausted: the server wants no call for %v", t.quota.Name, seconds(at-now).Round(time.Millisecond))
		}
	}
	if turn > p.latest+tiny { // a turn at the very end of the wait must not fall to a rounding error
		return refuse(TooLate, turn-now, "the turn is in %v, and the call can wait %v", seconds(turn-now).Round(time.Millisecond), seconds(math.Max(0, p.latest-now)).Round(time.Millisecond))
	}
	return nil
}

func refuse(why Why, after float64, format string, args ...any) error {
	return &Refusal{Why: why, Wait: seconds(after), Err: fmt.Errorf(format, args...)}
}

// Wait waits for the turn of a place that Enter has taken.
func (g Grant) Wait(ctx context.Context) error {
	p := g.p
	select {
	case <-p.ready:
		return g.Result()
	case <-ctx.Done():
	}
	if g.withdraw() {
		return context.Cause(ctx)
	}
	<-p.ready // its turn came, or it was put out, at the same time
	if err := g.Result(); err != nil {
		return err
	}
	g.Cancel()
	return context.Cause(ctx)
}

// served takes back the signal of a place whose turn came, or that was put out,
// before anybody waited for it.
func (l *Limiter) served(p *place) error {
	if !p.reserved {
		<-p.ready
	}
	err := p.err
	if err != nil {
		l.recycle(p)
	}
	return err
}

// Result ends a wait. A place that was put out of the line is given back.
func (g Grant) Result() error {
	l := g.p.l
	l.mu.Lock()
	defer l.mu.Unlock()
	err := g.p.err
	if err != nil {
		l.recycle(g.p)
	}
	return err
}

// withdraw leaves the line; false if the turn came first.
func (g Grant) withdraw() bool {
	l := g.p.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.p.state != queued {
		return false
	}
	l.dequeue(g.p)
	l.recycle(g.p)
	l.pump(l.now())
	return true
}

// seconds converts, rounding up, within what a Duration can hold.
func seconds(s float64) time.Duration {
	ns := math.Ceil(s * 1e9)
	switch {
	case !(ns > 0):
		return 0
	case ns >= math.MaxInt64:
		return math.MaxInt64
	}
	return time.Duration(ns)
}
