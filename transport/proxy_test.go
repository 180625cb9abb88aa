package transport_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/secret"
	"github.com/godwit-go/godwit/transport"
)

// fakeProxy speaks CONNECT and absolute-form and keeps what it was sent. The
// names that it is asked for all lead to backend.
type fakeProxy struct {
	*godwittest.RawServer
	mu      sync.Mutex
	targets []string
	logins  []string
}

func startProxy(t testing.TB, backend string) *fakeProxy {
	t.Helper()
	p := &fakeProxy{}
	p.RawServer = godwittest.Raw(t, func(c *godwittest.Conn) { p.serve(c, backend) })
	return p
}

// startTLSProxy is an https proxy with a certificate of conf.
func startTLSProxy(t testing.TB, conf *tls.Config, backend string) *fakeProxy {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	p := &fakeProxy{}
	p.RawServer = godwittest.RawOn(t, l, func(c *godwittest.Conn) { p.serve(c, backend) })
	return p
}

func (p *fakeProxy) serve(c *godwittest.Conn, backend string) {
	for {
		req, err := c.ReadRequest()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.targets = append(p.targets, req.Method+" "+req.RequestURI)
		p.logins = append(p.logins, req.Header.Get("Proxy-Authorization"))
		p.mu.Unlock()
		up, err := net.Dial("tcp", backend)
		if err != nil {
			c.Send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		if req.Method == http.MethodConnect {
			c.Send("HTTP/1.1 200 Connection established\r\n\r\n")
			splice(c, up)
			return
		}
		forward(c, up, req)
	}
}

func splice(c *godwittest.Conn, up net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(up, c) // an end is an end
		_ = up.Close()
	})
	_, _ = io.Copy(c, up)
	_ = c.Close() // ends the other direction
	wg.Wait()
}

func forward(c *godwittest.Conn, up net.Conn, req *http.Request) {
	defer func() { _ = up.Close() }() // one request each
	req.Header.Del("Proxy-Authorization")
	if req.Write(up) != nil {
		return
	}
	resp, err := http.ReadResponse(bufio.NewReader(up), req)
	if err != nil {
		return
	}
	_ = resp.Write(c) // a client that has gone ends the loop
	_ = resp.Body.Close()
}

func (p *fakeProxy) got() (targets, logins string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.targets, "; "), strings.Join(p.logins, "; ")
}

const login = "Basic dXNlcjpzM2NyM3QtY2FuYXJ5" // user:s3cr3t-canary

func withLogin(url string) transport.Proxy {
	return transport.Proxy{URL: url, Username: "user", Password: secret.Value("s3cr3t-canary")}
}

// The credential reaches the proxy and nobody else, whichever way it is used.
func TestCR3_ProxyLoginStaysWithTheProxy(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	canary := godwittest.CanaryFor(t, "s3cr3t-canary")
	handler := canary.Handler("origin", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hi") }))
	plain := startPlain(t, handler)
	encrypted := strings.TrimPrefix(startTLS(t, a.Server(godwittest.Leaf{Hosts: []string{"origin.test"}}, "h2", "http/1.1"), handler.ServeHTTP), "https://")

	for _, c := range []struct {
		proxy, target, backend, seen string
	}{
		{"http", "http://origin.test/x", plain, "GET http://origin.test/x"},
		{"http", "https://origin.test/x", encrypted, "CONNECT origin.test:443"},
		{"https", "http://origin.test/x", plain, "GET http://origin.test/x"},
		{"https", "https://origin.test/x", encrypted, "CONNECT origin.test:443"},
	} {
		p := startProxy(t, c.backend)
		if c.proxy == "https" {
			p = startTLSProxy(t, a.Server(godwittest.Leaf{}), c.backend)
		}
		tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}, Proxy: withLogin(c.proxy + "://" + p.Addr())})
		for range 2 {
			req := newRequest(t, http.MethodGet, c.target, "", func(r *http.Request, call *exchange.Call) {
				call.Redactor = new(redact.Redactor)
				r.Header.Set("Proxy-Authorization", "Basic by-hand")
			})
			if o := send(t, tr, req); o.err != nil || o.body != "hi" {
				t.Fatalf("%s, %s: %q, %v", c.proxy, c.target, o.body, o.err)
			}
		}
		targets, logins := p.got()
		if first, _, _ := strings.Cut(targets, "; "); first != c.seen {
			t.Errorf("%s, %s: the proxy saw %q", c.proxy, c.target, targets)
		}
		if strings.Trim(strings.ReplaceAll(logins, login, ""), "; ") != "" || !strings.Contains(logins, login) {
			t.Errorf("%s, %s: logins %q", c.proxy, c.target, logins)
		}
		if p.Conns() != 1 {
			t.Errorf("%s, %s: %d connections", c.proxy, c.target, p.Conns())
		}
	}
	canary.Assert()
}

func startPlain(t testing.TB, h http.Handler) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: silent}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		_ = s.Close() // what it reports are connections that the client has closed
		wg.Wait()
	})
	return l.Addr().String()
}

func TestCR4_EachProxyItsOwnLogin(t *testing.T) {
	t.Parallel()
	origin := startPlain(t, http.HandlerFunc(ok))
	one, two := startProxy(t, origin), startProxy(t, origin)
	first := build(t, transport.Config{Proxy: withLogin("http://" + one.Addr())})
	second := build(t, transport.Config{Proxy: transport.Proxy{URL: "http://" + two.Addr()}})
	for range 2 {
		for _, tr := range []transport.Transport{first, second} {
			if o := get(t, tr, "http://origin.test/"); o.err != nil {
				t.Fatal(o.err)
			}
		}
	}
	if _, logins := one.got(); logins != login+"; "+login {
		t.Errorf("the first saw %q", logins)
	}
	if _, logins := two.got(); logins != "; " {
		t.Errorf("the second saw %q", logins)
	}
}

// No error shows the login, whatever level of it is printed.
func TestCR3_ErrorsHoldNoLogin(t *testing.T) {
	t.Parallel()
	canary := godwittest.CanaryFor(t, "s3cr3t-canary")
	refusing := godwittest.RawHTTP(t, func(c *godwittest.Conn, r *http.Request) {
		c.Send("HTTP/1.1 407 " + r.Header.Get("Proxy-Authorization") + "\r\nX: s3cr3t-canary\r\nContent-Length: 0\r\n\r\n")
	})
	echo := godwittest.RawHTTP(t, func(c *godwittest.Conn, r *http.Request) { c.Send(r.Header.Get("Proxy-Authorization") + "\r\n\r\n") })
	for name, proxy := range map[string]string{
		"refuses": "http://" + refusing.Addr(), "echoes": "http://" + echo.Addr(),
		"down": "http://" + closedAddr, "socks": "socks5://" + closedAddr, "no TLS": "https://" + refusing.Addr(),
	} {
		req := newRequest(t, http.MethodGet, "https://origin.test/", "", func(_ *http.Request, c *exchange.Call) { c.Redactor = new(redact.Redactor) })
		o := send(t, build(t, transport.Config{Proxy: withLogin(proxy)}), req)
		if o.err == nil {
			t.Errorf("%s: no error", name)
		}
		canary.RecordError(name, o.err)
	}
	_, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "http://user:s3cr3t-canary@proxy.test:1"}})
	canary.RecordError("userinfo", err)
	_, bad := transport.New(transport.Config{Proxy: transport.Proxy{URL: "http://user:s3cr3t-canary@[::1"}})
	canary.RecordError("no URL", bad)
	if !errors.Is(err, exchange.ErrConfig) || !errors.Is(bad, exchange.ErrConfig) {
		t.Errorf("%v, %v", err, bad)
	}
	canary.Assert()
}

func TestFC19_ProxyFailures(t *testing.T) {
	t.Parallel()
	answer := func(s string) func(*godwittest.Conn) {
		return func(c *godwittest.Conn) {
			if _, err := c.ReadRequest(); err == nil {
				c.Send(s)
			}
		}
	}
	for name, c := range map[string]struct {
		serve func(*godwittest.Conn)
		text  string
		hint  string
	}{
		"407":       {answer("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"), "407", "proxy.username"},
		"502":       {answer("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "502 Bad Gateway: proxy ", ""},
		"hang":      {func(c *godwittest.Conn) { c.Hang() }, "no answer to CONNECT", ""},
		"closed":    {answer(""), "no answer to CONNECT", ""},
		"junk":      {answer("220 mail ESMTP\r\n"), "no answer to CONNECT", ""},
		"early":     {answer("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), "before the tunnel", ""},
		"endless":   {answer("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 1000)), "more than 262144 bytes", ""},
		"100 twice": {answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n"), "503", ""},
	} {
		s := godwittest.Raw(t, c.serve)
		conf := transport.Config{Proxy: transport.Proxy{URL: "http://" + s.Addr()}}
		if name == "hang" {
			conf.ConnectTimeout = 200 * time.Millisecond
		}
		tr := build(t, conf)
		o := get(t, tr, "https://origin.test/")
		e := wantKind(t, name, o, exchange.ErrProxy)
		if n := e.Status; n != 0 && !strings.Contains(c.text, strconv.Itoa(n)) {
			t.Errorf("%s: status %d", name, n)
		}
		if !strings.Contains(e.Error(), c.text) || !strings.Contains(e.Hint, c.hint) || o.attempt.Sent != exchange.SentNo {
			t.Errorf("%s: sent %v, hint %q: %v", name, o.attempt.Sent, e.Hint, e)
		}
	}
	for _, target := range []string{"http://origin.test/", "https://origin.test/"} {
		for _, scheme := range []string{"http", "https", "socks5"} {
			o := get(t, build(t, transport.Config{Proxy: transport.Proxy{URL: scheme + "://" + closedAddr}}), target)
			wantKind(t, scheme+" proxy down, "+target, o, exchange.ErrProxy)
			if o.attempt.Sent != exchange.SentNo {
				t.Errorf("%s, %s: sent %v", scheme, target, o.attempt.Sent)
			}
		}
	}
	missing := transport.Proxy{URL: "http://127.0.0.1:1", Username: "u", Password: secret.Env("GODWIT_TEST_NOT_SET")}
	for _, target := range []string{"http://origin.test/", "https://origin.test/"} {
		e := wantKind(t, "no password", get(t, build(t, transport.Config{Proxy: missing}), target), exchange.ErrProxy)
		if !strings.Contains(e.Error(), "GODWIT_TEST_NOT_SET") {
			t.Error(e)
		}
	}
}

// A proxy is verified even if the origin is not, and never with the name of the
// origin.
func TestTL3_ProxyCertificate(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, cert, key := a.Files(godwittest.Leaf{Client: true})
	origin := startTLS(t, a.Server(godwittest.Leaf{Hosts: []string{"origin.test"}}), ok)
	backend := strings.TrimPrefix(origin, "https://")
	shown := make(chan int, 9)
	conf := a.Server(godwittest.Leaf{})
	conf.ClientAuth = tls.RequestClientCert
	conf.VerifyConnection = func(s tls.ConnectionState) error { shown <- len(s.PeerCertificates); return nil }
	good := startTLSProxy(t, conf, backend)
	wrong := startTLSProxy(t, a.Server(godwittest.Leaf{Hosts: []string{"origin.test"}}), backend)
	settings := transport.TLS{CA: ca, Cert: cert, Key: key, ServerName: "origin.test"}
	insecure := settings
	insecure.Insecure = true
	for name, conf := range map[string]transport.TLS{"verified": settings, "insecure": insecure} {
		tr := func(p *fakeProxy) transport.Transport {
			return build(t, transport.Config{TLS: conf, Proxy: transport.Proxy{URL: "https://" + p.Addr()}})
		}
		if o := get(t, tr(good), "https://origin.test/"); o.err != nil {
			t.Errorf("%s: %v", name, o.err)
		}
		if n := <-shown; n != 0 {
			t.Errorf("%s: the proxy was shown %d certificates", name, n)
		}
		for _, target := range []string{"https://origin.test/", "http://origin.test/"} {
			e := wantKind(t, name, get(t, tr(wrong), target), exchange.ErrTLS)
			if !strings.Contains(e.Hint, "proxy's own TLS") {
				t.Errorf("%s: hint %q", name, e.Hint)
			}
		}
	}
	if targets, _ := wrong.got(); targets != "" {
		t.Errorf("the wrong proxy saw %q", targets)
	}
}

// serveSocks is a SOCKS 5 server (RFC 1928) that leads every target to backend.
func serveSocks(t testing.TB, user, password, backend string, asked chan<- string) *godwittest.RawServer {
	t.Helper()
	return godwittest.Raw(t, func(c *godwittest.Conn) {
		read := func(n int) []byte {
			b := make([]byte, n)
			if _, err := io.ReadFull(c, b); err != nil {
				return make([]byte, n)
			}
			return b
		}
		methods := read(int(read(2)[1]))
		if user == "" {
			c.Send("\x05\x00")
		} else {
			if !bytes.Contains(methods, []byte{2}) {
				c.Send("\x05\xff")
				return
			}
			c.Send("\x05\x02")
			u := string(read(int(read(2)[1])))
			if p := string(read(int(read(1)[0]))); u != user || p != password {
				c.Send("\x01\x01")
				return
			}
			c.Send("\x01\x00")
		}
		head := read(4)
		if head[3] != 3 {
			c.Send("\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00")
			return
		}
		name := string(read(int(read(1)[0])))
		read(2)
		asked <- name
		up, err := net.Dial("tcp", backend)
		if err != nil {
			t.Error(err)
			return
		}
		c.Send("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
		splice(c, up)
	})
}

func TestSocks(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	backend := strings.TrimPrefix(startTLS(t, a.Server(godwittest.Leaf{Hosts: []string{"origin.test"}}, "h2"), ok), "https://")
	asked := make(chan string, 9)
	open := serveSocks(t, "", "", backend, asked)
	closed := serveSocks(t, "user", "s3cr3t-canary", backend, asked)
	for name, p := range map[string]transport.Proxy{
		"open":            {URL: "socks5://" + open.Addr()},
		"socks5h":         {URL: "socks5h://" + open.Addr()},
		"with login":      withLogin("socks5://" + closed.Addr()),
		"login not asked": withLogin("socks5://" + open.Addr()),
	} {
		o := get(t, build(t, transport.Config{TLS: transport.TLS{CA: ca}, Proxy: p}), "https://origin.test/")
		if o.err != nil {
			t.Errorf("%s: %v", name, o.err)
			continue
		}
		if host := <-asked; host != "origin.test" { // the name is resolved by the proxy
			t.Errorf("%s: asked for %q", name, host)
		}
	}
	hang := godwittest.Raw(t, func(c *godwittest.Conn) { c.Hang() })
	for name, p := range map[string]transport.Proxy{
		"login missing": {URL: "socks5://" + closed.Addr()},
		"login wrong":   {URL: "socks5://" + closed.Addr(), Username: "user", Password: secret.Value("wrong")},
		"hang":          {URL: "socks5://" + hang.Addr()},
	} {
		tr := build(t, transport.Config{Proxy: p, ConnectTimeout: 50 * time.Millisecond})
		o := get(t, tr, "https://origin.test/")
		wantKind(t, name, o, exchange.ErrProxy)
		if o.attempt.Sent != exchange.SentNo {
			t.Errorf("%s: sent %v", name, o.attempt.Sent)
		}
	}
}

// Explicit settings hold for local addresses too; no_proxy decides.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	origin := startPlain(t, http.HandlerFunc(ok))
	for list, proxied := range map[string]bool{
		"": true, "other.test": true, "127.0.0.1": false, "127.0.0.0/8": false, "*": false,
		"127.0.0.1:" + portOf(t, origin): false, "127.0.0.1:1": true, "::ffff:127.0.0.1": false,
	} {
		p := startProxy(t, origin)
		var entries []string
		if list != "" {
			entries = []string{list}
		}
		tr := build(t, transport.Config{Proxy: transport.Proxy{URL: p.Addr(), NoProxy: entries}})
		if o := get(t, tr, "http://"+origin+"/"); o.err != nil {
			t.Error(o.err)
		}
		if used := p.Conns() > 0; used != proxied {
			t.Errorf("%q: proxied %v", list, used)
		}
	}
}

func TestNoProxyList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list, url string
		direct    bool
	}{
		{"example.com", "http://example.com/", true},
		{"example.com", "https://EXAMPLE.com.:8443/", true},
		{"example.com", "http://a.example.com/", true},
		{"example.com", "http://notexample.com/", false},
		{".example.com", "http://a.b.example.com/", true},
		{".example.com", "http://example.com/", false},
		{"*.example.com", "http://a.example.com/", true},
		{"*.example.com", "http://example.com/", false},
		{"example.com:8080", "http://example.com:8080/", true},
		{"example.com:8080", "http://example.com/", false},
		{"example.com:443", "https://example.com/", true},
		{"192.0.2.0/24", "http://192.0.2.77/", true},
		{"192.0.2.0/24", "http://192.0.3.77/", false},
		{"192.0.2.0/24", "http://[::ffff:192.0.2.1]/", true},
		{"2001:db8::/32", "http://[2001:db8::1]/", true},
		{"[2001:db8::1]:80", "http://[2001:db8:0::1]/", true},
		{"[2001:db8::1]", "https://[2001:db8::1]/", true},
		{"localhost", "http://localhost:1/", true},
		{"10.0.0.0/8", "http://ten.test/", false},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := transport.Bypassed([]string{c.list}, u); err != nil || got != c.direct {
			t.Errorf("%q, %s: %v, %v", c.list, c.url, got, err)
		}
	}
	for _, bad := range []string{"", "10.0.0.0/33", "http://x", "a b", "x:99999", ".", "a/b", "x:y:z"} {
		_, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "none", NoProxy: []string{bad}}})
		if !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), "proxy.no_proxy") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The variables are read by New. They hold for what is not local.
func TestEnvironment(t *testing.T) {
	origin := startPlain(t, http.HandlerFunc(ok))
	p := startProxy(t, origin)
	t.Setenv("HTTP_PROXY", "http://user:s3cr3t-canary@"+p.Addr())
	t.Setenv("http_proxy", "")
	t.Setenv("HTTPS_PROXY", "")
	t.Setenv("https_proxy", "")
	t.Setenv("NO_PROXY", "direct.test")
	t.Setenv("no_proxy", "")
	t.Setenv("REQUEST_METHOD", "")
	tr := build(t, transport.Config{Proxy: transport.Proxy{URL: "environment", NoProxy: []string{"also-direct.test"}}})
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	transport.SetResolver(tr, resolverOf(t, 0, "127.0.0.1"))
	port := portOf(t, origin)
	for _, host := range []string{"origin.test.", "direct.test", "also-direct.test", "127.0.0.1", "localhost", "x.localhost"} {
		if o := get(t, tr, "http://"+host+":"+port+"/"); o.err != nil {
			t.Errorf("%s: %v", host, o.err)
		}
	}
	if targets, logins := p.got(); targets != "GET http://origin.test.:"+port+"/" || logins != login {
		t.Errorf("%q, %q", targets, logins)
	}
	for _, bad := range []string{"ftp://proxy.test", "http://user:s3cr3t-canary@[::1", "http://p/path"} {
		t.Setenv("HTTP_PROXY", bad)
		_, err := transport.New(transport.Config{})
		if !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), "HTTP_PROXY") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "none"}}); err != nil {
		t.Errorf("none does not look at it: %v", err)
	}
}
