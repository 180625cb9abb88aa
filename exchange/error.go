package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/internal/redact"
)

// Bounds of what an Error keeps of a response body.
const (
	maxErrorBody    = 64 << 10 // bytes kept for Decode
	maxErrorExcerpt = 512      // bytes shown
	maxCause        = 512      // bytes of a cause's text
	maxMethod       = 32       // bytes of a method
)

// Sent says whether a request can have reached the server.
type Sent uint8

// The values of Sent. Every doubt is SentMaybe.
const (
	SentNo    Sent = iota // it provably did not leave this process
	SentMaybe             // some of it may have arrived
	SentYes               // response headers were read
)

// String returns no, maybe or yes.
func (s Sent) String() string {
	switch s {
	case SentNo:
		return "no"
	case SentYes:
		return "yes"
	}
	return "maybe" // every doubt
}

// MarshalText writes the word of String.
func (s Sent) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Error is the one error type of godwit. Tell failures apart with [errors.Is]
// and a [Kind], read the details with errors.As or errors.AsType.
//
// No field and no text of it, at any level of Unwrap, holds a query value,
// userinfo, a path parameter or a known secret.
type Error struct {
	Kind       *Kind         // class of the failure
	Policy     string        // the policy that gave up; empty when the answer's status is the failure
	Method     string        // request method
	URL        string        // redacted URL
	Status     int           // response status; 0 without a response
	Meaning    string        // what the definition says that the status means
	Hint       string        // what a person can do about it
	RequestID  string        // request id of the call
	Attempts   []Attempt     // every send of the call, oldest first
	RetryAfter time.Duration // when the server or the line allows another try; 0 if unknown
	Sent       Sent          // whether the request can have reached the server
	Header     http.Header   // response header, nil without a response; raw: not for printing
	Body       string        // excerpt of the response body: at most 512 bytes, redacted, printable
	Problem    *Problem      // RFC 9457 problem details, if the body holds them
	Err        error         // cause

	raw []byte
	cut bool // raw is not the whole body
}

// Error returns "METHOD url: policy: kind: cause" in one line. Empty parts
// are left out.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Method)
	if e.Method != "" && e.URL != "" {
		b.WriteByte(' ')
	}
	b.WriteString(e.URL)
	sep := func() {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
	}
	if e.Policy != "" {
		sep()
		b.WriteString(e.Policy)
	}
	if e.Kind != nil && e.Kind.name != e.Policy {
		sep()
		b.WriteString(e.Kind.name)
	}
	if e.Status != 0 {
		sep()
		b.WriteString(statusLine(e.Status))
	}
	if e.Meaning != "" {
		sep()
		b.WriteString(e.Meaning)
	}
	switch {
	case e.Err != nil:
		sep()
		b.WriteString(e.Err.Error())
	case e.Problem != nil && e.Problem.summary() != "":
		sep()
		b.WriteString(e.Problem.summary())
	case e.Body != "":
		sep()
		b.WriteString(e.Body)
	}
	return b.String()
}

func statusLine(status int) string {
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return strconv.Itoa(status)
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	errs := make([]error, 0, 2)
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// Timeout reports whether the failure is one of the timeouts. It makes
// os.IsTimeout and net.Error users see what they expect.
func (e *Error) Timeout() bool { return e.Kind.Is(ErrTimeout) }

// Format prints the message whatever the verb, %q quoted, because the header and
// the body that came with it are not for printing.
func (e *Error) Format(f fmt.State, verb rune) {
	text := "<nil>"
	if e != nil {
		text = e.Error()
	}
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text) // fmt.State has nowhere to report to
}

// MarshalJSON writes what LogValue shows and the message, for the same reason.
func (e *Error) MarshalJSON() ([]byte, error) {
	shown := map[string]any{"error": e.Error()}
	for _, a := range e.LogValue().Group() {
		shown[a.Key] = a.Value.Any()
		if a.Value.Kind() == slog.KindDuration {
			shown[a.Key] = a.Value.String()
		}
	}
	return json.Marshal(shown)
}

// Decode unmarshals the response body, of which at most 64 KiB are kept, as
// JSON into v. It fails when there is no body or it was cut.
func (e *Error) Decode(v any) error {
	if len(e.raw) == 0 {
		return errors.New("the error has no response body")
	}
	if e.cut {
		return fmt.Errorf("the response body is longer than the %d KiB that are kept", maxErrorBody>>10)
	}
	return json.Unmarshal(e.raw, v)
}

// RawBody returns at most 64 KiB of the response body as it came. It is not
// redacted: do not print it.
func (e *Error) RawBody() []byte { return e.raw }

// SetBody keeps a bounded copy of a response body, an excerpt that may be
// printed, and the problem details in it.
func (e *Error) SetBody(contentType string, body []byte, r *redact.Redactor) {
	e.cut = len(body) > maxErrorBody
	body = bytes.Clone(body[:min(len(body), maxErrorBody)]) // the caller's buffer may be used again
	e.raw = body
	e.Body = strings.TrimSpace(r.Excerpt(strings.TrimSpace(string(body)), maxErrorExcerpt))
	e.Problem = parseProblem(contentType, body, r)
}

// LogValue implements [slog.LogValuer].
func (e *Error) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 10)
	add := func(a slog.Attr, ok bool) {
		if ok {
			attrs = append(attrs, a)
		}
	}
	if e.Kind != nil {
		attrs = append(attrs, slog.String("kind", e.Kind.name))
	}
	add(slog.String("policy", e.Policy), e.Policy != "")
	add(slog.String("method", e.Method), e.Method != "")
	add(slog.String("url", e.URL), e.URL != "")
	add(slog.Int("status", e.Status), e.Status != 0)
	add(slog.String("meaning", e.Meaning), e.Meaning != "")
	add(slog.String("hint", e.Hint), e.Hint != "")
	add(slog.String("request_id", e.RequestID), e.RequestID != "")
	add(slog.Int("attempts", len(e.Attempts)), len(e.Attempts) > 0)
	add(slog.Duration("retry_after", e.RetryAfter), e.RetryAfter > 0)
	attrs = append(attrs, slog.String("sent", e.Sent.String()))
	add(slog.String("body", e.Body), e.Body != "")
	if e.Err != nil {
		attrs = append(attrs, slog.String("cause", e.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// Problem is the problem details object of RFC 9457 section 3.1. Its texts are
// redacted, bounded and printable.
type Problem struct {
	Type       string         // URI reference; about:blank when absent
	Title      string         // short summary of the type
	Status     int            // status as the document states it
	Detail     string         // explanation of this occurrence
	Instance   string         // URI reference of this occurrence
	Extensions map[string]any // further members, as decoded by encoding/json; raw: not for printing
}

func (p *Problem) summary() string {
	switch {
	case p.Title != "" && p.Detail != "":
		return p.Title + ": " + p.Detail
	case p.Detail != "":
		return p.Detail
	}
	return p.Title
}

// parseProblem decodes an application/problem+json body; nil if it is none.
// Members of a wrong type are ignored, as section 3.1 demands.
func parseProblem(contentType string, body []byte, r *redact.Redactor) *Problem {
	media, _, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/problem+json") {
		return nil
	}
	var members map[string]any
	if json.Unmarshal(body, &members) != nil || members == nil {
		return nil
	}
	text := func(name string) string {
		s, _ := members[name].(string)
		delete(members, name)
		return r.Excerpt(s, maxErrorExcerpt)
	}
	p := &Problem{Type: text("type"), Title: text("title"), Detail: text("detail"), Instance: text("instance")}
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if n, ok := members["status"].(float64); ok && n >= 100 && n <= 599 && n == math.Trunc(n) {
		p.Status = int(n)
	}
	delete(members, "status")
	if len(members) > 0 {
		p.Extensions = members
	}
	return p
}

// scrub returns err if every text in its chain may be shown, else an error
// with the redacted text that still answers errors.Is for the original.
func scrub(err error, r *redact.Redactor) error {
	if err == nil || presentable(err, r) {
		return err
	}
	return &scrubbed{text: r.Excerpt(causeText(err), maxCause), original: err}
}

// causeText returns the text of err, without the URL and without what net/url
// quotes of it: a password that holds a "/" ends up in "invalid port".
func causeText(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Op == "parse" || u.Err == nil {
			return "the URL cannot be parsed"
		}
		return causeText(u.Err)
	}
	if quotesURL(err) {
		return "the URL cannot be parsed"
	}
	return err.Error()
}

func quotesURL(err error) bool {
	_, escape := errors.AsType[url.EscapeError](err)
	_, host := errors.AsType[url.InvalidHostError](err)
	return escape || host
}

func presentable(err error, r *redact.Redactor) bool {
	switch e := err.(type) {
	case *Error, *Kind: // clean by construction
		return true
	case *url.Error, url.EscapeError, url.InvalidHostError:
		return false
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if inner != nil && !presentable(inner, r) {
				return false
			}
		}
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil && !presentable(inner, r) {
			return false
		}
	}
	text := err.Error()
	return r.Excerpt(text, maxCause) == text
}

// scrubbed stands for an error whose text must not be shown. It has no Unwrap,
// because that would hand the text out.
type scrubbed struct {
	text     string
	original error
}

func (s *scrubbed) Error() string        { return s.text }
func (s *scrubbed) Is(target error) bool { return errors.Is(s.original, target) }

// Format keeps %#v from printing the original.
func (s *scrubbed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.text) }
