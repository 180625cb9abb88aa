package godwittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Transport is an [http.RoundTripper] that answers from a script and records
// what it was asked. It keeps the RoundTripper contract: it reads and closes
// request bodies, never changes a request, and obeys the request's context
// while it waits. It tells the context's httptrace about the connection that it
// plays. It is safe for concurrent use; concurrent requests take the replies
// in the order in which they arrive.
type Transport struct {
	mu       sync.Mutex
	replies  []Reply
	always   *Reply
	requests []*Request
	open     atomic.Int64 // response bodies
}

// Request is a request as the transport got it. Its values are copies.
type Request struct {
	Method        string
	URL           *url.URL
	Host          string // the Host field if the request set one, else that of URL
	Header        http.Header
	Trailer       http.Header // as it was after the body
	ContentLength int64
	Body          []byte          // at most 16 MiB of it
	Size          int64           // bytes of the whole body
	BodyErr       error           // why reading the body failed
	At            time.Time       // when it arrived
	Number        int             // 1 is the first request of the transport
	Context       context.Context // the context it came with
}

// Script returns a transport that answers with the replies in order. A request
// beyond the last reply gets an error, and [Transport.Verify] reports it.
func Script(replies ...Reply) *Transport { return &Transport{replies: replies} }

// Always returns a transport that answers every request with reply.
func Always(reply Reply) *Transport { return &Transport{always: &reply} }

// RoundTrip plays the next reply.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body := t.own(req.Body)
	defer body.close()
	ctx := req.Context()
	switch {
	case req.URL == nil:
		return nil, errors.New("http: nil Request.URL")
	case req.Header == nil:
		return nil, errors.New("http: nil Request.Header")
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	seen, reply, ok := t.take(req)
	if !ok {
		return nil, fmt.Errorf("godwittest: the script has %d replies and this is request %d: %s %s", len(t.replies), seen.Number, req.Method, req.URL.Redacted())
	}
	if reply.Func == nil && reply.Fault == FaultDial {
		return nil, reply.failure()
	}
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Reused: reply.Reused})
	}
	if reply.Func == nil && reply.Fault == FaultReset {
		return nil, reply.failure()
	}
	if err := t.read(ctx, seen, req, body); err != nil {
		return nil, err
	}
	if reply.Func != nil {
		reply = reply.Func(seen)
	}
	return t.answer(ctx, req, reply)
}

// answer plays a reply whose request was read.
func (t *Transport) answer(ctx context.Context, req *http.Request, reply Reply) (*http.Response, error) {
	if err := wait(ctx, reply.Delay); err != nil {
		return nil, err
	}
	switch reply.Fault {
	case FaultDial, FaultReset, FaultLost, FaultEmpty:
		return nil, reply.failure()
	case FaultSilent:
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	body := &replyBody{ctx: ctx, reply: reply, left: reply.Body, closed: make(chan struct{}), owner: t}
	resp := reply.response(req, body)
	if req.Method == http.MethodHead || !bodyAllowed(resp.StatusCode) && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = http.NoBody
		return resp, nil
	}
	t.open.Add(1)
	return resp, nil
}

// take books the request and finds its reply.
func (t *Transport) take(req *http.Request) (*Request, Reply, bool) {
	u := *req.URL
	seen := &Request{
		Method: req.Method, URL: &u, Host: req.Host, Header: req.Header.Clone(),
		ContentLength: req.ContentLength, At: time.Now(), Context: req.Context(),
	}
	if seen.Method == "" {
		seen.Method = http.MethodGet
	}
	if seen.Host == "" {
		seen.Host = u.Host
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests = append(t.requests, seen)
	seen.Number = len(t.requests)
	if t.always != nil {
		return seen, *t.always, true
	}
	if seen.Number > len(t.replies) {
		return seen, Reply{}, false
	}
	return seen, t.replies[seen.Number-1], true
}

// read records the request body. It stops when the context ends, like a real
// connection does, even if the body's source does not.
func (t *Transport) read(ctx context.Context, seen *Request, req *http.Request, body *requestBody) error {
	stop := context.AfterFunc(ctx, body.close)
	defer stop()
	var kept bytes.Buffer
	n, err := io.Copy(&kept, io.LimitReader(body, maxRecorded))
	if err == nil {
		var more int64
		more, err = io.Copy(io.Discard, body)
		n += more
	}
	body.close()
	t.mu.Lock()
	seen.Body, seen.Size, seen.BodyErr, seen.Trailer = kept.Bytes(), n, err, req.Trailer.Clone()
	t.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil && req.ContentLength > 0 && n != req.ContentLength {
		err = fmt.Errorf("http: ContentLength=%d with Body length %d", req.ContentLength, n)
	}
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Requests returns the requests so far, in order of arrival.
func (t *Transport) Requests() []Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Request, len(t.requests))
	for i, r := range t.requests {
		out[i] = *r
	}
	return out
}

// Count returns the number of requests so far.
func (t *Transport) Count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.requests)
}

// OpenBodies returns the number of response bodies that were handed out and not
// closed.
func (t *Transport) OpenBodies() int { return int(t.open.Load()) }

// Verify fails the test unless every reply of the script was played, no request
// came beyond it, and every response body was closed.
func (t *Transport) Verify(tb testing.TB) {
	tb.Helper()
	n := t.Count()
	if t.always == nil && n != len(t.replies) {
		tb.Errorf("godwittest: %d requests came, the script has %d replies", n, len(t.replies))
	}
	if open := t.OpenBodies(); open != 0 {
		tb.Errorf("godwittest: %d response bodies were not closed", open)
	}
}

// requestBody closes the body once, however many reasons there are.
type requestBody struct {
	io.Reader
	close func()
}

func (t *Transport) own(body io.ReadCloser) *requestBody {
	if body == nil {
		return &requestBody{Reader: http.NoBody, close: func() {}}
	}
	return &requestBody{Reader: body, close: sync.OnceFunc(func() {
		_ = body.Close() // the sender's source; a real transport has no use for the error either
	})}
}

// replyBody is the body of a response.
type replyBody struct {
	ctx    context.Context
	reply  Reply
	owner  *Transport
	atEOF  func()
	closed chan struct{}

	left  string // these belong to the reading goroutine
	done  int    // bytes read
	ended bool
}

func (b *replyBody) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	if err := b.pause(b.reply.Pace); err != nil {
		return 0, err
	}
	n := len(p)
	if b.reply.Chunk > 0 {
		n = min(n, b.reply.Chunk)
	}
	faulty := b.reply.Fault == FaultCut || b.reply.Fault == FaultStall
	if faulty {
		n = min(n, b.reply.At-b.done)
	}
	n = copy(p[:max(n, 0)], b.left)
	b.left = b.left[n:]
	b.done += n
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case b.reply.Fault == FaultCut && b.reply.Err != nil:
		return 0, b.reply.Err
	case b.reply.Fault == FaultCut:
		return 0, io.ErrUnexpectedEOF
	case b.reply.Fault == FaultStall:
		return 0, b.pause(-1)
	}
	b.ended = true
	b.atEOF()
	return 0, io.EOF
}

// pause waits for d, for ever if d is negative, and fails when the context ends
// or the body is closed.
func (b *replyBody) pause(d time.Duration) error {
	select {
	case <-b.closed:
		return http.ErrBodyReadAfterClose
	default:
	}
	if d == 0 {
		return context.Cause(b.ctx)
	}
	var fire <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		fire = timer.C
	}
	select {
	case <-fire:
		return nil
	case <-b.closed:
		return http.ErrBodyReadAfterClose
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
}

func (b *replyBody) Close() error {
	b.owner.mu.Lock()
	defer b.owner.mu.Unlock()
	select {
	case <-b.closed:
	default:
		close(b.closed)
		b.owner.open.Add(-1)
	}
	return nil
}
