package main

import (
	"math"
	"math/rand/v2"
)

// clock is the virtual time of one run: what is due at a moment runs at that
// moment, in the order in which it was asked for. One run is one goroutine.
type clock struct {
	now float64 // seconds since the run's start
	seq int64
	due []event // a heap, the earliest first
	rng *rand.Rand
}

type event struct {
	at  float64
	seq int64
	fn  func()
}

// newClock returns a clock at 0. All randomness of a run comes from its seed.
func newClock(seed uint64) *clock {
	return &clock{rng: rand.New(rand.NewPCG(seed, 7))}
}

// at runs fn at a moment; what is past is due now.
func (c *clock) at(t float64, fn func()) {
	c.seq++
	c.due = append(c.due, event{math.Max(t, c.now), c.seq, fn})
	c.up(len(c.due) - 1)
}

// after runs fn when so many seconds have passed.
func (c *clock) after(seconds float64, fn func()) { c.at(c.now+seconds, fn) }

// step runs what is due first; false: nothing is.
func (c *clock) step() bool {
	if len(c.due) == 0 {
		return false
	}
	e := c.due[0]
	last := len(c.due) - 1
	c.due[0], c.due[last] = c.due[last], event{}
	c.due = c.due[:last]
	c.down(0)
	c.now = e.at
	e.fn()
	return true
}

func (c *clock) earlier(i, j int) bool {
	a, b := &c.due[i], &c.due[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (c *clock) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !c.earlier(i, parent) {
			return
		}
		c.due[i], c.due[parent] = c.due[parent], c.due[i]
		i = parent
	}
}

func (c *clock) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2; child++ {
			if child < len(c.due) && c.earlier(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		c.due[i], c.due[least] = c.due[least], c.due[i]
		i = least
	}
}
