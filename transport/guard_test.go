package transport_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

func chosen(_ *http.Request, c *exchange.Call) { c.DataChosen = true }

// GW7, client side: an address that a server chose is not reached if it is
// private, unless the definition names the host.
func TestGW7_DataChosenAddresses(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) { c.Send("HTTP/1.1 204 No Content\r\n\r\n") })
	port := portOf(t, s.Addr())
	for name, c := range map[string]struct {
		host    string
		private []string
		ok      bool
	}{
		"address":          {"127.0.0.1", nil, false},
		"name":             {"inside.test.", nil, false},
		"mapped":           {"[::ffff:127.0.0.1]", nil, false},
		"localhost":        {"localhost", nil, false},
		"named":            {"inside.test.", []string{"Inside.TEST"}, true},
		"named, not ASCII": {"b\u00fccher.test.", []string{"B\u00fccher.test"}, true},
		"named with port":  {"127.0.0.1", []string{"127.0.0.1:" + port}, true},
		"named other port": {"127.0.0.1", []string{"127.0.0.1:1"}, false},
		"other named":      {"127.0.0.1", []string{"inside.test"}, false},
	} {
		tr := build(t, transport.Config{PrivateHosts: c.private})
		if strings.Contains(c.host, "test") {
			transport.SetResolver(tr, resolverOf(t, 0, "127.0.0.1"))
		}
		o := send(t, tr, newRequest(t, http.MethodGet, "http://"+c.host+":"+port+"/", "", chosen))
		if c.ok {
			if o.err != nil {
				t.Errorf("%s: %v", name, o.err)
			}
			continue
		}
		e := wantKind(t, name, o, exchange.ErrOriginNotAllowed)
		if e.Sent != exchange.SentNo || e.Policy != "transport" || !strings.Contains(e.Hint, "private_hosts") {
			t.Errorf("%s: %+v", name, e)
		}
		if o := get(t, tr, "http://"+c.host+":"+port+"/"); o.err != nil {
			t.Errorf("%s, chosen by the caller: %v", name, o.err)
		}
	}
}

// GW7: a connection that an earlier call has opened is no way around the check.
// Nothing is written to it, and one of HTTP/2 stays with those who use it.
func TestGW7_PooledConnections(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	for _, protocol := range []string{"http/1.1", "h2"} {
		var served, conns atomic.Int32
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			_, _ = io.Copy(w, r.Body) // the client reads it or has gone
		}))
		s.TLS, s.EnableHTTP2, s.Config.ErrorLog = a.Server(godwittest.Leaf{}, protocol), protocol == "h2", silent
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				conns.Add(1)
			}
		}
		s.StartTLS()
		t.Cleanup(s.Close)
		tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}, PrivateHosts: []string{"localhost"}})
		for range 20 { // whether HTTP/2 sees the end of the context at its first look is a race
			if o := get(t, tr, s.URL); o.err != nil {
				t.Fatalf("%s: %v", protocol, o.err)
			}
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
				body := map[string]string{http.MethodPost: "body"}[method]
				o := send(t, tr, newRequest(t, method, s.URL+"/?key=hidden", body, chosen))
				e := wantKind(t, protocol+" "+method, o, exchange.ErrOriginNotAllowed)
				if e.Sent != exchange.SentNo || e.Policy != "transport" || !strings.Contains(e.Hint, "private_hosts") {
					t.Errorf("%s %s: %+v", protocol, method, e)
				}
			}
		}
		if n := served.Load(); n != 20 {
			t.Errorf("%s: %d requests were served, 20 were allowed", protocol, n)
		}
		if n := conns.Load(); protocol == "h2" && n != 1 {
			t.Errorf("h2: %d connections", n)
		}
		named := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
		for range 2 {
			if o := send(t, tr, newRequest(t, http.MethodGet, named, "", chosen)); o.err != nil {
				t.Errorf("%s, named: %v", protocol, o.err)
			}
		}
	}
}

// Behind a proxy only literal addresses can be checked.
func TestGW7_BehindAProxy(t *testing.T) {
	t.Parallel()
	p := startProxy(t, closedAddr)
	tr := build(t, transport.Config{Proxy: transport.Proxy{URL: p.Addr()}, PrivateHosts: []string{"10.0.0.1"}})
	for host, refused := range map[string]bool{
		"169.254.169.254": true, "[fd00:ec2::254]": true, "10.1.2.3": true, "10.0.0.1": false, "localhost": true, "x.localhost.": true, "inside.test": false, "192.0.2.1": false,
	} {
		o := send(t, tr, newRequest(t, http.MethodGet, "http://"+host+"/", "", chosen))
		if refused {
			wantKind(t, host, o, exchange.ErrOriginNotAllowed)
		} else if o.err != nil || o.resp.StatusCode != 502 {
			t.Errorf("%s: %v", host, o.err)
		}
	}
}

func TestGW3_GW7_PublicAddresses(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700::1111": true, "172.32.0.1": true, "100.128.0.1": true,
		"127.0.0.1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"0.0.0.0": false, "0.1.2.3": false, "100.64.0.1": false, "224.0.0.1": false, "255.255.255.255": false,
		"198.18.0.1": false, "240.0.0.1": false, "::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false,
		"fd00:ec2::254": false, "ff02::1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::10.0.0.1": false,
		"64:ff9b::a00:1": false, "64:ff9b::808:808": false, "2002:a00:1::": false, "fec0::1": false,
	} {
		if got := transport.Public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
