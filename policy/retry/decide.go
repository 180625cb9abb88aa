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
	batchAttempts    int
	statuses         []int
	methods          []string
	backoff          backoff.Backoff
	maxRetryAfter    time.Duration
	ignoreRetryAfter bool
	budget           allowance
	batchBudget      allowance
}

// outcome is what an attempt came to: a status, or the kind of an error.
type outcome struct {
	status   int            // 0: no response
	kind     *exchange.Kind // of the error; nil: unknown, or no error
	hopeless bool           // an error of that kind that cannot pass, such as NXDOMAIN
	refused  bool           // for want of quota, so it was not processed
	held     bool           // refused, and a line makes the next attempt wait
	final    bool           // the server says that no further try can succeed
	local    bool           // held back by this client before anything was sent
	sent     exchange.Sent
	delay    time.Duration // Retry-After
}

// facts are all that a decision depends on.
type facts struct {
	outcome
	ended      bool          // the caller's context has ended
	decision   Decision      // what Config.When says
	sends      int           // sends of the call so far that are charged to it, hops of redirects left out
	most       int           // sends that the call has
	all        int           // attempts in the history of the call
	refusals   int           // times that the call went back to its line
	attempt    int           // attempts since the last hop; the backoff grows with it
	repeatable bool          // may be processed twice
	rewindable bool          // the body can be sent again
	left       time.Duration // until the deadline
	bounded    bool          // there is a deadline
	latency    time.Duration // the usual time to an answer; 0: not known
}

// verdict is a decision. A reason beside again says why it is worth it; without
// again, why a failure that was worth it stays the last. A success and what
// nothing can heal have no reason.
type verdict struct {
	again  bool
	line   bool // again, at the cost of the line, which makes it wait
	wait   time.Duration
	reason string
	kind   *exchange.Kind // that the last error also is, because of the reason; nil: none
}

// maxRefusals is how often a call goes back to its line. It is never reached
// unless the line and the server disagree about everything.
const maxRefusals = 100

// decide says whether to send again. The questions come in the order of their
// price, the most final first.
func (r *rules) decide(f facts) verdict {
	if f.ended {
		return verdict{}
	}
	class := r.class(f)
	switch {
	case class == final:
		return verdict{}
	case f.final:
		return verdict{reason: "the server says that no further try can succeed"}
	case f.decision == Stop:
		return verdict{reason: "the program's own rule says so, see retry.Config.When"}
	case class == unsafe:
		return verdict{reason: "the request may have been processed and is not declared idempotent"}
	}
	if reason := f.exhausted(); reason != "" {
		return verdict{reason: reason}
	}
	if !f.rewindable {
		return verdict{reason: "the request body cannot be sent a second time"}
	}
	if f.held {
		return verdict{again: true, line: true, reason: f.text() + ", back to the line"}
	}
	wait, refusal := r.delay(f)
	if refusal != "" {
		return verdict{reason: refusal}
	}
	return verdict{again: true, wait: wait, reason: f.text()}
}

// exhausted says why there are no attempts left; empty if there are. Going back
// to the line costs none.
func (f facts) exhausted() string {
	switch {
	case f.all >= maxAttempts:
		return attemptsMade(f.all)
	case f.held && f.refusals >= maxRefusals:
		return fmt.Sprintf("the server refused the call %d times for want of quota", f.refusals+1)
	case !f.held && f.sends >= f.most:
		return attemptsMade(f.sends)
	}
	return ""
}

// class says what another attempt could do about an outcome.
type class int

const (
	final  class = iota // nothing: it is a success, or it cannot pass
	unsafe              // it might help, but the first may have been processed
	worth               // it might help
)

// class is the table of outcomes. The program's own rule can find more of them
// worth another attempt, not less of them unsafe.
func (r *rules) class(f facts) class {
	unprocessed := f.refused || f.status == http.StatusTooManyRequests || f.status == 0 && f.sent == exchange.SentNo
	switch {
	case f.decision == Again, f.refused && slices.Contains(r.statuses, http.StatusTooManyRequests):
	case f.status != 0 && !slices.Contains(r.statuses, f.status),
		f.status == 0 && (f.hopeless || !passing(f.kind)):
		return final
	}
	if f.repeatable || unprocessed {
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
// is never begun unless it leaves the time that an answer usually takes.
func (r *rules) delay(f facts) (wait time.Duration, refusal string) {
	wait = r.backoff.Draw(f.attempt)
	asked := f.delay
	if r.ignoreRetryAfter {
		asked = 0
	}
	room := f.left - f.latency
	switch {
	case asked > r.maxRetryAfter:
		return 0, fmt.Sprintf("the server asks to wait %v, longer than retry.max_retry_after %v", asked, r.maxRetryAfter)
	case f.bounded && asked >= room:
		return 0, tooLate(asked, f)
	case asked > 0 && (wait > math.MaxInt64-asked || f.bounded && asked+wait >= room):
		return asked, "" // no room for a draw on top
	case f.bounded && asked+wait >= room:
		return 0, tooLate(0, f)
	}
	return asked + wait, ""
}

func tooLate(asked time.Duration, f facts) string {
	left := max(0, f.left.Round(time.Millisecond))
	text := fmt.Sprintf("the wait does not fit into the %v that the call has left", left)
	if asked > 0 {
		text = fmt.Sprintf("the server asks to wait %v, and the call has %v left", asked, left)
	}
	if f.latency > 0 {
		text += fmt.Sprintf(" (an answer takes about %v)", f.latency.Round(time.Millisecond))
	}
	return text
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
