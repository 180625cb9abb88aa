package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestGW1_GW2_GW16_FieldsThatStay(t *testing.T) {
	t.Parallel()
	f := &requestFields{named: connectionOptions([]string{"close, X-Custom-Hop", "x-second"}), secret: map[string]bool{"x-team-key": true}}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
		"X-Custom-Hop", "x-custom-hop", "X-Second", // named by Connection
		"Forwarded", "X-Forwarded-For", "x-forwarded-user", "X-Forwarded", "X-Forwarded-Anything", "X-Real-IP", "X-Client-IP", "True-Client-IP",
		"X_Forwarded_User", "x_real_ip", "Content_Length", "X-Original-URL", "X-Rewrite-URL",
		"Proxy", "proxy", "Host", "Content-Length", "X-Request-ID",
		"Authorization", "cookie", "X-Api-Key", "X-Team-Key",
	} {
		if f.keep(name) {
			t.Errorf("%s travels on", name)
		}
	}
	for _, name := range []string{"Accept", "Content-Type", "User-Agent", "X-Custom", "X-Forward", "Via", "Expect", strings.Repeat("x", 200)} {
		if !f.keep(name) {
			t.Errorf("%s stays behind", name)
		}
	}
}

func TestPassThroughAndTrustKeepOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	through := &requestFields{passThrough: true, secret: map[string]bool{"x-team-key": true}}
	trusted := &requestFields{trusted: true}
	for _, c := range []struct {
		name             string
		through, trusted bool
	}{
		{"Authorization", true, false},
		{"Cookie", true, false},
		{"X-Team-Key", true, true},
		{"X-Forwarded-For", false, true},
		{"X_User", false, true},
		{"Forwarded", false, true},
		{"Proxy", false, false},
		{"Proxy-Authorization", false, false},
		{"Connection", false, false},
		{"X-Request-Id", false, false},
	} {
		if got := through.keep(c.name); got != c.through {
			t.Errorf("%s with pass_through: kept is %v", c.name, got)
		}
		if got := trusted.keep(c.name); got != c.trusted {
			t.Errorf("%s from a trusted proxy: kept is %v", c.name, got)
		}
	}
}

func TestResponseFieldsThatStay(t *testing.T) {
	t.Parallel()
	f := &responseFields{named: []string{"x-hop"}}
	for _, name := range []string{"Connection", "Transfer-Encoding", "Trailer", "Upgrade", "X-Hop", "Alt-Svc", "Set-Cookie", "Proxy-Authenticate"} {
		if f.keep(name) {
			t.Errorf("%s travels back", name)
		}
	}
	for _, name := range []string{"Content-Length", "Content-Encoding", "Retry-After", "Www-Authenticate", "Location", "X_Odd"} {
		if !f.keep(name) {
			t.Errorf("%s stays behind", name)
		}
	}
	if !(&responseFields{passThrough: true}).keep("Set-Cookie") {
		t.Error("Set-Cookie stays behind with pass_through")
	}
}

func TestFieldDecisionsDoNotAllocate(t *testing.T) {
	f := &requestFields{named: []string{"close"}}
	if n := testing.AllocsPerRun(100, func() { f.keep("Content-Type"); f.keep("X-Forwarded-For") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestGW10_OnlyH2CUpgradesArePassedOver(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": false, "h2c": false, "H2C, h2c": false, "websocket": true, "h2c, websocket": true, "TLS/1.0": true} {
		if got := upgradeWanted([]string{value}); got != want {
			t.Errorf("Upgrade: %s: wanted is %v", value, got)
		}
	}
}

func TestRequestIDsOfClients(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"": false, "a": true, "0af7651916cd43dd-8448.eb/21:1c+8=_~@": true, strings.Repeat("a", 128): true,
		strings.Repeat("a", 129): false, "a b": false, "a\"b": false, "ä": false, "a\nb": false, "<x>": false, "a,b": false,
	} {
		if got := validRequestID(id); got != want {
			t.Errorf("%q: valid is %v", id, got)
		}
	}
}

func TestGW3_PeersAreUnmapped(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for remote, want := range map[string]bool{
		"10.1.2.3:80": true, "[::ffff:10.1.2.3]:80": true, "[::1]:80": true, "[::1%lo]:1": true,
		"11.1.2.3:80": false, "[::ffff:11.1.2.3]:80": false, "@": false, "": false, "pipe": false,
	} {
		if got := within(trusted, peerAddr(remote)); got != want {
			t.Errorf("%s: trusted is %v", remote, got)
		}
	}
}

func TestHostsServed(t *testing.T) {
	t.Parallel()
	hosts := hostNames([]string{"localhost", "*.localhost", "127.0.0.1", "::1", "GW.example.com", "*.IN.example.com", "port.example:80"})
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.:80": true, "a.b.localhost:1": true, "127.0.0.1:8080": true, "[::1]:80": true, "[::1]": true,
		"[0:0::1]:9": true, "gw.example.com": true, "[::ffff:127.0.0.1]:1": true,
		"a.b.in.example.com": true, "in.example.com": false, "xin.example.com": false, "port.example": true, "": true,
		"evil.example": false, "localhost.evil.example": false, "127.0.0.2": false, "xlocalhost": false, "x.gw.example.com": false,
	} {
		if got := hostServed(hosts, host); got != want {
			t.Errorf("%q: served is %v", host, got)
		}
	}
	if !hostServed(nil, "anything") {
		t.Error("a list without names must serve every name")
	}
}

func TestCrossSite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		site, origin string
		want         bool
	}{
		{"", "", false},
		{"none", "", false},
		{"same-origin", "http://h", false},
		{"same-site", "http://x.h", false},
		{"cross-site", "", true},
		{"cross-site", "http://h:80", true},
		{"", "http://h", false},
		{"", "http://H.:3000", false},
		{"", "https://evil.example", true},
		{"", "null", true},
		{"", "http://h.evil.example", true},
	} {
		if got := crossSite(c.site, c.origin, "h:8080"); got != c.want {
			t.Errorf("Sec-Fetch-Site %q, Origin %q: %v", c.site, c.origin, got)
		}
	}
}

func TestConnectionOptions(t *testing.T) {
	t.Parallel()
	if got := connectionOptions([]string{" Close ,, X-A", "x-b"}); !slices.Equal(got, []string{"close", "x-a", "x-b"}) {
		t.Errorf("got %q", got)
	}
}
