package transport

import (
	"context"
	"net"
	"net/netip"
	"net/url"
)

// SetResolver makes t resolve names with r.
func SetResolver(t Transport, r *net.Resolver) { t.(*client).dialer.resolver = r }

// SetDial makes t connect to origins with dial in place of its dialer.
func SetDial(t Transport, dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	t.(*client).base.DialContext = dial
}

// Public is the judgement of the dial guard.
func Public(ip netip.Addr) bool { return public(ip) }

// Bypassed reports whether a no_proxy list covers u.
func Bypassed(list []string, u *url.URL) (bool, error) {
	n, err := parseNoProxy(list)
	return n.matches(u), err
}

// NewConn wraps a connection as the dialer does.
func NewConn(c net.Conn) net.Conn { return newConn(c, func() {}) }
