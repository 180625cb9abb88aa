package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// copyFields copies the fields of src that keep lets travel on.
func copyFields(dst, src http.Header, keep interface{ keep(name string) bool }) {
	for name, values := range src {
		if keep.keep(name) {
			dst[name] = values
		}
	}
}

// requestHeader returns the upstream's header: what travels on of the client's,
// then the gateway's own. The chain adds the definition's defaults, the request
// id and the credential.
func (t *transit) requestHeader(a *api) http.Header {
	in := t.r.Header
	peer := peerAddr(t.r.RemoteAddr)
	trusted := within(t.gateway.config.TrustedProxies, peer)
	out := make(http.Header, len(in)+6)
	copyFields(out, in, &requestFields{
		named: connectionOptions(in["Connection"]), trusted: trusted,
		passThrough: a.passThrough, secret: a.secret,
	})
	t.setForwarded(out, peer, trusted)
	out["Via"] = []string{joined(in["Via"], t.gateway.via)}
	if hasToken(in["Te"], "trailers") {
		out["Te"] = []string{"trailers"} // net/http passes trailers on
	}
	if _, ok := out["Accept-Encoding"]; !ok {
		out["Accept-Encoding"] = []string{"identity"} // bodies stay as the upstream coded them
	}
	return out
}

// setForwarded sets who called and what was asked. A trusted proxy's words
// stay, with the proxy behind them.
func (t *transit) setForwarded(out http.Header, peer netip.Addr, trusted bool) {
	chain := ""
	if peer.IsValid() {
		chain = peer.String()
	}
	if trusted {
		chain = joined(out["X-Forwarded-For"], chain)
	}
	if chain != "" {
		out["X-Forwarded-For"] = []string{chain}
	}
	proto := "http"
	if t.r.TLS != nil {
		proto = "https"
	}
	setUnlessTrusted(out, "X-Forwarded-Proto", proto, trusted)
	setUnlessTrusted(out, "X-Forwarded-Host", t.r.Host, trusted)
}

func setUnlessTrusted(out http.Header, name, value string, trusted bool) {
	if _, ok := out[name]; (!trusted || !ok) && value != "" {
		out[name] = []string{value}
	}
}

// joined appends one member to a list field.
func joined(values []string, last string) string {
	if len(values) == 0 {
		return last
	}
	return strings.Join(values, ", ") + ", " + last
}

func hasToken(values []string, token string) bool {
	for _, option := range connectionOptions(values) {
		if name, _, _ := strings.Cut(option, ";"); strings.TrimSpace(name) == token {
			return true
		}
	}
	return false
}

// peerAddr is the address of a peer, a v4-mapped one as IPv4 and without zone.
func peerAddr(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// hostNames prepares what Config says for hostServed: a leading dot stands for
// any labels.
func hostNames(hosts []string) []string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		name, any := strings.CutPrefix(h, "*.")
		if names[i] = hostName(name); any {
			names[i] = "." + names[i]
		}
	}
	return names
}

// hostServed reports whether the Host field is one of names; any is if there are
// none. So is an empty one: HTTP/1.0 probes send it, and browsers never do.
func hostServed(names []string, host string) bool {
	host = hostName(host)
	return len(names) == 0 || host == "" || slices.ContainsFunc(names, func(name string) bool {
		return name == host || name[0] == '.' && strings.HasSuffix(host, name)
	})
}

// hostName is a host without port and trailing dot, in lower case; an address
// is in its shortest form.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
