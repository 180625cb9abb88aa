// Package gateway serves the APIs of a definition under one address: a request
// to /<name>/path goes to path behind the API's base_url, through the same
// chain that the library and the command use.
//
// Promise: the route and the upstream's URL come from one parsed form of the
// request target; what two servers could read differently is refused. Bodies,
// statuses and end-to-end fields pass byte for byte in both directions and as
// they come, without a limit on their size and with bounded buffers; trailers
// and informational responses pass too. An answer of the upstream that breaks
// off breaks off for the client, never ends well. Redirects are returned, not
// followed. What the gateway answers by itself is a problem document (RFC 9457)
// with Proxy-Status (RFC 9209). A caller's credentials and cookies stay behind
// unless pass_through lets them travel, claims about the caller (Forwarded,
// X-Forwarded-*, every name with an underscore) unless a trusted proxy makes
// them. Requests that a page of another site makes a browser send are refused.
// Proxy environment variables are not obeyed.
//
// Limits: clients speak HTTP/1.1 (HTTP/2 towards upstreams is the chain's
// affair), CONNECT, TRACE and protocol upgrades are refused, and consumers are
// not told apart: whoever reaches the listener may call every API, so it
// belongs on loopback or behind something that authenticates. Only requests
// without a body or with one of at most 64 KiB and a known length are retried
// when the upstream fails. To an HTTP/1.0 client an answer without a length
// that breaks off looks like one that ended.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/timeout"
)

// Config says what to serve and how.
type Config struct {
	// APIs are the APIs to serve.
	APIs []API
	// TrustedProxies are the peers whose Forwarded, X-Forwarded-* and
	// underscore fields are believed and passed on.
	TrustedProxies []netip.Prefix
	// Hosts, if there are any, are the names and addresses under which the
	// gateway may be called, without ports; a request for another is refused
	// with 421. A leading "*." stands for any labels. Health is told under any
	// name.
	Hosts []string
	// Idle is the longest time for which a body may stand still in either
	// direction on the client's side. Default 60s.
	Idle time.Duration
	// DrainDelay is the time between the end of readiness and the last accepted
	// connection; answers given in it ask clients to reconnect elsewhere.
	// Default none.
	DrainDelay time.Duration
	// Grace is the time that requests in flight have to finish. Default 30s.
	Grace time.Duration
	// Logger receives one record per request. Default slog.Default().
	Logger *slog.Logger
}

// API is one API to serve.
type API struct {
	// Name is the first segment of its path.
	Name string
	// Client is what the chain is taken from. The gateway makes its own clients
	// of it, which share its connections where the settings are the same.
	Client *godwit.Client
	// PassThrough lets the caller's credentials travel on, where they take the
	// place of the definition's, and the upstream's cookies travel back.
	PassThrough bool
}

// The defaults of Config.
const (
	defaultIdle  = 60 * time.Second
	defaultGrace = 30 * time.Second
)

// reserved is the first segment of the gateway's own paths.
const reserved = "-"

// Gateway is an http.Handler for the APIs. Make it with [New]; [Gateway.Serve]
// runs it with the right server settings and drains it.
type Gateway struct {
	config   Config
	apis     map[string]*api
	log      *slog.Logger
	hosts    []string // names that are served; none: any
	via      string   // what Via holds of a request that this process has forwarded
	ready    atomic.Bool
	draining atomic.Bool
	requests context.Context // parent of every request
	cut      context.CancelCauseFunc
}

// api is one API as it is served.
type api struct {
	name        string
	base        *url.URL
	clients     []*godwit.Client
	whole       http.RoundTripper // for requests that can be sent again
	streamed    http.RoundTripper // for bodies that pass through: their time counts only when they stand still
	passThrough bool
	secret      map[string]bool // credential fields beside the usual ones, in lower case
	secretParam string          // query parameter that is a credential; empty: none
}

// New checks config and makes the gateway. The error is of kind
// [exchange.ErrConfig] and names the API and the field.
func New(config Config) (*Gateway, error) {
	g := &Gateway{config: config, apis: make(map[string]*api, len(config.APIs)), log: config.Logger}
	if g.log == nil {
		g.log = slog.Default()
	}
	setDefault(&g.config.Idle, defaultIdle)
	setDefault(&g.config.Grace, defaultGrace)
	if g.config.Idle < 0 || g.config.Grace < 0 || g.config.DrainDelay < 0 {
		return nil, exchange.ConfigErrorf("gateway: a time limit is negative")
	}
	if len(config.APIs) == 0 {
		return nil, exchange.ConfigErrorf("gateway: there is no api to serve; describe one under apis")
	}
	for _, a := range config.APIs {
		if err := g.add(a); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	g.hosts = hostNames(config.Hosts)
	g.via = "1.1 " + proxyName + "-" + newID()[:12]
	g.requests, g.cut = context.WithCancelCause(context.Background())
	return g, nil
}

func setDefault(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// add makes the API's clients.
func (g *Gateway) add(a API) error {
	if a.Name == "" || a.Name == reserved || strings.ContainsAny(a.Name, `/\`) || a.Name == "." || a.Name == ".." {
		return exchange.ConfigErrorf("apis.%s: this name cannot be the first segment of a path", a.Name)
	}
	if _, ok := g.apis[a.Name]; ok {
		return exchange.ConfigErrorf("apis.%s: there are two of this name", a.Name)
	}
	config := a.Client.Config()
	if config.BaseURL == "" {
		return exchange.ConfigErrorf("apis.%s.base_url: serve needs it to know where to send requests", a.Name)
	}
	base, err := url.Parse(config.BaseURL)
	if err != nil {
		return exchange.ConfigErrorf("apis.%s.base_url: it is not a URL", a.Name)
	}
	served := &api{name: a.Name, base: base, passThrough: a.PassThrough}
	served.noteCredentials(&config)
	g.apis[a.Name] = served
	whole, err := served.derive(a.Client, func(c *godwit.Config) {
		c.Redirect.Follow = "never" // the caller's affair
		if c.Proxy.URL == "" {
			c.Proxy.URL = "none" // not that of the environment (CVE-2016-5386)
		}
		if c.Logging.Logger == nil {
			c.Logging.Logger = g.log
		}
	})
	if err != nil {
		return err
	}
	streamed, err := served.derive(whole, func(c *godwit.Config) {
		if c.Timeout.Total == 0 {
			c.Timeout.Total = timeout.None // the default would end long uploads
		}
	})
	if err != nil {
		return err
	}
	served.whole, served.streamed = whole.Transport(), streamed.Transport()
	return nil
}

// derive makes a client as the gateway needs it.
func (a *api) derive(from *godwit.Client, change func(*godwit.Config)) (*godwit.Client, error) {
	c, err := from.With(change)
	if err != nil {
		return nil, fmt.Errorf("apis.%s: %w", a.name, err)
	}
	a.clients = append(a.clients, c)
	return c, nil
}

// noteCredentials lists where the definition says that credentials are, so that
// a caller's own do not take their place.
func (a *api) noteCredentials(c *godwit.Config) {
	a.secret = make(map[string]bool, len(c.SecretHeaders)+1)
	for _, name := range c.SecretHeaders {
		a.secret[strings.ToLower(name)] = true
	}
	if k := c.Auth.Header; k != nil {
		a.secret[strings.ToLower(k.Name)] = true
	}
	if k := c.Auth.Query; k != nil {
		a.secretParam = k.Name
	}
}

// Close closes the connections to the upstreams. The clients that Config named
// stay open.
func (g *Gateway) Close() error {
	var errs []error
	for _, a := range g.apis {
		for _, c := range a.clients {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := &transit{
		gateway: g, w: w, r: r, ctl: http.NewResponseController(w),
		start: time.Now(), id: requestID(r.Header),
	}
	defer t.end()
	t.serve()
}

// requestID keeps a valid id of the client's and makes one otherwise.
func requestID(h http.Header) string {
	if v := h["X-Request-Id"]; len(v) == 1 && validRequestID(v[0]) {
		return v[0]
	}
	return newID()
}

// newID returns 128 random bits in hexadecimal.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return hex.EncodeToString(b[:])
}
