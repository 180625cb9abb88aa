package retry

import (
	"sync"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// BudgetConfig bounds how much of the load on one upstream repeated sends may
// be, so that an upstream in trouble is not buried under them. The zero value
// is usable.
type BudgetConfig struct {
	// Ratio is the share of all sends that may be repeats. Default 0.1; 1, which
	// lets nearly every send be one, for calls of class batch. Those are counted
	// by themselves.
	Ratio float64 `yaml:"ratio"`
	// MinPerSecond is how many repeats a second are allowed however few sends
	// there are. Default 3.
	MinPerSecond int `yaml:"min_per_second"`
	// Window is the time over which sends are counted. Default 10s.
	Window time.Duration `yaml:"window"`
}

const (
	defaultRatio        = 0.1
	batchRatio          = 1
	defaultMinPerSecond = 3
	defaultWindow       = 10 * time.Second
	parts               = 10 // pieces of the window that are forgotten one by one
)

// allowance is a BudgetConfig with its defaults.
type allowance struct {
	ratio float64
	floor float64       // repeats per window
	slice time.Duration // length of one part of the window
}

// allowance checks c and fills in the defaults; usual is that of the ratio.
func (c BudgetConfig) allowance(usual float64) (allowance, error) {
	a := allowance{ratio: usual, slice: defaultWindow / parts}
	perSecond := defaultMinPerSecond
	switch {
	case c.Ratio < 0 || c.Ratio > 1 || c.Ratio != c.Ratio:
		return a, exchange.ConfigErrorf("retry.budget.ratio: %v is not between 0 and 1", c.Ratio)
	case c.MinPerSecond < 0 || c.MinPerSecond > 1_000_000:
		return a, exchange.ConfigErrorf("retry.budget.min_per_second: %d is not between 0 and 1000000", c.MinPerSecond)
	case c.Window != 0 && (c.Window < time.Second || c.Window > time.Hour):
		return a, exchange.ConfigErrorf("retry.budget.window: %v is not between 1s and 1h", c.Window)
	}
	if c.Ratio > 0 {
		a.ratio = c.Ratio
	}
	if c.MinPerSecond > 0 {
		perSecond = c.MinPerSecond
	}
	if c.Window > 0 {
		a.slice = c.Window / parts
	}
	a.floor = float64(perSecond) * (a.slice * parts).Seconds()
	return a, nil
}

// budget counts the sends to one upstream over the window. The zero value has
// counted none.
type budget struct {
	mu     sync.Mutex
	now    int64 // number of the slice that is being counted
	counts [parts]struct{ sends, repeats int }
}

// sent counts n sends at the time given as the age of the policy.
func (b *budget) sent(a allowance, age time.Duration, n, repeats int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(a, age)
	c := &b.counts[b.now%parts]
	c.sends += n
	c.repeats += repeats
}

// take books one repeat if the budget has room for it. The receipt is for
// giveBack.
func (b *budget) take(a allowance, age time.Duration) (receipt int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(a, age)
	sends, repeats := 0, 0
	for _, c := range b.counts {
		sends += c.sends
		repeats += c.repeats
	}
	if float64(repeats+1) > max(a.floor, a.ratio*float64(sends+1)) {
		return 0, false
	}
	b.counts[b.now%parts].repeats++
	return b.now, true
}

// giveBack undoes a take of which nothing came.
func (b *budget) giveBack(receipt int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now-receipt < parts { // not forgotten yet
		b.counts[receipt%parts].repeats--
	}
}

// advance forgets the slices that have left the window.
func (b *budget) advance(a allowance, age time.Duration) {
	slice := int64(age / a.slice)
	for ; b.now < slice; b.now++ {
		b.counts[(b.now+1)%parts] = struct{ sends, repeats int }{}
		if slice-b.now > parts {
			b.now = slice - parts - 1
		}
	}
}
