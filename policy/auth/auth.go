// Package auth attaches a credential to each attempt of a call, and only where
// it belongs.
//
// Promise: a credential reaches no origin (scheme, host and port) outside its
// origin set, and none in clear that was meant for https. It is added to the
// attempt's own copy of the request, so that redirects, errors, logs and the
// response's Request never see it; it is read anew for each attempt, so that a
// replaced secret file is used from the next attempt on. A first request to a
// foreign origin is refused before a byte is sent; a redirect to one goes on
// without any credential, and none returns during the call, even on the way
// back.
//
// A header field that the caller sets on the request itself takes the place of
// the credential of the same name, under the same guard. A query parameter
// likewise.
//
// Limits: one credential per Config. The guard strips what it knows to be
// secret: the credential, Authorization, Proxy-Authorization, Cookie, Referer
// and the names in SecretHeaders. Package redirect drops everything that is not
// on its list of harmless fields; under a foreign [http.Client] that follows
// redirects by itself, fields that nobody declared secret follow as that client
// decides. Such a client wraps errors in a url.Error, whose text has the
// caller's own URL: a key that the caller put there is in it, the one that this
// package adds is not.
package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/internal/redact"
)

// policyName is the word for this policy in errors and keys.
const policyName = "auth"

// Config names one credential and its origins. The zero value sends none; more
// than one scheme is an error.
type Config struct {
	// Bearer sends Authorization: Bearer TOKEN (RFC 6750).
	Bearer *BearerConfig `yaml:"bearer"`
	// Basic sends user and password (RFC 7617).
	Basic *BasicConfig `yaml:"basic"`
	// Header sends an API key in a header field.
	Header *KeyConfig `yaml:"header"`
	// Query sends an API key as a query parameter. Discouraged: servers and
	// proxies log URLs.
	Query *KeyConfig `yaml:"query"`
	// Origins are the further origins that may receive the credential, such as
	// https://uploads.example.com. The origin of base_url is always one.
	Origins []string `yaml:"origins"`

	// Custom is a scheme of the program's own: it is called once per attempt,
	// only for targets in the origin set, with a copy of the request whose URL
	// and Header it may change. It must leave the body and the URL's origin as
	// they are, and be safe for concurrent use. An error ends the attempt
	// before anything is sent. Names of secret fields that it sets belong into
	// SecretHeaders; a lasting secret that a server may repeat is made known by
	// exchange.CallFrom(ctx).Redactor.Add.
	Custom func(ctx context.Context, req *http.Request) error `yaml:"-"`
	// SecretHeaders names further header fields that never leave the origin
	// set. The client fills it in.
	SecretHeaders []string `yaml:"-"`
}

// IsZero reports whether c names no credential.
func (c Config) IsZero() bool {
	return c.Bearer == nil && c.Basic == nil && c.Header == nil && c.Query == nil && c.Custom == nil
}

// New returns the middleware: the credential and its origin guard. It belongs
// inside retry, so that it runs once per attempt. A Config without a credential
// gives nil, which [exchange.Chain] passes over. The error is of kind
// [exchange.ErrConfig] and names the field; secrets are not read, see
// [Config.Check].
func New(c Config) (exchange.Middleware, error) {
	if c.IsZero() {
		return nil, nil
	}
	s, err := c.scheme()
	if err != nil {
		return nil, err
	}
	set, err := c.set()
	if err != nil {
		return nil, err
	}
	for _, name := range c.SecretHeaders {
		if err := checkHeaderName("secret_headers", name); err != nil {
			return nil, err
		}
	}
	p := &policy{scheme: s, custom: c.Custom, set: set, strip: stripNames(s, c.SecretHeaders)}
	return func(next http.RoundTripper) http.RoundTripper {
		return &guarded{policy: p, next: next}
	}, nil
}

// Check reads the secrets once and reports whether they can be used, so that a
// missing variable or an unreadable file shows at start and not at the first
// call. The error is of kind [exchange.ErrConfig] and names field and reference,
// never the value.
func (c Config) Check(ctx context.Context) error {
	s, err := c.scheme()
	if err != nil || s == nil {
		return err
	}
	if _, err := s.resolve(ctx); err != nil {
		return exchange.ConfigErrorf("%w", err)
	}
	return nil
}

// Preview says where the credential goes and what it is made of, with the
// reference in place of the secret: "header", "Authorization", "Bearer
// env:TOKEN". In is "header", "query", "custom", or empty without a credential.
func (c Config) Preview() (in, name, value string) {
	if c.Custom != nil {
		return "custom", "", ""
	}
	s, err := c.scheme()
	if err != nil || s == nil {
		return "", "", ""
	}
	p := s.place()
	return p.in, p.name, s.preview()
}

// SecretNames lists the header fields and the query parameters that hold the
// credential, for redaction.
func (c Config) SecretNames() (headers, query []string) {
	switch in, name, _ := c.Preview(); in {
	case inHeader:
		headers = []string{name}
	case inQuery:
		query = []string{name}
	}
	return headers, query
}

// Warnings lists what is allowed and yet unwise, each in one line that names the
// field.
func (c Config) Warnings() []string {
	var out []string
	if c.Query != nil {
		out = append(out, "auth.query: servers and proxies log URLs, and with them the key; use auth.header if the API can")
	}
	if c.IsZero() {
		return out
	}
	for _, s := range c.Origins {
		if o, err := origin.Parse(s); err == nil && !o.Secure() && !origin.Loopback(o.Host()) {
			out = append(out, fmt.Sprintf("auth.origins: %s gets the credential in clear; use https", o))
		}
	}
	return out
}

// scheme returns the one scheme of c; nil for Custom and for none.
func (c Config) scheme() (scheme, error) {
	var all []scheme
	add := func(s scheme, err error) error {
		all = append(all, s)
		return err
	}
	var err error
	if c.Bearer != nil {
		err = add(newBearer(*c.Bearer))
	}
	if c.Basic != nil && err == nil {
		err = add(newBasic(*c.Basic))
	}
	if c.Header != nil && err == nil {
		err = add(newHeaderKey(*c.Header))
	}
	if c.Query != nil && err == nil {
		err = add(newQueryKey(*c.Query))
	}
	switch {
	case err != nil:
		return nil, err
	case len(all) > 1, len(all) == 1 && c.Custom != nil:
		return nil, exchange.ConfigErrorf("auth: it names more than one scheme; keep one of bearer, basic, header, query")
	case len(all) == 0:
		return nil, nil
	}
	return all[0], nil
}

// set parses Origins.
func (c Config) set() (origin.Set, error) {
	var all []origin.Origin
	for _, s := range c.Origins {
		o, err := origin.Parse(s)
		if err != nil {
			return origin.Set{}, exchange.ConfigErrorf("auth.origins: %s: %v; write it like https://api.example.com", shown(s), err)
		}
		all = append(all, o)
	}
	if len(all) == 0 {
		return origin.Set{}, exchange.ConfigErrorf("auth.origins: the credential has no origin to go to; set base_url, or name the origins that may receive it")
	}
	return origin.NewSet(all...), nil
}

// shown is what may be shown of a text that should have been an origin.
func shown(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "an entry"
	}
	return strconv.Quote((*redact.Redactor)(nil).URL(u))
}
