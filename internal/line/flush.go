package line

import (
	"context"
	"math"
)

// flushRounds bounds what Flush asks: the round under way, the one that may
// have to be sent again, and what is left.
const flushRounds = 3

// Flush tells the store of the fleet what it has not heard yet: what calls have
// used, what was answered, which places nobody needs any more. A process that
// ends owes it to those that wait. It returns when the store has answered, when
// it is lost, or with ctx.
func (l *Limiter) Flush(ctx context.Context) {
	if l.fleet == nil {
		return
	}
	for range flushRounds {
		l.mu.Lock()
		ended := l.fleet.flush(l.now())
		l.mu.Unlock()
		if ended == nil {
			return
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
}

// flush sends what there is to tell. The channel is closed at the end of the
// next round; nil: there is none under way.
func (f *fleet) flush(now float64) <-chan struct{} {
	busy := false
	for _, d := range f.desks {
		if !d.busy && !d.lost && d.owes() {
			d.leaveNothing(now)
			d.due = math.Inf(1)
			d.ask(now)
		}
		busy = busy || d.busy
	}
	if !busy {
		return nil
	}
	ended := make(chan struct{})
	f.ended = append(f.ended, ended)
	return ended
}

// leaveNothing gives back what is released of the places that nobody needs, parts
// of a unit included: nobody will come for the rest.
func (d *desk) leaveNothing(now float64) {
	for _, t := range d.lines {
		if r := t.remote; !r.alone && r.known && t.model != concurrency && t.inLine() == 0 {
			d.f.l.advance(t, now)
			t.settle(func(units float64) float64 { return units })
		}
	}
}

// owes reports whether the store does not know something, or holds something
// for this process that nobody here needs.
func (d *desk) owes() bool {
	for _, t := range d.lines {
		r := t.remote
		if r.alone {
			continue
		}
		if r.pending() || t.inLine() == 0 && (r.units > tiny || r.lent > r.inUse+tiny) {
			return true
		}
	}
	return d.unsure != nil
}

// wake tells those who wait that a round has ended.
func (f *fleet) wake() {
	for _, c := range f.ended {
		close(c)
	}
	f.ended = nil
}
