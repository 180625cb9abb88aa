package main

import (
	"math"
	"time"

	"github.com/godwit-go/godwit/internal/line"
)

// epoch is the beginning of virtual time, for whoever wants a date.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// lineClock is virtual time as the limiter asks for it.
type lineClock struct{ *clock }

// Now implements line.Clock.
func (c lineClock) Now() float64 { return c.now }

// Start implements line.Clock.
func (c lineClock) Start() time.Time { return epoch }

// Timer implements line.Clock.
func (c lineClock) Timer(f func()) line.Timer { return &timer{clock: c.clock, ring: f} }

// date is the present moment as a date.
func (c *clock) date() time.Time { return epoch.Add(duration(c.now)) }

func duration(seconds float64) time.Duration { return time.Duration(math.Round(seconds * 1e9)) }

// timer is a timer in virtual time.
type timer struct {
	*clock
	ring func()
	set  int // which of its settings counts; the others have been stopped
	on   bool
}

// Reset implements line.Timer.
func (t *timer) Reset(d time.Duration) bool {
	was := t.Stop()
	t.on = true
	set := t.set
	t.after(d.Seconds(), func() {
		if set == t.set {
			t.on = false
			t.ring()
		}
	})
	return was
}

// Stop implements line.Timer.
func (t *timer) Stop() bool {
	was := t.on
	t.on = false
	t.set++
	return was
}
