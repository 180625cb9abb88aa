package godwit

import (
	"errors"
	"net/http"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/cookie"
	"github.com/godwit-go/godwit/policy/decode"
	"github.com/godwit-go/godwit/policy/logging"
	"github.com/godwit-go/godwit/policy/redirect"
	"github.com/godwit-go/godwit/policy/timeout"
	"github.com/godwit-go/godwit/transport"
)

// link is one place in the chain.
type link struct {
	name string
	make func(*Config, *flow) (exchange.Middleware, error)
}

// chainOrder is the one list that orders the chain, outermost first. Everything
// from retry on runs once per attempt.
var chainOrder = []link{
	{"logging", func(c *Config, _ *flow) (exchange.Middleware, error) { return logging.New(c.Logging) }},
	{"middleware", func(c *Config, _ *flow) (exchange.Middleware, error) { return group(c.Middleware), nil }},
	{"redirect", func(c *Config, _ *flow) (exchange.Middleware, error) { return redirect.New(c.Redirect) }},
	{"cookie", func(c *Config, _ *flow) (exchange.Middleware, error) { return cookie.New(c.Cookie) }},
	{"timeout (total)", func(c *Config, _ *flow) (exchange.Middleware, error) { return timeout.New(c.Timeout) }},
	{"retry", func(_ *Config, f *flow) (exchange.Middleware, error) { return f.retry.policy.Wrap, nil }},
	{"hedge", func(_ *Config, f *flow) (exchange.Middleware, error) { return f.hedge.policy, nil }},
	{"attempt middleware", func(c *Config, _ *flow) (exchange.Middleware, error) { return group(c.AttemptMiddleware), nil }},
	{"breaker", func(_ *Config, f *flow) (exchange.Middleware, error) {
		if f.breaker.policy == nil {
			return nil, nil
		}
		return f.breaker.policy.Wrap, nil
	}},
	{"bulkhead", func(_ *Config, f *flow) (exchange.Middleware, error) { return f.bulkhead.policy, nil }},
	{"limit", func(_ *Config, f *flow) (exchange.Middleware, error) { return f.limit, nil }},
	{"auth", func(c *Config, _ *flow) (exchange.Middleware, error) {
		if c.Auth.IsZero() {
			return nil, nil
		}
		return auth.New(c.Auth)
	}},
	{"timeout (attempt)", func(c *Config, _ *flow) (exchange.Middleware, error) { return timeout.NewAttempt(c.Timeout) }},
	{"decode", func(c *Config, _ *flow) (exchange.Middleware, error) { return decode.New(c.Decode) }},
	{"transport", func(*Config, *flow) (exchange.Middleware, error) { return transport.Wrap, nil }},
}

// compile builds the middlewares of c in order, without those that are off.
func compile(c *Config, f *flow) (names []string, chain []exchange.Middleware, err error) {
	for _, l := range chainOrder {
		m, err := l.make(c, f)
		if err != nil {
			return nil, nil, err
		}
		if m != nil {
			names = append(names, l.name)
			chain = append(chain, m)
		}
	}
	return names, chain, nil
}

// group makes one middleware of several that the program supplied; nil of none.
// What they return is made fit for the policies around them: code of others may
// leave out what its own client never missed.
func group(ms []exchange.Middleware) exchange.Middleware {
	if len(ms) == 0 {
		return nil
	}
	return func(rt http.RoundTripper) http.RoundTripper {
		next := exchange.Chain(rt, ms...)
		return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			switch {
			case err != nil:
				return nil, err
			case resp == nil:
				return nil, errNoOutcome
			}
			if resp.Body == nil {
				resp.Body = http.NoBody
			}
			if resp.Header == nil {
				resp.Header = make(http.Header)
			}
			if resp.Request == nil {
				resp.Request = req
			}
			return resp, nil
		})
	}
}

var errNoOutcome = errors.New("a middleware returned neither a response nor an error")
