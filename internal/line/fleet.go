package line

import (
	"fmt"
	"math"
)

// Loss says what a process does without its store.
type Loss uint8

// The choices.
const (
	Share Loss = iota // keeps to nine tenths of an equal share of the quota
	Solo              // steers by what the server says is left, as all others do
	Stop              // sends nothing
)

// Fleet is how a process takes part in the lines of others.
type Fleet struct {
	Process string        // of this process, different from all others
	OnLoss  Loss          // what to do without the store
	NewID   func() string // returns ids for rounds that nobody else uses

	// Exchange brings a round to the store and calls done once, from anywhere but
	// not before it returns. It must come to an end by itself.
	Exchange func(r *Round, done func(Snapshots, error))
}

// Tuning of the exchange with the store, in seconds.
const (
	lease        = 0.1   // for how long a snapshot says who may leave, at least
	longLease    = 2     // and at most
	leaseUnits   = 10    // that a line may release meanwhile
	gather       = 0.005 // for how long a queue waits for company before it asks
	reportBy     = 0.1   // by when the store hears of an outcome, at least
	lateReport   = 1     // and at most
	retryLost    = 1     // between two tries of a lost store
	beat         = 3     // between two signs of life of whoever holds a concurrency
	recheckAfter = 0.05  // between two looks, after snapshots, at who waits in vain
	longest      = 10    // the longest time that a snapshot serves waiting
	shortLook    = 0.5   // and the shortest
	healthLook   = 0.25  // the same while the upstream is not at its best
	keptPart     = 0.9   // of an equal share, while the store is lost
)

// fleet is the part of a limiter that talks to the store.
type fleet struct {
	Fleet
	l     *Limiter
	desks map[string]*desk // by origin
	ended []chan struct{}  // whoever waits for the end of a round
}

func newFleet(l *Limiter, f Fleet) *fleet {
	return &fleet{Fleet: f, l: l, desks: make(map[string]*desk)}
}

// desk is the exchange about the lines of one origin: one round at a time, which
// everybody who comes meanwhile waits for.
type desk struct {
	f         *fleet
	origin    string
	lines     []*tracked
	busy      bool
	due       float64 // when the next round leaves; +Inf: never
	timer     Timer
	processes int
	again     bool // the round is on its way for the second time
	lost      bool
	unsure    *Round // the last one, which has no answer: it may have been taken
	unsureAt  float64
	about     []*tracked // the lines of unsure
}

// join begins to follow a line in the store.
func (f *fleet) join(t *tracked, now float64) {
	d := f.desks[t.key.origin]
	if d == nil {
		d = &desk{f: f, origin: t.key.origin, due: math.Inf(1), processes: 1}
		f.desks[t.key.origin] = d
	}
	t.remote = &remote{key: t.key.name(), ripe: math.Inf(1), switched: math.Inf(-1)}
	d.lines = append(d.lines, t)
	if d.lost {
		d.leave(t, now)
	}
}

// part forgets a line.
func (f *fleet) part(t *tracked) {
	d := f.desks[t.key.origin]
	for i, o := range d.lines {
		if o == t {
			d.lines = append(d.lines[:i], d.lines[i+1:]...)
			break
		}
	}
	if len(d.lines) == 0 && !d.busy {
		if d.timer != nil {
			d.timer.Stop()
		}
		delete(f.desks, t.key.origin)
	}
}

// call looks whether the store has to be asked or told something.
func (f *fleet) call(now float64) {
	for _, d := range f.desks {
		d.plan(now)
	}
}

// plan sets when the next round leaves.
func (d *desk) plan(now float64) {
	if d.busy {
		return
	}
	due := d.due
	if d.lost {
		if math.IsInf(due, 1) {
			due = now + retryLost
		}
	} else {
		for _, t := range d.lines {
			due = math.Min(due, t.due(now, d.f.l.waiting))
		}
	}
	if due == d.due {
		return
	}
	d.due = due
	if d.timer == nil {
		d.timer = d.f.l.clock.Timer(d.ring)
	}
	d.timer.Reset(seconds(math.Max(0, due-now)))
}

// due returns when the store has to be asked or told something about the line.
func (t *tracked) due(now float64, waiting int) float64 {
	r, due := t.remote, math.Inf(1)
	if r.urgent || r.lost {
		return now
	}
	company := 0.0
	if waiting > 1 {
		company = gather
	}
	if r.pending() {
		due = now + t.paceOf(2, reportBy, lateReport)
	}
	queued := t.inLine()
	if t.model == concurrency {
		return math.Min(due, t.dueHeld(now, queued, company))
	}
	switch {
	case queued == 0:
		if r.units > 0 {
			due = math.Min(due, now+reportBy) // they are given back
		}
		return due
	case !r.known || queued > r.units+tiny && !r.short:
		if r.units > 0 { // far behind others: more company may come
			company = math.Max(company, math.Min(longLease, (t.when(queued)-now)/40))
		}
		return math.Min(due, now+company)
	}
	return math.Min(due, math.Max(now, r.look))
}

// dueHeld is due for a concurrency.
func (t *tracked) dueHeld(now, queued, company float64) float64 {
	r := t.remote
	switch {
	case queued > 0 && r.inUse >= math.Min(r.lent, r.most)-tiny && r.short:
		return math.Max(now, r.at+reportBy) // somebody else may have ended a call
	case queued > 0 && r.inUse >= r.lent-tiny:
		return now + company
	case r.inUse < r.lent-tiny:
		return math.Max(now, r.at+reportBy)
	case r.inUse > 0:
		return r.at + beat
	}
	return math.Inf(1)
}

// ring is the timer's function.
func (d *desk) ring() {
	l := d.f.l
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if d.busy || now < d.due-1e-9 {
		return
	}
	d.due = math.Inf(1)
	d.ask(now)
}

// ask sends a round: the one that has no answer, if there is one.
func (d *desk) ask(now float64) {
	if d.unsure == nil {
		d.unsure, d.about = d.round(now)
		d.unsureAt = now
	} else {
		d.unsure.age(now - d.unsureAt)
		d.unsureAt = now
	}
	if d.unsure == nil {
		return
	}
	d.busy = true
	b := d.unsure
	d.f.Exchange(b, func(s Snapshots, err error) {
		l := d.f.l
		l.mu.Lock()
		defer l.mu.Unlock()
		d.answered(l.now(), s, err)
		d.f.wake()
	})
}

// age moves the durations of a round that is sent once more.
func (b *Round) age(by float64) {
	for i := range b.Lines {
		for j := range b.Lines[i].Answers {
			a := &b.Lines[i].Answers[j]
			a.Age += by
			a.ResetFrom, a.ResetIn, a.RetryIn = a.ResetFrom-by, a.ResetIn-by, a.RetryIn-by
		}
	}
}

// round collects what there is to ask and to tell; nil if that is nothing.
func (d *desk) round(now float64) (*Round, []*tracked) {
	b := &Round{Process: d.f.Process, Origin: d.origin}
	var about []*tracked
	wants := d.f.l.wanted(now)
	for _, t := range d.lines {
		r := t.remote
		if r.alone {
			continue
		}
		d.f.l.advance(t, now)
		if a, ok := d.inquire(t, now, wants[t]); ok || r.lost || d.lost {
			b.Lines = append(b.Lines, a)
			about = append(about, t)
		}
	}
	if d.lost {
		return d.knock(b)
	}
	if len(b.Lines) == 0 {
		return nil, nil
	}
	b.ID = d.f.NewID()
	return b, about
}

// knock is the round that finds out whether a lost store is back. It takes and
// tells nothing.
func (d *desk) knock(b *Round) (*Round, []*tracked) {
	b.ID = d.f.NewID()
	b.Lines = b.Lines[:0]
	return b, nil
}

// inquire returns what there is to ask and to tell about a line; ok is false if that is
// nothing.
func (d *desk) inquire(t *tracked, now, wanted float64) (a Ask, ok bool) {
	r := t.remote
	a = Ask{Key: r.key, Law: t.declared, Health: d.f.l.healthOf(t), Recovered: r.failed, Lost: r.lost}
	r.failed = a.Health <= 0
	switch {
	case r.failed:
		r.knows = math.Max(r.knows, now+failedFor)
	case now > r.knows:
		a.Health = 1 // it would only repeat what was true once
	}
	for _, h := range r.answers {
		h.Age += now - h.at
		h.ResetFrom, h.ResetIn, h.RetryIn = h.ResetFrom-(now-h.at), h.ResetIn-(now-h.at), h.RetryIn-(now-h.at)
		a.Answers = append(a.Answers, h.Answer)
	}
	if t.model == concurrency {
		a.Hold = r.inUse
		a.Take = t.inLine()
		ok = a.Take > 0 || r.lent != r.inUse || r.inUse > 0 || len(a.Answers) > 0
		r.lent = r.inUse // what is free goes back with this round
	} else {
		t.settleRipe(now)
		if queued := t.inLine(); queued < r.units {
			t.giveUp(r.units - queued)
		}
		a.Take, a.Want = math.Max(0, wanted-r.units), t.dearest()
		if a.Take <= tiny {
			a.Take = 0
		}
		a.Used, a.Back, a.Own = r.used, r.back, r.own
		ok = a.Take > 0 || t.inLine() > 0 || r.pending()
	}
	r.used, r.back, r.own, r.answers, r.urgent, r.lost = 0, nil, 0, nil, false, false
	return a, ok
}

// dearest returns the cost of the dearest call at the front of the line.
func (t *tracked) dearest() float64 { return math.Max(1, t.want) }

// answered takes in what the store says to the round.
func (d *desk) answered(now float64, s Snapshots, err error) {
	l := d.f.l
	d.busy = false
	b, about := d.unsure, d.about
	if err == nil && len(s.Lines) != len(b.Lines) {
		err = fmt.Errorf("the store answered for %d lines, asked were %d", len(s.Lines), len(b.Lines))
	}
	if err != nil && !d.again && !d.lost {
		d.again = true
		d.ask(now)
		return
	}
	d.again = false
	if err != nil {
		if d.lost { // its places lapse
			d.unsure, d.about = nil, nil
		}
		first := !d.lost
		d.lose(now, err)
		if first && l.waiting > 0 { // their turns are others now
			l.recheck(now)
		}
		l.pump(now)
		return
	}
	d.unsure, d.about = nil, nil
	d.processes = max(1, s.Processes)
	news := false // of a line that nothing was known of
	for i, t := range about {
		if t.remote.alone {
			continue // lost meanwhile: its places lapse
		}
		news = news || !t.remote.known
		t.adopt(now, &b.Lines[i], s.Lines[i])
	}
	if d.lost {
		d.comeBack(now)
	}
	if l.waiting > 0 && (news || now-l.checkedAt >= recheckAfter) {
		l.recheck(now)
	}
	l.pump(now)
}

// adopt takes over the store's view of a line, and the places that it gave.
func (t *tracked) adopt(now float64, a *Ask, s Snapshot) {
	r := t.remote
	epoch := t.epoch
	t.shared, t.copied = true, true
	t.line.restore(s.State)
	r.offset, r.at, r.health = t.t-now, now, t.health
	if r.known && t.epoch != epoch { // another line: the old places are worth nothing
		r.held, r.units, r.used, r.own, r.back = nil, 0, 0, 0, nil
		r.switched = now
	}
	r.known = true
	if t.model == concurrency {
		r.lent, r.most = math.Max(r.inUse, a.Hold+s.Given.To), s.Given.From
		r.short = s.Given.To < a.Take-tiny
		return
	}
	given := s.Given.To - s.Given.From
	r.short = given < a.Take-tiny
	if given > tiny {
		r.held = append(r.held, s.Given)
		r.units += given
	}
	for _, h := range r.answers { // what it does not know yet
		if h.Refused {
			t.line.freeze(h.answer(t.t))
		}
	}
	t.serves(now)
}

// serves sets for what the snapshot is good: to say who may leave, for a moment;
// or, as long as nobody may, to wait without asking again.
func (t *tracked) serves(now float64) {
	r := t.remote
	lease := t.paceOf(leaseUnits, lease, longLease)
	r.until, r.look = now+lease, now+lease
	eta := t.when(math.Min(r.units, t.dearest())) - now
	if r.units <= 0 {
		eta = t.when(t.dearest()) - now
	}
	if eta > 1.5*lease {
		pause := t.burst / math.Max(t.rate, tiny)
		if t.model == window {
			pause = t.w / 60
		}
		r.until = math.Inf(-1)
		pause = math.Min(longest, math.Max(shortLook, pause))
		if t.health < 1 { // it can change at any moment
			pause = healthLook
		}
		r.look = now + math.Max(lease, math.Min(pause, eta/2))
	}
}

// paceOf returns how long the line takes for some units, within bounds: what
// happens meanwhile cannot do more harm than these units.
func (t *tracked) paceOf(units, least, most float64) float64 {
	return math.Min(most, math.Max(least, units/math.Max(t.rate, tiny)))
}

// lose notes that the store does not answer: every line goes on by itself.
func (d *desk) lose(now float64, err error) {
	d.due = math.Inf(1)
	if d.lost {
		return
	}
	d.lost = true
	for _, t := range d.lines {
		d.leave(t, now)
	}
	if n := d.f.l.notify; n != nil {
		n(Notice{Event: StoreLost, Reason: "the store of the limits does not answer, each process goes on by itself: " + err.Error()})
	}
}

// leave makes a line of the fleet one of this process.
func (d *desk) leave(t *tracked, now float64) {
	r, old := t.remote, t.line
	n := float64(d.processes)
	law := t.declared
	law.Solo = d.f.OnLoss == Solo && t.model != concurrency
	l := newLine(law, now)
	l.declared = t.declared
	switch {
	case d.f.OnLoss == Stop:
		l.stopped = true
	case !law.Solo:
		l.Law, l.deaf = t.declared.share(keptPart, n), true
	}
	l.solo.late = d.f.l.draw()
	if r.known {
		l.cold, l.begun = old.cold, old.begun
		l.frozenUntil, l.retryAt, l.strikes = old.frozenUntil-r.offset, old.retryAt-r.offset, old.strikes
		if l.phase = old.phase; l.phase {
			l.lo, l.hi, l.turned = old.lo-r.offset, old.hi-r.offset, old.turned-r.offset
			elapsed := math.Min(l.w, math.Max(0, l.w-(l.hi-now)))
			l.base = -l.q * elapsed / l.w // what was used of this window, if it was used evenly
			l.own = l.base
		}
	}
	l.health, l.told, l.inFlight, l.hold, l.refused = old.health, old.told, r.inUse, old.hold, old.refused
	t.line = *l
	*r = remote{key: r.key, ripe: math.Inf(1), alone: true, switched: now}
}

// comeBack joins the fleet again. What was sent meanwhile is told first: nothing
// leaves before the store has heard of it.
func (d *desk) comeBack(now float64) {
	d.lost = false
	for _, t := range d.lines {
		r, alone := t.remote, t.line
		if !r.alone {
			continue
		}
		t.line = *newLine(alone.declared, now)
		t.shared, t.copied, t.health, t.hold, t.refused = true, true, alone.health, alone.hold, alone.refused
		t.frozenUntil, t.retryAt = alone.frozenUntil, alone.retryAt
		*r = remote{key: r.key, ripe: math.Inf(1), switched: now, lost: true, inUse: alone.inFlight, lent: alone.inFlight}
		if t.model == window { // the rest of what was sent has been renewed meanwhile
			r.own = math.Max(0, alone.issued-math.Max(0, alone.own))
		}
	}
	if n := d.f.l.notify; n != nil {
		n(Notice{Event: StoreBack, Reason: "the store of the limits answers again"})
	}
}
