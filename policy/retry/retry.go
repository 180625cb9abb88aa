// Package retry sends a request again when that is safe and useful.
//
// Safe: the method may be repeated, the call is declared idempotent or carries
// an idempotency key, or the request provably never reached the server. Useful:
// the failure can pass, the body can be sent again, and the wait ends before
// the call's time does. When the answer to any of these is no, the last outcome
// is returned at once: a response as a response, an error with its own kind, the
// history of the attempts and the reason for stopping.
//
// Between two attempts the last outcome is kept. If this client itself holds the
// next attempt back, because the breaker has opened or the turn in a line comes
// too late, that outcome is what comes back, with the refusal as the reason for
// stopping. Of a response at most 64 KiB of body that come within 50 ms are kept;
// whoever reads on in a longer one gets an error of kind ErrTruncated.
//
// What a limit refuses is the line's: the call goes back to the front of its line
// without a wait, a charge or a share of the budget, whatever its method, for it
// was not processed. Without a line a 429 is retried like other failures.
//
// A body that was handed over is never repeated: what breaks while the caller
// reads it is the caller's to repeat. Errors of a foreign transport that carry
// no kind are repeated only if they are of the types that the net package uses;
// transport.Wrap gives all of them kinds.
package retry

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/backoff"
	"github.com/godwit-go/godwit/internal/upstream"
)

// The defaults.
const (
	defaultAttempts      = 3
	batchAttempts        = 10
	defaultBase          = 500 * time.Millisecond
	defaultCap           = 5 * time.Second
	defaultMaxRetryAfter = 60 * time.Second
)

// maxAttempts bounds the history that a call keeps.
const maxAttempts = 1000

// Config sets when a request is sent again. The zero value is usable.
type Config struct {
	// Attempts is the most sends of one call, the first included; following a
	// redirect does not count. Default 3; 10 for calls of class batch; 1 turns
	// retrying off; at most 1000. A call that a limit's line takes back
	// after a refusal is not charged, and no failed probe of a batch call.
	Attempts int `yaml:"attempts"`
	// Statuses are the statuses worth another attempt. Default 408, 425, 429,
	// 500, 502, 503, 504; an empty list means none. A 429 says that the request
	// was not processed, so it is repeated whatever the method; so is whatever
	// else the dialect of limit knows as a refusal.
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
	// ends the call at once with the delay in the error. Default 60s. Where a
	// limit has a line, limit.max_wait counts for refusals instead.
	MaxRetryAfter time.Duration `yaml:"max_retry_after"`
	// Budget bounds the repeats to one upstream, over all calls of the client.
	Budget BudgetConfig `yaml:"budget"`
	// When has a say in what is worth another attempt. It is asked about every
	// outcome, successes too, after the tables and before anything that costs: it
	// can find more outcomes worth it, such as a 409, and end the call. It cannot
	// make a second send of what may have been processed harmless: methods and the
	// call's own declarations do that. It runs in the goroutine of the call.
	When func(Outcome) Decision `yaml:"-"`
}

// New returns the middleware. It makes the attempts of the call; with Attempts
// 1 there is one.
func New(c Config) (exchange.Middleware, error) {
	r, err := NewRetry(c)
	if err != nil {
		return nil, err
	}
	return r.Wrap, nil
}

// Retry is the policy of one client: the middleware [Retry.Wrap], and the budget
// for other policies that send again. It is safe for concurrent use.
type Retry struct {
	rules
	when    func(Outcome) Decision
	servers upstream.Table[server]
	start   time.Time // budgets count time from here
}

// NewRetry is [New] for whoever needs the budget too.
func NewRetry(c Config) (*Retry, error) {
	r, err := c.rules()
	if err != nil {
		return nil, err
	}
	return &Retry{rules: r, when: c.When, start: time.Now()}, nil
}

// Wrap puts the policy around next. All that it wraps share one budget.
func (r *Retry) Wrap(next http.RoundTripper) http.RoundTripper {
	return &retrier{Retry: r, next: next}
}

// Spend books one more send to the upstream of u than was asked for, such as a
// hedge or a request that is repeated with a new token; false if the budget has
// no room for it.
func (r *Retry) Spend(u *url.URL) bool {
	e := r.servers.Get(u)
	defer e.Release()
	age := time.Since(r.start)
	if _, ok := e.Value.normal.take(r.budget, age); !ok {
		return false
	}
	e.Value.normal.sent(r.budget, age, 1, 0)
	return true
}

// server is what is known of an upstream.
type server struct {
	normal, batch budget
	latency       atomic.Int64 // median time to an answer, ns
}

// observe moves the median towards the time that an answer took.
func (s *server) observe(took time.Duration) {
	switch m := s.latency.Load(); {
	case m == 0:
		s.latency.Store(int64(took))
	case int64(took) > m:
		s.latency.Store(m + m/20 + 1)
	case int64(took) < m:
		s.latency.Store(m - m/20)
	}
}

// rules checks c and fills in the defaults.
func (c Config) rules() (rules, error) {
	r := rules{
		attempts:      defaultAttempts,
		batchAttempts: batchAttempts,
		statuses:      []int{408, 425, 429, 500, 502, 503, 504},
		methods:       []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"},
		backoff:       backoff.Backoff{Base: defaultBase, Cap: defaultCap},
		maxRetryAfter: defaultMaxRetryAfter,
	}
	switch {
	case c.Attempts < 0 || c.Attempts > maxAttempts:
		return rules{}, exchange.ConfigErrorf("retry.attempts: %d is not between 1 and %d; 1 turns retrying off", c.Attempts, maxAttempts)
	case c.Attempts > 0:
		r.attempts, r.batchAttempts = c.Attempts, c.Attempts
	}
	var err error
	if r.budget, err = c.Budget.allowance(defaultRatio); err != nil {
		return rules{}, err
	}
	if r.batchBudget, err = c.Budget.allowance(batchRatio); err != nil {
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
