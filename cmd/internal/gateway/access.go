package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/godwit-go/godwit/internal/redact"
)

// maxLogged bounds a text that the client chose, in a log record, in bytes.
const maxLogged = 512

// ownPath answers the gateway's own paths.
func (t *transit) ownPath(parsed target) {
	var text string
	status := http.StatusOK
	switch parsed.rest {
	case "/healthz":
		text = "alive\n"
	case "/readyz":
		text = "ready\n"
		if !t.gateway.Ready() {
			status, text = http.StatusServiceUnavailable, "not ready\n"
		}
	default:
		t.refuse(&refusal{situation: noRoute})
		return
	}
	if t.r.Method != http.MethodGet && t.r.Method != http.MethodHead {
		t.refuse(&refusal{situation: wrongMethodHealth})
		return
	}
	if status == http.StatusOK {
		t.level = slog.LevelDebug // probes come all the time
	}
	h := t.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	t.begin()
	t.writeHeader(status)
	t.write([]byte(text))
}

// Ready reports whether the gateway takes requests: it is served and was not
// told to stop.
func (g *Gateway) Ready() bool { return g.ready.Load() && !g.draining.Load() }

// end settles the request: a panic is contained, the connection left in a known
// state, and the record written.
func (t *transit) end() {
	failure := recover()
	if failure != nil && failure != http.ErrAbortHandler {
		failure = t.contain(failure)
	}
	if t.in != nil && !t.in.detach() {
		closeAfter(t.w)
	}
	t.begin() // an informational response would come too late
	t.record()
	if failure != nil {
		panic(http.ErrAbortHandler) // net/http's way to break an answer off
	}
}

// contain answers 500 in place of a panic. It returns http.ErrAbortHandler if
// an answer had begun.
func (t *transit) contain(failure any) any {
	t.gateway.log.LogAttrs(t.r.Context(), slog.LevelError, "panic while serving a request",
		slog.String("request_id", t.id), slog.String("panic", panicText(failure)), slog.String("stack", string(debug.Stack())))
	if t.status != 0 {
		t.broken = fmt.Errorf("panic: %s", panicText(failure))
		return http.ErrAbortHandler
	}
	clear(t.w.Header())
	t.refuse(&refusal{situation: internalDefect})
	return nil
}

// panicText names a panic without repeating values, which may be secret: only
// the runtime's own words are known to hold none.
func panicText(failure any) string {
	if e, ok := failure.(runtime.Error); ok {
		return redact.Printable(e.Error())
	}
	return fmt.Sprintf("a value of type %T", failure)
}

// record writes the request's one line, at Info, or at Debug when a probe heard
// that all is well: what went wrong in a call is logged by its chain.
func (t *transit) record() {
	log := t.gateway.log
	if !log.Enabled(t.r.Context(), t.level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("request_id", t.id),
		slog.String("client", peerAddr(t.r.RemoteAddr).String()),
		slog.String("method", clipped(t.r.Method)),
		slog.String("path", clipped(shownPath(t.r.URL))))
	if t.api != "" {
		attrs = append(attrs, slog.String("api", t.api))
	}
	attrs = append(attrs, slog.Int("status", t.status), slog.Int64("out", t.out))
	if t.in != nil {
		n, _ := t.in.read()
		attrs = append(attrs, slog.Int64("in", n))
	}
	attrs = append(attrs, slog.Duration("duration", time.Since(t.start)))
	if r := t.refused; r != nil {
		attrs = append(attrs, slog.String("kind", r.kind), slog.String("sent", r.sent.String()), slog.Int("attempts", r.attempts))
		if r.cause != nil {
			attrs = append(attrs, slog.String("error", clipped(r.cause.Error())))
		} else {
			attrs = append(attrs, slog.String("error", r.shownDetail()))
		}
	}
	if t.broken != nil {
		attrs = append(attrs, slog.String("broken", brokenText(t.broken)))
	}
	log.LogAttrs(context.WithoutCancel(t.r.Context()), t.level, "request", attrs...)
}

func brokenText(err error) string {
	if err == context.Canceled {
		return "the client left"
	}
	return clipped(err.Error())
}

// shownPath is the path of the request and the names of its query parameters.
func shownPath(u *url.URL) string {
	shown := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	return (*redact.Redactor)(nil).URL(&shown)
}

func clipped(s string) string { return (*redact.Redactor)(nil).Excerpt(s, maxLogged) }
