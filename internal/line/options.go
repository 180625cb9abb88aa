package line

import (
	"net/url"
	"time"
)

// Health tells how much of its usual load an upstream can take, from 0 to 1.
type Health interface {
	Health(u *url.URL) float64
}

// Options are what a limiter is made from.
type Options struct {
	Quotas  []Quota        // checked, with names of their own
	MaxWait time.Duration  // longest wait of a call that is not of class Batch
	Health  Health         // nil: everybody is healthy
	Clock   Clock          // nil: the process's own
	Fleet   *Fleet         // nil: the lines are those of this process
	Draw    func() float64 // a source of randomness in [0, 1); nil: the runtime's
	Notify  func(Notice)   // of what concerns no single call; called with the lock held; nil: nobody
}

// Quota is a quota that makes sense.
type Quota struct {
	Name, Unit, Resource                string
	Law                                 Law
	Costs                               map[string]float64 // by method
	Usual                               float64            // cost of methods that Costs does not have
	ByCredential, ByOperation, ByMethod bool               // who has a line of their own
	Operations                          []string           // that it applies to; empty: all
}

// cost returns what a call of the method takes.
func (q *Quota) cost(method string) float64 {
	if c, ok := q.Costs[method]; ok {
		return c
	}
	return q.Usual
}

// Clock is the time that a limiter lives in.
type Clock interface {
	// Now returns the seconds since Start.
	Now() float64
	// Start is the beginning of the time that Now counts.
	Start() time.Time
	// Timer returns a stopped timer that calls f.
	Timer(f func()) Timer
}

// Timer is the part of a [time.Timer] that a limiter needs.
type Timer interface {
	Reset(d time.Duration) bool
	Stop() bool
}

// realClock is the process's own.
type realClock struct{ start time.Time }

func (c realClock) Now() float64     { return time.Since(c.start).Seconds() }
func (c realClock) Start() time.Time { return c.start }

func (c realClock) Timer(f func()) Timer {
	t := time.AfterFunc(time.Hour, f)
	t.Stop()
	return t
}
