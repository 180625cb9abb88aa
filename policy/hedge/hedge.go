// Package hedge sends a slow request a second time and takes what is answered
// first, so that one slow server of many does not make the call slow.
//
// Only what is harmless to send twice is hedged: safe methods and calls that are
// declared idempotent, with a body that can be opened again. The second send
// goes out when the first has had no answer for as long as 95 % of the calls of
// the same operation need, or for a fixed time; once a call, and only while the
// upstream is well: its breaker closed, more than half of its quotas free, few
// hedges lately, and room in the retry budget. The second send passes breaker,
// bulkhead and limit like any other. The first response headers win; the other
// attempt is ended and its response closed.
//
// What an operation needs is learnt from its answers: without 100 of them a
// share such as p95 hedges nothing. Calls of class batch are patient and are not
// hedged. What is around the attempts runs for both at the same time.
package hedge

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/upstream"
)

// The defaults.
const (
	defaultBudget      = 0.05
	defaultMinHeadroom = 0.5
)

// Config sets when a request is sent a second time. The zero value is usable: it
// hedges nothing.
type Config struct {
	// After is how long the first send may take: p95, the time in which 95 % of
	// the operation's calls are answered (any of p50 to p99), or a duration such
	// as 300ms. Default none.
	After string `yaml:"after"`
	// Budget is the share of all sends to one upstream that may be hedges, above 0
	// and up to 0.5. Default 0.05.
	Budget float64 `yaml:"budget"`
	// MinHeadroom is the part of the quotas that must be free, above 0 and below
	// 1. Default 0.5.
	MinHeadroom float64 `yaml:"min_headroom"`
	// Health tells whether the upstream is well; hedges need all of it. Nil: it
	// always is.
	Health Health `yaml:"-"`
	// Line tells which part of the quotas is free. Nil: all of them.
	Line Line `yaml:"-"`
	// Budgets pays for the second send. Nil: nobody has to.
	Budgets Budget `yaml:"-"`
}

// Health tells how much of its usual load an upstream can take, from 0 to 1. The
// breaker implements it.
type Health interface {
	Health(u *url.URL) float64
}

// Line tells which part of the quotas of an upstream is free, from 0 to 1. The
// limiter implements it.
type Line interface {
	Headroom(u *url.URL) float64
}

// Budget books a send that nobody asked for, if there is room. Retry implements
// it.
type Budget interface {
	Spend(u *url.URL) bool
}

// rules are a Config with its defaults.
type rules struct {
	share       int           // of p95: 95; 0: after is fixed
	after       time.Duration // unless there is a share
	budget      float64
	minHeadroom float64
}

// New returns the middleware; nil if c hedges nothing. It belongs inside retry
// and outside of whatever makes attempts wait.
func New(c Config) (exchange.Middleware, error) {
	r, err := c.rules()
	if err != nil || c.After == "" {
		return nil, err
	}
	origins := &upstream.Table[origin]{}
	return func(next http.RoundTripper) http.RoundTripper {
		return &hedger{Config: c, rules: r, origins: origins, next: next}
	}, nil
}

// rules checks c and fills in the defaults.
func (c Config) rules() (rules, error) {
	r := rules{budget: defaultBudget, minHeadroom: defaultMinHeadroom}
	switch {
	case !(c.Budget >= 0 && c.Budget <= 0.5):
		return r, exchange.ConfigErrorf("hedge.budget: %v is not above 0 and up to 0.5", c.Budget)
	case !(c.MinHeadroom >= 0 && c.MinHeadroom < 1):
		return r, exchange.ConfigErrorf("hedge.min_headroom: %v is not above 0 and below 1", c.MinHeadroom)
	case c.After == "" && (c.Budget != 0 || c.MinHeadroom != 0):
		return r, exchange.ConfigErrorf("hedge.after: missing; set p95, or a duration such as 300ms")
	}
	if c.Budget > 0 {
		r.budget = c.Budget
	}
	if c.MinHeadroom > 0 {
		r.minHeadroom = c.MinHeadroom
	}
	return r, r.parse(c.After)
}

// parse reads p95 or a duration.
func (r *rules) parse(after string) error {
	if digits, ok := strings.CutPrefix(after, "p"); ok {
		share, err := strconv.ParseUint(digits, 10, 8)
		if err != nil || share < 50 || share > 99 {
			return exchange.ConfigErrorf("hedge.after: %.40q is none of p50 to p99", after)
		}
		r.share = int(share)
		return nil
	}
	if after == "" {
		return nil
	}
	d, err := time.ParseDuration(after)
	if err != nil || d <= 0 || d > time.Hour {
		return exchange.ConfigErrorf("hedge.after: %.40q is neither one of p50 to p99 nor a duration such as 300ms", after)
	}
	r.after = d
	return nil
}
