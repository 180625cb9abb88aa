// Package breaker stops calling an upstream that fails, finds out with single
// probes when it is back, and brings the load back slowly.
//
// It works per origin. Closed, everything passes. When at least 80 % of the
// last 20 outcomes are failures it opens: calls fail at once or wait, and one
// call after 0.5, 1, 2, 2 … seconds is let through as a probe. The first answer
// that is no failure makes it half-open: the load grows from an eighth to the
// whole within the slow start, unless half of what comes back fails again.
//
// Failures are 5xx, timeouts and broken connections up to the response headers.
// A 429, what this client refuses by itself and a cancellation by the caller
// say nothing about the upstream. What happens while a body is read is not seen.
//
// With a [Store] a fleet shares its outcomes, its state and its probe. Without,
// every process has its own. A store that fails is done without: each process
// goes on with what it knew.
package breaker

import (
	"net/http"
	"net/url"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/circuit"
	"github.com/godwit-go/godwit/internal/upstream"
)

// maxDuration bounds what can be set.
const maxDuration = 24 * time.Hour

// Config sets when the breaker opens and how it closes. The zero value is
// usable.
type Config struct {
	// OpenAt is the share of failures among the last outcomes that opens the
	// breaker, above 0 and up to 1. Default 0.8.
	OpenAt float64 `yaml:"open_at"`
	// Outcomes is how many outcomes are looked back at, up to 1000. Default 20.
	Outcomes int `yaml:"outcomes"`
	// MinOutcomes is how many there must be before it can open. Default 15, or
	// three quarters of outcomes if that is set.
	MinOutcomes int `yaml:"min_outcomes"`
	// ProbeFirst is the time until the first probe; it doubles with each, and
	// each is moved by up to a quarter. Default 500ms.
	ProbeFirst time.Duration `yaml:"probe_first"`
	// ProbeCap is the longest time between two probes. Default 2s.
	ProbeCap time.Duration `yaml:"probe_cap"`
	// SlowStart is how long the load takes from an eighth to the whole. Default
	// 3s.
	SlowStart time.Duration `yaml:"slow_start"`
	// WhenOpen says what calls do while it is open: fail (default) at once, or
	// wait for the upstream as long as they have time, as those of class batch do
	// in any case. off takes the breaker out.
	WhenOpen string `yaml:"when_open"`
	// Store shares the breaker with a fleet. Nil keeps it in this process.
	Store Store `yaml:"-"`
	// Paced says that a rate limit behind the breaker follows its health, so that
	// the breaker need not bound the calls in flight during the slow start.
	Paced bool `yaml:"-"`
}

// New returns the middleware; nil if c takes the breaker out.
func New(c Config) (exchange.Middleware, error) {
	b, err := NewBreaker(c)
	if b == nil || err != nil {
		return nil, err
	}
	return b.Wrap, nil
}

// Breaker is the breaker of one client: the middleware [Breaker.Wrap], and what
// it knows for other policies. It is safe for concurrent use.
type Breaker struct {
	rules    rules
	whenOpen string
	store    Store
	paced    bool
	start    time.Time // what durations count from
	gates    upstream.Table[gate]
}

// NewBreaker is [New] for whoever needs the health too; nil if c takes the
// breaker out.
func NewBreaker(c Config) (*Breaker, error) {
	return newBreaker(c, nil)
}

// newBreaker is NewBreaker with a source of randomness: it returns a draw from
// [0, 1). Nil means the runtime's own.
func newBreaker(c Config, draw func() float64) (*Breaker, error) {
	r, err := c.rules()
	if err != nil {
		return nil, err
	}
	r.Rand = draw
	b := &Breaker{rules: r, whenOpen: c.WhenOpen, store: c.Store, paced: c.Paced, start: time.Now()}
	switch c.WhenOpen {
	case "", "fail", "wait":
	case "off":
		return nil, nil
	default:
		return nil, exchange.ConfigErrorf("breaker.when_open: %.40q is none of fail, wait and off", c.WhenOpen)
	}
	b.gates.Make = b.newGate
	return b, nil
}

// Wrap puts the breaker around next. It belongs inside retry and outside of
// limits, so that what they refuse is not held against the upstream.
func (b *Breaker) Wrap(next http.RoundTripper) http.RoundTripper {
	return &transport{Breaker: b, next: next}
}

// Health returns how much of its usual load the upstream of u can take now, from
// 0 to 1: 0 while the breaker is open, 1/8, 1/4 and 1/2 during the slow start,
// and when it is closed twice the share of successes, at most 1. A nil Breaker
// finds everybody healthy.
func (b *Breaker) Health(u *url.URL) float64 {
	if b == nil {
		return 1
	}
	e, ok := b.gates.Find(u)
	if !ok {
		return 1
	}
	defer e.Release()
	return e.Value.health()
}

// rules checks c and fills in the defaults.
func (c Config) rules() (rules, error) {
	r := circuit.Default()
	if c.OpenAt != 0 {
		r.OpenAt = c.OpenAt
	}
	if c.Outcomes != 0 {
		r.Outcomes = c.Outcomes
		r.MinOutcomes = max(1, c.Outcomes*3/4)
	}
	if c.MinOutcomes != 0 {
		r.MinOutcomes = c.MinOutcomes
	}
	switch {
	case !(r.OpenAt > 0 && r.OpenAt <= 1): // NaN too
		return rules{}, exchange.ConfigErrorf("breaker.open_at: %v is no share; set one above 0 and up to 1, such as 0.8", c.OpenAt)
	case r.Outcomes < 1 || r.Outcomes > circuit.MostOutcomes:
		return rules{}, exchange.ConfigErrorf("breaker.outcomes: %d is not between 1 and %d", c.Outcomes, circuit.MostOutcomes)
	case r.MinOutcomes < 1 || r.MinOutcomes > r.Outcomes:
		return rules{}, exchange.ConfigErrorf("breaker.min_outcomes: %d is not between 1 and breaker.outcomes %d", c.MinOutcomes, r.Outcomes)
	}
	return r, c.durations(&r)
}

// durations takes over the durations.
func (c Config) durations(r *rules) error {
	for _, f := range []struct {
		name string
		set  time.Duration
		to   *time.Duration
	}{
		{"probe_first", c.ProbeFirst, &r.ProbeFirst},
		{"probe_cap", c.ProbeCap, &r.ProbeCap},
		{"slow_start", c.SlowStart, &r.SlowStart},
	} {
		switch {
		case f.set < 0 || f.set > maxDuration:
			return exchange.ConfigErrorf("breaker.%s: %v is not between 1ms and %v", f.name, f.set, maxDuration)
		case f.set > 0 && f.set < time.Millisecond:
			return exchange.ConfigErrorf("breaker.%s: %v is below 1ms; set a duration such as 2s", f.name, f.set)
		case f.set > 0:
			*f.to = f.set
		}
	}
	if c.ProbeCap == 0 {
		r.ProbeCap = max(r.ProbeCap, r.ProbeFirst)
	}
	if r.ProbeFirst > r.ProbeCap {
		return exchange.ConfigErrorf("breaker.probe_first: %v is above breaker.probe_cap %v; raise the cap", r.ProbeFirst, r.ProbeCap)
	}
	return nil
}
