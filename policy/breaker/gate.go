package breaker

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/circuit"
)

// gate is the breaker of one upstream: the machine with its clock, the calls
// that it has let through and the ones that wait.
type gate struct {
	b      *Breaker
	origin string

	mu sync.Mutex
	machine
	seen     uint64 // period that inFlight belongs to
	inFlight int    // admitted in this period and not settled
	peak     peak
	first    *waiter
	last     *waiter
	shared   *shared // nil without a store
}

func (b *Breaker) newGate(origin string) *gate {
	g := &gate{b: b, origin: origin, machine: machine{Rules: &b.rules}}
	if b.store != nil {
		g.shared = &shared{}
	}
	return g
}

// now is the clock that the record is made with: the store's if there is one.
func (g *gate) now() time.Duration {
	now := time.Since(g.b.start)
	if g.shared != nil {
		now += g.shared.skew
	}
	return now
}

// peak is the most calls that were in flight lately: the measure of the usual
// load. It looks back at one to two rounds of outcomes, so it needs no clock.
type peak struct {
	now, before int
	outcomes    int
}

// peakRound is so long that a lull, or the failures that open the breaker, do
// not make the usual load forgotten.
const peakRound = 100

func (p *peak) rise(inFlight int) { p.now = max(p.now, inFlight) }

func (p *peak) round(inFlight int) {
	if p.outcomes++; p.outcomes >= peakRound {
		p.before, p.now, p.outcomes = p.now, inFlight, 0
	}
}

// allowed returns how many calls may be in flight at a health.
func (p *peak) allowed(health float64) int {
	return max(1, int(math.Ceil(health*float64(max(p.now, p.before)))))
}

// passage is the answer to a call at the gate.
type passage struct {
	ticket ticket
	ok     bool
	at     time.Duration // otherwise: when asking again makes sense
}

// quick lets a call pass while nothing is wrong. It does not read the clock.
func (g *gate) quick() (ticket, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.State != Closed || g.first != nil || g.shared.fresh() {
		return ticket{}, false
	}
	return g.pass(false), true
}

// pass books an admitted call.
func (g *gate) pass(probe bool) ticket {
	g.turnPeriod()
	g.inFlight++
	if g.State == Closed {
		g.peak.rise(g.inFlight)
	}
	return ticket{Period: g.Period, Probe: probe}
}

// turnPeriod counts anew when the period has changed: calls from before an
// outage may hang for long and must not hold the slow start up.
func (g *gate) turnPeriod() {
	if g.seen != g.Period {
		g.seen, g.inFlight = g.Period, 0
	}
}

// try asks whether a call may pass. claimed says that it has been made the
// fleet's probe.
func (g *gate) try(now time.Duration, claimed bool) passage {
	g.Advance(now)
	g.turnPeriod()
	switch g.State {
	case Open:
		if claimed || g.shared == nil && g.Claim(now) {
			return passage{ticket: g.pass(true), ok: true}
		}
		return passage{at: g.Probe}
	case HalfOpen:
		if !g.b.paced && g.inFlight >= g.peak.allowed(g.Health(now)) {
			return passage{at: g.NextStep(now)}
		}
	}
	return passage{ticket: g.pass(false), ok: true}
}

// leave books the outcome of an admitted call and wakes those who can use it.
func (g *gate) leave(t ticket, o outcome, now time.Duration) {
	if t.Period == g.seen {
		g.inFlight--
	}
	if g.State == Closed && o != neutral {
		g.peak.round(g.inFlight)
	}
	before := g.State
	g.machine.Settle(t, o, now)
	if s := g.shared; s != nil {
		s.note(report{t, o}, g.Outcomes)
	}
	if t.Probe || g.State != before {
		g.wake()
	} else if g.State == HalfOpen {
		g.wakeFirst()
	}
}

// health is the machine's at this moment.
func (g *gate) health() float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.State == Closed {
		return g.Health(0) // has no use for the time
	}
	m := g.machine // a copy: that the slow start ends is for a call to notice, which can tell of it
	return m.Health(g.now())
}

// change is a change of state, for telling of it without the lock.
type change struct {
	from, to State
	opened   circuit.Counts
	delay    time.Duration
}

// since returns what has changed since the state was from.
func (g *gate) since(from State) change {
	c := change{from: from, to: g.State}
	if from != Open && g.State == Open {
		c.opened, c.delay = g.Opened, max(0, g.Probe-g.now())
	}
	return c
}

// visit is one call at the gate.
type visit struct {
	*gate
	req  *http.Request
	live *exchange.Live
}

func (v visit) emit(e exchange.Event) {
	e.Live = v.live
	v.live.Call().Emit(v.req, e)
}

// tell emits the event of a change. The lock must not be held.
func (v visit) tell(c change) {
	if c.from == c.to {
		return
	}
	switch c.to {
	case Open:
		reason := "the breaker that the fleet shares is open"
		if c.opened.Of > 0 {
			reason = fmt.Sprintf("%d of the last %d outcomes are failures", c.opened.Fails, c.opened.Of)
		}
		v.emit(exchange.Event{Name: exchange.EventBreakerOpen, Delay: c.delay, Reason: reason})
	case HalfOpen:
		v.emit(exchange.Event{Name: exchange.EventBreakerHalfOpen, Reason: "the upstream answers again"})
	case Closed:
		v.emit(exchange.Event{Name: exchange.EventBreakerClosed, Reason: "the load is back to the whole"})
	}
}

// settle hands in the outcome of an admitted call.
func (v visit) settle(t ticket, o outcome) {
	v.mu.Lock()
	before, now := v.State, time.Duration(0)
	if v.State != Closed || o == failure || v.shared != nil { // the clock has its price
		now = v.now()
	}
	v.gate.leave(t, o, now)
	c := v.since(before)
	due := v.shared != nil && (c.from != c.to || v.shared.due(v.local(), o == failure || v.State != Closed))
	v.mu.Unlock()
	v.tell(c)
	if due {
		v.report()
	}
}

// enter lets the call pass, or says why it may not.
func (v visit) enter() (ticket, error) {
	if v.req.Context().Err() != nil {
		return ticket{}, v.live.Call().ContextError(v.req.Context(), policy, v.req)
	}
	v.greet()
	if v.b.whenOpen == "wait" || v.live.Call().Class == exchange.ClassBatch {
		return v.wait()
	}
	p := v.attempt()
	if p.ok {
		return p.ticket, nil
	}
	return ticket{}, v.refuse(exchange.ErrCircuitOpen, p.at, "the upstream fails, or has only just come back")
}

// attempt asks once, the fleet first if that may know more.
func (v visit) attempt() passage {
	claimed := v.ask()
	v.mu.Lock()
	before := v.State
	p := v.try(v.now(), claimed)
	c := v.since(before)
	v.mu.Unlock()
	v.tell(c)
	if p.ok && p.ticket.Probe {
		v.live.Note(exchange.FactProbe)
		v.emit(exchange.Event{Name: exchange.EventBreakerProbe, Reason: "one call finds out whether the upstream is back"})
	}
	return p
}

// minRetryAfter is the least that a refused call is told to wait.
const minRetryAfter = time.Millisecond

// refuse turns a call away; nothing of it was sent.
func (v visit) refuse(kind *exchange.Kind, at time.Duration, text string) error {
	v.mu.Lock()
	after := max(minRetryAfter, at-v.now())
	v.mu.Unlock()
	e := v.live.Call().NewError(kind, policy, v.req, fmt.Errorf("%s: %s; the next try makes sense in %v", v.origin, text, after.Round(time.Millisecond)))
	e.RetryAfter = after
	return e
}
