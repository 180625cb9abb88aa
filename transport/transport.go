// Package transport is the innermost part of the chain: it builds the
// http.Transport from the connection settings and tells its failures apart.
//
// [New] makes one http.Transport with its own pool for each identity: two
// configurations never share a connection, a TLS session or a proxy login.
// [Wrap] gives a RoundTripper that was made elsewhere the same guards and the
// same errors. Neither resends a request and neither turns a status into an
// error.
//
// What an error means:
//
//   - [exchange.ErrDNS]: the resolver's answer; the cause is a *net.DNSError
//     that tells not found, temporary and timed out apart.
//   - [exchange.ErrConnect]: refused, unreachable, reset, or closed without an
//     answer. Sent says whether the request can have arrived.
//   - [exchange.ErrConnectTimeout], [exchange.ErrTLSTimeout]: the two limits
//     of this package.
//   - [exchange.ErrTLS]: a certificate or handshake was refused, by either
//     side. Hint says what to do about it.
//   - [exchange.ErrProxy]: the proxy could not be reached, hung or refused.
//   - [exchange.ErrProtocol]: the answer breaks HTTP, has a status outside 100
//     to 599, switches protocols without being asked, was there before the
//     request, or has headers larger than the limit.
//   - [exchange.ErrRequest]: the request cannot be sent as it is.
//
// # Limits
//
// GET and HEAD without a body are sent again by net/http itself when a reused
// connection dies before an answer; [exchange.Attempt] counts that. Nothing
// else is.
//
// Addresses that a server chose are checked when they are dialled and when a
// connection comes from the pool. Behind a proxy the proxy resolves names, so
// only literal addresses can be checked there; a transport that was made
// elsewhere dials as it likes.
//
// net/http prints bytes that a server sends on an idle connection to the
// standard logger of package log. A program that must stay silent sets
// log.SetOutput.
package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/secret"
)

// Defaults of Config and Pool.
const (
	defaultConnectTimeout = 10 * time.Second
	defaultTLSTimeout     = 10 * time.Second
	defaultMaxHeaderBytes = 256 << 10
	defaultMaxIdle        = 256
	defaultMaxIdlePerHost = 64
	defaultIdleTimeout    = 90 * time.Second

	continueTimeout = time.Second      // wait for 100 Continue before the body is sent all the same
	pingAfter       = 30 * time.Second // silence on HTTP/2 after which the peer is asked whether it lives
	pingTimeout     = 15 * time.Second // and how long its answer may take
)

// Config sets how connections are made. The zero value is usable.
type Config struct {
	TLS   TLS
	Proxy Proxy
	Pool  Pool

	// ConnectTimeout bounds resolving and connecting together, and each step
	// of a proxy's handshake by itself. Default 10s.
	ConnectTimeout time.Duration
	// TLSTimeout bounds a TLS handshake. Default 10s.
	TLSTimeout time.Duration
	// MaxHeaderBytes is the most bytes of response headers, 1xx included.
	// Default 256 KiB.
	MaxHeaderBytes int64
	// PrivateHosts are the hosts, each with an optional port, that a request
	// whose host a server chose may reach at private addresses.
	PrivateHosts []string
}

// TLS sets how servers are verified and what the client shows of itself. The
// zero value verifies with the system's certificates, TLS 1.2 or later.
type TLS struct {
	// CA is a PEM file of certificates to trust in place of the system's.
	CA string `yaml:"ca" path:"file"`
	// Cert is a PEM file with the client certificate and its chain.
	Cert string `yaml:"cert" path:"file"`
	// Key is a PEM file with the client certificate's private key.
	Key string `yaml:"key" path:"file"`
	// ServerName is verified in place of the URL's host.
	ServerName string `yaml:"server_name"`
	// MinVersion is "1.2" (default) or "1.3".
	MinVersion string `yaml:"min_version"`
	// Insecure turns verification off. Every run warns about it.
	Insecure bool `yaml:"insecure"`
}

// Proxy sets the proxy. The zero value obeys HTTP_PROXY, HTTPS_PROXY and
// NO_PROXY.
type Proxy struct {
	// URL is http://, https:// or socks5://host:port, "environment" (default)
	// or "none". Userinfo in it is refused: use username and password.
	URL string `yaml:"url" shorthand:"true"`
	// Username authenticates to the proxy, and to nobody else.
	Username string `yaml:"username"`
	// Password refers to the proxy password.
	Password secret.Secret `yaml:"password"`
	// NoProxy lists hosts, .domains, addresses and CIDR ranges that are reached
	// directly, each with an optional port.
	NoProxy []string `yaml:"no_proxy"`
}

// Pool sets the limits on connections.
type Pool struct {
	// MaxConns is the most connections in all. Default none.
	MaxConns int `yaml:"max_conns"`
	// MaxConnsPerHost is the most connections to one host. Default none.
	MaxConnsPerHost int `yaml:"max_conns_per_host"`
	// MaxIdle is the most idle connections in all. Default 256.
	MaxIdle int `yaml:"max_idle"`
	// MaxIdlePerHost is the most idle connections to one host. Default 64.
	MaxIdlePerHost int `yaml:"max_idle_per_host"`
	// IdleTimeout closes a connection that was idle for so long. Default 90s.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// HTTP2 is "auto" (default) or "off".
	HTTP2 string `yaml:"http2"`
}

// Transport is an http.RoundTripper whose errors are *exchange.Error. Close
// closes its idle connections.
type Transport interface {
	http.RoundTripper
	io.Closer
}

// New checks c and builds the transport. Files are read now, the proxy password
// when a connection needs it. The error is of kind [exchange.ErrConfig] and
// names the field as godwit.yaml spells it.
//
// TLS settings are for the origins. A proxy is always verified, against the
// same CA file or the system's certificates, and is never shown the client
// certificate.
func New(c Config) (Transport, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	origin, proxy, err := c.TLS.build()
	if err != nil {
		return nil, err
	}
	proxies, err := c.Proxy.build()
	if err != nil {
		return nil, err
	}
	private, err := parseHosts("redirect.private_hosts", c.PrivateHosts)
	if err != nil {
		return nil, err
	}
	d := &dialer{
		timeout: c.ConnectTimeout, tlsTimeout: c.TLSTimeout, maxHeader: c.MaxHeaderBytes,
		private: private, proxyTLS: proxy,
	}
	t := c.base(origin, d)
	if proxies != nil {
		t.Proxy = forwardProxy
	}
	if c.Pool.MaxConns > 0 {
		d.slots = newSlots(c.Pool.MaxConns, t.CloseIdleConnections)
	}
	return &client{next: t, base: t, dialer: d, proxies: proxies, private: private, limited: d.slots != nil}, nil
}

// base is the http.Transport. It has no ResponseHeaderTimeout: the watchdog of
// the attempt covers that, and knows when the connection stood.
func (c *Config) base(conf *tls.Config, d *dialer) *http.Transport {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(c.Pool.HTTP2 != "off")
	return &http.Transport{
		DialContext:            d.DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    c.TLSTimeout,
		DisableCompression:     true,
		Protocols:              p,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxResponseHeaderBytes: c.MaxHeaderBytes,
		ExpectContinueTimeout:  continueTimeout,
		MaxConnsPerHost:        c.Pool.MaxConnsPerHost,
		MaxIdleConns:           c.Pool.MaxIdle,
		MaxIdleConnsPerHost:    c.Pool.MaxIdlePerHost,
		IdleConnTimeout:        c.Pool.IdleTimeout,
	}
}

// withDefaults returns c with its zero values filled in.
func (c Config) withDefaults() (Config, error) {
	p := &c.Pool
	for _, d := range []struct {
		field string
		v     *time.Duration
		def   time.Duration
	}{
		{"timeout.connect", &c.ConnectTimeout, defaultConnectTimeout},
		{"timeout.tls", &c.TLSTimeout, defaultTLSTimeout},
		{"pool.idle_timeout", &p.IdleTimeout, defaultIdleTimeout},
	} {
		if *d.v < 0 {
			return c, configError("%s: cannot be switched off, set a duration such as 10s", d.field)
		}
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	for _, n := range []struct {
		field string
		v     *int
		def   int
	}{
		{"pool.max_conns", &p.MaxConns, 0},
		{"pool.max_conns_per_host", &p.MaxConnsPerHost, 0},
		{"pool.max_idle", &p.MaxIdle, defaultMaxIdle},
		{"pool.max_idle_per_host", &p.MaxIdlePerHost, defaultMaxIdlePerHost},
	} {
		if *n.v < 0 {
			return c, configError("%s: %d is negative, leave it out for the default", n.field, *n.v)
		}
		if *n.v == 0 {
			*n.v = n.def
		}
	}
	if c.MaxHeaderBytes < 0 {
		return c, configError("decode.max_header: response headers are always limited, set a size such as 256KiB")
	}
	if c.MaxHeaderBytes == 0 {
		c.MaxHeaderBytes = defaultMaxHeaderBytes
	}
	if h := p.HTTP2; h != "" && h != "auto" && h != "off" {
		return c, configError("pool.http2: %q is neither auto nor off", h)
	}
	return c, nil
}

func configError(format string, args ...any) error {
	return &fault{kind: exchange.ErrConfig, err: fmt.Errorf(format, args...)}
}

// dialFacts is what the dialer must know of the request it dials for. It
// travels in the context, because a dial outlives the cancellation of its
// request but not the values.
type dialFacts struct {
	route *route
	ctx   context.Context // the request's own, with its cancellation
}

type dialKey struct{}

func dialFrom(ctx context.Context) *dialFacts {
	f, _ := ctx.Value(dialKey{}).(*dialFacts)
	return f
}

// forwardProxy tells net/http about the one kind of proxying that it does here:
// an absolute-form request for an http URL. The dialer does the other kinds.
func forwardProxy(req *http.Request) (*url.URL, error) {
	if f := dialFrom(req.Context()); f != nil && f.route != nil {
		return f.route.forward, nil
	}
	return nil, nil
}
