package gateway

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// proxyName is what the gateway calls itself in Via and Proxy-Status.
const proxyName = "godwit"

// refusal is an answer of the gateway's own.
type refusal struct {
	situation
	detail     string // in place of the situation's text
	policy     string // the policy that refused
	attempts   int
	sent       exchange.Sent
	retryAfter time.Duration // 0: unknown
	cause      error         // for the log
}

// refuse returns the refusal for an error of an API's chain.
func refuse(err error) *refusal {
	var e *exchange.Error
	if !errors.As(err, &e) {
		return &refusal{situation: internalDefect, cause: err}
	}
	r := &refusal{
		situation: situationOf(e.Kind), policy: e.Policy, attempts: len(e.Attempts),
		sent: e.Sent, retryAfter: e.RetryAfter, cause: err,
	}
	r.detail = r.text
	if e.Err != nil {
		r.detail += ": " + e.Err.Error() // the chain has redacted and bounded it
	}
	if e.Kind == exchange.ErrConnect && e.Sent != exchange.SentNo {
		r.proxyError = "connection_terminated"
	}
	return r
}

// instead keeps what is known of the call and puts another situation in place
// of its error's.
func (r *refusal) instead(s situation) *refusal {
	r.situation, r.detail, r.policy = s, "", ""
	return r
}

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Kind      string `json:"kind"`
	Policy    string `json:"policy,omitempty"`
	RequestID string `json:"request_id"`
	Attempts  int    `json:"attempts"`
	Sent      string `json:"sent"`
}

// body returns the problem document. title is the status's phrase.
func (r *refusal) body(requestID, title string) []byte {
	p := problem{
		Type: "about:blank", Title: title, Status: r.status, Detail: r.shownDetail(), Kind: r.kind,
		Policy: r.policy, RequestID: requestID, Attempts: r.attempts, Sent: r.sent.String(),
	}
	doc, err := json.Marshal(p)
	if err != nil {
		return []byte("{}") // strings and numbers always encode
	}
	return append(doc, '\n')
}

func (r *refusal) shownDetail() string {
	if r.detail != "" {
		return r.detail
	}
	return r.text
}

// field is one header field.
type field struct{ name, value string }

// fields returns the header of a refusal.
func (r *refusal) fields() []field {
	out := []field{
		{"Content-Type", "application/problem+json"},
		{"Cache-Control", "no-store"},
		{"X-Content-Type-Options", "nosniff"},
		{"Proxy-Status", proxyStatus(r.proxyError, r.kind)},
	}
	if r.retryAfter > 0 {
		seconds := (r.retryAfter + time.Second - 1) / time.Second
		out = append(out, field{"Retry-After", strconv.FormatInt(int64(seconds), 10)})
		if r.status == 429 {
			out = append(out, field{"Retry-After-Ms", strconv.FormatInt(r.retryAfter.Milliseconds(), 10)})
		}
	}
	if r.status == 405 {
		out = append(out, field{"Allow", "GET, HEAD"})
	}
	return out
}

// proxyStatus serialises the one member of Proxy-Status that the gateway sends
// (RFC 9209 section 2, RFC 9651 section 4.1).
func proxyStatus(errorType, details string) string {
	var b strings.Builder
	b.WriteString(proxyName)
	if errorType != "" {
		b.WriteString(";error=")
		b.WriteString(errorType)
	}
	if details != "" {
		b.WriteString(";details=")
		writeString(&b, details)
	}
	return b.String()
}

// writeString writes a structured-field string; it can hold printable ASCII
// only (RFC 9651 section 4.1.6), anything else becomes a question mark.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(c))
		case c < 0x20 || c > 0x7e:
			b.WriteByte('?')
		default:
			b.WriteByte(byte(c))
		}
	}
	b.WriteByte('"')
}
