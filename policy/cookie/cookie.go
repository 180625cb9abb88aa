// Package cookie keeps cookies between calls, bound to the origins that set
// them. It is off unless switched on.
//
// Promise: the origins of the Config share one jar; any other origin has a jar
// of its own, so its cookies reach nobody else and it gets nobody else's.
// Within a jar the rules of RFC 6265 hold with the public suffix list: host-only
// unless a Domain is given that is no public suffix, Secure only over https,
// addresses match exactly. Cookies that a plain http answer marks Secure, and
// prefixed names (__Secure-, __Host-) without what they promise, are not taken.
//
// Once a call has left the origin set, the shared jar takes no further part in
// it: nothing is sent from it and nothing stored, even on the way back. A call
// that sends no credential (NoAuth) sends nothing from the jars either, but
// what it is given is stored, so that a login works.
//
// A Cookie field that the caller sets is kept; a jar's cookie of the same name
// gives way to it until a redirect of the call sets the name anew.
//
// Limits: in memory only; 256 foreign origins, of which the oldest goes first;
// 180 cookies per jar, likewise; 4096 bytes per cookie.
package cookie

import (
	"net/http"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
)

// Config switches cookies on. The zero value keeps none.
type Config struct {
	// Enabled keeps cookies in memory for the life of the client. Default
	// false.
	Enabled bool `yaml:"enabled"`

	// Origins share one jar; any other origin gets a jar of its own. The client
	// fills it in.
	Origins []string `yaml:"-"`
}

// New returns the middleware; nil when cookies are off, which [exchange.Chain]
// passes over. It belongs inside redirect, so that a cookie set on a redirect
// counts on the next hop. The error is of kind [exchange.ErrConfig].
func New(c Config) (exchange.Middleware, error) {
	if !c.Enabled {
		return nil, nil
	}
	var set []origin.Origin
	for _, s := range c.Origins {
		o, err := origin.Parse(s)
		if err != nil {
			return nil, exchange.ConfigErrorf("auth.origins: %w; write it like https://api.example.com", err)
		}
		set = append(set, o)
	}
	jars, err := newJars(origin.NewSet(set...))
	if err != nil {
		return nil, err
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &keeper{jars: jars, next: next}
	}, nil
}
