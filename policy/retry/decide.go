package retry

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/backoff"
)

// rules are a Config with its defaults. They decide without looking at a
// request or a response.
type rules struct {
	attempts         int
	statuses         []int
	methods          []string
	backoff          backoff.Backoff
	maxRetryAfter    time.Duration
	ignoreRetryAfter bool
	budget           allowance
}

// outcome is what an attempt came to: a status, or the kind of an error.
type outcome struct {
	status   int            // 0: no response
	kind     *exchange.Kind // of the error; nil: unknown, or no error
	hopeless bool           // an error of that kind that cannot pass, such as NXDOMAIN
	sent     exchange.Sent
	delay    time.Duration // Retry-After
}

// facts are all that a decision depends on.
type facts struct {
	outcome
	ended      bool          // the caller's context has ended
	sends      int           // sends of the call so far, hops of redirects left out
	attempt    int           // attempts since the last hop; the backoff grows with it
	repeatable bool          // may be processed twice
	rewindable bool          // the body can be sent again
	left       time.Duration // until the deadline
	bounded    bool          // there is a deadline
}

// verdict is a decision. A reason beside again says why it is worth it; without
// again, why a failure that was worth it stays the last. A success and what
// nothing can heal have no reason.
type verdict struct {
	again  bool
	wait   time.Duration
	reason string
	kind   *exchange.Kind // that the last error also is, because of the reason; nil: none
}

// decide says whether to send again. The questions come in the order of their
// price, the most final first.
func (r *rules) decide(f facts) verdict {
	if f.ended {
		return verdict{}
	}
	switch r.class(f) {
	case final:
		return verdict{}
	case unsafe:
		return verdict{reason: "the request may have been processed and is not declared idempotent"}
	}
	if f.sends >= r.attempts {
		return verdict{reason: attemptsMade(f.sends)}
	}
	if !f.rewindable {
		return verdict{reason: "the request body cannot be sent a second time"}
	}
	wait, refusal := r.delay(f)
	if refusal != "" {
		return verdict{reason: refusal}
	}
	return verdict{again: true, wait: wait, reason: f.text()}
}

// class says what another attempt could do about an outcome.
type class int

const (
	final  class = iota // nothing: it is a success, or it cannot pass
	unsafe              // it might help, but the first may have been processed
	worth               // it might help
)

// class is the table of outcomes.
func (r *rules) class(f facts) class {
	switch {
	case f.status == http.StatusTooManyRequests && slices.Contains(r.statuses, f.status):
		return worth // refused, so not processed
	case f.status != 0 && !slices.Contains(r.statuses, f.status),
		f.status == 0 && (f.hopeless || !passing(f.kind)):
		return final
	case f.repeatable || f.status == 0 && f.sent == exchange.SentNo:
		return worth
	}
	return unsafe
}

// passing reports whether failures of that kind can pass by themselves. What
// is not listed was refused here, or will be the same next time.
func passing(kind *exchange.Kind) bool {
	switch kind {
	case exchange.ErrDNS, exchange.ErrConnect, exchange.ErrProxy, exchange.ErrTruncated,
		exchange.ErrTimeout, exchange.ErrConnectTimeout, exchange.ErrTLSTimeout,
		exchange.ErrHeaderTimeout, exchange.ErrIdleTimeout, exchange.ErrAttemptTimeout:
		return true
	}
	return false
}

// delay returns the wait before the next attempt, or why there is none. A wait
// that does not fit into the time left is never begun.
func (r *rules) delay(f facts) (wait time.Duration, refusal string) {
	wait = r.backoff.Draw(f.attempt)
	asked := f.delay
	if r.ignoreRetryAfter {
		asked = 0
	}
	switch {
	case asked > r.maxRetryAfter:
		return 0, fmt.Sprintf("the server asks to wait %v, longer than retry.max_retry_after %v", asked, r.maxRetryAfter)
	case f.bounded && asked >= f.left:
		return 0, tooLate(asked, f.left)
	case asked > 0 && (wait > math.MaxInt64-asked || f.bounded && asked+wait >= f.left):
		return asked, "" // no room for a draw on top
	case f.bounded && asked+wait >= f.left:
		return 0, tooLate(0, f.left)
	}
	return asked + wait, ""
}

func tooLate(asked, left time.Duration) string {
	left = max(0, left.Round(time.Millisecond))
	if asked > 0 {
		return fmt.Sprintf("the server asks to wait %v, and the call has %v left", asked, left)
	}
	return fmt.Sprintf("the wait does not fit into the %v that the call has left", left)
}

func attemptsMade(n int) string {
	if n == 1 {
		return "1 attempt was made"
	}
	return fmt.Sprintf("%d attempts were made", n)
}

// text names the outcome.
func (o outcome) text() string {
	switch {
	case o.status != 0 && http.StatusText(o.status) != "":
		return fmt.Sprintf("%d %s", o.status, http.StatusText(o.status))
	case o.status != 0:
		return fmt.Sprintf("%d", o.status)
	case o.kind != nil:
		return o.kind.Error()
	}
	return "error"
}
