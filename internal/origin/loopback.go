package origin

import (
	"net/netip"
	"strings"
)

// LocalName reports whether a host is a name that always means this machine:
// localhost and every name below it (RFC 6761 section 6.3). No such name may be
// asked of a resolver.
func LocalName(host string) bool {
	const local = "localhost"
	host = strings.TrimSuffix(host, ".")
	top := host[strings.LastIndexByte(host, '.')+1:]
	return strings.EqualFold(top, local)
}

// Loopback reports whether a host, a name or an address, is this machine.
func Loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || err != nil && LocalName(host)
}
