package transport_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

func TestLM4_HeadersAreBounded(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	h := func(w http.ResponseWriter, r *http.Request) {
		size := 100 << 10
		if r.URL.Path == "/big" {
			size = 300 << 10
		}
		for i := range size / 1024 {
			w.Header().Add("X-Fill-"+strings.Repeat("a", i%7), strings.Repeat("v", 1000))
		}
	}
	for _, protocol := range []string{"http/1.1", "h2"} {
		s := startTLS(t, a.Server(godwittest.Leaf{}, protocol), h)
		tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}})
		if o := get(t, tr, s+"/small"); o.err != nil {
			t.Errorf("%s: 100 KiB: %v", protocol, o.err)
		}
		if e := wantKind(t, protocol+" 300 KiB", get(t, tr, s+"/big"), exchange.ErrProtocol); !strings.Contains(e.Hint, "decode.max_header") {
			t.Errorf("%s: hint %q of %v", protocol, e.Hint, e)
		}
		tight := build(t, transport.Config{TLS: transport.TLS{CA: ca}, MaxHeaderBytes: 50 << 10})
		wantKind(t, protocol+" over a limit that is set", get(t, tight, s+"/small"), exchange.ErrProtocol)
	}
	endless := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 200 OK\r\n")
		for range 11 << 10 {
			if _, err := c.Write([]byte("X-A: " + strings.Repeat("v", 1017) + "\r\n")); err != nil {
				return
			}
		}
	})
	wantKind(t, "11 MiB", get(t, build(t, transport.Config{}), endless.URL()), exchange.ErrProtocol)
}

func TestLM5_InformationalResponses(t *testing.T) {
	t.Parallel()
	hint := "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, r *http.Request) {
		n := 10
		if r.URL.Path == "/flood" {
			n = 10 << 20 / len(hint)
		}
		for range n {
			if _, err := c.Write([]byte(hint)); err != nil {
				return
			}
		}
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	tr := build(t, transport.Config{})
	if o := get(t, tr, s.URL()); o.err != nil || o.body != "ok" {
		t.Errorf("10 hints: %q, %v", o.body, o.err)
	}
	wantKind(t, "10 MiB of hints", get(t, tr, s.URL()+"/flood"), exchange.ErrProtocol)

	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	h2 := startTLS(t, a.Server(godwittest.Leaf{}, "h2"), func(w http.ResponseWriter, r *http.Request) {
		n := 10
		if r.URL.Path == "/flood" {
			n = 2000
			w.Header().Set("Link", strings.Repeat("x", 1000))
		}
		for range n {
			w.WriteHeader(http.StatusEarlyHints)
		}
	})
	tr = build(t, transport.Config{TLS: transport.TLS{CA: ca}})
	if o := get(t, tr, h2); o.err != nil {
		t.Errorf("10 hints on h2: %v", o.err)
	}
	o := get(t, tr, h2+"/flood")
	if o.err == nil {
		t.Error("2 MB of hints on h2 passed")
	}
}

func TestSwitchedProtocols(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello")
		_ = c.Close() // that was all
	})
	tr := build(t, transport.Config{})
	wantKind(t, "not asked for", get(t, tr, s.URL()), exchange.ErrProtocol)
	o := send(t, tr, newRequest(t, http.MethodGet, s.URL(), "", func(r *http.Request, _ *exchange.Call) {
		r.Header.Set("Connection", "keep-alive, Upgrade")
		r.Header.Set("Upgrade", "chat")
	}))
	if o.err != nil || o.resp.StatusCode != 101 || o.body != "hello" {
		t.Errorf("asked for: %q, %v", o.body, o.err)
	}
}
