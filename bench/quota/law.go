// Package quota holds the laws by which the servers of the flow control
// benchmarks grant and refuse calls, the table of scenarios with its targets,
// and the measures taken at the server. The simulator (bench/flow) and the
// benchmark over real HTTP (bench/fleet) share it.
//
// Nothing in it reads a clock: moments are seconds since the server's start,
// and the caller says what time it is. Nothing is safe for concurrent use.
package quota

import "math"

// Law is what a server grants: a bucket if Window is 0, else a fixed window.
type Law struct {
	Rate   float64 // units per second of a bucket
	Burst  float64 // units that a bucket holds
	Units  int     // units of a window
	Window float64 // length of a window in seconds

	// Drains makes a refused call cost a unit of the bucket too: it can go into
	// debt, down to -Burst. A window has nothing left to lose when it refuses.
	Drains bool
	// BanAfter is how many calls beyond a window's units are only refused; one
	// more blocks everything for BanFor seconds. 0 never does.
	BanAfter int
	BanFor   float64
}

// PerSecond returns the units that the law grants a second, on average.
func (l Law) PerSecond() float64 {
	if l.Window > 0 {
		return float64(l.Units) / l.Window
	}
	return l.Rate
}

// Limit returns the number that the server names as its limit.
func (l Law) Limit() int {
	if l.Window > 0 {
		return l.Units
	}
	return int(l.Burst)
}

// Scaled returns the law with f times the units.
func (l Law) Scaled(f float64) Law {
	l.Rate *= f
	l.Burst *= f
	l.Units = int(float64(l.Units) * f)
	return l
}

// Counter is a law at work.
type Counter struct {
	Law
	tokens, last float64 // of a bucket
	window       int64   // number of the window that used and refused count in
	used         int
	refused      int
	bannedUntil  float64
}

// NewCounter returns a counter from which nothing has been taken.
func NewCounter(l Law) *Counter { return &Counter{Law: l, tokens: l.Burst} }

// Grant is a counter's answer. Reset and RetryAfter are exact; a server tells
// them in whole seconds.
type Grant struct {
	OK         bool
	Remaining  int
	Reset      float64 // seconds until the quota is whole again
	RetryAfter float64 // seconds until the next unit; 0 when OK
}

// Take asks for one unit. now must not go backwards.
func (c *Counter) Take(now float64) Grant {
	if c.Window > 0 {
		return c.takeWindow(now)
	}
	c.tokens = math.Min(c.Burst, c.tokens+(now-c.last)*c.Rate)
	c.last = now
	if c.tokens >= 1 {
		c.tokens--
		return Grant{OK: true, Remaining: int(c.tokens), Reset: (c.Burst - c.tokens) / c.Rate}
	}
	if c.Drains {
		c.tokens = math.Max(-c.Burst, c.tokens-1)
	}
	return Grant{Reset: (c.Burst - c.tokens) / c.Rate, RetryAfter: (1 - c.tokens) / c.Rate}
}

func (c *Counter) takeWindow(now float64) Grant {
	if w := int64(now / c.Window); w != c.window {
		c.window, c.used, c.refused = w, 0, 0
	}
	if now < c.bannedUntil {
		left := c.bannedUntil - now
		return Grant{Reset: left, RetryAfter: left}
	}
	left := float64(c.window+1)*c.Window - now
	if c.used < c.Units {
		c.used++
		return Grant{OK: true, Remaining: c.Units - c.used, Reset: left}
	}
	c.refused++
	if c.BanAfter > 0 && c.refused > c.BanAfter {
		c.bannedUntil = now + c.BanFor
		left = c.BanFor
	}
	return Grant{Reset: left, RetryAfter: left}
}
