package line

import "math"

// uplink is what a request is taken to need to the server, in seconds.
const uplink = 0.012

// reading is what one answer says about a line. Numbers below 0 and times that
// are NaN are not given.
type reading struct {
	limit, remaining, refill float64
	resetFrom, resetAt       float64 // bounds of the end of the window
	refused                  bool
	retryAt                  float64
}

func noReading() reading {
	return reading{limit: -1, remaining: -1, refill: -1, resetFrom: math.NaN(), resetAt: math.NaN(), retryAt: math.NaN()}
}

// refusal returns what is left of rd if its numbers mean nothing.
func (rd reading) refusal() reading {
	only := noReading()
	only.refused, only.retryAt = rd.refused, rd.retryAt
	return only
}

// answer is an outcome as a line sees it.
type answer struct {
	sent    float64 // when the call left
	ticket  float64
	success bool // the server took the call
	failed  bool // it broke, which says nothing about quotas
	reading
}

// change is what an answer did to a line, for the events.
type change struct {
	frozen  float64 // seconds that the line is held back from now; 0: it is not
	drifted bool    // the server states another limit than so far
}

// learn takes in an answer at now.
func (l *line) learn(now float64, a answer) (c change) {
	l.advance(now)
	if l.shared && a.sent >= l.probedAt-tiny {
		l.probing = 0
	}
	if a.failed && !a.refused {
		l.views.forget()
		l.use.at = -1
		return c
	}
	if a.success {
		l.strikes = 0
	}
	if a.refused {
		l.refused++
	}
	switch {
	case l.model == open, l.model == concurrency:
		return l.learnLawless(a)
	case l.Solo:
		return l.learnSolo(a)
	}
	if !l.deaf {
		c.drifted = l.adopt(a.limit, a.refill)
	}
	warm := l.cold
	l.cold = false
	if l.model == window {
		l.locate(a)
	}
	if warm {
		l.warm(a)
	}
	if a.refused {
		c.frozen = l.freeze(a)
	} else if a.success && a.remaining >= 0 && !l.paced && !l.deaf {
		l.correct(a)
	}
	l.readings = l.readings || a.remaining >= 0 && !l.deaf
	return c
}

// warm begins to release by the law, from what the server says that it has; if
// it says nothing, others may have used it up. After a freeze nothing is saved
// up, whatever the server says.
func (l *line) warm(a answer) {
	known := l.issued
	if l.model == bucket && a.remaining > 0 && !a.refused && !l.begun {
		known = math.Max(known, a.ticket+a.remaining)
	}
	if l.shared {
		l.released = math.Min(known, math.Max(l.tail, l.issued)+l.saved(0))
	}
	l.released = math.Min(l.released, known)
	l.begun = true
}

// learnLawless obeys refusals, and a quota of which the server says that it is
// used up. The first call after that goes alone.
func (l *line) learnLawless(a answer) (c change) {
	l.cold = false
	switch {
	case a.refused:
		c.frozen = l.freeze(a)
	case l.model == open && a.remaining == 0 && a.resetAt > l.t:
		c.frozen = l.stop(a.resetAt)
	}
	l.cold = l.model == open && l.frozenUntil > l.t
	return c
}

// adopt follows what the server states as its limit and its rate: the smaller
// of that and the declaration, unless the server is trusted.
func (l *line) adopt(limit, refill float64) (drifted bool) {
	pick := func(declared, stated float64) float64 {
		if l.Trust || stated < declared {
			return math.Min(stated, MaxUnits)
		}
		return declared
	}
	if limit >= 1 {
		drifted = l.model != unknown && math.Abs(limit-l.told) > 0.5
		l.told = limit
		if d := l.declared; d.model == window || d.paced {
			inForce := Window(pick(d.q, limit), d.w)
			if d.paced { // also one with a long window: the law called log
				inForce = Log(inForce.q, d.w)
			}
			l.q, l.rate, l.burst = inForce.q, inForce.rate, inForce.burst
		} else {
			l.burst = pick(d.burst, limit)
		}
	}
	if refill > 0 && l.declared.model == bucket && !l.paced {
		l.rate = math.Max(leastShare*l.declared.rate, pick(l.declared.rate, refill))
	}
	return drifted
}

// freeze stops the line for a refusal and returns for how long. Nothing
// accrues meanwhile, so that the line resumes at its slope and not as a crowd.
func (l *line) freeze(a answer) float64 {
	if a.sent >= l.frozenAt { // else one more of the crowd that was refused already
		l.strikes++
		l.frozenAt = l.t
		switch {
		case l.model == unknown:
			l.top, l.topAt, l.rate = l.rate, l.t, math.Max(firstRate, backOff*l.rate)
		case !l.readings:
			l.trim = math.Max(leastShare, 0.9*l.trim)
		}
	}
	l.released = math.Min(l.released, l.issued)
	return l.stop(l.thaw(a))
}

// thaw returns the moment at which a refused line may go on.
func (l *line) thaw(a answer) float64 {
	backoff := math.Ldexp(1, min(l.strikes-1, 20))
	at, hinted := a.retryAt, a.retryAt > l.t
	if !hinted {
		at = l.t + backoff
	}
	switch {
	case l.Ban:
	case l.model == window && l.phase:
		if !hinted {
			return l.hi
		}
		return math.Max(at, l.hi)
	case l.model == bucket && at <= l.t+l.MaxFreeze:
		// The next unit is 1/rate away, whatever the hint says in whole seconds.
		// If that turns out wrong, the hint gets its way, step by step.
		return math.Min(at, l.t+math.Max(1, l.burst/2)/l.rate*backoff)
	}
	return at
}

// stop freezes the line until at, but no longer than is allowed: then one call
// finds out.
func (l *line) stop(at float64) float64 {
	if at > l.t+l.MaxFreeze {
		l.retryAt = math.Max(l.retryAt, at)
		at, l.cold = l.t+l.MaxFreeze, true
	}
	if l.Ban && l.model != concurrency {
		l.cold = true
	}
	l.frozenUntil = math.Max(l.frozenUntil, at)
	return math.Max(0, l.frozenUntil-l.t)
}

// exhausted returns when the server wants the next call, if it is further away
// than the line may be frozen.
func (l *line) exhausted() (at float64, ok bool) {
	return l.retryAt, l.t < l.frozenUntil && l.retryAt > l.frozenUntil
}

// locate narrows down when the window ends.
func (l *line) locate(a answer) {
	if math.IsNaN(a.resetAt) {
		return
	}
	lo, hi := a.resetFrom, a.resetAt
	if math.IsNaN(lo) || lo > hi {
		lo = hi
	}
	if !l.phase {
		l.begin(a, lo, hi)
		return
	}
	if n := math.Round((hi - l.hi) / l.w); n != 0 { // it speaks of another window
		lo, hi = lo-n*l.w, hi-n*l.w
	}
	l.lo, l.hi = math.Max(l.lo, lo), math.Min(l.hi, hi)
	if l.lo > l.hi {
		l.lo, l.hi = lo, hi
	}
}

// begin takes over the first known end of a window.
func (l *line) begin(a answer, lo, hi float64) {
	if n := math.Ceil((hi - l.t) / l.w); n != 1 { // the end of this window is at most w away
		lo, hi = lo-(n-1)*l.w, hi-(n-1)*l.w
	}
	l.phase, l.lo, l.hi, l.turned = true, lo, hi, hi-l.w // a server that moves its resets gets no new quota earlier
	elapsed := l.w - (hi - l.t)
	l.own = l.issued - math.Min(l.issued, math.Max(1, l.rate*elapsed))
	l.base = l.own
	if a.remaining >= 0 {
		l.base = math.Min(l.own, a.ticket+math.Min(a.remaining, l.q)-l.q)
	}
	l.released = l.issued
	l.views.forget()
}

// correct holds the line to the server's own count: after the ticket it would
// take what remains. It can only take away from what the law releases.
func (l *line) correct(a answer) {
	remaining := math.Min(a.remaining, l.Size())
	l.use.watch(l, a, remaining)
	l.views.add(a.ticket+remaining, a.sent+uplink)
	if l.model == window && l.phase {
		sameWindow := math.IsNaN(a.resetAt) && a.sent > l.hi-l.w || a.resetAt > l.hi-l.w/2
		if sameWindow && l.t < l.lo {
			base := math.Min(l.own, l.views.allowed(0, l.t)-l.q)
			if base < l.base-2 || base > l.base+2 || base == l.own {
				l.base = base
				l.cap = l.base + l.usable(l.q, l.use.rate)
				l.released = math.Min(l.released, l.cap)
			}
		}
		return
	}
	allowed := l.views.allowed(l.rateNow(), l.t)
	if l.model == bucket {
		allowed += math.Ceil(l.rate*jitter) - l.reserve(l.use.rate)
	}
	if l.released > allowed {
		l.released = math.Max(allowed, math.Min(l.released, l.issued))
	}
}

// views are the last readings of what remains. Late low tickets make a single
// one read too low, so the line obeys the largest.
type views struct {
	n    int
	upTo [12]float64 // ticket that the server would still take
	at   [12]float64 // when it said so
}

func (v *views) forget() { v.n = 0 }

func (v *views) add(upTo, at float64) {
	v.upTo[v.n%len(v.upTo)], v.at[v.n%len(v.at)] = upTo, at
	v.n++
}

// allowed returns the ticket that the server would take at now, if its count
// recovers by drift a second.
func (v *views) allowed(drift, now float64) float64 {
	best := math.Inf(-1)
	for i := range min(v.n, len(v.upTo)) {
		best = math.Max(best, v.upTo[i]+drift*(now-v.at[i]))
	}
	return best
}

// foreign estimates what others take of the same quota.
type foreign struct {
	rate      float64 // units per second, after the dead band
	est       float64 // the same, before
	at        float64 // when the last sample was taken; below 0: there is none
	remaining float64
	ticket    float64
}

// watch compares how far remaining has fallen with what this line took.
func (f *foreign) watch(l *line, a answer, remaining float64) {
	dt := a.sent - f.at
	if f.at >= 0 && dt <= 0.5 {
		return
	}
	full := l.model == bucket && (remaining >= l.burst-2 || f.remaining >= l.burst-2)
	if f.at >= 0 && a.ticket > f.ticket && dt < 5 {
		taken := f.remaining - remaining - (a.ticket - f.ticket)
		switch {
		case full:
			taken = 0 // what others take cannot be seen, but there is room
		case l.model == bucket:
			taken += dt * l.rate
		}
		if taken > -0.5*l.rate*dt { // else the quota was renewed in between
			f.est += math.Min(1, dt/4) * (taken/dt - f.est)
		}
		f.rate = 0
		if f.est > 0.04*l.rate { // below that it is answers out of order
			f.rate = f.est
		}
	}
	f.at, f.remaining, f.ticket = a.sent, remaining, a.ticket
}
