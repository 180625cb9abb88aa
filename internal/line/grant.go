package line

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// lapse is how long a place that nobody takes stays released, in seconds. Then
// it is given back and taken again at the front, so that places that have piled
// up do not leave as a burst.
const lapse = 1

// ETA returns how long until a reserved call may leave. 0: now, and the place is
// taken; whoever asks again a second later or more has to wait for a new turn,
// at the front. It fails if the place was lost because its turn would come too
// late.
func (g Grant) ETA() (time.Duration, error) {
	p := g.p
	if p == nil {
		return 0, nil
	}
	l := p.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.gen != g.gen {
		return 0, nil
	}
	now := l.now()
	if p.err != nil {
		err := p.err
		l.recycle(p)
		return 0, err
	}
	if p.state == queued {
		l.pump(now)
	}
	if p.state == turned && now-p.left > lapse {
		l.giveBack(p, now, (*tracked).forfeit)
		l.requeue(p)
		l.pump(now)
	}
	switch p.state {
	case queued:
		return max(1, seconds(l.turnOf(p, now)-now)), nil
	case turned:
		p.state, p.left = gone, now
	}
	return 0, nil
}

// Done reports the outcome, as soon as the response headers are there or the
// call has failed. It returns what that changed.
func (g Grant) Done(out Outcome) []Notice {
	p := g.p
	if p == nil {
		return nil
	}
	l := p.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.gen != g.gen || p.state != gone && p.state != turned {
		return nil
	}
	notices := l.done(p, out, l.now())
	if p.state != holding {
		l.recycle(p)
	}
	return notices
}

// done takes in the outcome of a call. What is left of its place, if anything,
// is holding.
func (l *Limiter) done(p *place, out Outcome, now float64) []Notice {
	if out.Status != 0 {
		l.observe(now - p.left)
	}
	notices := l.settle(p, out, now)
	p.state = unused
	if !p.release(false, now) {
		p.state = holding
	}
	switch {
	case l.waiting > 0:
		if len(notices) > 0 {
			l.recheck(now)
		}
		l.pump(now)
	case l.fleet != nil:
		l.fleet.call(now) // there is something to tell the store
	}
	return notices
}

// End reports that the response body was closed, which ends concurrency. For a
// call that is not done it stands for an outcome without an answer.
func (g Grant) End() {
	p := g.p
	if p == nil {
		return
	}
	l := p.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.gen != g.gen || p.state == queued {
		return
	}
	now := l.now()
	if p.state != holding {
		l.done(p, Outcome{}, now)
	}
	p.release(true, now)
	l.recycle(p)
	l.pump(now)
}

// Cancel gives the place back. That is right only if the call provably did not
// reach the server.
func (g Grant) Cancel() {
	p := g.p
	if p == nil {
		return
	}
	l := p.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.gen != g.gen {
		return
	}
	now := l.now()
	switch p.state {
	case queued:
		l.dequeue(p)
	case gone, turned:
		l.giveBack(p, now, (*tracked).refund)
	case holding:
		return
	}
	l.recycle(p)
	l.pump(now)
}

// giveBack undoes what leave took.
func (l *Limiter) giveBack(p *place, now float64, back func(*tracked, float64)) {
	for i, t := range p.group.lines {
		l.advance(t, now)
		if t.model != concurrency && !t.since(p.left) {
			back(t, p.costs[i])
		}
	}
	p.release(true, now)
}

// release ends what only a call in flight has: being the one call of a cold
// line, and, at its end, concurrency. It reports whether nothing is left.
func (p *place) release(end bool, now float64) (all bool) {
	all = true
	for i, t := range p.group.lines {
		if p.probes&(1<<i) != 0 && !t.since(p.left) {
			t.probing--
		}
		if t.model != concurrency || p.costs[i] == 0 {
			continue
		}
		if !end {
			all = false
			continue
		}
		t.release(p.costs[i])
		t.hold += 0.1 * (now - p.left - t.hold)
	}
	p.probes = 0
	return all
}

// observe follows the median of the time to the response headers.
func (l *Limiter) observe(took float64) {
	switch {
	case l.latency == 0:
		l.latency = took
	case took > l.latency:
		l.latency *= 1.05
	default:
		l.latency /= 1.05
	}
}

// settle tells the lines of the call what came of it.
func (l *Limiter) settle(p *place, out Outcome, now float64) (notices []Notice) {
	for i, t := range p.group.lines {
		rd, cost, source := l.readingFor(p.group, t, out.Readings)
		if used, ok := out.Cost[t.quota.Name]; ok {
			cost = used
		}
		l.advance(t, now)
		if t.since(p.left) {
			rd = rd.refusal()
			p.tickets[i] = 0
		} else if cost >= 0 && t.model != concurrency && cost <= MaxUnits {
			t.refund(p.costs[i] - cost)
		}
		if out.Status == 0 {
			continue
		}
		a := answer{
			sent: p.left, ticket: p.tickets[i], reading: rd,
			success: out.Status < 400 && !rd.refused, failed: out.Status >= 500,
		}
		notices = append(notices, t.notices(t.learn(now, a), a, source, now)...)
	}
	return notices
}

// notices puts a change into words.
func (t *tracked) notices(c change, a answer, source string, now float64) (out []Notice) {
	if a.refused {
		out = append(out, Notice{Event: Refused, Quota: t.quota.Name, Delay: seconds(a.retryAt - now), Reason: reason(t, source)})
	}
	if c.frozen > 0 {
		out = append(out, Notice{Event: Frozen, Quota: t.quota.Name, Delay: seconds(c.frozen), Reason: reason(t, source)})
	}
	if c.drifted {
		out = append(out, Notice{Event: Drift, Quota: t.quota.Name, Reason: fmt.Sprintf("quota %q: the server states a limit of %g, declared are %g", t.quota.Name, t.told, t.declared.Size())})
	}
	return out
}

func reason(t *tracked, source string) string {
	if source == "" {
		return fmt.Sprintf("quota %q", t.quota.Name)
	}
	return fmt.Sprintf("quota %q: %s", t.quota.Name, source)
}

// readingFor picks what the answer says about a line of the call. A refusal
// that names no line of the call is about all of them. Numbers are taken from a
// reading that names the line, or that can mean no other.
func (l *Limiter) readingFor(g *group, t *tracked, all []Reading) (rd reading, cost float64, source string) {
	rd, cost = noReading(), -1
	for i := range all {
		r := &all[i]
		mine := t.quota.means(r)
		if !mine && !g.named(r) {
			mine = g.only(t, r) && (r.ID == "" || len(all) == 1 && t.quota.Resource == "")
			if !mine && r.Refused {
				rd.refused = true
				rd.retryAt, source = later(rd.retryAt, l.at(r.RetryAt)), r.Source
			}
		}
		if !mine {
			continue
		}
		source = r.Source
		rd.refused = rd.refused || r.Refused
		rd.retryAt = later(rd.retryAt, l.at(r.RetryAt))
		rd.limit, rd.remaining, rd.refill = given(r.Limit.Get()), given(r.Remaining.Get()), given(r.Refill.Get())
		if !r.ResetAt.IsZero() {
			rd.resetFrom, rd.resetAt = l.at(r.ResetFrom), l.at(r.ResetAt)
		}
		if c := given(r.Cost.Get()); c >= 0 {
			cost = c
		}
	}
	return rd, cost, source
}

func given(v float64, ok bool) float64 {
	if !ok || !(v >= 0) || math.IsInf(v, 0) {
		return -1
	}
	return v
}

// later is the later of two times, either of which may be NaN.
func later(a, b float64) float64 {
	if math.IsNaN(a) || b > a {
		return b
	}
	return a
}

// means reports whether the reading names the quota.
func (q *Quota) means(r *Reading) bool {
	return r.ID != "" && (strings.EqualFold(r.ID, q.Resource) || strings.EqualFold(r.ID, q.Name))
}

// named reports whether the reading names any line of the call.
func (g *group) named(r *Reading) bool {
	for _, t := range g.lines {
		if t.quota.means(r) {
			return true
		}
	}
	return false
}

// only reports whether t is the one line of the call that a reading without a
// known name can be about: by its unit, its window or its limit if the call has
// several.
func (g *group) only(t *tracked, r *Reading) bool {
	if t.model == concurrency {
		return false
	}
	fits := func(o *tracked) bool {
		if o.model == concurrency || r.Unit != "" && o.quota.Unit != "" && o.quota.Unit != r.Unit {
			return false
		}
		w, ok := r.Window.Get()
		return !ok || o.declared.w == 0 || math.Abs(w.Seconds()-o.declared.w) < 0.5
	}
	if !fits(t) {
		return false
	}
	n := 0
	for _, o := range g.lines {
		if fits(o) {
			n++
		}
	}
	limit, ok := r.Limit.Get()
	return n == 1 || ok && limit == t.declared.Size() && g.soleSize(limit)
}

// soleSize reports whether just one line of the call has that limit.
func (g *group) soleSize(limit float64) bool {
	n := 0
	for _, o := range g.lines {
		if o.model != concurrency && o.declared.Size() == limit {
			n++
		}
	}
	return n == 1
}

// Open reports whether the grant has not ended.
func (g Grant) Open() bool {
	g.p.l.mu.Lock()
	defer g.p.l.mu.Unlock()
	return g.p.gen == g.gen
}

// Holds reports whether the grant holds concurrency.
func (g Grant) Holds() bool {
	g.p.l.mu.Lock()
	defer g.p.l.mu.Unlock()
	return g.p.gen == g.gen && g.p.state == holding
}
