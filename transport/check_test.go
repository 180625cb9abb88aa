package transport_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

func TestCR8_NothingInjectedIsSent(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, r *http.Request) { t.Errorf("the server saw %s %s", r.Method, r.URL) })
	tr := build(t, transport.Config{})
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = []string{value} }
	}
	for name, change := range map[string]func(*http.Request){
		"method CRLF":       func(r *http.Request) { r.Method = "GET / HTTP/1.1\r\nX: y\r\n\r\nGET" },
		"method space":      func(r *http.Request) { r.Method = "GET " },
		"value CRLF":        set("X-A", "hidden\r\nEvil: 1"),
		"value LF":          set("X-A", "hidden\n"),
		"value CR":          set("X-A", "hid\rden"),
		"value NUL":         set("X-A", "hidden\x00"),
		"value DEL":         set("X-A", "hidden\x7f"),
		"name CRLF":         set("X-A\r\nEvil", "1"),
		"name empty":        set("", "1"),
		"name space":        set("X A", "1"),
		"name colon":        set("X:", "1"),
		"trailer CRLF":      func(r *http.Request) { r.Trailer = http.Header{"X-T": {"hidden\r\n"}} },
		"host CRLF":         func(r *http.Request) { r.Host = "h\r\nEvil: 1" },
		"host path":         func(r *http.Request) { r.Host = "h/evil" },
		"host userinfo":     func(r *http.Request) { r.Host = "user@h" },
		"URL host":          func(r *http.Request) { u := *r.URL; u.Host += "\r\n"; r.URL = &u },
		"query CRLF":        func(r *http.Request) { u := *r.URL; u.RawQuery = "a=1 HTTP/1.1\r\nEvil: 1"; r.URL = &u },
		"query space":       func(r *http.Request) { u := *r.URL; u.RawQuery = "a b"; r.URL = &u },
		"opaque":            func(r *http.Request) { u := *r.URL; u.Opaque = "/x\r\n"; r.URL = &u },
		"no host":           func(r *http.Request) { r.URL = &url.URL{Scheme: "http", Path: "/"} },
		"no URL":            func(r *http.Request) { r.URL = nil },
		"scheme":            func(r *http.Request) { r.URL = &url.URL{Scheme: "file", Path: "/etc/passwd", Host: "h"} },
		"length twice":      set("content-length", "5"),
		"transfer encoding": set("transfer-encoding", "chunked"),
		"host field":        set("hOST", "evil.test"),
		"proxy login":       set("proxy-authorization", "Basic hidden"),
	} {
		req := newRequest(t, http.MethodPost, s.URL()+"/?token=hidden", "body")
		change(req)
		closed := &closeCounter{}
		req.Body = closed
		e := wantKind(t, name, send(t, tr, req), exchange.ErrRequest)
		if e.Sent != exchange.SentNo || e.Policy != "transport" || closed.n != 1 {
			t.Errorf("%s: sent %v, policy %q, body closed %d times", name, e.Sent, e.Policy, closed.n)
		}
	}
	if s.Conns() != 0 {
		t.Errorf("%d connections were made", s.Conns())
	}
}

type closeCounter struct {
	strings.Reader
	n int
}

func (c *closeCounter) Close() error { c.n++; return nil }

// What the checks let through arrives as one request that says what was set.
func FuzzCR8_Request(f *testing.F) {
	for _, s := range [][4]string{
		{"GET", "X-A", "v", "a=1"},
		{"GE T", "X-A", "v\r\n", "a\r\n"},
		{"\r\n", "\r\n", "\x00", "\x7f"},
		{"POST", "transfer-encoding", "chunked", ""},
		{"M-SEARCH", "x_y", "tab\tin", "%0d%0a"},
		{"GET", "X", "ÿ", "é"},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	seen := make(chan *http.Request, 16)
	s := godwittest.RawHTTP(f, func(c *godwittest.Conn, r *http.Request) {
		seen <- r
		c.Send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		_ = c.Close() // one request each
	})
	tr := build(f, transport.Config{})
	f.Fuzz(func(t *testing.T, method, name, value, query string) {
		req := newRequest(t, http.MethodGet, s.URL(), "")
		req.Method, req.Header = method, http.Header{name: {value}}
		req.URL = &url.URL{Scheme: "http", Host: s.Addr(), Path: "/", RawQuery: query}
		o := send(t, tr, req)
		if o.err != nil {
			return // refused here, or by the server because the method means more to it
		}
		got := <-seen
		want := method
		if want == "" {
			want = http.MethodGet
		}
		if got.Method != want || got.URL.RawQuery != query {
			t.Errorf("sent %q ?%q, arrived %q ?%q", want, query, got.Method, got.URL.RawQuery)
		}
		for k := range got.Header {
			if !strings.EqualFold(k, name) && k != "User-Agent" && k != "Connection" && k != "Content-Length" {
				t.Errorf("%q: %q became a field %q", name, value, k)
			}
		}
		if len(seen) != 0 {
			t.Error("one request became two")
		}
	})
}
