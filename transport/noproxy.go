package transport

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// noProxy is the list of hosts that are reached directly. It means what
// NO_PROXY means in Go, without the exception that local addresses never go
// through a proxy: whoever names a proxy wants it used.
type noProxy []bypass

type bypass struct {
	all    bool
	suffix string // .example.com: the sub-domains
	host   string // example.com itself
	net    netip.Prefix
	port   string // empty: any
}

// parseNoProxy reads "*", example.com (with its sub-domains), .example.com or
// *.example.com (only them), 192.0.2.1, 2001:db8::1 and 192.0.2.0/24, each but
// the ranges with an optional port.
func parseNoProxy(entries []string) (noProxy, error) {
	var out noProxy
	for _, e := range entries {
		b, ok := parseBypass(strings.ToLower(strings.TrimSpace(e)))
		if !ok {
			return nil, configError("proxy.no_proxy: %q is neither a host, a .domain, an address nor a CIDR range", e)
		}
		out = append(out, b)
	}
	return out, nil
}

func parseBypass(s string) (b bypass, ok bool) {
	if s == "*" {
		return bypass{all: true}, true
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return bypass{net: unmapPrefix(p)}, true
	}
	if host, port, err := net.SplitHostPort(s); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return b, false
		}
		s, b.port = host, port
	} else {
		s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		ip = ip.Unmap().WithZone("")
		b.net = netip.PrefixFrom(ip, ip.BitLen())
		return b, true
	}
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "*.") {
		b.suffix = strings.TrimPrefix(s, "*")
	} else {
		b.suffix, b.host = "."+s, s
	}
	name := strings.Trim(b.suffix, ".")
	return b, name != "" && !strings.ContainsAny(name, "/*:@[] \t")
}

func unmapPrefix(p netip.Prefix) netip.Prefix {
	if ip := p.Addr(); ip.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(ip.Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}

// matches reports whether u is reached directly.
func (n noProxy) matches(u *url.URL) bool {
	if len(n) == 0 {
		return false
	}
	host, port := normalHost(u.Hostname()), u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	ip, err := netip.ParseAddr(host)
	for _, b := range n {
		if b.port != "" && b.port != port {
			continue
		}
		switch {
		case b.all:
			return true
		case b.net.IsValid():
			if err == nil && b.net.Contains(ip) {
				return true
			}
		case host == b.host || strings.HasSuffix(host, b.suffix):
			return true
		}
	}
	return false
}
