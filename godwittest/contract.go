package godwittest

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// ContractURL is the URL that [TestMiddleware] requests. Give its origin to a
// middleware that only works for certain ones.
const ContractURL = "https://api.example.com/v1/things?q=1"

// foreignURL has another origin, for middlewares that refuse one.
const foreignURL = "https://other.example.net/v1/things"

// TestMiddleware proves that a middleware keeps the contract of
// [http.RoundTripper] as [exchange.Middleware] states it, over a scripted
// transport, in a bubble of testing/synctest for each part. mk is called in each
// bubble. It returns nil for a middleware that is switched off.
//
// What is proven, for requests with and without a body, to an origin that the
// middleware is for and to another, over a transport that answers with success,
// failures, redirects, errors, silence and broken bodies:
//
//   - exactly one of response and error is non-nil; a response has a Body and a
//     Request; a status is not turned into an error;
//   - the request is not changed, and its body is closed on every path;
//   - response bodies that are not handed to the caller are closed;
//   - a context that the middleware made lives until the response body is
//     closed or at its end, and not longer;
//   - the end of the caller's context ends RoundTrip, and a read of the body, at
//     once with an error that errors.Is finds context.Canceled in;
//   - concurrent calls do not see each other;
//   - no goroutine is left behind.
//
// Run it with -race as well: that is what finds a request changed while the
// transport uses it.
func TestMiddleware(t *testing.T, mk func(t *testing.T) exchange.Middleware) {
	t.Helper()
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := bubble()
				c.check(t, mk(t))
				before.checkGone(t)
			})
		})
	}
}

// reporter is the part of testing.TB that the checks need, so that a test can
// watch them fail.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// contract lists the parts of the contract.
var contract = []struct {
	name  string
	check func(r reporter, mw exchange.Middleware)
}{
	{"one outcome, request kept, bodies closed", checkExchanges},
	{"status is no error", checkStatuses},
	{"context lives as long as the body", checkContextLife},
	{"canceled before", checkCanceledBefore},
	{"canceled while it waits", checkCanceledDuring},
	{"canceled while the body is read", checkCanceledInBody},
	{"deadline", checkDeadline},
	{"body closed early", checkEarlyClose},
	{"concurrent use", checkConcurrent},
}

// exchangeCase is one way for an exchange to go.
type exchangeCase struct {
	name  string
	reply Reply
}

// cases are the answers that every kind of request meets.
func cases() []exchangeCase {
	return []exchangeCase{
		{"200", Text(200, "hello")},
		{"200 without length", Reply{Body: "hello", Length: -1}},
		{"204", Reply{Status: 204}},
		{"302 without Location", Reply{Status: 302}},
		{"302", Redirect(302, "/v1/elsewhere")},
		{"307", Redirect(307, "/v1/elsewhere")},
		{"307 to another origin", Redirect(307, foreignURL)},
		{"302 to nowhere", Redirect(302, "http://%zz")},
		{"304", Reply{Status: 304}},
		{"401", Text(401, "who are you?").With("Www-Authenticate", `Basic realm="x"`)},
		{"404", JSON(404, map[string]string{"title": "no such thing"})},
		{"429", Text(429, "slow down").With("Retry-After", "1")},
		{"429 for a year", Text(429, "slow down").With("Retry-After", "31536000")},
		{"500", Text(500, "oops")},
		{"503", Text(503, "later")},
		{"unknown coding", Text(200, "hello").With("Content-Encoding", "godwit")},
		{"broken coding", Text(200, "hello").With("Content-Encoding", "gzip")},
		{"refused", Reply{Fault: FaultDial}},
		{"reset before the request", Reply{Fault: FaultReset}},
		{"reset after the request", Reply{Fault: FaultLost}},
		{"empty", Reply{Fault: FaultEmpty}},
		{"cut body", Reply{Body: "hello", Fault: FaultCut, At: 2}},
		{"late", Reply{Body: "hello", Delay: time.Second}},
	}
}

// checkExchanges plays every answer to every kind of request.
func checkExchanges(r reporter, mw exchange.Middleware) {
	r.Helper()
	for _, c := range cases() {
		for _, kind := range requestKinds {
			name := fmt.Sprintf("%s, answer %s", kind.name, c.name)
			transport := Always(c.reply)
			rt := exchange.Chain(transport, mw)
			ctx, cancel := context.WithCancel(context.Background())
			sent := newSent(ctx, kind)
			resp, err := roundTrip(r, name, rt, sent.req)
			checkOutcome(r, name, resp, err)
			sent.checkKept(r, name+", on return")
			consume(resp)
			synctest.Wait()
			sent.checkKept(r, name)
			sent.checkClosed(r, name)
			if open := transport.OpenBodies(); open != 0 {
				r.Errorf("%s: %d response bodies of the transport are still open after the caller has closed its own", name, open)
			}
			cancel()
		}
	}
}

// checkStatuses wants each status handed on as a response.
func checkStatuses(r reporter, mw exchange.Middleware) {
	r.Helper()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, status := range []int{200, 201, 204, 300, 304, 400, 401, 403, 404, 408, 409, 410, 412, 418, 425, 429, 500, 501, 502, 503, 504, 599} {
			name := fmt.Sprintf("%s answered with %d", method, status)
			rt := exchange.Chain(Always(Status(status)), mw)
			sent := newSent(context.Background(), requestKind{method: method, url: ContractURL})
			resp, err := roundTrip(r, name, rt, sent.req)
			switch {
			case err != nil:
				r.Errorf("%s: the status became an error: %v", name, err)
			case resp != nil && resp.StatusCode != status:
				r.Errorf("%s: the caller sees status %d", name, resp.StatusCode)
			}
			consume(resp)
		}
	}
}

// checkConcurrent sends many requests through one RoundTripper; each must get
// the answer to its own body and header.
func checkConcurrent(r reporter, mw exchange.Middleware) {
	r.Helper()
	transport := Always(Func(func(req *Request) Reply {
		return Reply{Body: string(req.Body) + "/" + req.Header.Get("X-Contract"), Delay: time.Millisecond}
	}))
	rt := exchange.Chain(transport, mw)
	const callers = 32
	done := make(chan string)
	for i := range callers {
		go func() { done <- echo(rt, fmt.Sprintf("caller %d", i)) }()
	}
	for range callers {
		if trouble := <-done; trouble != "" {
			r.Errorf("concurrent use: %s", trouble)
		}
	}
	if open := transport.OpenBodies(); open != 0 {
		r.Errorf("concurrent use: %d response bodies are still open", open)
	}
}

// echo returns what went wrong.
func echo(rt http.RoundTripper, id string) string {
	sent := newSent(context.Background(), requestKind{method: http.MethodPut, url: ContractURL, body: id, rewindable: true})
	sent.req.Header.Set("X-Contract", id)
	sent.keep()
	resp, err := rt.RoundTrip(sent.req)
	if err != nil {
		return fmt.Sprintf("%s failed: %v", id, err)
	}
	if body := consume(resp); body != id+"/"+id {
		return fmt.Sprintf("%s got the answer %q", id, body)
	}
	if changed := sent.changed(); changed != "" {
		return fmt.Sprintf("%s: %s", id, changed)
	}
	return ""
}
