package godwit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
)

// Transport returns the client's whole chain as a RoundTripper, to be put under
// any *http.Client. Requests go to the URL they have. [CallContext] carries
// options.
//
// The default headers and query parameters are added to requests for the
// client's own origins: that of base_url and those in auth.origins, or, where
// there are neither, whatever the first request asks for. Another origin gets
// the harmless ones alone, such as User-Agent and Accept, and a request with
// one of the SecretHeaders is refused there.
//
// Redirects are followed inside the chain, so that the *http.Client does not see
// them and its CheckRedirect is not asked. With redirect.follow set to never it
// follows them itself: then a hop that has left the client's origins carries
// neither defaults nor credentials, and none return on the way back.
func (c *Client) Transport() http.RoundTripper { return exchange.RoundTripFunc(c.roundTrip) }

func (c *Client) roundTrip(in *http.Request) (*http.Response, error) {
	var b call
	req, state, err := c.adopt(in, &b)
	if err != nil {
		exchange.CloseBody(in)
		return nil, err
	}
	resp, err := c.chain.RoundTrip(req)
	if err != nil {
		return nil, c.finishError(req, state, &b, err)
	}
	if resp.Request == req { // not after a redirect: then it is the last hop's
		resp.Request = in
	}
	return resp, nil
}

// adopt makes a call of a foreign request.
func (c *Client) adopt(in *http.Request, b *call) (*http.Request, *exchange.Call, error) {
	refuse := func(kind *exchange.Kind, cause error) (*http.Request, *exchange.Call, error) {
		e := (&exchange.Call{Redactor: c.redactor}).NewError(kind, "", in, cause)
		e.Hint = hintOf(cause)
		return nil, nil, e
	}
	if c.closed.Load() {
		return refuse(ErrRequest, errClosed)
	}
	if in.URL == nil {
		return refuse(ErrRequest, errors.New("the request has no URL"))
	}
	ctx := in.Context()
	opts, _ := ctx.Value(callContextKey{}).([]CallOption)
	if err := b.use(opts); err != nil {
		b.body.close()
		return refuse(ErrRequest, err)
	}
	if b.shapesRequest() {
		b.body.close()
		return refuse(ErrRequest, errors.New("CallContext: an option that shapes the request has no meaning here"))
	}
	if len(opts) > 0 { // calls that a middleware makes meanwhile are others
		ctx = context.WithValue(ctx, callContextKey{}, nil)
	}
	where := c.placeOfForeign(in)
	if where == away {
		for name := range in.Header {
			if c.declaredSecret(name) {
				return refuse(ErrOriginNotAllowed, secretOutside(name))
			}
		}
	}
	ctx, state, err := c.begin(ctx, b)
	if err != nil {
		return refuse(ErrRequest, err)
	}
	req := in.WithContext(ctx)
	req.Header = c.header(b, state, where)
	if req.Host == "" || req.Host == in.URL.Host {
		takeHost(req)
	}
	c.overlay(req.Header, in.Header, where)
	state.IdempotencyKey = req.Header.Get("Idempotency-Key")
	if c.requestID != "" && where != left {
		state.RequestID = req.Header.Get(c.requestID)
	}
	if query := c.defaultQuery(where); len(query) > 0 {
		u := *in.URL
		u.RawQuery = mergeQuery(u.RawQuery, nil, query)
		req.URL = &u
	}
	return req, state, nil
}

// overlay puts a foreign header over the defaults in h. A hop that has left the
// client's origins keeps none of its credentials; Referer holds the URL of
// another origin's request.
func (c *Client) overlay(h, in http.Header, where place) {
	for name, values := range in {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if where == left && (canonical == "Referer" || c.redactor.SecretHeader(canonical)) {
			continue
		}
		if canonical != name {
			delete(h, canonical) // one field, however it is spelled
		}
		h[name] = values
	}
}

// place says where a request goes, which decides what of the defaults goes along.
type place int

const (
	home place = iota // one of the client's own origins
	away              // another one, which the program asks for
	left              // a hop of a redirect that has led out of them
)

// placeOf is the place of a call of the client itself. With a base_url it cannot
// be anything but home.
func (c *Client) placeOf(u *url.URL) place {
	if c.base != nil || c.origins.Empty() || c.origins.HasURL(u) {
		return home
	}
	return away
}

// placeOfForeign is the place of a request of a foreign client, which may follow
// redirects by itself.
func (c *Client) placeOfForeign(req *http.Request) place {
	set := c.origins
	if set.Empty() {
		o, err := origin.Of(origin.First(req))
		if err != nil {
			return away // it cannot be sent either
		}
		set = origin.NewSet(o)
	}
	switch {
	case set.Left(req):
		return left
	case set.HasURL(req.URL):
		return home
	}
	return away
}

// neutral reports whether a default header field may go to any origin.
func (c *Client) neutral(name string) bool {
	return origin.Neutral(name) && !c.redactor.SecretHeader(name)
}

// defaultQuery returns the query parameters that are added there.
func (c *Client) defaultQuery(where place) []Pair {
	if where != home {
		return nil
	}
	return c.query
}

// declaredSecret reports whether the definition calls the field secret.
func (c *Client) declaredSecret(name string) bool {
	return slices.ContainsFunc(c.config.SecretHeaders, func(s string) bool { return strings.EqualFold(s, name) })
}

// secretOutside is the error for a first request that would carry such a field to
// an origin that is not the client's.
func secretOutside(name string) error {
	return hintedError{
		fmt.Errorf("header %s is one of secret_headers, and the target is none of the client's origins", name),
		"if that origin may receive it, add it to auth.origins",
	}
}

// hintedError is a cause with a remedy for the Error's Hint.
type hintedError struct {
	error
	remedy string
}

func (e hintedError) Unwrap() error { return e.error }

func hintOf(err error) string {
	if h, ok := errors.AsType[hintedError](err); ok {
		return h.remedy
	}
	return ""
}

// shapesRequest reports options that only a call of the client itself can obey.
func (b *call) shapesRequest() bool {
	return len(b.path)+len(b.query)+len(b.headers)+len(b.removed)+len(b.okStatuses) > 0 ||
		b.body != nil || b.anyStatus || b.assumeJSON || b.strict || b.meta != nil
}
