// Package retry sends a request again when that is safe and useful.
//
// Safe: the method may be repeated, the call is declared idempotent or carries
// an idempotency key, or the request provably never reached the server. Useful:
// the failure can pass, the body can be sent again, and the wait ends before
// the call's time does. When the answer to any of these is no, the last outcome
// is returned at once: a response as a response, an error with its own kind, the
// history of the attempts and the reason for stopping.
//
// A body that was handed over is never repeated: what breaks while the caller
// reads it is the caller's to repeat. Errors of a foreign transport that carry
// no kind are repeated only if they are of the types that the net package uses;
// transport.Wrap gives all of them kinds.
package retry

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/backoff"
	"github.com/godwit-go/godwit/internal/upstream"
)

// The defaults.
const (
	defaultAttempts      = 3
	defaultBase          = 500 * time.Millisecond
	defaultCap           = 5 * time.Second
	defaultMaxRetryAfter = 60 * time.Second
)

// maxAttempts bounds the history that a call keeps.
const maxAttempts = 1000

// Config sets when a request is sent again. The zero value is usable.
type Config struct {
	// Attempts is the most sends of one call, the first included; following a
	// redirect does not count. Default 3; 1 turns retrying off; at most 1000.
	Attempts int `yaml:"attempts"`
	// Statuses are the statuses worth another attempt. Default 408, 425, 429,
	// 500, 502, 503, 504; an empty list means none. A 429 says that the request
	// was not processed, so it is repeated whatever the method.
	Statuses []int `yaml:"statuses"`
	// Methods are the methods that may be sent again although the first send
	// may have arrived. Default GET, HEAD, OPTIONS, TRACE, PUT, DELETE; an empty
	// list means none. Calls marked idempotent and requests with an
	// Idempotency-Key are added to them.
	Methods []string `yaml:"methods"`
	// Base is the upper bound of the first wait; it doubles with each attempt.
	// The wait is drawn evenly between 0 and the bound. Default 500ms.
	Base time.Duration `yaml:"base"`
	// Cap is the largest upper bound of a wait. Default 5s.
	Cap time.Duration `yaml:"cap"`
	// RetryAfter is "obey" (default) or "ignore": whether a Retry-After of the
	// server is waited for, in addition to the drawn wait.
	RetryAfter string `yaml:"retry_after"`
	// MaxRetryAfter is the longest Retry-After that is waited for; a longer one
	// ends the call at once with the delay in the error. Default 60s.
	MaxRetryAfter time.Duration `yaml:"max_retry_after"`
	// Budget bounds the repeats to one upstream, over all calls of the client.
	Budget BudgetConfig `yaml:"budget"`
}

// New returns the middleware. It makes the attempts of the call; with Attempts
// 1 there is one.
func New(c Config) (exchange.Middleware, error) { return build(c, nil) }

// build is New with a source of randomness; nil means the runtime's own.
func build(c Config, rand func(int64) int64) (exchange.Middleware, error) {
	r, err := c.rules()
	if err != nil {
		return nil, err
	}
	r.backoff.Rand = rand
	budgets := new(upstream.Table[budget])
	return func(next http.RoundTripper) http.RoundTripper {
		return &retrier{next: next, rules: r, budgets: budgets, start: time.Now()}
	}, nil
}

// rules checks c and fills in the defaults.
func (c Config) rules() (rules, error) {
	r := rules{
		attempts:      defaultAttempts,
		statuses:      []int{408, 425, 429, 500, 502, 503, 504},
		methods:       []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"},
		backoff:       backoff.Backoff{Base: defaultBase, Cap: defaultCap},
		maxRetryAfter: defaultMaxRetryAfter,
	}
	switch {
	case c.Attempts < 0 || c.Attempts > maxAttempts:
		return rules{}, exchange.ConfigErrorf("retry.attempts: %d is not between 1 and %d; 1 turns retrying off", c.Attempts, maxAttempts)
	case c.Attempts > 0:
		r.attempts = c.Attempts
	}
	var err error
	if r.budget, err = c.Budget.allowance(); err != nil {
		return rules{}, err
	}
	if err := c.lists(&r); err != nil {
		return rules{}, err
	}
	for _, f := range []struct {
		name string
		set  time.Duration
		to   *time.Duration
	}{
		{"base", c.Base, &r.backoff.Base},
		{"cap", c.Cap, &r.backoff.Cap},
		{"max_retry_after", c.MaxRetryAfter, &r.maxRetryAfter},
	} {
		switch {
		case f.set < 0:
			return rules{}, exchange.ConfigErrorf("retry.%s: %v is negative, set a duration such as 5s", f.name, f.set)
		case f.set > 0:
			*f.to = f.set
		}
	}
	if c.Base > r.backoff.Cap {
		return rules{}, exchange.ConfigErrorf("retry.base: %v is above retry.cap %v; raise the cap", c.Base, r.backoff.Cap)
	}
	switch c.RetryAfter {
	case "", "obey":
	case "ignore":
		r.ignoreRetryAfter = true
	default:
		return rules{}, exchange.ConfigErrorf("retry.retry_after: %.40q is neither obey nor ignore", c.RetryAfter)
	}
	return r, nil
}

// lists takes over statuses and methods.
func (c Config) lists(r *rules) error {
	for _, s := range c.Statuses {
		if s < 400 || s > 599 {
			return exchange.ConfigErrorf("retry.statuses: %d is no failure; only 400 to 599 can be retried", s)
		}
	}
	if c.Statuses != nil {
		r.statuses = slices.Clone(c.Statuses)
	}
	for _, m := range c.Methods {
		if m == "" || strings.ToUpper(m) != m || strings.ContainsFunc(m, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			return exchange.ConfigErrorf("retry.methods: %.40q is no method; methods are written like GET", m)
		}
	}
	if c.Methods != nil {
		r.methods = slices.Clone(c.Methods)
	}
	return nil
}
