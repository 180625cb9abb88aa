package line

import (
	"net/url"
	"slices"
	"strings"
)

// name is the key of a line in a store. The parts cannot run into each other.
func (k *lineKey) name() string {
	return strings.Join([]string{url.QueryEscape(k.quota), url.QueryEscape(k.credential), url.QueryEscape(k.operation), url.QueryEscape(k.method)}, "/")
}

// groupOf returns the group of a call, with its lines.
func (l *Limiter) groupOf(op *Op, now float64) *group {
	key := groupKey{origin: op.Origin, credential: op.Credential, operation: op.Operation, method: op.Method, class: min(op.Class, classes-1)}
	if g := l.groups[key]; g != nil {
		return g
	}
	if len(l.groups) >= l.sweepAt {
		l.sweep(now)
	}
	g := &group{key: key}
	for i := range l.quotas {
		q := &l.quotas[i]
		if len(q.Operations) > 0 && !slices.Contains(q.Operations, key.operation) {
			continue
		}
		g.lines = append(g.lines, l.lineOf(q, key, now))
		g.costs = append(g.costs, q.cost(op.Method))
	}
	l.groups[key] = g
	return g
}

// lineOf returns the line of a quota for a call.
func (l *Limiter) lineOf(q *Quota, g groupKey, now float64) *tracked {
	key := lineKey{quota: q.Name, origin: g.origin}
	if q.ByCredential {
		key.credential = g.credential
	}
	if q.ByOperation {
		key.operation = g.operation
	}
	if q.ByMethod {
		key.method = g.method
	}
	if t := l.lines[key]; t != nil {
		return t
	}
	t := &tracked{line: *newLine(q.Law, now), quota: q, key: key, usedAt: now}
	if u, err := url.Parse(g.origin); err == nil {
		t.url = u
	} else {
		t.url = &url.URL{Host: g.origin}
	}
	t.solo.late = l.draw()
	l.lines[key] = t
	if l.fleet != nil && q.Law.model != open {
		l.fleet.join(t, now)
	}
	return t
}

// sweep forgets groups that nobody uses, and then lines without a group that
// have nothing left to remember.
func (l *Limiter) sweep(now float64) {
	needed := make(map[*tracked]bool)
	for key, g := range l.groups {
		if g.users == 0 && g.idle(now) {
			delete(l.groups, key)
			continue
		}
		for _, t := range g.lines {
			needed[t] = true
		}
	}
	for key, t := range l.lines {
		if needed[t] {
			continue
		}
		delete(l.lines, key)
		if t.remote != nil {
			l.fleet.part(t)
		}
	}
	l.sweepAt = max(maxGroups, 2*len(l.groups))
}

// idle reports whether the lines of a group would be the same if they were new:
// nothing is frozen, and what was sent is out of the server's memory.
func (g *group) idle(now float64) bool {
	for _, t := range g.lines {
		memory := max(60, t.declared.w)
		if t.declared.rate > 0 {
			memory = max(memory, t.declared.burst/t.declared.rate)
		}
		if now < t.frozenUntil-t.skew() || now-t.usedAt < memory || t.remote != nil && t.remote.pending() {
			return false
		}
	}
	return true
}

// wanted returns how many units those who wait want in each line of the fleet. A
// call that waits for one line takes its place in another one only when its turn
// there comes near: otherwise the fast line would release it in vain.
func (l *Limiter) wanted(now float64) map[*tracked]float64 {
	out := make(map[*tracked]float64)
	several := false
	for c := range l.queues {
		for _, g := range l.queues[c].groups {
			several = several || g.several()
		}
	}
	if !several {
		for c := range l.queues {
			for _, g := range l.queues[c].groups {
				for _, t := range g.lines {
					if t.away() {
						out[t] = t.inLine()
					}
				}
			}
		}
		return out
	}
	l.inLine(now, func(p *place, turn float64) {
		for i, t := range p.group.lines {
			if t.away() && (!t.remote.known || turn-t.turnHere <= lapse) {
				out[t] += p.costs[i]
			}
		}
	})
	return out
}

// several reports whether a call of the group waits in more than one line of the
// fleet.
func (g *group) several() bool {
	n := 0
	for _, t := range g.lines {
		if t.away() && t.model != concurrency {
			n++
		}
	}
	return n > 1
}
