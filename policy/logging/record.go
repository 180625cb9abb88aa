package logging

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redact"
)

// maxText bounds every text of a record, in bytes.
const maxText = 512

// record collects the attributes of a line. It is only made once the level is
// known to be wanted.
type record struct {
	attrs []slog.Attr
}

func (r *record) add(attrs ...slog.Attr) {
	if r.attrs == nil {
		r.attrs = make([]slog.Attr, 0, 16)
	}
	r.attrs = append(r.attrs, attrs...)
}

// text adds a text unless it is empty.
func (r *record) text(call *exchange.Call, name, value string) {
	if value != "" {
		r.add(slog.String(name, show(call, value)))
	}
}

func (r *record) delay(d time.Duration) {
	if d > 0 {
		r.add(slog.Duration("delay", d))
	}
}

// about says which call it is, and which request if one is given.
func (r *record) about(call *exchange.Call, req *http.Request) {
	r.text(call, "api", call.API)
	r.text(call, "operation", call.Operation)
	if req != nil {
		m := req.Method
		if m == "" {
			m = http.MethodGet
		}
		r.add(slog.String("method", show(call, m)), slog.String("url", call.RedactURL(req.URL)))
	}
	r.text(call, "request_id", call.RequestID)
}

// event adds what an event says beside its call and its request.
func (r *record) event(call *exchange.Call, e exchange.Event, f failure) {
	if e.Status != 0 {
		r.add(slog.Int("status", e.Status))
	}
	if attempt, ok := e.Attempt(); ok {
		r.add(slog.Int("attempt", attempt.Number))
		if e.Name == exchange.EventRetryWait || e.Name == exchange.EventRetryGaveUp { // the attempt is over
			f.sent, f.tried = attempt.Sent, true
		}
	}
	r.text(call, "reason", e.Reason)
	r.delay(e.Delay)
	if e.Name == exchange.EventCallBody {
		r.add(slog.Int64("bytes", e.Bytes))
	}
	r.failure(call, f)
}

// failure adds what an error says.
func (r *record) failure(call *exchange.Call, f failure) {
	if f.kind != nil {
		r.add(slog.String("kind", f.kind.Error()))
	}
	r.text(call, "policy", f.policy)
	if f.tried {
		r.add(slog.String("sent", f.sent.String()))
	}
	r.text(call, "cause", f.cause)
}

// failure is what a line shows of an error.
type failure struct {
	kind   *exchange.Kind
	policy string
	cause  string
	delay  time.Duration
	sent   exchange.Sent
	tried  bool // sent is known
}

// failureOf takes an error apart. The method and URL that its own text repeats
// have their own attributes.
func failureOf(call *exchange.Call, err error) failure {
	if err == nil {
		return failure{}
	}
	var own *exchange.Error
	if !errors.As(err, &own) {
		return failure{cause: call.NewError(nil, "", nil, err).Err.Error()}
	}
	f := failure{kind: own.Kind, policy: own.Policy, delay: own.RetryAfter, sent: own.Sent, tried: len(own.Attempts) > 0}
	if own.Err != nil {
		f.cause = own.Err.Error()
	}
	return f
}

// show makes a text fit for a line: secrets masked, control and bidirectional
// characters escaped, bounded.
func show(call *exchange.Call, s string) string { return call.Redactor.Excerpt(s, maxText) }

// headers returns the fields of a response that may be shown, as one group.
func headers(call *exchange.Call, h http.Header) slog.Attr {
	var attrs []any
	for _, name := range slices.Sorted(maps.Keys(h)) {
		value := call.Redactor.Header(name, strings.Join(h[name], ", "))
		if value != redact.Mask {
			attrs = append(attrs, slog.String(name, show(call, value)))
		}
	}
	return slog.Group("headers", attrs...)
}
