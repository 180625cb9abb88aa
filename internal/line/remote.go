package line

import "math"

// remote is what a process has of a line of its fleet: a copy of the line as the
// store had it, places that no call has taken yet, and what the store does not
// know. The places of one process are all alike: whoever is next takes the first.
type remote struct {
	key    string  // in the store
	offset float64 // the store's clock less ours
	known  bool    // the copy is one of the store's
	at     float64 // when it came
	until  float64 // for how long it says who may leave
	health float64 // of the upstream, as the fleet has it
	failed bool    // this process has told the fleet that it is 0
	knows  float64 // up to when this process knows of it first hand
	look   float64 // when it is worth while to look again, if nobody may leave by it

	held  []Span  // places that no call has taken, the first ones first
	units float64 // in held
	ripe  float64 // since when the first of them could leave; +Inf: it cannot

	lent  float64 // concurrency: units that may be in use
	most  float64 // the same, because others wait for theirs
	inUse float64

	alone    bool    // the store is lost: the copy is a line of its own
	switched float64 // when that last began or ended: tickets from before mean nothing
	short    bool    // the store gave fewer places than were asked for

	// what the store does not know
	used    float64 // last ticket with which a call has left
	back    []Span
	own     float64
	answers []heard
	urgent  bool // a refusal is among them
	lost    bool // the store was lost until now
}

// heard is an answer that the store does not know yet.
type heard struct {
	at float64 // our clock
	Answer
}

// For how long, in seconds, a process knows the health of an upstream first hand:
// after an answer, and after it was told that it has failed, because then it
// asks its breaker.
const (
	knownFor  = 1
	failedFor = failedLife
)

// maxHeard bounds the answers that wait for the store; the oldest give way.
const maxHeard = 64

// away reports whether the line is followed in the store.
func (t *tracked) away() bool { return t.remote != nil && !t.remote.alone }

// since reports whether the store was lost or came back after a moment: what a
// call took before it belongs to another line.
func (t *tracked) since(left float64) bool {
	return t.remote != nil && left < t.remote.switched
}

// skew is what the times of the line are ahead of our clock.
func (t *tracked) skew() float64 {
	if t.away() {
		return t.remote.offset
	}
	return 0
}

// when is line.when on our clock, for calls in line here.
func (t *tracked) when(units float64) float64 {
	r := t.remote
	switch {
	case !t.away():
		return t.line.when(units)
	case t.model == concurrency:
		return t.t - r.offset + math.Max(0, math.Ceil((r.inUse+units-math.Max(1, r.lent))/math.Max(1, r.lent)))*t.hold
	case !r.known:
		return t.t - r.offset
	}
	return t.line.when(math.Max(0, r.ticket(units, math.Max(t.tail, t.issued))-t.issued)) - r.offset
}

// ticket returns the one at which the first units of the places end; what is
// missing will be at the end of the line.
func (r *remote) ticket(units, tail float64) float64 {
	for _, s := range r.held {
		if n := s.To - s.From; units > n+tiny {
			units -= n
		} else {
			return s.From + units
		}
	}
	return tail + units
}

// wakes is line.wakes on our clock.
func (t *tracked) wakes(turn float64) float64 {
	if !t.away() {
		return t.line.wakes(turn)
	}
	r := t.remote
	switch {
	case t.model == concurrency || !r.known:
		return math.Inf(1) // the store's answer wakes
	case t.t < t.frozenUntil:
		return t.frozenUntil - r.offset
	case t.health < 1:
		return t.t - r.offset + healthPoll
	case turn <= t.t-r.offset+tiny:
		return math.Inf(1) // the store has to say so
	}
	return turn
}

// exhausted is line.exhausted on our clock.
func (t *tracked) exhausted() (at float64, ok bool) {
	at, ok = t.line.exhausted()
	if t.away() {
		at -= t.remote.offset
	}
	return at, ok
}

// ready reports whether cost units may leave now; advance must have run.
func (t *tracked) ready(cost float64) bool {
	r := t.remote
	switch {
	case !t.away():
		return t.line.ready(cost)
	case cost == 0:
		return true
	case t.model == concurrency:
		return r.inUse+cost <= math.Min(r.lent, r.most)+tiny
	case !r.known || t.t-r.offset > r.until || t.t < t.frozenUntil || t.t > t.notAfter || t.health <= 0:
		return false
	}
	return r.units >= cost-tiny && r.ticket(cost, 0) <= t.released+tiny
}

// spare is line.spare for a line of a fleet, whose breaker lets few calls out.
func (t *tracked) spare(cost float64) bool {
	if !t.away() {
		return t.line.spare(cost)
	}
	return t.model != concurrency && t.health < 1 && t.t >= t.frozenUntil
}

// take lets cost units leave and returns the ticket.
func (t *tracked) take(cost float64) (ticket float64, probe bool) {
	r := t.remote
	switch {
	case !t.away():
		return t.line.take(cost)
	case t.model == concurrency:
		r.inUse += cost
		return 0, false
	case r.units < cost-tiny || r.ticket(cost, 0) > t.released+tiny: // a probe
		r.own += cost
		return t.issued, false
	}
	ticket = t.issued
	for left := cost; left > tiny && len(r.held) > 0; {
		s := &r.held[0]
		n := math.Min(left, s.To-s.From)
		left -= n
		s.From += n
		ticket = s.From
		if s.To-s.From <= tiny {
			r.held = r.held[1:]
		}
	}
	r.units = math.Max(0, r.units-cost)
	r.used = math.Max(r.used, ticket)
	r.ripe = math.Inf(1)
	t.lastAt = t.t
	return ticket, false
}

// refund gives units back that a call has taken with ticket and not used; below
// 0 it books units that were used and not taken.
func (t *tracked) refund(units float64) {
	if t.away() {
		t.remote.own -= units
		return
	}
	t.line.refund(units)
}

// forfeit gives back the places of a call that has not left in time.
func (t *tracked) forfeit(units float64) {
	if t.away() {
		t.remote.own -= units
		return
	}
	t.line.forfeit(units)
}

// release ends the use of units of a concurrency.
func (t *tracked) release(units float64) {
	if t.away() {
		t.remote.inUse = math.Max(0, t.remote.inUse-units)
		return
	}
	t.inFlight -= units
}

// inLine returns the units that are waited for here.
func (t *tracked) inLine() (units float64) {
	for _, n := range t.queued {
		units += n
	}
	return units
}

// learn takes in an answer. A line of a fleet learns in the store; a refusal
// holds the copy back at once, so that nobody leaves in between.
func (t *tracked) learn(now float64, a answer) (c change) {
	if !t.away() {
		return t.line.learn(now, a)
	}
	r := t.remote
	if len(r.answers) >= maxHeard {
		r.answers = append(r.answers[:0], r.answers[1:]...)
	}
	r.answers = append(r.answers, heard{now, Answer{
		Age: now - a.sent, Ticket: a.ticket, Success: a.success, Failed: a.failed, Refused: a.refused,
		Limit: a.limit, Remaining: a.remaining, Refill: a.refill,
		ResetFrom: a.resetFrom - now, ResetIn: a.resetAt - now, RetryIn: a.retryAt - now,
	}})
	r.urgent = r.urgent || a.refused
	r.knows = math.Max(r.knows, now+knownFor)
	if told := a.limit; told >= 1 && r.known && math.Abs(told-t.told) > 0.5 {
		c.drifted, t.told = true, told
	}
	if a.refused && r.known {
		last := &r.answers[len(r.answers)-1]
		c.frozen = t.line.freeze(last.answer(t.t))
	}
	return c
}

// pending reports whether the store does not know something.
func (r *remote) pending() bool {
	return r.used > 0 || r.own != 0 || len(r.back) > 0 || len(r.answers) > 0
}

// settleRipe gives back places that could have left for some time and did not,
// so that they do not pile up and leave as a burst.
func (t *tracked) settleRipe(now float64) {
	r := t.remote
	if len(r.held) == 0 || !r.known || r.held[0].From >= t.released-tiny {
		r.ripe = math.Inf(1)
		return
	}
	if math.IsInf(r.ripe, 1) {
		r.ripe = now
	}
	if t.inLine() > 0 && now-r.ripe <= lapse && now-r.at <= 2*longest {
		return // whoever waits for it may have to wait for another line too
	}
	t.settle(func(units float64) float64 { return math.Floor(units + tiny) }) // nobody can use a part of one
}

// settle gives back what is released of the places, as far as part says.
func (t *tracked) settle(part func(units float64) float64) {
	r := t.remote
	for len(r.held) > 0 && r.held[0].From < t.released-tiny {
		s := &r.held[0]
		to := s.From + part(math.Min(s.To, t.released)-s.From)
		if to <= s.From {
			break
		}
		r.own -= to - s.From // as if they had left and were paid back
		r.used = math.Max(r.used, to)
		r.units -= to - s.From
		if s.From = to; s.To-s.From <= tiny {
			r.held = r.held[1:]
		}
	}
	r.units = math.Max(0, r.units)
	r.ripe = math.Inf(1)
}

// giveUp returns places at the end of the line that nobody waits for any more.
func (t *tracked) giveUp(units float64) {
	r := t.remote
	for units > tiny && len(r.held) > 0 {
		s := &r.held[len(r.held)-1]
		from := s.From
		if from < t.released+tiny { // of a slow line, most of the place may still be in its future when the store hears of it
			from = t.released + t.slope()*reportBy + tiny
		}
		if from > s.To-tiny || s.To < t.tail-tiny || len(r.back) >= maxBack {
			return // of no harm: the next call takes it, or it is settled when it is ripe
		}
		n := math.Min(units, s.To-from)
		r.back = append(r.back, Span{s.To - n, s.To})
		s.To -= n
		t.tail = s.To
		units -= n
		r.units = math.Max(0, r.units-n)
		if s.To-s.From <= tiny {
			r.held = r.held[:len(r.held)-1]
		}
	}
}

// maxBack bounds the places given back at once.
const maxBack = 64
