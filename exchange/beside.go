package exchange

import "net/http"

// Beside begins an attempt that runs beside another one of the same call, such
// as a hedge: a copy of req, the request that the other attempt is a copy of.
// [Live.Run] sends it. It is not charged to the attempts that the call has, and
// counts as its last one only after [Live.Win].
func Beside(req *http.Request, call *Call) *Live {
	l := begin(req, call, 0, true)
	l.Note(FactFree)
	return l
}

// Run sends an attempt that [Beside] began, as [Send] does. It is called once.
func (l *Live) Run(next http.RoundTripper) (*http.Response, error) {
	l.call.Emit(l.source, Event{Name: EventAttemptStart, Live: l})
	resp, err := next.RoundTrip(l.req)
	return l.finish(l.source, resp, err)
}

// Win says that the answer of an attempt that [Beside] began is the call's. The
// attempt that it ran beside must [Live.Yield].
func (l *Live) Win() { l.beside.Store(false) }

// Source returns the request that the attempt is a copy of.
func (l *Live) Source() *http.Request { return l.source }

// Cancel ends the attempt's context with a cause, so that what is under way
// comes to its end.
func (l *Live) Cancel(cause error) { l.cancel(cause) }

// Yield ends the attempt with err, because what RoundTrip is about to return is
// the outcome of an attempt that has won. It is called inside the attempt, after
// everything beneath has returned.
func (l *Live) Yield(err error) {
	l.Unwire()
	err = l.failed(err)
	l.call.Emit(l.source, Event{Name: EventAttemptDone, Live: l, Cause: err})
	l.end(0, err)
	l.yielded = true
}
