package breaker

import (
	"errors"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// waiter is a call that waits for the upstream. Only the first in the queue asks
// for a passage; when it goes, the next one does.
type waiter struct {
	woken      chan struct{} // holds one signal: something has changed
	prev, next *waiter
}

func (w *waiter) signal() {
	select {
	case w.woken <- struct{}{}:
	default: // it has not seen the last one yet
	}
}

func (g *gate) join(w *waiter) {
	w.prev = g.last
	if g.last == nil {
		g.first = w
	} else {
		g.last.next = w
	}
	g.last = w
}

// part takes w out of the queue and lets the next one ask, if it was the first.
func (g *gate) part(w *waiter) {
	if w.prev == nil {
		g.first = w.next
		g.wakeFirst()
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		g.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
}

func (g *gate) wakeFirst() {
	if g.first != nil {
		g.first.signal()
	}
}

// wake tells of a change: those who wait for a probe look whether that still
// makes sense; of those who can go, the first goes first.
func (g *gate) wake() {
	if g.State != Open {
		g.wakeFirst()
		return
	}
	for w := g.first; w != nil; w = w.next {
		w.signal()
	}
}

// wait waits until the call may pass, for as long as it has time.
func (v visit) wait() (ticket, error) {
	w := &waiter{woken: make(chan struct{}, 1)}
	v.mu.Lock()
	v.join(w)
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		v.part(w)
		v.mu.Unlock()
	}()
	ctx, call := v.req.Context(), v.live.Call()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		p, sleep, vain := v.turn(w)
		switch {
		case p.ok:
			return p.ticket, nil
		case vain:
			return ticket{}, v.refuse(exchange.ErrWouldMissDeadline, p.at, "the upstream fails, and the call's time ends before the next probe")
		}
		timer.Reset(sleep)
		select {
		case <-w.woken:
		case <-timer.C:
		case <-ctx.Done():
		}
		switch left, bounded := call.Remaining(ctx); {
		case ctx.Err() != nil:
			return ticket{}, call.ContextError(ctx, policy, v.req)
		case bounded && left <= 0:
			return ticket{}, call.NewError(exchange.ErrTotalTimeout, policy, v.req, errors.New("the upstream did not come back within the time of the call"))
		}
	}
}

// Bounds of a sleep: a waiter that nobody wakes looks again by itself.
const (
	minSleep = 5 * time.Millisecond
	maxSleep = time.Hour
)

// turn asks for a passage if w is the first. Otherwise it says how long to sleep
// unless something changes, and whether waiting is in vain: no probe is under
// way and none is due within the time of the call.
func (v visit) turn(w *waiter) (p passage, sleep time.Duration, vain bool) {
	left, bounded := v.live.Call().Remaining(v.req.Context())
	v.mu.Lock()
	first := v.first == w
	v.mu.Unlock()
	sleep = maxSleep
	if first {
		if p = v.attempt(); p.ok {
			return p, 0, false
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	if v.State == Open {
		p.at = v.Probe
		vain = bounded && !v.Probing && now+left < v.Probe
	}
	if first {
		sleep = min(sleep, max(minSleep, p.at-now))
		if v.shared != nil {
			sleep = min(sleep, storeRefresh)
		}
	}
	if bounded {
		sleep = min(sleep, max(0, left))
	}
	return p, sleep, vain
}
