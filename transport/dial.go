package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
)

// dialer makes the connections of one transport: directly, or through a proxy.
type dialer struct {
	timeout    time.Duration
	tlsTimeout time.Duration
	maxHeader  int64
	private    hostSet
	proxyTLS   *tls.Config
	slots      *slots
	resolver   *net.Resolver // nil: the system's
}

// DialContext connects to addr, or to the proxy of the request in ctx. net/http
// detaches ctx from the cancellation of the request, because another request
// may use the connection.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	caller, r := ctx, (*route)(nil)
	if f := dialFrom(ctx); f != nil {
		caller, r = f.ctx, f.route
	}
	if err := d.slots.acquire(ctx, caller); err != nil {
		return nil, err
	}
	var (
		c   net.Conn
		err error
	)
	if r == nil {
		c, err = d.direct(ctx, network, addr)
	} else {
		c, err = d.viaProxy(ctx, r, addr)
	}
	if err != nil {
		d.slots.release()
		return nil, err
	}
	return newConn(c, d.slots.release), nil
}

// direct dials an origin. If a server chose its host, the resolved address is
// checked before it is connected to.
func (d *dialer) direct(ctx context.Context, network, addr string) (net.Conn, error) {
	nd := new(net.Dialer)
	if live := exchange.LiveFrom(ctx); live != nil && live.DataChosen() && !d.private.has(addr) {
		nd.ControlContext = refusePrivate
	}
	return d.tcp(ctx, nd, network, addr)
}

var errConnectTimeout = errors.New("connect timeout")

// tcp resolves and connects within the connect timeout, tries every address of
// the name, and reports the moments to the attempt.
func (d *dialer) tcp(ctx context.Context, nd *net.Dialer, network, addr string) (net.Conn, error) {
	live := exchange.LiveFrom(ctx)
	ctx, cancel := context.WithTimeoutCause(ctx, d.timeout, errConnectTimeout)
	defer cancel()
	if live != nil {
		live.Reach(exchange.MarkDial, exchange.PhaseDial)
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			DNSStart: func(httptrace.DNSStartInfo) { live.Reach(exchange.MarkDNSStart, exchange.PhaseDial) },
			DNSDone:  func(httptrace.DNSDoneInfo) { live.Reach(exchange.MarkDNSDone, exchange.PhaseDial) },
		})
	}
	nd.Resolver = d.resolver
	c, err := connect(ctx, nd, network, addr)
	if err != nil {
		return nil, d.dialError(ctx, err)
	}
	if live != nil {
		live.Reach(exchange.MarkDialed, exchange.PhaseHandshake)
	}
	return c, nil
}

// connect dials addr. A name that means this machine is not resolved: whoever
// answers for it could be anybody (RFC 6761 section 6.3).
func connect(ctx context.Context, nd *net.Dialer, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !origin.LocalName(host) {
		return nd.DialContext(ctx, network, addr)
	}
	c, err := nd.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		if second, failed := nd.DialContext(ctx, network, net.JoinHostPort("::1", port)); failed == nil {
			return second, nil
		}
	}
	return c, err
}

// dialError makes a timeout a fault of its own. The silence of the resolver
// counts as one only if it took the whole connect timeout.
func (d *dialer) dialError(ctx context.Context, err error) error {
	if own := (*fault)(nil); errors.As(err, &own) {
		return own
	}
	var (
		dns  *net.DNSError
		late net.Error
	)
	switch {
	case errors.Is(context.Cause(ctx), errConnectTimeout):
	case errors.As(err, &late) && late.Timeout() && !errors.As(err, &dns):
	default:
		return err
	}
	return &fault{kind: exchange.ErrConnectTimeout, text: fmt.Sprintf("no connection within %v", d.timeout), err: err}
}
