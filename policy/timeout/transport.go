package timeout

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

const policy = "timeout"

// New returns the middleware for the whole call, which sets its deadline when
// the call first comes by: a redirect or a retry does not restart it. The
// deadline of the caller's own context stays in force beside it.
func New(c Config) (exchange.Middleware, error) {
	l, err := c.limits()
	if err != nil {
		return nil, err
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &whole{next: next, total: l.total}
	}, nil
}

type whole struct {
	next  http.RoundTripper
	total time.Duration
}

func (w *whole) RoundTrip(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	total, err := override("total", w.total, call.Timeouts.Total)
	if err != nil {
		exchange.CloseBody(req)
		return nil, call.NewError(exchange.ErrRequest, policy, req, err)
	}
	if !call.Deadline.IsZero() { // a hop: time has passed
		if _, err := left(call, req, total); err != nil {
			return nil, err
		}
	} else if total > 0 {
		call.Deadline = call.Start.Add(total)
	}
	resp, err := w.next.RoundTrip(req)
	if resp != nil {
		resp.Request = incoming
	}
	return resp, err
}

// left returns the time that the call has, 0 if it has no deadline. It holds a
// request back whose call has none left.
func left(call *exchange.Call, req *http.Request, total time.Duration) (time.Duration, error) {
	if call.Deadline.IsZero() {
		return 0, nil
	}
	d := time.Until(call.Deadline)
	if d > 0 {
		return d, nil
	}
	exchange.CloseBody(req)
	return 0, call.NewError(exchange.ErrTotalTimeout, policy, req, fmt.Errorf("not finished within %v", total))
}

// NewAttempt returns the middleware for one attempt, which enforces header,
// idle, attempt and what is left of total. Connect and tls are enforced by the
// transport that dials.
//
// Header begins anew when the connection stands and again when the request
// body was sent; waiting for a free connection of a full pool counts as header.
func NewAttempt(c Config) (exchange.Middleware, error) {
	l, err := c.limits()
	if err != nil {
		return nil, err
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &attempt{next: next, limits: l, totalSet: c.Total != 0}
	}, nil
}

type attempt struct {
	next     http.RoundTripper
	limits   limits
	totalSet bool // not the default
}

func (a *attempt) RoundTrip(req *http.Request) (*http.Response, error) {
	live := exchange.LiveFrom(req.Context())
	if live == nil {
		return a.alone(req)
	}
	if err := a.arm(live, req); err != nil {
		return nil, err
	}
	resp, err := a.next.RoundTrip(req)
	if err != nil {
		return nil, failure(live, req, err)
	}
	live.Disarm(exchange.WatchHeader)
	if call := live.Call(); !a.totalSet && call.Timeouts.Total == 0 && !call.ReadsBody {
		live.Disarm(exchange.WatchTotal)
	}
	if a.limits.idle > 0 {
		live.WatchReads(a.limits.idle)
	}
	return resp, nil
}

// alone serves a chain in which nobody else makes attempts.
func (a *attempt) alone(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	resp, err := exchange.Send(a, req, call, 0)
	if resp != nil {
		resp.Request = incoming
	}
	return resp, err
}

// arm sets the watches up to the response headers.
func (a *attempt) arm(live *exchange.Live, req *http.Request) error {
	call := live.Call()
	whole, err := override("attempt", a.limits.attempt, call.Timeouts.Attempt)
	if err != nil {
		exchange.CloseBody(req)
		return call.NewError(exchange.ErrRequest, policy, req, err)
	}
	total := a.limits.total
	if call.Timeouts.Total > 0 {
		total = call.Timeouts.Total
	}
	rest, err := left(call, req, total)
	if err != nil {
		return err
	}
	live.Arm(exchange.WatchHeader, a.limits.header, a.limits.header) // first: what is due later leaves the timer alone
	if whole > 0 {
		live.Arm(exchange.WatchAttempt, whole, whole)
	}
	if rest > 0 {
		live.Arm(exchange.WatchTotal, rest, total)
	}
	return nil
}

// failure gives the error of an attempt that was ended, by a watch or by the
// caller, the kind of that end. What failed before it was ended, and what a
// policy refused, stays as it is.
func failure(live *exchange.Live, req *http.Request, err error) error {
	if req.Context().Err() == nil {
		return err
	}
	var own *exchange.Error
	if !errors.As(err, &own) {
		return live.ContextKind(live.Call().NewError(nil, "", req, err))
	}
	if !interrupted(own.Kind) {
		return err
	}
	e := *own
	return live.ContextKind(&e)
}

// interrupted reports whether the kind is one that the end of the context can
// look like from inside the network.
func interrupted(kind *exchange.Kind) bool {
	switch kind {
	case exchange.ErrDNS, exchange.ErrConnect, exchange.ErrTLS, exchange.ErrProxy, exchange.ErrTruncated,
		exchange.ErrProtocol, exchange.ErrTimeout, exchange.ErrCanceled:
		return true
	}
	return false
}
