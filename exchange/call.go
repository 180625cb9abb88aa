package exchange

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godwit-go/godwit/internal/redact"
)

// Call holds what the policies of one logical call know in common. It travels
// in the request's context; [CallFrom] finds it. The fields are set before the
// call enters the chain and by the policy named beside them, in the goroutine
// that runs RoundTrip; the methods are safe for concurrent use.
type Call struct {
	API            string             // name of the API in the definition
	Operation      string             // name of the operation, if the call has one
	Template       string             // path template, for labels of bounded number
	PathValues     []string           // values put into the template; never shown
	RequestID      string             // value of the request id header
	Start          time.Time          // when the call began
	Deadline       time.Time          // end of the whole call; zero: none. Set once, by timeout
	ReadsBody      bool               // the caller reads the body to its end within the call (typed calls)
	Class          Class              // how patient the call is; from [WithClass] unless the client sets it
	Idempotent     bool               // the caller declared that sending twice is harmless
	IdempotencyKey string             // key that the API honours; the same on each attempt. Cleared by redirect when a hop drops its header
	Cost           map[string]float64 // units that the call takes of quotas, by their names, where the declared cost is not right
	NoAuth         bool               // send no credential
	Anonymous      bool               // a hop left the credential's origin set; no credential returns. Set by redirect and auth
	DataChosen     bool               // the server chose the host of this hop: no private addresses. Set by redirect
	MaxBody        int64              // limit on the decoded body, in bytes; 0: the policy's default; below 0: none
	Timeouts       Timeouts           // per call overrides
	Redactor       *redact.Redactor   // secrets of the client; nil is valid

	mu        sync.Mutex
	observers []Observer
	redirects []Redirect
	attempts  []*Live
	delay     time.Duration
	stop      string
	secrets   []string
	stopKind  *Kind
	refusals  int
	firstObs  [2]Observer
	firstLive [1]*Live
}

// Timeouts are per call overrides of the timeout policy; 0 keeps the policy's
// own value.
type Timeouts struct {
	Total   time.Duration // whole call
	Attempt time.Duration // one attempt
}

// Redirect is one hop of the redirect history. Its URLs are raw: they may hold
// secrets of the server's making and are not for printing.
type Redirect struct {
	Status int      // status that told to go on
	From   *url.URL // URL that answered
	To     *url.URL // URL that was requested next
}

type callKey struct{}

// callContext carries a Call; one allocation holds both.
type callContext struct {
	context.Context
	call Call
}

func (c *callContext) Value(key any) any {
	switch key {
	case callKey{}:
		return &c.call
	case attemptKey{}: // an attempt further out belongs to another call
		return nil
	}
	return c.Context.Value(key)
}

// WithCall returns a context that carries a new Call, and the Call.
func WithCall(ctx context.Context) (context.Context, *Call) {
	return new(Carrier).Begin(ctx)
}

// Carrier is the memory of one Call and its context, for a client that keeps
// it together with what else it allocates for a call. It is used once.
type Carrier struct{ ctx callContext }

// Begin is [WithCall] in the memory of c.
func (c *Carrier) Begin(ctx context.Context) (context.Context, *Call) {
	c.ctx.Context = ctx
	c.ctx.call.Start, c.ctx.call.Class = time.Now(), classFrom(ctx)
	return &c.ctx, &c.ctx.call
}

// CallFrom returns the Call in ctx, or nil.
func CallFrom(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Begin returns the request's Call. A request that has none, because the policy
// is used outside godwit's own chain, gets one in a copy.
func Begin(req *http.Request) (*http.Request, *Call) {
	if c := CallFrom(req.Context()); c != nil {
		return req, c
	}
	ctx, c := WithCall(req.Context())
	return req.WithContext(ctx), c
}

// Observe adds an observer for the rest of the call.
func (c *Call) Observe(o Observer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.observers == nil {
		c.observers = c.firstObs[:0]
	}
	c.observers = append(c.observers, o)
}

// Emit reports e, which is about req, to the observers.
func (c *Call) Emit(req *http.Request, e Event) {
	c.mu.Lock()
	observers := c.observers
	c.mu.Unlock()
	e.call, e.req = c, req
	for _, o := range observers {
		o.Observe(req.Context(), e)
	}
}

// AddRedirect books a hop that is about to be followed.
func (c *Call) AddRedirect(r Redirect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.redirects = append(c.redirects, r)
}

// Redirects returns the hops followed so far, oldest first.
func (c *Call) Redirects() []Redirect {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.redirects)
}

// Attempts returns what is known of every send so far, oldest first.
func (c *Call) Attempts() []Attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.attempts) == 0 {
		return nil
	}
	out := make([]Attempt, len(c.attempts))
	for i, a := range c.attempts {
		out[i] = a.Record()
	}
	return out
}

// addAttempt numbers and books an attempt. Attempts can be read from then on,
// so the record must be complete.
func (c *Call) addAttempt(l *Live) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.attempts == nil {
		c.attempts = c.firstLive[:0]
	}
	l.record.Number = len(c.attempts) + 1
	c.attempts = append(c.attempts, l)
}

// AttemptCount returns the number of attempts begun so far.
func (c *Call) AttemptCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.attempts)
}

// ChargedCount is [Call.AttemptCount] without the attempts that carry
// [FactFree], and with what net/http sent again by itself.
func (c *Call) ChargedCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, l := range c.attempts {
		if !l.Has(FactFree) {
			n += 1 + l.Resent()
		}
	}
	return n
}

// MarkRefused notes that the server refused the call for want of quota and that
// it goes back to its line, at the front: it has waited there already. Retry
// does this.
func (c *Call) MarkRefused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusals++
}

// Refusals returns how often MarkRefused was called. A call that has been
// refused enters its line at the front.
func (c *Call) Refusals() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusals
}

// LastAttempt returns the attempt begun last, or nil. Those that ran beside it
// and have not won are passed over.
func (c *Call) LastAttempt() *Live {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.attempts) - 1; i >= 0; i-- {
		if l := c.attempts[i]; !l.beside.Load() {
			return l
		}
	}
	return nil
}

// SetRetryAfter notes how long the last answer asks to wait before another
// try; 0 if it does not say. [Call.NewError] puts it into the Error.
func (c *Call) SetRetryAfter(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = d
}

// RetryAfter returns what SetRetryAfter noted.
func (c *Call) RetryAfter() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.delay
}

// SetStop notes in one phrase why no further attempt was made although the last
// one was no success, and the kind that the reason has, nil for none.
func (c *Call) SetStop(reason string, kind *Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop, c.stopKind = reason, kind
}

// StopReason returns the reason that SetStop noted; empty if there was none.
func (c *Call) StopReason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stop
}

// StopKind returns the kind that SetStop noted, nil if there was none.
func (c *Call) StopKind() *Kind {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopKind
}

// Remaining returns the time left until the call's deadline or ctx's, whichever
// is nearer; ok is false if there is neither.
func (c *Call) Remaining(ctx context.Context) (left time.Duration, ok bool) {
	deadline, ok := ctx.Deadline()
	if !c.Deadline.IsZero() && (!ok || c.Deadline.Before(deadline)) {
		deadline, ok = c.Deadline, true
	}
	if !ok {
		return 0, false
	}
	return time.Until(deadline), true
}

// RedactURL returns what may be shown of u: path parameters masked, no query
// values, no userinfo, no fragment.
func (c *Call) RedactURL(u *url.URL) string {
	if c == nil || u == nil || len(c.PathValues) == 0 {
		return c.redactor().URL(u)
	}
	shown := *u
	segments := strings.Split(u.EscapedPath(), "/")
	template := c.templateSegments(segments)
	for i, s := range segments {
		if strings.Contains(template[i], "{") || c.holdsPathValue(s) {
			segments[i] = redact.Mask
		}
	}
	shown.RawPath = strings.Join(segments, "/")
	shown.Path, _ = url.PathUnescape(shown.RawPath) // its segments came from EscapedPath
	return c.Redactor.URL(&shown)
}

// templateSegments returns the segment of the template for each segment of a
// path that the template was put at the end of; all are empty for another path,
// such as that of a redirect.
func (c *Call) templateSegments(path []string) []string {
	out := make([]string, len(path))
	template, _, _ := strings.Cut(c.Template, "?")
	if _, rest, absolute := strings.Cut(template, "://"); absolute {
		_, template, _ = strings.Cut(rest, "/")
	}
	want := strings.Split(strings.TrimPrefix(template, "/"), "/")
	from := len(path) - len(want)
	if from < 0 {
		return out
	}
	for i, w := range want {
		if !strings.Contains(w, "{") && plainSegment(w) != plainSegment(path[from+i]) {
			return make([]string, len(path))
		}
		out[from+i] = w
	}
	return out
}

func plainSegment(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

func (c *Call) holdsPathValue(segment string) bool {
	plain := plainSegment(segment)
	for _, v := range c.PathValues {
		if v != "" && (plain == v || len(v) >= 4 && strings.Contains(plain, v)) {
			return true
		}
	}
	return false
}

func (c *Call) redactor() *redact.Redactor {
	if c == nil {
		return nil
	}
	return c.Redactor
}

// NewError returns an Error of the call with method, redacted URL, request id
// and attempts filled in, and a cause that is fit to be shown. A nil Call is
// valid.
func (c *Call) NewError(kind *Kind, policy string, req *http.Request, cause error) *Error {
	e := &Error{Kind: kind, Policy: policy}
	if req != nil {
		e.Method = c.redactor().Excerpt(methodOf(req), maxMethod)
		e.URL = c.RedactURL(req.URL)
	}
	e.Err = scrub(cause, c.redactor())
	if c == nil {
		return e
	}
	e.RequestID, e.RetryAfter = c.RequestID, c.RetryAfter()
	e.Attempts = c.Attempts()
	for _, a := range e.Attempts {
		e.Sent = max(e.Sent, a.Sent)
	}
	return e
}

// ContextError returns the Error for a context that has ended: the watchdog's
// timeout, ErrTotalTimeout when a deadline passed, else ErrCanceled; with
// [context.Cause] as its cause. policy is who noticed.
func (c *Call) ContextError(ctx context.Context, policy string, req *http.Request) *Error {
	kind, own, cause := contextFailure(ctx)
	if own != "" {
		policy = own
	}
	return c.NewError(kind, policy, req, cause)
}

func methodOf(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}
