package line

import (
	"math"
	"slices"
	"time"
)

// Bounds of what a limiter keeps, and of how it waits.
const (
	maxFree    = 256  // places kept for reuse
	maxGroups  = 1024 // groups from which on unused ones are forgotten
	healthPoll = 0.1  // seconds between looks at the health of a line that is held back
	checkEvery = 1    // seconds between looks at who waits in vain
)

// queue holds the groups of one class in which calls wait.
type queue struct {
	groups []*group
	pass   float64 // what the class has had, by its weight
}

// fill works out what a call costs in each line.
func (g *group) fill(costs *[maxQuotas]float64, op *Op) {
	copy(costs[:], g.costs)
	for i, t := range g.lines {
		if c, ok := op.Cost[t.quota.Name]; ok && c >= 0 && c <= MaxUnits {
			costs[i] = c
		}
	}
}

// place returns an unused place in the lines of g.
func (l *Limiter) place(g *group) *place {
	p := l.free
	if p == nil {
		p = &place{l: l, ready: make(chan struct{}, 1)}
	} else {
		l.free, p.next = p.next, nil
		l.freed--
	}
	p.group = g
	g.users++
	return p
}

// Kept returns how many places are kept for reuse.
func (l *Limiter) Kept() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.freed
}

// recycle ends the use of a place.
func (l *Limiter) recycle(p *place) {
	p.group.users--
	p.gen++
	p.group, p.state, p.err, p.probes, p.prev, p.next, p.called = nil, unused, nil, 0, nil, nil, nil
	if l.freed < maxFree {
		p.next, l.free = l.free, p
		l.freed++
	}
}

// advance moves a line to now, with the health of its upstream.
func (l *Limiter) advance(t *tracked, now float64) {
	if t.away() {
		t.line.advance(now + t.remote.offset)
	} else {
		t.line.advance(now)
	}
	if l.health != nil {
		t.health = l.healthOf(t)
		l.sick = t.health <= 0
		if t.away() && now-t.remote.at < longLease {
			t.health = math.Min(t.health, t.remote.health) // others may have noticed first
		}
	}
	t.usedAt = now
}

// healthOf returns the health of a line's upstream, as this process knows it.
func (l *Limiter) healthOf(t *tracked) float64 {
	if l.health == nil {
		return 1
	}
	return math.Min(1, math.Max(0, l.health.Health(t.url)))
}

// passes reports whether a line lets the call leave now.
func (p *place) passes(i int) bool {
	t := p.group.lines[i]
	return t.ready(p.costs[i]) || p.probe && t.spare(p.costs[i])
}

// fits reports whether a call may leave past an empty line.
func (l *Limiter) fits(p *place, now float64) bool {
	for i, t := range p.group.lines {
		l.advance(t, now)
		if !p.passes(i) {
			return false
		}
	}
	return true
}

// leave takes the places of the call in all its lines.
func (l *Limiter) leave(p *place, now float64) {
	for i, t := range p.group.lines {
		ticket, alone := t.take(p.costs[i])
		p.tickets[i] = ticket
		if alone {
			p.probes |= 1 << i
		}
		t.want = 0
	}
	p.left, p.state = now, gone
	if p.reserved {
		p.state = turned
	}
}

// enqueue puts a place at the end of its line, or at its front; a probe goes
// before everybody.
func (l *Limiter) enqueue(p *place, front bool) {
	l.order++
	p.order = l.order
	if front || p.probe {
		p.order = 0
	}
	l.insert(p, front || p.probe)
}

// requeue puts a place back to the front.
func (l *Limiter) requeue(p *place) { l.insert(p, true) }

func (l *Limiter) insert(p *place, front bool) {
	g, q := p.group, &l.queues[p.group.key.class]
	if len(q.groups) == 0 {
		l.join(q)
	}
	switch {
	case g.head == nil:
		g.head, g.tail = p, p
		q.groups = append(q.groups, g)
	case front && (p.probe || g.head.order > 0):
		p.next, g.head.prev, g.head = g.head, p, p
	case front: // behind those who are at the front already
		before := g.head
		for before.next != nil && before.next.order == 0 {
			before = before.next
		}
		p.prev, p.next, before.next = before, before.next, p
		if p.next != nil {
			p.next.prev = p
		} else {
			g.tail = p
		}
	default:
		p.prev, g.tail.next, g.tail = g.tail, p, p
	}
	p.state = queued
	l.waiting++
	for i, t := range g.lines {
		t.queued[g.key.class] += p.costs[i]
	}
}

// join lets a class begin where the others are: what it left unused is gone.
func (l *Limiter) join(q *queue) {
	least := math.Inf(1)
	for i := range l.queues {
		if o := &l.queues[i]; len(o.groups) > 0 {
			least = math.Min(least, o.pass)
		}
	}
	if math.IsInf(least, 1) {
		for i := range l.queues {
			l.queues[i].pass = 0
		}
		return
	}
	q.pass = math.Max(q.pass, least)
}

// dequeue takes a place out of its line, wherever it stands.
func (l *Limiter) dequeue(p *place) {
	g, q := p.group, &l.queues[p.group.key.class]
	if p.prev == nil {
		g.head = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		g.tail = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.prev, p.next, p.state = nil, nil, unused
	l.waiting--
	for i, t := range g.lines {
		t.queued[g.key.class] = math.Max(0, t.queued[g.key.class]-p.costs[i])
	}
	if g.head == nil {
		q.groups = slices.DeleteFunc(q.groups, func(o *group) bool { return o == g })
		for _, t := range g.lines {
			t.want = 0
		}
	}
}

// pump lets everybody leave whose turn has come, and sets the timer for the
// next turn.
func (l *Limiter) pump(now float64) {
	if l.waiting > 0 && (now-l.checkedAt >= checkEvery || l.sick && now-l.checkedAt >= healthPoll) {
		l.recheck(now)
	}
	for l.waiting > 0 && l.serve(now) {
	}
	l.arm(now)
	if l.fleet != nil {
		l.fleet.call(now)
	}
}

// serve lets one call leave. It asks those at the front, class by class in the
// order of what is due to them, and of one class in the order of arrival. A call
// that cannot leave yet claims the lines that it waits for: nobody behind it
// gets past. So the first that is asked waits for nothing but its lines.
func (l *Limiter) serve(now float64) bool {
	l.scan++
	l.next = math.Inf(1)
	for _, c := range l.classOrder() {
		q := &l.queues[c]
		if len(q.groups) > 1 {
			slices.SortFunc(q.groups, func(a, b *group) int { return int(min(1, max(-1, int64(a.head.order)-int64(b.head.order)))) })
		}
		for _, g := range q.groups {
			p := g.head
			if !l.try(p, now) {
				continue
			}
			l.dequeue(p)
			l.charge(p)
			l.leave(p, now)
			p.tell()
			return true
		}
	}
	return false
}

// classOrder returns the classes, the one to which most is due first.
func (l *Limiter) classOrder() [classes]Class {
	order := [classes]Class{Interactive, Normal, Batch}
	for i := 1; i < len(order); i++ {
		for j := i; j > 0 && l.queues[order[j]].pass < l.queues[order[j-1]].pass; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	return order
}

// try reports whether the call may leave now; if not, it claims lines.
func (l *Limiter) try(p *place, now float64) bool {
	turn, behind, ready := now, false, true
	var turns [maxQuotas]float64
	for i, t := range p.group.lines {
		if t.heldIn == l.scan && !p.probe {
			behind = true
			continue
		}
		t.want = p.costs[i]
		l.advance(t, now)
		turns[i] = now
		if !p.passes(i) {
			ready = false
			turns[i] = t.when(p.costs[i])
			turn = math.Max(turn, turns[i])
			l.next = math.Min(l.next, t.wakes(turns[i])) // others may wait for this line alone
		}
	}
	switch {
	case behind:
		return false
	case ready:
		return true
	}
	for i, t := range p.group.lines {
		if !p.passes(i) && turn-turns[i] <= lapse { // a fast line does not wait for a slow one
			t.heldIn = l.scan
		}
	}
	return false
}

// tell tells whoever waits for the place.
func (p *place) tell() {
	switch {
	case p.reserved:
	case p.called != nil:
		p.called()
	default:
		p.ready <- struct{}{} // it has room: a place leaves once
	}
}

// charge books a place against the class, if another one waits for it too.
func (l *Limiter) charge(p *place) {
	c := p.group.key.class
	for i, t := range p.group.lines {
		for o, cost := range t.queued {
			if Class(o) != c && cost > 0 {
				l.queues[c].pass += math.Max(p.costs[i], tiny) / weights[c]
				return
			}
		}
	}
}

// arm sets the timer for the next turn.
func (l *Limiter) arm(now float64) {
	wake := math.Inf(1)
	if l.waiting > 0 {
		wake = math.Min(l.next, l.checkedAt+checkEvery)
	}
	if wake == l.wake {
		return
	}
	l.wake = wake
	if math.IsInf(wake, 1) {
		if l.timer != nil {
			l.timer.Stop()
		}
		return
	}
	d := max(seconds(wake-now), 10*time.Microsecond) // below that a timer is not worth its while
	if l.timer == nil {
		l.timer = l.clock.Timer(l.ring)
	}
	l.timer.Reset(d)
}

// ring is the timer's function.
func (l *Limiter) ring() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake = math.Inf(1)
	l.pump(l.now())
}

// behind returns the units that leave a line before a call with units of its
// own class ahead of it and cost of its own.
func (t *tracked) before(c Class, units, cost float64) float64 {
	before := units
	for o, queued := range t.queued {
		if Class(o) != c {
			before += math.Min(queued, (units+cost)*weights[o]/weights[c])
		}
	}
	return before
}

// turn returns when a call at the end of the line may leave, as far as can be
// told.
func (l *Limiter) turn(g *group, costs *[maxQuotas]float64, now float64) float64 {
	turn := now
	for i, t := range g.lines {
		l.advance(t, now)
		before := t.before(g.key.class, t.queued[g.key.class], costs[i])
		turn = math.Max(turn, t.when(before+costs[i]))
	}
	return turn
}

// turnOf is turn for a call in line.
func (l *Limiter) turnOf(p *place, now float64) float64 {
	turn := now
	l.inLine(now, func(o *place, at float64) {
		if o == p {
			turn = at
		}
	})
	return turn
}

// inLine calls f for each call in line with its turn.
func (l *Limiter) inLine(now float64, f func(p *place, turn float64)) {
	for c := range l.queues {
		var all []*place
		for _, g := range l.queues[c].groups {
			for _, t := range g.lines {
				t.ahead = 0
				l.advance(t, now)
			}
			for p := g.head; p != nil; p = p.next {
				all = append(all, p)
			}
		}
		if len(l.queues[c].groups) > 1 {
			slices.SortStableFunc(all, func(a, b *place) int { return int(min(1, max(-1, int64(a.order)-int64(b.order)))) })
		}
		for _, p := range all {
			turn := now
			for i, t := range p.group.lines {
				before := t.before(Class(c), t.ahead, p.costs[i])
				t.ahead += p.costs[i]
				t.turnHere = t.when(before + p.costs[i])
				turn = math.Max(turn, t.turnHere)
			}
			f(p, turn)
		}
	}
}

// recheck puts those out of the line whose turn has become later than they can
// wait. They give their places back at once.
func (l *Limiter) recheck(now float64) {
	l.checkedAt = now
	l.inLine(now, func(p *place, turn float64) {
		err := l.refusal(p, turn, now)
		if err == nil {
			return
		}
		l.dequeue(p)
		p.err = err
		p.tell()
	})
}
