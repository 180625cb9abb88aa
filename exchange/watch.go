package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Watch is one of the limits on the time of an attempt.
type Watch int

// The watches of an attempt.
const (
	WatchHeader  Watch = iota // until the response headers
	WatchIdle                 // a single read of the body
	WatchAttempt              // until the end of the body
	WatchTotal                // until the call's deadline
	watches
)

var watchKinds = [watches]*Kind{ErrHeaderTimeout, ErrIdleTimeout, ErrAttemptTimeout, ErrTotalTimeout}

var watchTexts = [watches]string{
	"no response header within %v",
	"no byte of the body for %v",
	"not finished within %v",
	"not finished within %v",
}

// watchdog ends an attempt whose time is up. One timer serves all watches: it
// may wake too early, to look again, but never too late.
type watchdog struct {
	mu    sync.Mutex
	timer *time.Timer
	wake  time.Duration          // when the timer fires, after the attempt's start; 0: it does not run
	due   [watches]time.Duration // after the attempt's start; 0: off
	limit [watches]time.Duration // what the error names; 0: not armed
	idle  time.Duration
	ended bool
}

// Arm ends the attempt with the watch's kind unless it is disarmed within d.
// shown is the limit that the error names: d itself, or the whole of which d
// is what is left.
//
// WatchHeader pauses while a connection is dialled and while the request body
// is sent, and begins anew after each: those have limits of their own.
func (l *Live) Arm(w Watch, d, shown time.Duration) {
	g := &l.watch
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit[w] = shown
	l.set(w, d)
}

// Disarm takes a watch off.
func (l *Live) Disarm(w Watch) {
	l.watch.mu.Lock()
	l.watch.due[w], l.watch.limit[w] = 0, 0
	l.watch.mu.Unlock()
}

// WatchReads arms WatchIdle with limit d during every read of the response
// body.
func (l *Live) WatchReads(d time.Duration) {
	l.watch.mu.Lock()
	l.watch.idle, l.watch.limit[WatchIdle] = d, d
	l.watch.mu.Unlock()
}

// set makes w due in d. The caller holds the lock.
func (l *Live) set(w Watch, d time.Duration) {
	g := &l.watch
	if g.ended {
		return
	}
	g.due[w] = max(1, time.Since(l.start)+d) // Since reads the monotonic clock alone
	switch {
	case g.timer == nil:
		g.timer = time.AfterFunc(d, l.bark)
	case g.wake == 0 || g.due[w] < g.wake:
		g.timer.Reset(d)
	default:
		return
	}
	g.wake = g.due[w]
}

// pauseHeader stops the header watch while a dial is under way. A dial can
// begin after the request has got another connection: then it is no reason.
func (l *Live) pauseHeader() {
	l.watch.mu.Lock()
	if l.conns.Load() == 0 {
		l.watch.due[WatchHeader] = 0
	}
	l.watch.mu.Unlock()
}

// restartHeader begins the header watch anew, if it is armed: the connection
// stands or the request was written. With uploading it stays off until then.
func (l *Live) restartHeader(uploading bool) {
	g := &l.watch
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.limit[WatchHeader] == 0:
	case uploading:
		g.due[WatchHeader] = 0
	default:
		l.set(WatchHeader, g.limit[WatchHeader])
	}
}

// bark is the timer's function.
func (l *Live) bark() {
	g := &l.watch
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return
	}
	g.wake = 0
	now := time.Since(l.start)
	for w, due := range g.due {
		switch {
		case due == 0:
		case now >= due:
			g.ended = true
			l.cancel(&watchError{kind: watchKinds[w], text: fmt.Sprintf(watchTexts[w], g.limit[w])})
			return
		case g.wake == 0 || due < g.wake:
			g.wake = due
		}
	}
	if g.wake != 0 {
		g.timer.Reset(g.wake - now)
	}
}

// watchError is the cause of a context that the watchdog ended.
type watchError struct {
	kind *Kind
	text string
}

func (e *watchError) Error() string { return e.text }
func (e *watchError) Unwrap() error { return e.kind }
func (e *watchError) Timeout() bool { return true }

// readBegins and readEnds bound one read of the body.
func (l *Live) readBegins() {
	g := &l.watch
	g.mu.Lock()
	if g.idle > 0 {
		l.set(WatchIdle, g.idle)
	}
	g.mu.Unlock()
}

func (l *Live) readEnds() {
	l.watch.mu.Lock()
	l.watch.due[WatchIdle] = 0
	l.watch.mu.Unlock()
}

// end stops the watchdog, releases the attempt's context and reports the end
// of the body. It works once.
func (l *Live) end(n int64, err error) {
	l.watch.mu.Lock()
	if l.watch.timer != nil {
		l.watch.timer.Stop()
	}
	l.watch.ended = true
	l.watch.mu.Unlock()
	l.cancel(context.Canceled)
	l.mu.Lock()
	l.record.Timings.Total = time.Since(l.start)
	status := l.record.Status
	l.mu.Unlock()
	if status != 0 {
		l.call.Emit(l.req, Event{Name: EventCallBody, Live: l, Status: status, Bytes: n, Cause: err})
	}
}

// watchBody puts the attempt's end behind the end of the response body.
func (l *Live) watchBody(resp *http.Response) {
	if resp.Body == nil || resp.Body == http.NoBody {
		resp.Body = http.NoBody
		l.end(0, nil)
		return
	}
	b := &body{live: l, inner: resp.Body}
	if w, ok := resp.Body.(io.Writer); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = struct {
			*body
			io.Writer
		}{b, w}
		return
	}
	resp.Body = b
}

// body is a response body whose end is the end of its attempt.
type body struct {
	live   *Live
	inner  io.ReadCloser
	n      atomic.Int64
	closed atomic.Bool
	err    error // sticky, io.EOF included; belongs to the reading goroutine
	once   sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.live.readBegins()
	n, err := b.inner.Read(p)
	b.live.readEnds()
	b.n.Add(int64(n))
	if err != nil {
		switch {
		case err == io.EOF:
		case b.closed.Load(): // the reader's own doing, and no cut
			err = http.ErrBodyReadAfterClose
		default:
			err = b.live.bodyError(err, b.n.Load())
		}
		b.err = err
		b.finish(err)
	}
	return n, err
}

func (b *body) Close() error {
	b.closed.Store(true)
	err := b.inner.Close() // may run beside a Read, which it ends
	b.finish(nil)
	return err
}

func (b *body) finish(err error) {
	b.once.Do(func() {
		if err == io.EOF {
			err = nil
		}
		b.live.end(b.n.Load(), err)
	})
}

// bodyError gives an error met after n bytes of the response body its kind: a
// cut, unless the connection is whole, so that the answer itself was malformed.
func (l *Live) bodyError(err error, n int64) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	kind := ErrTruncated
	var network net.Error
	if l.intact() && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &network) {
		kind = ErrProtocol
	}
	e := l.call.NewError(kind, "", l.req, fmt.Errorf("the body broke off after %d bytes: %w", n, err))
	e.Status = l.Record().Status
	return l.ContextKind(e)
}

// ContextKind turns e into the error of the attempt's context if that has
// ended: the watchdog's timeout, or the caller's cancellation. Otherwise e is
// returned as it is.
func (l *Live) ContextKind(e *Error) *Error {
	ctx := l.req.Context()
	if ctx.Err() == nil || l.refused != nil { // the refusal ended it
		return e
	}
	e.Kind, e.Policy, e.Err = contextFailure(ctx)
	e.Err = scrub(e.Err, l.call.Redactor)
	return e
}

// contextFailure returns the kind and the policy that an ended context means,
// and its cause, which also answers errors.Is for the context's own error.
func contextFailure(ctx context.Context) (kind *Kind, policy string, cause error) {
	cause = context.Cause(ctx)
	var w *watchError
	if errors.As(cause, &w) {
		return w.kind, "timeout", cause
	}
	kind = ErrCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = ErrTotalTimeout
	}
	switch {
	case !errors.Is(cause, ctx.Err()):
		cause = &contextError{own: ctx.Err(), cause: cause}
	case cause == context.DeadlineExceeded: // it alone says too little
		cause = fmt.Errorf("the caller's deadline has passed: %w", cause)
	}
	return kind, "", cause
}

// contextError is the cause that a caller gave to its context, beside the
// context's own error.
type contextError struct{ own, cause error }

func (e *contextError) Error() string   { return e.cause.Error() }
func (e *contextError) Unwrap() []error { return []error{e.cause, e.own} }
