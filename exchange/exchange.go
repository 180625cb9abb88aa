// Package exchange is the leaf that every policy of godwit shares: the shape
// of a middleware, the one error type and its kinds, and the facts about a
// call that travel in its context.
//
// It knows no policy. A policy reads and writes the facts it owns on the
// [Call], reports what it does as an [Event], and returns an [*Error] only
// when it refuses by itself.
package exchange

import "net/http"

// Middleware wraps a RoundTripper with one policy. It is an alias of a plain
// func type, so code that never heard of godwit fits, and a policy of godwit
// fits under any client that takes an [http.RoundTripper].
//
// A middleware keeps the contract of [http.RoundTripper]: it is safe for
// concurrent use, never modifies the request it is given (it clones), closes
// the request body on every path, returns a nil error exactly if a response was
// obtained, and never turns a status into an error. godwittest.TestMiddleware
// proves it.
type Middleware = func(http.RoundTripper) http.RoundTripper

// Chain puts middlewares around rt; the first is the outermost. Nil
// middlewares are passed over.
func Chain(rt http.RoundTripper, outermostFirst ...Middleware) http.RoundTripper {
	for i := len(outermostFirst) - 1; i >= 0; i-- {
		if m := outermostFirst[i]; m != nil {
			rt = m(rt)
		}
	}
	return rt
}

// RoundTripFunc adapts a function to [http.RoundTripper].
type RoundTripFunc func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// CloseBody closes the request body, if there is one. A policy that answers
// without passing the request on calls it to keep the RoundTripper contract.
func CloseBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // the caller's source; a close error changes nothing for a call that was not sent
	}
}
