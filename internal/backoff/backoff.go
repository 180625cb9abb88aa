// Package backoff draws waits: exponential bounds with full jitter, so that
// clients that failed together do not come back together.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Backoff draws the wait before attempt n+1 evenly from 0 to
// min(Cap, Base·2ⁿ⁻¹). It is safe for concurrent use if Rand is.
type Backoff struct {
	Base time.Duration // bound of the first wait
	Cap  time.Duration // largest bound
	// Rand returns an even draw from [0, n); n is positive. Nil means the
	// runtime's own source.
	Rand func(n int64) int64
}

// Bound returns the longest wait that Draw can give after n attempts; n below 1
// counts as 1.
func (b Backoff) Bound(n int) time.Duration {
	bound := b.Base
	for ; n > 1 && bound < b.Cap; n-- {
		if bound > b.Cap/2 {
			return b.Cap
		}
		bound *= 2
	}
	return min(bound, b.Cap)
}

// Draw returns the wait after n attempts, both bounds included.
func (b Backoff) Draw(n int) time.Duration {
	bound := b.Bound(n)
	if bound <= 0 {
		return 0
	}
	draw := b.Rand
	if draw == nil {
		draw = rand.Int64N
	}
	return time.Duration(draw(int64(bound) + 1))
}
