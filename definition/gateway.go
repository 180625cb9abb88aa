package definition

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/internal/redact"
)

// Gateway is the gateway section of a definition: what "godwit serve" obeys.
type Gateway struct {
	// Listen are the addresses to listen on, host:port each. Default
	// 127.0.0.1:8080. An empty host means every interface of the machine.
	Listen []string `yaml:"listen"`
	// Grace is the longest that calls in flight may take to finish once the
	// gateway was told to stop. Default 30s.
	Grace time.Duration `yaml:"grace"`
	// DrainDelay is how long the gateway goes on taking calls after it has
	// reported that it is not ready, so that a load balancer can turn away.
	// Default 0s.
	DrainDelay time.Duration `yaml:"drain_delay" zero:"true"`
	// TrustedProxies are the addresses and CIDR ranges of proxies in front of
	// the gateway whose Forwarded, X-Forwarded-* and underscore fields are
	// believed and passed on. Default none: such fields are dropped.
	TrustedProxies []Network `yaml:"trusted_proxies"`
	// Hosts are the further names under which the gateway may be called, without
	// ports; *.example.com stands for any labels before example.com. A gateway that listens on
	// loopback alone answers to loopback names and these; any other answers to
	// every name unless this is set.
	Hosts []string `yaml:"hosts"`
	// APIs are settings of single APIs, by name.
	APIs map[string]GatewayAPI `yaml:"apis"`
}

// GatewayAPI is how the gateway serves one API.
type GatewayAPI struct {
	// PassThrough lets the caller's own credentials (Authorization, Cookie,
	// X-Api-Key, secret_headers) travel on, in place of the definition's, and
	// cookies travel back. Default false: they stay behind.
	PassThrough bool `yaml:"pass_through"`
}

// withDefaults fills in what is not set.
func (g Gateway) withDefaults() Gateway {
	if len(g.Listen) == 0 {
		g.Listen = []string{"127.0.0.1:8080"}
	}
	if g.Grace == 0 {
		g.Grace = 30 * time.Second
	}
	return g
}

// Network is a range of addresses: 10.0.0.0/8, or a single one, 10.0.0.1.
type Network struct{ netip.Prefix }

// UnmarshalText reads a range in CIDR notation, or one address.
func (n *Network) UnmarshalText(text []byte) error {
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		var addr netip.Addr
		addr, err = netip.ParseAddr(string(text))
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if addr := prefix.Addr(); addr.Is4In6() { // it means IPv4, and peers are compared as such
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	if err != nil || !prefix.IsValid() {
		return fmt.Errorf("%s is neither an address nor a range such as 10.0.0.0/8", quote(string(text)))
	}
	n.Prefix = prefix.Masked()
	return nil
}

// hostPattern reports whether s is a host, or *. and a host.
func hostPattern(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	return s != "" && !strings.ContainsAny(s, "/\\?#@*,; \t") && redact.Printable(s) == s
}

// listenAddress reports whether s is host:port with a port number.
func listenAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535
}
