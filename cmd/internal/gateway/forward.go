package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godwit-go/godwit"
)

// maxReplay is the longest request body that is kept, in bytes, so that the
// request can be sent again.
const maxReplay = 64 << 10

// The causes with which a request's context ends here.
var (
	errStopping = errors.New("the gateway is shutting down")
	errStalled  = errors.New("the upstream stopped taking the request body")
)

// transit is one request on its way through the gateway.
type transit struct {
	gateway *Gateway
	w       http.ResponseWriter
	r       *http.Request
	ctl     *http.ResponseController
	start   time.Time
	id      string // request id
	api     string // name of the API; empty before it is known
	in      *inbound

	mu       sync.Mutex
	answered bool // the final response has begun; no informational one may follow

	level   slog.Level // of the record
	status  int
	out     int64 // bytes of the response body
	refused *refusal
	broken  error // why an answer that had begun was cut
}

// serve answers the request.
func (t *transit) serve() {
	if t.r.ContentLength != 0 {
		t.in = newInbound(t.r.Body, t.ctl, t.gateway.config.Idle)
	}
	t.extendWrite()
	parsed, refused := t.admit()
	if refused != nil {
		t.refuse(refused)
		return
	}
	if parsed.api == reserved {
		t.ownPath(parsed)
		return
	}
	a, ok := t.gateway.apis[parsed.api]
	if !ok {
		t.refuse(&refusal{situation: noRoute})
		return
	}
	t.api = a.name
	if refused := t.forward(a, parsed); refused != nil {
		t.refuse(refused)
	}
}

// admit checks what holds for every request.
func (t *transit) admit() (target, *refusal) {
	switch t.r.Method {
	case http.MethodConnect, http.MethodTrace, "TRACK": // TRACE would show the gateway's credential
		return target{}, &refusal{situation: refusedMethod}
	}
	if upgradeWanted(t.r.Header["Upgrade"]) {
		return target{}, &refusal{situation: refusedUpgrade}
	}
	parsed, refused := parseTarget(t.r.RequestURI)
	switch h := t.r.Header; {
	case refused != nil:
		return target{}, refused
	case parsed.api == reserved: // probes use any name, and it tells nothing
	case !hostServed(t.gateway.hosts, t.r.Host):
		return target{}, &refusal{situation: wrongHost, detail: fmt.Sprintf("%s: %q", wrongHost.text, clipped(t.r.Host))}
	case crossSite(h.Get("Sec-Fetch-Site"), h.Get("Origin"), t.r.Host):
		return target{}, &refusal{situation: foreignPage}
	case slices.ContainsFunc(h["Via"], func(v string) bool { return strings.Contains(v, t.gateway.via) }):
		return target{}, &refusal{situation: loopDetected}
	}
	return parsed, nil
}

// forward sends the request through the API's chain and the answer back.
func (t *transit) forward(a *api, parsed target) *refusal {
	u, refused := upstreamURL(a.base, parsed)
	if refused != nil {
		return refused
	}
	if a.secretParam != "" && !a.passThrough {
		u.RawQuery = withoutParam(u.RawQuery, a.secretParam)
	}
	ctx, cancel := context.WithCancelCause(t.r.Context())
	defer cancel(nil)
	req, refused := t.request(ctx, cancel, a, u)
	if refused != nil {
		return refused
	}
	chain := a.whole
	if req.Body != nil && req.GetBody == nil {
		chain = a.streamed
	}
	resp, err := chain.RoundTrip(req)
	if err != nil {
		return t.judge(ctx, err)
	}
	defer resp.Body.Close() // ends the attempt; what it says cannot matter any more
	return t.answer(a, resp)
}

// request builds the upstream's request.
func (t *transit) request(ctx context.Context, cancel context.CancelCauseFunc, a *api, u *url.URL) (*http.Request, *refusal) {
	ctx = godwit.CallContext(ctx, godwit.RequestID(t.id))
	if t.r.ProtoAtLeast(1, 1) {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: t.inform})
	}
	req := (&http.Request{
		Method: t.r.Method, URL: u, Host: u.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: t.requestHeader(a),
	}).WithContext(ctx)
	switch {
	case t.in == nil:
		return req, nil
	case t.r.ContentLength > 0 && t.r.ContentLength <= maxReplay:
		return req, t.keepBody(req)
	}
	// Answers may begin before the body has ended: net/http must not read the
	// rest first.
	_ = t.ctl.EnableFullDuplex() // HTTP/1 always can; test servers are served without
	t.in.streamed = true
	t.in.stalled = func() { cancel(errStalled) }
	req.Body, req.ContentLength = t.in, t.r.ContentLength
	t.passTrailer(req)
	return req, nil
}

// keepBody reads the whole body, so that the request can be sent again.
func (t *transit) keepBody(req *http.Request) *refusal {
	data := bytes.NewBuffer(make([]byte, 0, t.r.ContentLength+bytes.MinRead))
	if _, err := data.ReadFrom(t.in); err != nil {
		return judgeUpload(err)
	}
	req.ContentLength = int64(data.Len())
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data.Bytes())), nil }
	req.Body = io.NopCloser(bytes.NewReader(data.Bytes()))
	req.Header.Del("Expect") // the body is here already
	return nil
}

// passTrailer announces the trailer fields that travel on, and copies their
// values once the body has ended.
func (t *transit) passTrailer(req *http.Request) {
	keep := requestFields{}
	for name := range t.r.Trailer {
		if keep.keep(name) {
			if req.Trailer == nil {
				req.Trailer = make(http.Header)
			}
			req.Trailer[name] = nil
		}
	}
	if req.Trailer == nil {
		return
	}
	t.in.trailer = func() {
		for name := range req.Trailer {
			req.Trailer[name] = t.r.Trailer[name]
		}
	}
}

// judge says what a failed call means for the client. It panics with
// http.ErrAbortHandler if there is nobody left to tell.
func (t *transit) judge(ctx context.Context, err error) *refusal {
	known := refuse(err)
	if t.in != nil {
		t.in.detach() // before its error is asked for: a read may be about to fail
		if _, failed := t.in.read(); failed != nil {
			return known.instead(judgeUpload(failed).situation)
		}
	}
	switch context.Cause(ctx) {
	case nil:
		return known
	case errStopping:
		known.retryAfter = time.Second
		return known.instead(shuttingDown)
	case errStalled:
		return known.instead(stalledUpload)
	}
	if t.r.Context().Err() != nil {
		t.refused, t.status = known, known.status
		panic(http.ErrAbortHandler)
	}
	return known
}

// inform passes an informational response on (RFC 9110 section 15.2). net/http
// calls it from another goroutine, and possibly too late.
func (t *transit) inform(status int, header textproto.MIMEHeader) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answered || status == http.StatusContinue || status == http.StatusSwitchingProtocols {
		return nil // the server sends 100 by itself
	}
	t.extendWrite()
	h := t.w.Header()
	copyFields(h, http.Header(header), &responseFields{named: connectionOptions(header["Connection"])})
	t.w.WriteHeader(status)
	clear(h)
	return nil
}

// begin marks the final response as begun.
func (t *transit) begin() {
	t.mu.Lock()
	t.answered = true
	t.mu.Unlock()
}

// refuse writes an answer of the gateway's own.
func (t *transit) refuse(r *refusal) {
	t.refused = r
	if t.in != nil && !t.in.detach() {
		closeAfter(t.w)
	}
	t.begin()
	h := t.w.Header()
	for _, f := range r.fields() {
		h.Set(f.name, f.value)
	}
	t.writeHeader(r.status)
	t.write(r.body(t.id, http.StatusText(r.status)))
}

// writeHeader writes the response header. Its own fields are Set, never added
// to what the upstream sent.
func (t *transit) writeHeader(status int) {
	h := t.w.Header()
	h["X-Request-Id"] = []string{t.id}
	// net/http hides whether a chunked request also had a Content-Length, which
	// two servers read in two ways: RFC 9112 section 6.1 wants such a connection
	// closed.
	if t.gateway.draining.Load() || len(t.r.TransferEncoding) > 0 {
		h["Connection"] = []string{"close"}
	}
	t.status = status
	t.extendWrite()
	t.w.WriteHeader(status)
}

// write writes a part of the response body and reports whether the client is
// still there. HEAD gets none.
func (t *transit) write(p []byte) bool {
	t.extendWrite()
	n, err := t.w.Write(p)
	t.out += int64(n)
	return err == nil
}

// extendWrite gives the client the idle time to take what is written next.
func (t *transit) extendWrite() {
	_ = t.ctl.SetWriteDeadline(time.Now().Add(t.gateway.config.Idle)) // test servers have none
}
