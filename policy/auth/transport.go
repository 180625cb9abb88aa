package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/internal/redact"
)

// minKnown is the shortest secret that is searched for in the query and path of
// a foreign target: a shorter one would turn up by chance.
const minKnown = 8

// policy is what all round trippers of one New share.
type policy struct {
	scheme scheme // nil with custom
	custom func(context.Context, *http.Request) error
	set    origin.Set
	strip  []string // fields to take off an anonymous hop
	known  redact.Redactor
}

// guarded adapts the policy to RoundTrip.
type guarded struct {
	*policy
	next http.RoundTripper
}

func (g *guarded) RoundTrip(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	out, err := g.prepare(req, call)
	if err != nil {
		exchange.CloseBody(incoming)
		return nil, err
	}
	resp, err := g.next.RoundTrip(out)
	if err != nil {
		return nil, g.hideKey(err, call, incoming)
	}
	resp.Request = incoming
	return resp, nil
}

// prepare returns the request to send.
func (g *guarded) prepare(req *http.Request, call *exchange.Call) (*http.Request, error) {
	hop, left := g.history(req, call)
	if left {
		call.Anonymous = true
	}
	switch judge(g.set, req.URL, hop, call.Anonymous, call.NoAuth) {
	case attach:
		return g.attach(req, call)
	case withhold:
		return req, nil
	case strip:
		call.Anonymous = true
		return g.goAnonymous(req, call)
	}
	return nil, g.refused(req, call)
}

// history says whether req continues an earlier request, and whether the call
// has been outside the set.
func (g *guarded) history(req *http.Request, call *exchange.Call) (hop, left bool) {
	hops := call.Redirects()
	for _, r := range hops {
		left = left || g.set.Leaves(r.From, r.To)
	}
	left = left || g.set.Left(req)
	return call.Anonymous || len(hops) > 0 || req.Response != nil, left || call.Anonymous
}

// attach puts the credential on the attempt's own copy, unless the caller has
// set the field or parameter to another value.
func (g *guarded) attach(req *http.Request, call *exchange.Call) (*http.Request, error) {
	if g.scheme == nil {
		return g.runCustom(req, call)
	}
	p := g.scheme.place()
	if p.in == inHeader && hasHeader(req.Header, p.name) || p.in == inQuery && hasParam(req.URL.RawQuery, p.name) {
		return req, nil
	}
	cred, err := g.scheme.resolve(req.Context())
	if err != nil {
		return nil, g.unauthenticated(req, call, err)
	}
	g.register(call, cred.secrets)
	if p.in == inQuery {
		// Not the attempt's own copy: its URL turns up in errors and events.
		out := req.WithContext(req.Context())
		out.URL = withParam(req.URL, p.name, cred.value)
		return out, nil
	}
	out := exchange.Own(req)
	if out.Header == nil {
		out.Header = make(http.Header)
	}
	stripHeader(out.Header, []string{p.name}) // an empty one, or one in another letter case
	out.Header[p.name] = []string{cred.value}
	return out, nil
}

// register makes the secrets known to the call's redactor, and to the search
// for echoes of them.
func (g *guarded) register(call *exchange.Call, secrets []string) {
	for _, s := range secrets {
		if call.Redactor != nil {
			call.Redactor.Add(s)
		}
		if len(s) >= minKnown {
			g.known.Add(s)
		}
	}
}

// runCustom gives the program's own scheme a copy to work on, and holds it to
// the origin that the guard has admitted.
func (g *guarded) runCustom(req *http.Request, call *exchange.Call) (*http.Request, error) {
	out := req.WithContext(req.Context())
	out.Header = req.Header.Clone()
	if out.Header == nil {
		out.Header = make(http.Header)
	}
	u := *req.URL
	out.URL = &u
	if err := g.custom(req.Context(), out); err != nil {
		return nil, g.unauthenticated(req, call, err)
	}
	if out.URL == nil || !sameOrigin(req.URL, out.URL) {
		return nil, call.NewError(exchange.ErrOriginNotAllowed, policyName, req,
			errors.New("the custom scheme changed the origin of the URL"))
	}
	return out, nil
}

func sameOrigin(a, b *url.URL) bool {
	x, errX := origin.Of(a)
	y, errY := origin.Of(b)
	return errX == nil && errY == nil && x == y
}

// goAnonymous takes everything secret off the attempt's own copy.
func (g *guarded) goAnonymous(req *http.Request, call *exchange.Call) (*http.Request, error) {
	if g.known.Text(req.URL.Path) != req.URL.Path {
		call.Emit(req, exchange.Event{Name: exchange.EventAuthRefused, Reason: "the path holds the credential"})
		e := call.NewError(exchange.ErrOriginNotAllowed, policyName, req,
			errors.New("a redirect to another origin carries a credential in its path"))
		e.URL = g.known.Text(e.URL) // the call may have no redactor
		return nil, e
	}
	out := exchange.Own(req)
	found := stripHeader(out.Header, g.stripped(call))
	if query := withoutSecrets(req.URL.RawQuery, g.queryName(), &g.known); query != req.URL.RawQuery || req.URL.User != nil {
		u := *req.URL
		u.RawQuery, u.User = query, nil
		out.URL, found = &u, true
	}
	reason := "the call left the origin set and goes on without credentials"
	if found {
		reason = "the call left the origin set; credentials were taken off the request"
	}
	call.Emit(req, exchange.Event{Name: exchange.EventAuthStripped, Reason: reason})
	return out, nil
}

// stripped lists the fields to take off. Cookie is among them unless package
// redirect follows: it has dropped the caller's, and what is there now comes
// from the target's own jar.
func (g *guarded) stripped(call *exchange.Call) []string {
	if len(call.Redirects()) > 0 {
		return g.strip
	}
	return append([]string{"Cookie"}, g.strip...)
}

func (g *guarded) queryName() string {
	if g.scheme != nil && g.scheme.place().in == inQuery {
		return g.scheme.place().name
	}
	return ""
}

// refused is the error for a first request to a foreign origin.
func (g *guarded) refused(req *http.Request, call *exchange.Call) error {
	target := "the target"
	hint := "origins lists who may receive the credential"
	if o, err := origin.Of(req.URL); err == nil {
		target = o.String()
		hint = fmt.Sprintf("if %s may receive the credential, add it to auth.origins", target)
	}
	target = redact.Printable(target)
	e := call.NewError(exchange.ErrOriginNotAllowed, policyName, req,
		fmt.Errorf("%s is not in the credential's origin set", target))
	e.Hint = redact.Printable(hint)
	call.Emit(req, exchange.Event{Name: exchange.EventAuthRefused, Reason: "origin not allowed", Cause: e})
	return e
}

// unauthenticated is the error for a credential that cannot be had.
func (g *guarded) unauthenticated(req *http.Request, call *exchange.Call, cause error) error {
	if req.Context().Err() != nil {
		return call.ContextError(req.Context(), policyName, req)
	}
	var own *exchange.Error
	if errors.As(cause, &own) {
		return own
	}
	return call.NewError(exchange.ErrUnauthenticated, policyName, req, cause)
}

// hideKey gives an error the URL without the added key: not even its name.
func (g *guarded) hideKey(err error, call *exchange.Call, req *http.Request) error {
	var e *exchange.Error
	if errors.As(err, &e) && e.URL != "" && (g.custom != nil || g.queryName() != "") {
		e.URL = call.RedactURL(req.URL)
	}
	return err
}
