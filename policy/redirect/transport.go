package redirect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
)

// Bounds on what is read of a redirect's body, so that its connection can be
// used again.
const (
	maxDiscard  = 64 << 10
	discardTime = 2 * time.Second
)

// maxHistory bounds the history in an error's text, in bytes.
const maxHistory = 360

// policy is what all round trippers of one New share.
type policy struct {
	never        bool
	bodyAnywhere bool
	downgrade    bool
	limit        int
	origins      []origin.Origin
	named        map[string]bool // hosts that the definition names
	secret       []string        // fields that never leave, in canonical form
}

// follower adapts the policy to RoundTrip.
type follower struct {
	*policy
	next http.RoundTripper
}

func (f *follower) RoundTrip(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	resp, err := f.send(req, call)
	if err != nil {
		return nil, err
	}
	resp.Request = incoming
	if f.never || !isRedirect(resp.StatusCode) {
		return resp, nil
	}
	return f.follow(req, call, resp)
}

// walk is the state of one call that is being redirected.
type walk struct {
	*follower
	call    *exchange.Call
	set     origin.Set // within it, the caller's fields are kept
	host    string     // of the first URL
	visited []string   // method and URL of each request; raw, not for printing
	shown   []string   // the same URLs, redacted
}

// follow goes on from one redirect to the next until there is a response.
func (f *follower) follow(req *http.Request, call *exchange.Call, resp *http.Response) (*http.Response, error) {
	first, err := origin.Of(req.URL)
	if err != nil { // the transport cannot have sent it: a foreign one made the answer up
		return resp, nil
	}
	w := &walk{
		follower: f, call: call, host: first.Host(),
		set: origin.NewSet(append([]origin.Origin{first}, f.origins...)...),
	}
	w.note(req)
	for {
		next, err := w.step(req, resp)
		if err != nil {
			return nil, w.refused(req, resp, err)
		}
		if next == nil {
			return resp, nil
		}
		discard(resp, io.Discard)
		if next.Context().Err() != nil {
			exchange.CloseBody(next)
			return nil, call.ContextError(next.Context(), policyName, next)
		}
		if resp, err = f.send(next, call); err != nil {
			return nil, err
		}
		resp.Request = next
		if req = next; !isRedirect(resp.StatusCode) {
			return resp, nil
		}
	}
}

func (w *walk) note(req *http.Request) {
	w.visited = append(w.visited, methodOf(req)+" "+withoutFragment(req))
	w.shown = append(w.shown, w.call.RedactURL(req.URL))
}

// step makes the request of the next hop; nil if the response leads nowhere.
// The response is still open.
func (w *walk) step(req *http.Request, resp *http.Response) (*http.Request, error) {
	loc, err := location(resp.Header)
	if err != nil {
		return nil, err
	}
	if loc == "" {
		return nil, nil
	}
	to, err := resolve(req.URL, loc)
	if err != nil {
		return nil, err
	}
	if len(w.visited) > w.limit {
		return nil, w.tooMany()
	}
	from, err := origin.Of(req.URL)
	if err != nil {
		return nil, refusedHost
	}
	if from.Secure() && !to.origin.Secure() && !w.downgrade {
		return nil, hinted{errors.New("it leads from https to http"), "set redirect.downgrade to allow to follow it without credentials"}
	}
	next, err := w.build(req, resp, from, to)
	if err != nil {
		return nil, err
	}
	w.book(req, resp, next, to)
	return next, nil
}

// build makes the next request from the one before.
func (w *walk) build(req *http.Request, resp *http.Response, from origin.Origin, to destination) (*http.Request, error) {
	method, keepBody := nextMethod(resp.StatusCode, methodOf(req))
	hasBody := req.Body != nil && req.Body != http.NoBody
	leaving := leaves(w.set, from, to.origin)
	if keepBody && hasBody && leaving && !w.bodyAnywhere {
		return nil, hinted{
			fmt.Errorf("it would send the request body to another origin, %s", to.origin),
			"set redirect.cross_origin_body to allow if that origin may receive it",
		}
	}
	next := req.WithContext(req.Context())
	next.Method, next.URL, next.Response = method, to.url, resp
	if next.Header = req.Header.Clone(); next.Header == nil {
		next.Header = make(http.Header)
	}
	if !to.relative || leaving {
		next.Host = ""
	}
	if err := carryBody(req, next, keepBody && hasBody); err != nil {
		return nil, err
	}
	if !keepBody {
		dropBodyFields(next.Header)
	}
	if leaving {
		w.leave(next, keepBody && hasBody)
	}
	return next, nil
}

// carryBody gives next a fresh copy of the body, or none.
func carryBody(req, next *http.Request, keep bool) error {
	if !keep {
		next.Body, next.GetBody, next.ContentLength = nil, nil, 0
		next.TransferEncoding, next.Trailer = nil, nil
		return nil
	}
	if req.GetBody == nil {
		return errNotRewindable
	}
	body, err := req.GetBody()
	if err != nil {
		return fmt.Errorf("%w: %w", errNotRewindable, err)
	}
	next.Body = body
	return nil
}

// leave makes next an anonymous request, and the rest of the call with it.
func (w *walk) leave(next *http.Request, body bool) {
	w.call.Anonymous = true
	w.call.IdempotencyKey = "" // its field goes no further, so nothing guards against a second send
	keepNeutral(next.Header, body, w.secret)
	next.Trailer = nil
}

// book reports the hop that is about to be made.
func (w *walk) book(req *http.Request, resp *http.Response, next *http.Request, to destination) {
	w.note(next)
	host := to.origin.Host()
	w.call.DataChosen = host != w.host && !w.named[host]
	w.call.AddRedirect(exchange.Redirect{Status: resp.StatusCode, From: req.URL, To: next.URL})
	reason := "same origin set"
	if w.call.Anonymous {
		reason = "another origin: credentials and the caller's fields stay behind"
	}
	w.call.Emit(next, exchange.Event{Name: exchange.EventRedirect, Status: resp.StatusCode, Reason: reason})
}

// errNotRewindable is why a body cannot go along.
var errNotRewindable = errors.New("the request body cannot be sent a second time")

// errTooMany carries the history.
type errTooMany struct{ text string }

func (e errTooMany) Error() string { return e.text }

// hinted is a refusal with a remedy.
type hinted struct {
	error
	hint string
}

func (w *walk) tooMany() error {
	what := "stopped after"
	if repeated(w.visited) {
		what = "a loop: stopped after"
	}
	return errTooMany{fmt.Sprintf("%s %d hops: %s", what, w.limit, chain(w.shown, maxHistory))}
}

// refused closes the response and turns a refusal into the call's error, which
// keeps what the response said.
func (w *walk) refused(req *http.Request, resp *http.Response, cause error) error {
	var body bytes.Buffer
	discard(resp, &body)
	kind, hint := exchange.ErrRedirect, ""
	var tooMany errTooMany
	var h hinted
	switch {
	case errors.As(cause, &tooMany):
		kind = exchange.ErrTooManyRedirects
	case errors.Is(cause, errNotRewindable):
		kind, hint = exchange.ErrBodyNotRewindable, "give the body as bytes, or as a reader that can be opened again"
	case errors.As(cause, &h):
		cause, hint = h.error, h.hint
	}
	e := w.call.NewError(kind, policyName, req, cause)
	e.Status, e.Header, e.Hint = resp.StatusCode, resp.Header, hint
	e.SetBody(resp.Header.Get("Content-Type"), body.Bytes(), w.call.AnswerRedactor(req.Header))
	w.call.Emit(req, exchange.Event{Name: exchange.EventRedirectRefused, Status: resp.StatusCode, Reason: kind.Error(), Cause: e})
	return e
}

// discard reads what is left of a redirect's body into w, within bounds of size
// and time, and closes it. A coded body is closed unread: package decode sits
// inside, and reading would decompress it.
func discard(resp *http.Response, w io.Writer) {
	if resp.Body == nil {
		return
	}
	defer func() { _ = resp.Body.Close() }() // nobody needs what it could say
	if resp.Body == http.NoBody || resp.Uncompressed || resp.Header.Get("Content-Encoding") != "" || resp.ContentLength > maxDiscard {
		return
	}
	slow := time.AfterFunc(discardTime, func() { _ = resp.Body.Close() })
	defer slow.Stop()
	_, _ = io.CopyN(w, resp.Body, maxDiscard) // how it ended changes nothing: the body is closed next
}

func methodOf(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

func withoutFragment(req *http.Request) string {
	u := *req.URL
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
