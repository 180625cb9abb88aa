package line

import "math"

// tiny is below every unit and above every rounding error of a long life.
const tiny = 1e-6

// line is the state of one quota for one key. Ticket k may leave when released
// has reached k, so nothing leaves that is not released; only a call that cost
// more than it was estimated to leaves a debt. All times are seconds of one
// monotonic clock, handed in: the state depends on nothing else.
type line struct {
	Law      // in force: what is declared, or what the server says if less
	declared Law
	epoch    float64 // when a store made the line: another one is another line
	shared   bool    // places are taken ahead of their turn: the line of a fleet
	copied   bool    // of a shared line: the store decides who goes first
	issued   float64 // cost that has left, with refunds still in; of a fleet, as far as is known
	tail     float64 // the last ticket that was given out; issued, if the line is not shared
	released float64 // how far the line may have moved at t
	t        float64
	cap      float64 // bound of released, whatever the slope
	notAfter float64 // nothing leaves from here to the end of the window
	lastAt   float64 // when the last call left
	stopped  bool    // nothing leaves
	solo     steer   // if the law says so
	deaf     bool    // what the server says is left concerns others too: only its refusals count
	want     float64 // cost of the call at the front: a bucket must be able to save up that much

	// window
	phase  bool    // lo and hi are known
	lo, hi float64 // bounds of the end of the window
	base   float64 // what was issued before this window began
	own    float64 // the same, by this line's own count alone
	turned float64 // when base was last set by the end of a window

	// what is learnt
	cold        bool    // no answer yet: one call at a time
	begun       bool    // there has been an answer
	probing     int     // such calls in flight
	probedAt    float64 // when the last of them could leave
	health      float64 // factor on the slope, 0 to 1
	trim        float64 // the same, against refusals without any reading
	use         foreign
	views       views
	healthAt    float64 // when that was last said, in a store
	backAt      float64 // when it was last said that the upstream is back
	readings    bool    // the server has told what remains
	frozenUntil float64 // nothing leaves before
	frozenAt    float64 // when the freeze began: what left earlier says nothing new
	retryAt     float64 // when the server wants the next call, however late that is
	strikes     int     // freezes since the last success
	told        float64 // limit that the server stated last
	refused     float64 // how many calls were refused
	top, topAt  float64 // unknown: the rate of the last refusal, and its time; 0 for none

	// concurrency
	inFlight float64
	hold     float64 // mean time that a unit is held
}

func newLine(l Law, now float64) *line {
	return &line{
		Law: l, declared: l, t: now, health: 1, trim: 1, cold: l.model != concurrency && l.model != open && !l.Solo, solo: newSteer(0),
		probedAt: math.Inf(-1), healthAt: math.Inf(-1), backAt: math.Inf(-1), turned: math.Inf(-1), frozenAt: math.Inf(-1), notAfter: math.Inf(1), cap: math.Inf(1), told: l.Size(), use: foreign{at: -1},
	}
}

// advance moves released to now.
func (l *line) advance(now float64) {
	now = math.Max(now, l.t)
	l.grow(now - l.t)
	switch {
	case l.model == concurrency, l.model == open:
	case l.shared && l.cold && l.copied:
	case l.shared && l.cold:
		l.knock(now)
	case l.model == window && l.phase && !l.Solo:
		l.turn(now)
		l.spend(now)
	default:
		l.accrue(now)
	}
	l.t = now
}

// probeLapse is after how many seconds without an answer a cold line begins
// anew.
const probeLapse = 10

// knock is the law of a cold line of a fleet: one call leaves, until there is an
// answer. If there is none, all places are taken anew: their holders may be gone.
func (l *line) knock(now float64) {
	l.cap, l.notAfter = math.Inf(1), math.Inf(1)
	if l.model == window && l.phase {
		l.turn(now)
	}
	l.released = math.Max(l.released, l.issued)
	if l.probing > 0 && now-l.probedAt >= probeLapse {
		l.probing = 0
		l.issued = l.released
		l.anew(now)
	}
	if l.probing > 0 || now < l.frozenUntil || l.health <= 0 || l.tail <= l.released+tiny {
		return
	}
	l.released = math.Min(l.tail, l.released+math.Max(1, l.want))
	l.probing, l.probedAt = 1, now
}

// anew makes all places that have not left worth nothing: they are taken anew.
func (l *line) anew(now float64) {
	l.epoch = now
	l.released, l.tail = l.issued, l.issued
}

// flowing returns the part of [t, now] in which the line was not frozen.
func (l *line) flowing(now float64) float64 {
	return math.Max(0, now-math.Max(l.t, l.frozenUntil))
}

// slope is the release per second.
func (l *line) slope() float64 {
	switch {
	case l.Solo:
		return l.solo.rate * l.health
	case l.model == window && l.phase && l.Drain:
		return l.q / l.w * drainRate * l.health * l.trim
	case l.model == window && l.phase:
		end := l.lo - guard - slack*l.w
		return even(l.cap-l.released, math.Max(l.t, l.frozenUntil), end) * l.health * l.trim
	case l.model == window:
		return pace * l.rateNow() * l.health * l.trim
	}
	return l.rateNow() * l.health * l.trim
}

// rateNow is the rate without the share of others.
func (l *line) rateNow() float64 {
	return math.Max(leastShare*l.rate, l.rate-l.use.rate)
}

// accrue is the law of the bucket, and of a window whose phase is unknown.
func (l *line) accrue(now float64) {
	// Unused release may pile up only beyond the end of the line: what has left is
	// known late in a fleet, and would throttle short bursts.
	l.cap, l.notAfter = math.Max(l.tail, l.issued)+math.Max(l.ahead(), l.want), math.Inf(1)
	l.released = math.Min(l.released+l.flowing(now)*l.slope(), l.cap)
	if l.cold && l.issued == 0 { // one at a time holds it back enough
		l.released = l.cap
	}
}

// ahead is how far the release may run ahead of the line.
func (l *line) ahead() float64 {
	switch {
	case l.health < 1:
		return 1
	case l.Solo:
		return math.Max(1, 0.1*l.solo.rate)
	case l.model == bucket:
		return l.saved(l.use.rate)
	case l.model == unknown:
		return 1 + 0.05*l.rate
	}
	return pacedBurst(l.q)
}

// spend is the law of a window.
func (l *line) spend(now float64) {
	l.cap = l.base + l.usable(l.q, l.use.rate)
	l.notAfter = l.lo - guard
	l.released = math.Min(l.released+l.flowing(math.Min(now, l.notAfter))*l.slope(), l.cap)
}

// turn goes on to the window that now is in. A server that moves its resets
// about does not get a new quota counted before a window's time has passed.
func (l *line) turn(now float64) {
	if now < l.hi {
		return
	}
	ended := l.hi
	n := math.Floor((now-l.hi)/l.w) + 1
	begun := ended + (n-1)*l.w
	l.lo, l.hi = l.lo+n*l.w, l.hi+n*l.w
	l.released = math.Min(l.released, l.issued)
	if begun-l.turned >= l.w-1.5-slack*l.w {
		l.base, l.own, l.turned = l.issued, l.issued, begun
		if !l.shared || !l.cold {
			l.released = l.issued + math.Min(1, l.q) // one at once, the others evenly after it
		}
	}
	l.t = math.Max(l.t, begun)
	l.views.forget()
	l.use.at = -1
}

// grow lets the trim recover by one per cent a second, and the rate of the
// unknown law while it is used.
func (l *line) grow(dt float64) {
	if l.trim < 1 {
		l.trim = math.Min(1, l.trim+0.01*dt)
	}
	if l.model == unknown && !l.cold && dt > 0 && l.t-l.lastAt < 1 {
		l.rate = feel(l.rate, l.top, l.t+dt-l.topAt, dt)
	}
}

// ready reports whether cost units may leave now; advance must have run.
func (l *line) ready(cost float64) bool {
	switch {
	case l.t < l.frozenUntil, l.cold && l.probing > 0, l.stopped:
		return false
	case l.model == concurrency:
		return l.inFlight+cost <= l.q+tiny
	case l.model == open:
		return true
	}
	return l.t <= l.notAfter && l.health > 0 && l.issued+cost <= l.released+tiny
}

// spare reports whether cost units may leave to find out whether the upstream
// is back, although the line's health holds it back.
func (l *line) spare(cost float64) bool {
	switch {
	case l.t < l.frozenUntil || l.health >= 1 || l.model == concurrency:
		return false
	case l.model == window && l.phase:
		return l.t <= l.notAfter && l.issued+cost <= l.cap+tiny
	case l.model == open:
		return true
	}
	return l.issued+cost <= l.released+l.rateNow()*(l.t-l.lastAt)+tiny
}

// wakes returns the moment from which a look at the line is worth while, where
// turn is what when said; +Inf if something else than time must happen first.
func (l *line) wakes(turn float64) float64 {
	switch {
	case l.stopped:
		return math.Inf(1)
	case l.t < l.frozenUntil:
		return l.frozenUntil
	case l.model == concurrency, l.cold && l.probing > 0:
		return math.Inf(1)
	case l.health <= 0:
		return l.t + healthPoll
	case l.health < 1:
		return math.Min(turn, l.t+healthPoll)
	}
	return turn
}

// take lets cost units leave and returns the ticket; advance must have run.
func (l *line) take(cost float64) (ticket float64, probe bool) {
	if l.model == concurrency {
		l.inFlight += cost
		return 0, false
	}
	l.issued += cost
	l.tail = l.issued
	l.released, l.lastAt = math.Max(l.released, l.issued), l.t
	if l.cold {
		l.probing++
	}
	return l.issued, l.cold
}

// refund gives units back that were issued and not used; below 0 it books
// units that were used and not issued.
func (l *line) refund(units float64) {
	if l.model == open {
		return
	}
	l.released += units
	l.forfeit(units)
}

// forfeit forgets units that were issued and not used in time: what the law has
// released meanwhile is all that there is.
func (l *line) forfeit(units float64) {
	l.base += units
	l.own += units
}

// when returns the moment at which units more than are issued will have been
// released, as far as can be told now; advance must have run.
func (l *line) when(units float64) float64 {
	start := math.Max(l.t, l.frozenUntil)
	switch {
	case l.model == open:
		return start
	case l.model == concurrency:
		return start + math.Max(0, math.Ceil((l.inFlight+units-l.q)/math.Max(1, l.q)))*l.hold
	case l.model == window && l.phase && !l.Solo:
		return l.whenWindow(units, start)
	case l.cold && l.probing > 0 && l.model == window:
		return start // its phase may turn out to be anything
	case l.cold && l.probing > 0:
		return start + math.Max(0, units-l.saved(0))/l.rate
	}
	missing := l.issued + units - l.released
	if missing <= tiny {
		return start
	}
	return start + missing/l.steady(l.slope())
}

// steady keeps an estimate finite while the health of the line is 0.
func (l *line) steady(slope float64) float64 {
	if l.health <= 0 {
		slope = l.rateNow() / 8
	}
	return math.Max(slope, tiny)
}

func (l *line) whenWindow(units, start float64) float64 {
	if start >= l.hi { // frozen beyond the end of this window
		return l.later(units, start)
	}
	if left := l.base + l.usable(l.q, l.use.rate) - l.issued; units <= left+tiny && start <= l.notAfter {
		missing := l.issued + units - l.released
		if missing <= tiny {
			return start
		}
		if at := start + missing/l.steady(l.slope()); at <= l.notAfter {
			return at
		}
		return l.later(units, l.hi)
	} else if start <= l.notAfter {
		units -= math.Max(0, left)
	}
	return l.later(units, l.hi)
}

// later is whenWindow for units that leave in windows from the one that begins
// at start.
func (l *line) later(units, start float64) float64 {
	q := math.Max(1, l.usable(l.q, l.use.rate))
	full := math.Max(0, math.Ceil(units/q)-1)
	speed := q / l.w * drainRate
	if !l.Drain {
		speed = even(q-1, 0, l.w*(1-slack)-(l.hi-l.lo)-guard)
	}
	return start + full*l.w + math.Max(0, units-full*q-1)/math.Max(speed, tiny)
}
