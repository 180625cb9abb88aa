package exchange

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// Attempt is the record of one send. Durations are 0 for a step that did not
// happen.
type Attempt struct {
	Number   int           // 1 is the first send
	Start    time.Time     // when it began
	Wait     time.Duration // waited before it
	Duration time.Duration // from Start to response headers or error
	Status   int           // response status; 0 without a response
	Sent     Sent          // whether it can have reached the server
	Resent   int           // times that net/http sent it again by itself
	Reused   bool          // the connection had been used before
	Protocol string        // such as HTTP/2.0
	Timings  Timings       // where the time went
	Err      error         // why there is no response; fit to be shown
}

// Timings says where the time of an attempt went.
type Timings struct {
	DNS       time.Duration // resolving the name
	Connect   time.Duration // connecting, without the DNS part
	TLS       time.Duration // handshake
	FirstByte time.Duration // from the attempt's start to the response headers
	Total     time.Duration // from the attempt's start to the end of the body; 0 while it is open
}

// Live is an attempt in flight: its context, its watchdog, and what the
// connection tells about it. [LiveFrom] finds it inside the attempt.
type Live struct {
	call   *Call
	source *http.Request // what the attempt is a copy of
	req    *http.Request // the copy that belongs to the attempt
	wire   *http.Request // what net/http was given
	start  time.Time
	chosen bool // the call's DataChosen as it was at the start
	cancel context.CancelCauseFunc
	trace  httptrace.ClientTrace
	watch  watchdog

	conns   atomic.Int32 // connections got for wire
	over    atomic.Bool  // net/http is done with wire
	phase   atomic.Int32
	facts   atomic.Uint32
	beside  atomic.Bool         // it runs beside another attempt and has not won
	yielded bool                // another attempt's outcome is returned in place of its own
	marks   [marks]atomic.Int64 // nanoseconds after start

	conn     net.Conn     // the connection got last
	written  func() int64 // write counter of the connection; nil if unknown
	base     int64        // its value when the attempt got the connection
	received func() int64 // read counter of the connection; nil if unknown
	readBase int64        // its value when the attempt got the connection
	before   bool         // the attempt had passed on a request before wire
	guard    func(net.Conn) error
	refused  error // what guard said

	gate      Gate
	admission uint64

	mu     sync.Mutex
	record Attempt
}

type attemptKey struct{}

// attemptContext carries a Live; one allocation holds both.
type attemptContext struct {
	context.Context
	live Live
}

func (c *attemptContext) Value(key any) any {
	if key == (attemptKey{}) {
		return &c.live
	}
	return c.Context.Value(key)
}

// LiveFrom returns the attempt in ctx, or nil.
func LiveFrom(ctx context.Context) *Live {
	l, _ := ctx.Value(attemptKey{}).(*Live)
	return l
}

// Send runs one attempt: it gives next a copy of req with its own header and an
// attempt context, and ends that context when the response body is closed or
// read to its end, not when RoundTrip returns. wait is the time waited before
// it, for the record.
//
// The copy has no GetBody: whoever calls Send owns every replay, and net/http
// must not resend by itself.
func Send(next http.RoundTripper, req *http.Request, call *Call, wait time.Duration) (*http.Response, error) {
	l := begin(req, call, wait, false)
	call.Emit(req, Event{Name: EventAttemptStart, Live: l, Delay: wait})
	resp, err := next.RoundTrip(l.req)
	if l.yielded {
		resp, err = oneOf(resp, err)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
	return l.finish(req, resp, err)
}

func begin(req *http.Request, call *Call, wait time.Duration, beside bool) *Live {
	ctx, cancel := context.WithCancelCause(req.Context())
	c := &attemptContext{}
	l := &c.live
	l.call, l.cancel, l.start, l.chosen = call, cancel, time.Now(), call.DataChosen
	l.trace.GotConn = l.gotConn
	if hasBody(req) {
		l.trace.WroteRequest = l.wroteRequest
	}
	c.Context = httptrace.WithClientTrace(ctx, &l.trace)
	l.beside.Store(beside)
	l.source = req
	l.req = req.WithContext(c)
	l.req.GetBody = nil
	l.req.Header = req.Header.Clone()
	if l.req.Header == nil {
		l.req.Header = make(http.Header)
	}
	l.record.Start, l.record.Wait = l.start, wait
	call.addAttempt(l)
	return l
}

// Own returns a request whose header and fields the caller may set: req itself
// if it is the copy that belongs to its attempt, else a clone. Its URL must be
// replaced, not changed.
func Own(req *http.Request) *http.Request {
	if l := LiveFrom(req.Context()); l != nil && l.req == req {
		return req
	}
	own := req.Clone(req.Context())
	if own.Header == nil {
		own.Header = make(http.Header)
	}
	return own
}

// finish records the outcome, and ends the attempt at once if there is no body
// to wait for.
func (l *Live) finish(req *http.Request, resp *http.Response, err error) (*http.Response, error) {
	l.Unwire()
	resp, err = oneOf(resp, err)
	for range l.conns.Load() - 1 {
		l.call.Emit(req, Event{Name: EventRetryResent, Live: l, Reason: "net/http sent the request again on another connection"})
	}
	status := 0
	if err == nil {
		status = resp.StatusCode
		l.answered(resp)
	} else {
		err = l.failed(err)
	}
	l.call.Emit(req, Event{Name: EventAttemptDone, Live: l, Status: status, Cause: err})
	if err != nil {
		l.end(0, err)
		return nil, err
	}
	resp.Request = req
	l.watchBody(resp)
	return resp, nil
}

// oneOf makes exactly one of response and error of what a RoundTripper that
// breaks its contract may return.
func oneOf(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close() // nobody reads it; the error is what counts
		}
		return nil, err
	}
	if resp == nil {
		return nil, errors.New("the transport returned neither a response nor an error")
	}
	return resp, nil
}

func (l *Live) answered(resp *http.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.record
	r.Duration = time.Since(l.start)
	r.Status, r.Sent = resp.StatusCode, SentYes
	r.Timings.FirstByte = r.Duration
	if resp.ProtoMajor > 0 {
		r.Protocol = resp.Proto
	}
	l.dialTimings(&r.Timings)
}

// failed judges the outcome. An Error that was made before that is completed, in
// a copy: whoever made it may have given it to other calls too.
func (l *Live) failed(err error) error {
	shown, sent := scrub(err, l.call.Redactor), l.sent(err)
	l.mu.Lock()
	r := &l.record
	r.Duration = time.Since(l.start)
	r.Err, r.Sent = shown, sent
	l.dialTimings(&r.Timings)
	l.mu.Unlock()
	own, ok := err.(*Error)
	if !ok {
		return err
	}
	completed := *own
	completed.Sent = max(completed.Sent, sent)
	completed.Attempts = l.call.Attempts()
	for _, a := range completed.Attempts { // one beside it may have come further
		completed.Sent = max(completed.Sent, a.Sent)
	}
	return &completed
}

// Call returns the attempt's call.
func (l *Live) Call() *Call { return l.call }

// DataChosen reports whether the server chose the host of this attempt. Unlike
// the call's field it never changes: a dial may outlive its attempt and read it
// while the call goes on to the next hop.
func (l *Live) DataChosen() bool { return l.chosen }

// Number returns the attempt's number; 1 is the first send.
func (l *Live) Number() int { return l.record.Number }

// SentSoFar judges, inside the attempt, whether a request that failed with err
// can have reached the server.
func (l *Live) SentSoFar(err error) Sent { return l.sent(err) }

// Latency returns the time from the moment when the attempt had its connection,
// or began if it does not know that, to the response headers: waits in this
// process, dialling and handshakes left out. 0 without a response.
func (l *Live) Latency() time.Duration {
	l.mu.Lock()
	took := l.record.Timings.FirstByte
	l.mu.Unlock()
	return max(0, took-time.Duration(l.marks[MarkConn].Load()))
}

// Record returns what is known of the attempt now.
func (l *Live) Record() Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record
}
