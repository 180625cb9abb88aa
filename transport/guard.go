package transport

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
)

// hostSet is a list of hosts, each with an optional port, in normal form.
type hostSet map[string]bool

// parseHosts reads the hosts of a configuration field.
func parseHosts(field string, hosts []string) (hostSet, error) {
	if len(hosts) == 0 {
		return nil, nil
	}
	set := make(hostSet, len(hosts))
	for _, h := range hosts {
		if h == "" || strings.ContainsAny(h, "/@* \t\r\n") {
			return nil, configError("%s: %q is not a host with an optional port", field, h)
		}
		host, port, err := net.SplitHostPort(h)
		if err != nil {
			host, port = strings.Trim(h, "[]"), ""
		}
		if o, err := origin.Parse("http://" + host); err == nil { // a name in the form that is dialled
			host = o.Host()
		}
		host = normalHost(host)
		if port != "" {
			host = net.JoinHostPort(host, port)
		}
		set[host] = true
	}
	return set, nil
}

// has reports whether the host of addr, host:port, is in the set.
func (s hostSet) has(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	host = normalHost(host)
	return s[host] || s[net.JoinHostPort(host, port)]
}

// normalHost is lower case and without trailing dot; an address is in its
// shortest form, a v4-mapped one is IPv4.
func normalHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// refusePrivate is a net.Dialer's ControlContext: it sees each resolved address
// before it is connected to, so a name that changes its address between check
// and use gains nothing.
func refusePrivate(_ context.Context, _, address string, _ syscall.RawConn) error {
	return refuseAddress(address)
}

func refuseAddress(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr()) {
		return privateFault(address)
	}
	return nil
}

// refusePrivateConn does the same for a connection that exists.
func refusePrivateConn(c net.Conn) error {
	return refuseAddress(c.RemoteAddr().String())
}

// refuseLiteral does the same for a host that is an address itself or a name of
// the machine that resolves it: all that can be checked when a proxy does.
func refuseLiteral(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil && !public(ip) || origin.LocalName(host) {
		return privateFault(host)
	}
	return nil
}

func privateFault(address string) *fault {
	return &fault{
		kind: exchange.ErrOriginNotAllowed, policy: "transport",
		text: "a server chose this host and its address " + address + " is not public",
		hint: "if the host is meant to be reached, name it under redirect.private_hosts",
	}
}

// special are the ranges beside those that netip names which are not the public
// internet, or stand for IPv4 addresses that may not be (RFC 6890).
var special = func() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2002::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}()

// public reports whether ip is an ordinary address of the internet. The
// metadata services are link-local (169.254.169.254) or private (fd00:ec2::254).
func public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
