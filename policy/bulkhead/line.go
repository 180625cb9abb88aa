package bulkhead

import (
	"context"
	"time"
)

// line decides who may go, who waits and who is turned away. It knows neither
// requests nor the clock, and is not safe for concurrent use.
//
// There is never both a free slot and somebody who waits: what is given back
// goes to the first in the queue.
type line struct {
	slots    int
	maxQueue int

	inFlight int
	waiting  int
	first    *waiter
	last     *waiter

	hold    time.Duration // how long a slot is held, smoothed
	samples int           // behind hold, up to minSamples
}

// Smoothing of hold: each sample moves it by a share of the difference, and it
// is worth nothing before there are some.
const (
	holdShare  = 16
	minSamples = 8
)

// waiter is a call in the queue.
type waiter struct {
	ctx      context.Context
	deadline time.Time     // zero: none
	ready    chan struct{} // closed when it has its slot
	granted  bool
	queued   bool
	prev     *waiter
	next     *waiter
}

// outlived reports whether nobody is there any more to use a slot.
func (w *waiter) outlived(now time.Time) bool {
	return w.ctx.Err() != nil || !w.deadline.IsZero() && !now.Before(w.deadline)
}

// enter takes a free slot.
func (l *line) enter() bool {
	if l.inFlight >= l.slots {
		return false
	}
	l.inFlight++
	return true
}

// full reports whether nobody else may wait.
func (l *line) full() bool { return l.waiting >= l.maxQueue }

// eta returns how long the queue before a newcomer takes to go in; 0 if that is
// not known. The time until the first slot becomes free is not in it, so a
// newcomer's turn comes later than that rather than earlier.
func (l *line) eta() time.Duration {
	if l.samples < minSamples {
		return 0
	}
	return time.Duration(float64(l.hold) * float64(l.waiting) / float64(l.slots))
}

// join puts w at the end of the queue.
func (l *line) join(w *waiter) {
	w.queued, w.prev = true, l.last
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	l.waiting++
}

// leave takes w out of the queue, wherever it stands in it.
func (l *line) leave(w *waiter) {
	if !w.queued {
		return
	}
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
	l.waiting--
}

// leaveSlot gives a slot back. It goes to the first in the queue that is still
// there; those before it are passed over and find out by themselves.
func (l *line) leaveSlot(now time.Time) {
	for w := l.first; w != nil; w = l.first {
		l.leave(w)
		if !w.outlived(now) {
			w.granted = true
			close(w.ready)
			return
		}
	}
	l.inFlight--
}

// held learns from a slot that was held for d.
func (l *line) held(d time.Duration) {
	if l.samples == 0 {
		l.hold = d
	}
	l.samples = min(minSamples, l.samples+1)
	l.hold += (d - l.hold) / holdShare
}
