package godwit

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/transport"
)

// Client is a session with one API: its connections, defaults and policies. It
// is safe for concurrent use and immutable. Close it when it is no longer
// needed.
type Client struct {
	config Config
	base   *url.URL // nil: calls need absolute URLs
	conns  *connections
	flow   *flow
	names  []string
	chain  http.RoundTripper

	origins origin.Set // where defaults may go; empty: wherever a call goes

	headers   []Pair // defaults, canonical names
	query     []Pair
	requestID string // canonical field name; empty: none
	redactor  *redact.Redactor
	closed    atomic.Bool
}

// connections is a transport that clients share; the last one closes it.
type connections struct {
	rt    http.RoundTripper
	close func() error
	users atomic.Int32 // 0: closed
}

func share(rt http.RoundTripper, closeAll func() error) *connections {
	c := &connections{rt: rt, close: closeAll}
	c.users.Store(1)
	return c
}

// join adds a user, unless the last one has gone.
func (c *connections) join() bool {
	for {
		n := c.users.Load()
		if n == 0 {
			return false
		}
		if c.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *connections) release() error {
	if c.users.Add(-1) > 0 || c.close == nil {
		return nil
	}
	return c.close()
}

// New checks config and returns a client for it. Nothing is sent. The error is
// of kind [ErrConfig] and names the field.
func New(config Config) (*Client, error) {
	conns, err := connect(&config)
	if err != nil {
		return nil, err
	}
	return build(config, conns, new(redact.Redactor), nil)
}

// connect builds the transport that config asks for.
func connect(config *Config) (*connections, error) {
	if config.Transport != nil {
		return share(config.Transport, nil), nil
	}
	t, err := transport.New(transportConfig(config))
	if err != nil {
		return nil, configError(config.Name, err)
	}
	return share(t, t.Close), nil
}

func transportConfig(c *Config) transport.Config {
	t := transport.Config{
		TLS: c.TLS, Proxy: c.Proxy, Pool: c.Pool,
		ConnectTimeout: c.Timeout.Connect, TLSTimeout: c.Timeout.TLS,
		MaxHeaderBytes: int64(c.Decode.MaxHeader),
		PrivateHosts:   slices.Clone(c.Redirect.PrivateHosts),
	}
	if base, err := url.Parse(c.BaseURL); err == nil && base.Hostname() != "" {
		t.PrivateHosts = append(t.PrivateHosts, base.Hostname())
	}
	return t
}

func configError(api string, err error) error {
	if api == "" {
		return &exchange.Error{Kind: ErrConfig, Err: err}
	}
	return &exchange.Error{Kind: ErrConfig, Err: fmt.Errorf("api %q: %w", api, err)}
}

// build makes the client around connections that it becomes a user of; it
// releases them if it fails. parent is what it may share; nil: nothing.
func build(config Config, conns *connections, redactor *redact.Redactor, parent *flow) (*Client, error) {
	c := &Client{config: clone(config), conns: conns, redactor: redactor}
	if err := c.prepare(parent); err != nil {
		_ = conns.release() // never used: closing idle connections cannot lose anything
		return nil, configError(config.Name, err)
	}
	return c, nil
}

// prepare checks the configuration and builds the chain.
func (c *Client) prepare(parent *flow) error {
	if err := c.setDefaults(); err != nil {
		return err
	}
	effective := c.config
	if err := c.bindOrigins(&effective); err != nil {
		return err
	}
	if err := checkLines(&effective); err != nil {
		return err
	}
	var err error
	if c.flow, err = newFlow(&effective, parent); err != nil {
		return err
	}
	names, chain, err := compile(&effective, c.flow)
	if err != nil {
		return err
	}
	c.names, c.chain = names, exchange.Chain(c.conns.rt, chain...)
	return nil
}

// setDefaults checks and prepares what is put into every request.
func (c *Client) setDefaults() error {
	var err error
	if c.base, err = parseBase(c.config.BaseURL); err != nil {
		return err
	}
	c.query = sortedPairs(c.config.Query)
	if err := c.setRequestID(); err != nil {
		return err
	}
	for _, name := range c.config.SecretHeaders {
		if err := checkField(name, ""); err != nil {
			return fmt.Errorf("secret_headers: %w", err)
		}
		c.redactor.HideHeader(name)
	}
	for _, v := range c.config.SecretValues {
		c.redactor.Add(v)
	}
	if err := c.setHeaders(); err != nil {
		return err
	}
	for name, op := range c.config.Operations {
		if err := op.check(); err != nil {
			return fmt.Errorf("operations.%s.%w", name, err)
		}
	}
	return nil
}

func (c *Client) setRequestID() error {
	switch h := c.config.RequestIDHeader; h {
	case "":
		c.requestID = "X-Request-Id"
	case "none":
	default:
		if err := checkField(h, ""); err != nil {
			return fmt.Errorf("request_id_header: %w", err)
		}
		c.requestID = http.CanonicalHeaderKey(h)
	}
	return nil
}

// setHeaders prepares the default header fields.
func (c *Client) setHeaders() error {
	agent := c.config.UserAgent
	if agent == "" {
		agent = defaultUserAgent()
	}
	if err := checkField("User-Agent", agent); err != nil {
		return fmt.Errorf("user_agent: %w", err)
	}
	for _, p := range sortedPairs(c.config.Headers) {
		if err := checkField(p.Name, p.Value); err != nil {
			return fmt.Errorf("headers: %w", err)
		}
		p.Name = http.CanonicalHeaderKey(p.Name)
		if c.redactor.SecretHeader(p.Name) {
			c.redactor.Add(p.Value)
		}
		c.headers = append(c.headers, p)
	}
	if !slices.ContainsFunc(c.headers, func(p Pair) bool { return p.Name == "User-Agent" }) {
		c.headers = append(c.headers, Pair{"User-Agent", agent})
	}
	return nil
}

func parseBase(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("base_url: it is not a URL; write it like https://api.example.com/v1")
	}
	if u.User != nil {
		return nil, fmt.Errorf("base_url: it holds a user or password; use auth.basic")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("base_url: it holds a query or fragment; use query")
	}
	if _, err := origin.Of(u); err != nil {
		return nil, fmt.Errorf("base_url: %w; write it like https://api.example.com/v1", err)
	}
	if err := checkPath(u.EscapedPath()); err != nil {
		return nil, fmt.Errorf("base_url: %w", err)
	}
	return u, nil
}

// bindOrigins gives the policies that guard credentials the origin set: that of
// base_url and those that auth.origins names.
func (c *Client) bindOrigins(effective *Config) error {
	var all []origin.Origin
	var set []string
	if c.base != nil {
		o, err := origin.Of(c.base)
		if err != nil {
			return fmt.Errorf("base_url: %w", err)
		}
		all, set = append(all, o), append(set, o.String())
		effective.Redirect.PrivateHosts = append(slices.Clone(effective.Redirect.PrivateHosts), c.base.Hostname())
	}
	for _, s := range effective.Auth.Origins {
		if o, err := origin.Parse(s); err == nil { // the policies report the others
			all = append(all, o)
		}
		set = append(set, s)
	}
	if !effective.Auth.IsZero() && len(set) == 0 {
		return fmt.Errorf("auth: it has no origin to go to; set base_url or auth.origins")
	}
	c.origins = origin.NewSet(all...)
	effective.Auth.Origins, effective.Redirect.Origins, effective.Cookie.Origins = set, set, set
	effective.Auth.SecretHeaders, effective.Redirect.SecretHeaders = c.config.SecretHeaders, c.config.SecretHeaders
	return nil
}

// clone copies what config shares with its maker, so that a client cannot
// change behind its own back.
func clone(c Config) Config {
	c.Headers, c.Query, c.Statuses = maps.Clone(c.Headers), maps.Clone(c.Query), maps.Clone(c.Statuses)
	c.Operations = maps.Clone(c.Operations)
	for name, op := range c.Operations {
		op.Headers, op.Query, op.Params, op.Statuses = maps.Clone(op.Headers), maps.Clone(op.Query), maps.Clone(op.Params), maps.Clone(op.Statuses)
		op.Cost = maps.Clone(op.Cost)
		c.Operations[name] = op
	}
	c.Auth.Bearer, c.Auth.Basic = copied(c.Auth.Bearer), copied(c.Auth.Basic)
	c.Auth.Header, c.Auth.Query = copied(c.Auth.Header), copied(c.Auth.Query)
	for _, list := range []*[]string{
		&c.SecretHeaders, &c.SecretValues, &c.Auth.Origins, &c.Auth.SecretHeaders, &c.Cookie.Origins,
		&c.Redirect.PrivateHosts, &c.Redirect.Origins, &c.Redirect.SecretHeaders, &c.Retry.Methods, &c.Proxy.NoProxy,
	} {
		*list = slices.Clone(*list)
	}
	c.Retry.Statuses = slices.Clone(c.Retry.Statuses)
	c.Limit.Quotas, c.Limit.Signals = slices.Clone(c.Limit.Quotas), slices.Clone(c.Limit.Signals)
	for i := range c.Limit.Quotas {
		q := &c.Limit.Quotas[i]
		q.Cost, q.Operations = maps.Clone(q.Cost), slices.Clone(q.Operations)
	}
	c.Middleware, c.AttemptMiddleware = slices.Clone(c.Middleware), slices.Clone(c.AttemptMiddleware)
	c.Observers = slices.Clone(c.Observers)
	return c
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Config returns the configuration the client was made from.
func (c *Client) Config() Config { return clone(c.config) }

// Chain returns the names of the policies that are on, outermost first.
func (c *Client) Chain() []string { return slices.Clone(c.names) }

// With returns a client that differs by what change does to a copy of the
// configuration. It shares the connections unless change asks for other ones,
// and, each for itself, retry budget, breaker, bulkhead and lines unless change
// touches their settings; cookies it keeps by itself, for it may be another
// user. It must be closed by itself. A closed client has no more to share: the error
// is of kind [ErrConfig].
func (c *Client) With(change func(*Config)) (*Client, error) {
	config := c.Config()
	change(&config)
	if sameConnections(&c.config, &config) {
		if c.closed.Load() || !c.conns.join() {
			return nil, configError(config.Name, errClosed)
		}
		return build(config, c.conns, c.redactor, c.flow)
	}
	conns, err := connect(&config)
	if err != nil {
		return nil, err
	}
	return build(config, conns, c.redactor, c.flow)
}

func sameConnections(a, b *Config) bool {
	if a.Transport != nil || b.Transport != nil {
		t := reflect.TypeOf(a.Transport)
		return t != nil && t.Comparable() && a.Transport == b.Transport
	}
	return reflect.DeepEqual(transportConfig(a), transportConfig(b))
}

// Close closes the idle connections unless another client shares them, and tells
// the store of shared limits, if there is one, what it has not heard yet. Calls
// in flight end by themselves; later calls fail. A second Close does nothing.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	c.flow.lines.policy.Flush(ctx)
	return c.conns.release()
}

// closeTimeout bounds what Close tells a store.
const closeTimeout = time.Second

// Check reads the secrets that the client needs and reports those that cannot
// be used, so that a missing variable shows at start. Nothing is sent. The error
// is of kind [ErrConfig] and names field and reference.
func (c *Client) Check(ctx context.Context) error {
	if err := c.config.Auth.Check(ctx); err != nil {
		return configError(c.config.Name, err)
	}
	return nil
}
