package gateway

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/godwit-go/godwit/exchange"
)

// waitForBody is the longest announced body, in bytes, whose first part the
// response header waits for, so that both leave together. Any other header
// leaves at once.
const waitForBody = 64 << 10

// buffers are the copy buffers: the only memory that a streamed body takes.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// answer passes the upstream's response on.
func (t *transit) answer(a *api, resp *http.Response) *refusal {
	if resp.StatusCode < 200 || resp.StatusCode > 999 {
		return &refusal{situation: situationOf(exchange.ErrProtocol), sent: exchange.SentYes}
	}
	t.begin()
	h := t.w.Header()
	t.responseHeader(h, a, resp)
	t.writeHeader(resp.StatusCode)
	if t.r.Method == http.MethodHead || resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified {
		return nil
	}
	if resp.ContentLength < 0 || resp.ContentLength > waitForBody {
		if t.ctl.Flush() != nil {
			t.leave()
		}
	}
	t.stream(resp.Body)
	copyTrailer(h, resp.Trailer, a.passThrough)
	return nil
}

// responseHeader fills h with what travels on.
func (t *transit) responseHeader(h http.Header, a *api, resp *http.Response) {
	copyFields(h, resp.Header, &responseFields{
		named: connectionOptions(resp.Header["Connection"]), passThrough: a.passThrough,
	})
	if theirs := resp.Header["X-Request-Id"]; len(theirs) == 1 && theirs[0] != t.id {
		h["X-Upstream-Request-Id"] = theirs // vendors ask for it
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // net/http would guess one
	}
	if resp.ContentLength < 0 || len(resp.Trailer) > 0 {
		delete(h, "Content-Length")
	}
	keep := responseFields{passThrough: a.passThrough}
	for name := range resp.Trailer {
		if keep.keep(name) {
			h["Trailer"] = append(h["Trailer"], name)
		}
	}
}

// copyTrailer hands the trailer to net/http, which sends it behind the body.
func copyTrailer(h, trailer http.Header, passThrough bool) {
	announced := h["Trailer"]
	keep := responseFields{passThrough: passThrough}
	for name, values := range trailer {
		switch {
		case slices.Contains(announced, name):
			h[name] = values
		case keep.keep(name):
			h[http.TrailerPrefix+name] = values
		}
	}
}

// stream copies the body. Everything that was read is flushed before the next
// read can block; what arrives together leaves together, because a read takes
// all that is there.
func (t *transit) stream(body io.Reader) {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	var tail [4]byte // the last bytes that went out
	for {
		n, err := body.Read(buf[:])
		if n > 0 {
			if !t.write(buf[:n]) {
				t.leave()
			}
			shift(&tail, buf[:n])
		}
		switch {
		case err == io.EOF:
			return
		case err != nil:
			_ = t.ctl.Flush() // what came is the client's; abort closes the connection in any case
			t.abort(err, tail)
		case n > 0 && t.ctl.Flush() != nil:
			t.leave()
		}
	}
}

// shift notes the last bytes of a stream.
func shift(tail *[4]byte, p []byte) {
	if len(p) >= len(tail) {
		copy(tail[:], p[len(p)-len(tail):])
		return
	}
	copy(tail[:], tail[len(p):])
	copy(tail[len(tail)-len(p):], p)
}

// leave ends a request whose client is gone.
func (t *transit) leave() {
	t.broken = context.Canceled
	panic(http.ErrAbortHandler)
}

// abort breaks the answer off: the client must not take a part for the whole.
// An event stream that the gateway itself ends gets a last event first.
func (t *transit) abort(err error, tail [4]byte) {
	if context.Cause(t.r.Context()) == context.Canceled {
		t.leave()
	}
	t.broken = err
	if context.Cause(t.gateway.requests) == errStopping && t.isEventStream() && atEventEnd(tail, t.out) {
		r := &refusal{situation: shuttingDown, cause: err}
		event := append([]byte("event: error\ndata: "), r.body(t.id, http.StatusText(r.status))...)
		if t.write(append(event, '\n')) {
			_ = t.ctl.Flush() // the connection is closed next in any case
		}
	}
	panic(http.ErrAbortHandler)
}

func (t *transit) isEventStream() bool {
	media, _, _ := strings.Cut(t.w.Header().Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), "text/event-stream")
}

// atEventEnd reports whether an event stream stands between two events: at its
// beginning or behind an empty line.
func atEventEnd(tail [4]byte, sent int64) bool {
	s := string(tail[:])
	return sent == 0 || strings.HasSuffix(s, "\n\n") || strings.HasSuffix(s, "\r\r") || s == "\r\n\r\n"
}
