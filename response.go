package godwit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redact"
)

// maxRead bounds what Bytes, Text and JSON read of a body, in bytes, unless
// MaxBody or decode.max_body say otherwise.
const maxRead = 32 << 20

// Response is the answer to a call. Body is open: read it, or use Bytes, Text
// or JSON, and close it.
type Response struct {
	Status    int           // status code
	Reason    string        // status line text after the code; often empty over HTTP/2
	Protocol  string        // such as HTTP/1.1
	Header    http.Header   // response header
	Length    int64         // announced length of the decoded body; -1: unknown
	URL       *url.URL      // URL that answered, after redirects
	RequestID string        // request id that was sent
	Body      io.ReadCloser // decoded body
	Request   *http.Request // request that was sent, without its credential

	state  *exchange.Call
	strict bool
	limit  int64  // of Bytes; below 0: none
	data   []byte // the body, once Bytes has read it
	read   bool
}

// Meta is what is known of an answer beside its body.
type Meta struct {
	Status    int           // status code; 0 if there was no response
	Reason    string        // status line text after the code
	Protocol  string        // such as HTTP/1.1
	Header    http.Header   // response header
	URL       *url.URL      // URL that answered, after redirects
	RequestID string        // request id that was sent
	Attempts  []Attempt     // every send, oldest first
	Redirects []Redirect    // hops that were followed, oldest first
	Timings   Timings       // of the last attempt
	Elapsed   time.Duration // since the call's start
}

func (c *Client) newResponse(resp *http.Response, state *exchange.Call, b *call) *Response {
	r := &b.response
	*r = Response{
		Status: resp.StatusCode, Protocol: resp.Proto, Header: resp.Header, Length: resp.ContentLength, URL: resp.Request.URL,
		RequestID: state.RequestID, Body: resp.Body, Request: resp.Request, state: state, strict: b.strict, limit: maxRead,
	}
	if reason, ok := strings.CutPrefix(resp.Status, strconv.Itoa(resp.StatusCode)+" "); ok {
		r.Reason = reason
	}
	switch {
	case b.maxBody != 0:
		r.limit = b.maxBody
	case c.config.Decode.MaxBody != 0:
		r.limit = int64(c.config.Decode.MaxBody)
	}
	return r
}

// metaOf returns what a call knows of its answers.
func metaOf(state *exchange.Call) Meta {
	m := Meta{RequestID: state.RequestID, Attempts: state.Attempts(), Redirects: state.Redirects(), Elapsed: time.Since(state.Start)}
	if n := len(m.Attempts); n > 0 {
		m.Timings = m.Attempts[n-1].Timings
	}
	return m
}

// Meta returns what is known of the answer beside its body.
func (r *Response) Meta() Meta {
	m := metaOf(r.state)
	m.Status, m.Reason, m.Protocol, m.Header, m.URL = r.Status, r.Reason, r.Protocol, r.Header, r.URL
	return m
}

// Attempts returns the record of every send, oldest first.
func (r *Response) Attempts() []Attempt { return r.state.Attempts() }

// Redirects returns the hops that were followed, oldest first.
func (r *Response) Redirects() []Redirect { return r.state.Redirects() }

// Timings says where the time of the last attempt went; Total is known once the
// body has ended.
func (r *Response) Timings() Timings { return metaOf(r.state).Timings }

// Cookies parses the Set-Cookie fields.
func (r *Response) Cookies() []*http.Cookie {
	return (&http.Response{Header: r.Header}).Cookies()
}

// Close closes the body.
func (r *Response) Close() error { return r.Body.Close() }

// Bytes reads the body to its end, at most 32 MiB or what [MaxBody] says, closes
// it and keeps it, so that it can be asked for again. More is
// [ErrBodyTooLarge].
func (r *Response) Bytes() ([]byte, error) {
	if r.read {
		return r.data, nil
	}
	src := io.Reader(r.Body)
	if r.limit >= 0 && r.limit < math.MaxInt64 {
		src = io.LimitReader(r.Body, r.limit+1)
	}
	data, err := io.ReadAll(src)
	closeErr := r.Body.Close()
	switch {
	case err != nil:
		return nil, r.fail(exchange.ErrTruncated, err)
	case r.limit >= 0 && int64(len(data)) > r.limit:
		return nil, r.fail(exchange.ErrBodyTooLarge, fmt.Errorf("more than %d bytes; read Body as a stream or raise MaxBody", r.limit))
	case closeErr != nil:
		return nil, r.fail(exchange.ErrTruncated, closeErr)
	}
	r.data, r.read = data, true
	return data, nil
}

// Text reads the body like Bytes and decodes its charset: the byte order mark,
// the declared one, or what the bytes look like. [Response.TextAs] overrides
// it.
func (r *Response) Text() (string, error) { return r.TextAs("") }

// TextAs is Text with the charset given, such as "iso-8859-1".
func (r *Response) TextAs(charset string) (string, error) {
	data, err := r.Bytes()
	if err != nil {
		return "", err
	}
	if err := r.coded(); err != nil {
		return "", r.fail(exchange.ErrDecode, err)
	}
	text, err := decodeText(data, r.Header.Get("Content-Type"), charset)
	if err != nil {
		return "", r.fail(exchange.ErrDecode, err)
	}
	return text, nil
}

// JSON reads the body like Bytes and decodes it into v, which must be a
// pointer. Numbers that go into an any stay exact, as json.Number.
func (r *Response) JSON(v any) error {
	data, err := r.Bytes()
	if err != nil {
		return err
	}
	if err := r.coded(); err != nil {
		return r.fail(exchange.ErrDecode, err)
	}
	if err := unmarshalJSON(data, v, r.strict); err != nil {
		return r.decodeError(data, err)
	}
	return nil
}

// coded refuses to make a value of bytes in a content coding that was left on
// them. [Response.Bytes] has them.
func (r *Response) coded() error {
	if coding := exchange.Coding(r.Header); coding != "" {
		return fmt.Errorf("the body still has the content coding %q", clip(coding))
	}
	return nil
}

// fail returns an Error of the response, keeping the one that err may be.
func (r *Response) fail(kind *exchange.Kind, err error) error {
	var e *exchange.Error
	if errors.As(err, &e) {
		return e
	}
	e = r.state.NewError(kind, "", r.Request, err)
	e.Status, e.Header, e.Sent = r.Status, r.Header, exchange.SentYes
	return e
}

// decodeError carries an excerpt of what could not be decoded.
func (r *Response) decodeError(data []byte, cause error) error {
	e := r.state.NewError(exchange.ErrDecode, "", r.Request, cause)
	e.Status, e.Header, e.Sent = r.Status, r.Header, exchange.SentYes
	contentType := r.Header.Get("Content-Type")
	e.SetBody(contentType, data, r.state.AnswerRedactor(r.Request.Header))
	switch media, _, _ := strings.Cut(contentType, ";"); {
	case strings.EqualFold(strings.TrimSpace(media), "text/html"):
		e.Hint = "the answer is a web page: check base_url and the path; a login page or a proxy may have answered"
	case len(data) == 0:
		e.Hint = "ask for None where no body is due"
	}
	return e
}

// readBounded reads at most limit bytes and closes body.
func readBounded(body io.ReadCloser, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit))
	return data, errors.Join(err, body.Close())
}

// Record is a call and its answer as one JSON document. Header values that may
// be secret, query values and path parameters are masked.
type Record struct {
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Status    int               `json:"status"`
	Reason    string            `json:"reason,omitempty"`
	Protocol  string            `json:"protocol"`
	RequestID string            `json:"request_id,omitempty"`
	Request   map[string]string `json:"request_headers,omitempty"`
	Header    map[string]string `json:"headers"`
	Redirects []string          `json:"redirects,omitempty"`
	Attempts  []RecordAttempt   `json:"attempts"`
	Body      json.RawMessage   `json:"body,omitempty"`        // a JSON body as it came
	Text      string            `json:"body_text,omitempty"`   // another body that is UTF-8
	Base64    []byte            `json:"body_base64,omitempty"` // any other body
}

// RecordAttempt is one send in a [Record]; times are in milliseconds.
type RecordAttempt struct {
	Number    int     `json:"number"`
	Status    int     `json:"status,omitempty"`
	Error     string  `json:"error,omitempty"`
	Sent      string  `json:"sent"`
	Resent    int     `json:"resent,omitempty"`
	Reused    bool    `json:"reused"`
	Wait      float64 `json:"wait_ms"`
	DNS       float64 `json:"dns_ms"`
	Connect   float64 `json:"connect_ms"`
	TLS       float64 `json:"tls_ms"`
	FirstByte float64 `json:"first_byte_ms"`
	Total     float64 `json:"total_ms,omitempty"`
}

// Record returns the call as one JSON document. It holds the body if Bytes,
// Text or JSON have read it.
func (r *Response) Record() Record {
	rec := Record{
		Method: r.Request.Method, URL: r.state.RedactURL(r.URL), Status: r.Status, Reason: redact.Printable(r.Reason),
		Protocol: r.Protocol, RequestID: r.RequestID,
		Request: r.shown(r.Request.Header), Header: r.shown(r.Header),
	}
	for _, h := range r.Redirects() {
		rec.Redirects = append(rec.Redirects, r.state.RedactURL(h.From))
	}
	for _, a := range r.Attempts() {
		rec.Attempts = append(rec.Attempts, recordAttempt(a))
	}
	switch {
	case !r.read || len(r.data) == 0:
	case json.Valid(r.data):
		rec.Body = r.data
	case utf8.Valid(r.data):
		rec.Text = string(r.data)
	default:
		rec.Base64 = r.data
	}
	return rec
}

func (r *Response) shown(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		for i, v := range values {
			if i > 0 {
				out[name] += ", "
			}
			out[name] += r.state.Redactor.Header(name, v)
		}
	}
	return out
}

func recordAttempt(a Attempt) RecordAttempt {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	rec := RecordAttempt{
		Number: a.Number, Status: a.Status, Sent: a.Sent.String(), Resent: a.Resent, Reused: a.Reused,
		Wait: ms(a.Wait), DNS: ms(a.Timings.DNS), Connect: ms(a.Timings.Connect), TLS: ms(a.Timings.TLS),
		FirstByte: ms(a.Timings.FirstByte), Total: ms(a.Timings.Total),
	}
	if a.Err != nil {
		rec.Error = a.Err.Error()
	}
	return rec
}
