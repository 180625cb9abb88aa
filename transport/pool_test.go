package transport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

// Twenty callers of four hosts share two connections: idle ones make room, and
// nobody waits for ever.
func TestMaxConns(t *testing.T) {
	t.Parallel()
	var open, most atomic.Int32
	var hosts []string
	for range 4 {
		s := godwittest.Raw(t, func(c *godwittest.Conn) {
			n := open.Add(1)
			defer open.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			for {
				if _, err := c.ReadRequest(); err != nil {
					return
				}
				c.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
			}
		})
		hosts = append(hosts, s.URL())
	}
	tr := build(t, transport.Config{Pool: transport.Pool{MaxConns: 2}})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 3 {
				if o := get(t, tr, hosts[(i+j)%len(hosts)]); o.err != nil || o.body != "hello" {
					t.Errorf("%q, %v", o.body, o.err)
				}
			}
		})
	}
	wg.Wait()
	// A server notices a closed connection a little later than the client: its
	// own count may be ahead by those.
	if n := most.Load(); n > 2+2 {
		t.Errorf("%d connections at once", n)
	}
}

// A wait for a place ends with the caller's context, and what it waited for goes
// to the next one.
func TestMaxConnsWaitObeysTheContext(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, r *http.Request) {
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
		if r.URL.Path != "/held" {
			c.Send("lo")
		}
	})
	other := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) { c.Send("HTTP/1.1 204 No Content\r\n\r\n") })
	tr := build(t, transport.Config{Pool: transport.Pool{MaxConns: 1}})
	held, err := tr.RoundTrip(newRequest(t, http.MethodGet, s.URL()+"/held", ""))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user pressed stop")
	time.AfterFunc(30*time.Millisecond, func() { cancel(why) })
	_, err = tr.RoundTrip(newRequest(t, http.MethodGet, other.URL(), "").WithContext(ctx))
	if !errors.Is(err, exchange.ErrCanceled) || !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	done := make(chan outcome)
	go func() { done <- get(t, tr, other.URL()) }()
	if _, err := io.ReadFull(held.Body, make([]byte, 3)); err != nil {
		t.Error(err)
	}
	if err := held.Body.Close(); err != nil { // its connection is closed and makes room
		t.Error(err)
	}
	if o := <-done; o.err != nil {
		t.Error(o.err)
	}
}

func TestMaxConnsPerHost(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) { c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") })
	tr := build(t, transport.Config{Pool: transport.Pool{MaxConnsPerHost: 1, MaxConns: 3}})
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if o := get(t, tr, s.URL()); o.err != nil {
				t.Error(o.err)
			}
		})
	}
	wg.Wait()
	if s.Conns() != 1 {
		t.Errorf("%d connections", s.Conns())
	}
}

func TestCloseClosesIdleConnections(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	s := godwittest.Raw(t, func(c *godwittest.Conn) {
		defer close(gone)
		for {
			if _, err := c.ReadRequest(); err != nil {
				return
			}
			c.Send("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	tr := build(t, transport.Config{})
	if o := get(t, tr, s.URL()); o.err != nil {
		t.Fatal(o.err)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	<-gone
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for field, c := range map[string]transport.Config{
		"timeout.connect":         {ConnectTimeout: -1},
		"timeout.tls":             {TLSTimeout: -1},
		"decode.max_header":       {MaxHeaderBytes: -1},
		"pool.max_conns":          {Pool: transport.Pool{MaxConns: -1}},
		"pool.max_conns_per_host": {Pool: transport.Pool{MaxConnsPerHost: -1}},
		"pool.max_idle":           {Pool: transport.Pool{MaxIdle: -1}},
		"pool.max_idle_per_host":  {Pool: transport.Pool{MaxIdlePerHost: -1}},
		"pool.idle_timeout":       {Pool: transport.Pool{IdleTimeout: -1}},
		"pool.http2":              {Pool: transport.Pool{HTTP2: "yes"}},
		"redirect.private_hosts":  {PrivateHosts: []string{"http://x"}},
		"proxy.url":               {Proxy: transport.Proxy{URL: "ftp://x"}},
		"proxy.url: userinfo":     {Proxy: transport.Proxy{URL: "http://u@x"}},
		"proxy.username":          {Proxy: transport.Proxy{URL: "http://x", Username: "a:b"}},
		"proxy.username, ":        {Proxy: transport.Proxy{URL: "none", Username: "a"}},
	} {
		_, err := transport.New(c)
		if !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
