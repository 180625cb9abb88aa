// Package redirect follows redirects for the client, so that credentials stay
// with their origin.
//
// Promise: a hop to another origin (scheme, host and port) carries only
// harmless request fields, and what was dropped does not come back during the
// call, even on the way back. No body reaches another origin, and no hop leads
// from https to http, unless the Config allows it. No Referer is sent.
// Userinfo in a Location is refused, and so is every scheme but http and https.
// A call ends after Limit hops.
//
// Statuses 301, 302, 303, 307 and 308 with a Location are followed; 300, 304,
// 305, 306 and a redirect without Location are responses like any other. A
// refused redirect is an [exchange.Error] that carries the status and header of
// the redirect and a bounded part of its body.
//
// The other answer that asks for the same request in another form is a 417 to
// Expect: 100-continue: the request is sent once more without the field, also
// where redirects are not followed, if its body can be opened again.
//
// Limits: a Retry-After on a redirect is not waited for; waiting belongs to
// package retry. The final response's Request is the one of the last hop; its
// Response leads back along the history, as it does with [http.Client]. Used
// under an [http.Client] with a cookie jar, that client books the cookies of the
// last hop under the first URL: use package cookie in its place.
package redirect

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
)

// policyName is the word for this policy in errors and keys.
const policyName = "redirect"

// defaultLimit is the most hops of one call.
const defaultLimit = 10

// The words of the Config.
const (
	always = "always"
	never  = "never"
	refuse = "refuse"
	allow  = "allow"
)

// Config sets how redirects are followed. The zero value is usable.
type Config struct {
	// Follow is "always" (default) or "never": the redirect itself is the
	// response.
	Follow string `yaml:"follow"`
	// Limit is the most hops of one call. Default 10.
	Limit int `yaml:"limit"`
	// CrossOriginBody is "refuse" (default) or "allow": whether a 307 or 308
	// may carry the request body to another origin.
	CrossOriginBody string `yaml:"cross_origin_body"`
	// Downgrade is "refuse" (default) or "allow": whether a hop may lead from
	// https to http. Credentials never follow it.
	Downgrade string `yaml:"downgrade"`
	// PrivateHosts are the hosts beside that of base_url that a redirect may
	// reach although they resolve to private, loopback or link-local
	// addresses.
	PrivateHosts []string `yaml:"private_hosts"`

	// Origins is the origin set within which the caller's headers are kept; the
	// origin of the call's first URL is always part of it. The client fills it
	// in.
	Origins []string `yaml:"-"`
	// SecretHeaders names header fields that never leave the origin set,
	// harmless as they may look. The client fills it in.
	SecretHeaders []string `yaml:"-"`
}

// New returns the middleware. It belongs outside the total timeout and retry, so
// that each hop has its attempts and none restarts the deadline. The error is of
// kind [exchange.ErrConfig] and names the field.
func New(c Config) (exchange.Middleware, error) {
	p, err := newPolicy(c)
	if err != nil {
		return nil, err
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &follower{policy: p, next: next}
	}, nil
}

func newPolicy(c Config) (*policy, error) {
	p := &policy{limit: c.Limit, named: map[string]bool{}}
	var err error
	if p.never, err = choice("redirect.follow", c.Follow, always, never); err != nil {
		return nil, err
	}
	if p.bodyAnywhere, err = choice("redirect.cross_origin_body", c.CrossOriginBody, refuse, allow); err != nil {
		return nil, err
	}
	if p.downgrade, err = choice("redirect.downgrade", c.Downgrade, refuse, allow); err != nil {
		return nil, err
	}
	switch {
	case c.Limit < 0:
		return nil, exchange.ConfigErrorf("redirect.limit: it is negative; use follow: never to follow none")
	case c.Limit == 0:
		p.limit = defaultLimit
	}
	for _, h := range c.PrivateHosts {
		host, ok := hostName(h)
		if !ok {
			return nil, exchange.ConfigErrorf("redirect.private_hosts: %.64q is not a host; write a name or an address, without scheme, port and wildcard", h)
		}
		p.named[host] = true
	}
	for _, name := range c.SecretHeaders {
		p.secret = append(p.secret, textproto.CanonicalMIMEHeaderKey(name))
	}
	return p, p.addOrigins(c.Origins)
}

func (p *policy) addOrigins(origins []string) error {
	for _, s := range origins {
		o, err := origin.Parse(s)
		if err != nil {
			return exchange.ConfigErrorf("auth.origins: %v; write it like https://api.example.com", err)
		}
		p.origins = append(p.origins, o)
		p.named[o.Host()] = true
	}
	return nil
}

// choice tells which of two words a field holds; the first is the default.
func choice(field, value, first, second string) (isSecond bool, err error) {
	switch value {
	case "", first:
		return false, nil
	case second:
		return true, nil
	}
	return false, exchange.ConfigErrorf("%s: %.64q is not known; use %s or %s", field, value, first, second)
}

// hostName brings a host that a person wrote into the normal form of an origin.
func hostName(s string) (string, bool) {
	h := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if _, err := netip.ParseAddr(h); err == nil && strings.Contains(h, ":") {
		h = "[" + strings.Replace(h, "%", "%25", 1) + "]" // RFC 6874 section 2
	} else if strings.ContainsAny(s, ":/?#@[]*\\ ") {
		return "", false
	}
	o, err := origin.Parse("http://" + h)
	return o.Host(), err == nil
}
