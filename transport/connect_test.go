package transport_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

// closedAddr is an address that nobody listens at. A port that was just given
// back would not do: another test may get it.
const closedAddr = "127.0.0.1:1"

func portOf(t testing.TB, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestFC1_Refused(t *testing.T) {
	t.Parallel()
	o := send(t, build(t, transport.Config{}), newRequest(t, http.MethodPost, "http://"+closedAddr+"/x?key=hidden", "body"))
	wantKind(t, "refused", o, exchange.ErrConnect)
	if o.attempt.Sent != exchange.SentNo || !errors.Is(o.err, syscall.ECONNREFUSED) {
		t.Errorf("sent %v: %v", o.attempt.Sent, o.err)
	}
}

// Two of the three addresses refuse; the third is reached within the attempt.
func TestFC1_NextAddress(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	tr := build(t, transport.Config{})
	transport.SetResolver(tr, resolverOf(t, 0, "127.0.0.3", "127.0.0.2", "127.0.0.1"))
	o := get(t, tr, "http://three.test.:"+portOf(t, s.Addr())+"/")
	if o.err != nil || o.body != "ok" {
		t.Fatalf("%q, %v", o.body, o.err)
	}
	if d := o.attempt.Timings; d.DNS <= 0 || d.Connect <= 0 {
		t.Errorf("timings %+v", d)
	}
}

// localhost and the names below it are this machine on either protocol, and
// nobody else is asked for them.
func TestLocalNamesAreNotResolved(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", listen)
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Logf("%s: the machine has no such address", listen)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		s := godwittest.RawOn(t, l, func(c *godwittest.Conn) {
			for {
				if _, err := c.ReadRequest(); err != nil {
					return
				}
				c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		})
		tr := build(t, transport.Config{})
		transport.SetResolver(tr, resolverOf(t, 0, "192.0.2.1"))
		for _, host := range []string{"localhost", "LocalHost.", "x.localhost", "a.b.localhost."} {
			if o := get(t, tr, "http://"+host+":"+portOf(t, s.Addr())+"/"); o.err != nil || o.body != "ok" || o.attempt.Timings.DNS != 0 {
				t.Errorf("%s at %s: %q, %v, %+v", host, listen, o.body, o.err, o.attempt.Timings)
			}
		}
	}
	tr := build(t, transport.Config{})
	o := get(t, tr, "http://x.localhost:1/")
	wantKind(t, "nobody listens", o, exchange.ErrConnect)
	if !errors.Is(o.err, syscall.ECONNREFUSED) || !strings.Contains(o.err.Error(), "127.0.0.1:1") {
		t.Errorf("%v", o.err)
	}
}

func TestDNSKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code byte
		is   func(*net.DNSError) bool
	}{
		"NXDOMAIN": {3, func(e *net.DNSError) bool { return e.IsNotFound && !e.IsTemporary }},
		"SERVFAIL": {2, func(e *net.DNSError) bool { return !e.IsNotFound && e.IsTemporary }},
	} {
		tr := build(t, transport.Config{})
		transport.SetResolver(tr, resolverOf(t, c.code))
		o := get(t, tr, "http://gone.test./")
		wantKind(t, name, o, exchange.ErrDNS)
		var dns *net.DNSError
		if !errors.As(o.err, &dns) || !c.is(dns) || o.attempt.Sent != exchange.SentNo {
			t.Errorf("%s: %+v, sent %v", name, dns, o.attempt.Sent)
		}
	}
}

// Slow name resolution counts into the connect time.
func TestConnectTimeoutCoversDNS(t *testing.T) {
	t.Parallel()
	tr := build(t, transport.Config{ConnectTimeout: 50 * time.Millisecond})
	transport.SetResolver(tr, resolverOf(t, 0))
	o := get(t, tr, "http://silent.test./")
	e := wantKind(t, "silence", o, exchange.ErrConnectTimeout)
	if !errors.Is(o.err, exchange.ErrTimeout) || !e.Timeout() || !strings.Contains(e.Error(), "50ms") || o.attempt.Sent != exchange.SentNo {
		t.Errorf("sent %v: %v", o.attempt.Sent, o.err)
	}
}

func TestTimings(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	s := serveTLS(t, a, godwittest.Leaf{}, func(http.ResponseWriter, *http.Request) {})
	ca, _, _ := a.Files(godwittest.Leaf{})
	tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}})
	transport.SetResolver(tr, resolverOf(t, 0, "127.0.0.1"))
	url := "https://example.com:" + portOf(t, s.Listener.Addr().String()) + "/"
	o := get(t, tr, url)
	if o.err != nil {
		t.Fatal(o.err)
	}
	d := o.attempt.Timings
	if d.DNS <= 0 || d.Connect <= 0 || d.TLS <= 0 || d.FirstByte < d.DNS+d.Connect+d.TLS || d.Total < d.FirstByte {
		t.Errorf("%+v", d)
	}
	if o.attempt.Reused || o.attempt.Protocol != "HTTP/1.1" || o.attempt.Sent != exchange.SentYes {
		t.Errorf("%+v", o.attempt)
	}
	o = get(t, tr, url)
	if d := o.attempt.Timings; o.err != nil || !o.attempt.Reused || d.DNS != 0 || d.Connect != 0 || d.TLS != 0 {
		t.Errorf("second: %v, %+v", o.err, o.attempt)
	}
}

func TestFC2_LostConnections(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(*godwittest.Conn){
		"reset at accept": func(c *godwittest.Conn) { c.Reset() },
		"reset after the request": func(c *godwittest.Conn) {
			if _, err := c.ReadRequest(); err == nil {
				c.Reset()
			}
		},
		"closed after the request": func(c *godwittest.Conn) { _, _ = c.ReadRequest() },
		"cut in the status line": func(c *godwittest.Conn) {
			if _, err := c.ReadRequest(); err == nil {
				c.Send("HTTP/1.1 20")
			}
		},
		"cut in the header": func(c *godwittest.Conn) {
			if _, err := c.ReadRequest(); err == nil {
				c.Send("HTTP/1.1 200 OK\r\nContent-Le")
			}
		},
	} {
		s := godwittest.Raw(t, serve)
		o := send(t, build(t, transport.Config{}), newRequest(t, http.MethodPost, s.URL(), "body"))
		wantKind(t, name, o, exchange.ErrConnect)
		if name != "reset at accept" && o.attempt.Sent != exchange.SentMaybe {
			t.Errorf("%s: sent %v", name, o.attempt.Sent)
		}
		if n := s.Conns(); n != 1 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

// An idle connection that the server closes costs a GET one resend, which is
// booked, and a POST its answer.
func TestFC4_IdleConnectionClosed(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{http.MethodGet: 2, http.MethodPost: 1} {
		posts := make(chan string, 9)
		s := godwittest.Raw(t, func(c *godwittest.Conn) {
			for n := 1; ; n++ {
				req, err := c.ReadRequest()
				if err != nil {
					return
				}
				posts <- req.URL.Path
				if req.URL.Path == "/second" && c.Number == 1 {
					return // the client found the connection usable; now it is gone
				}
				c.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		})
		tr := build(t, transport.Config{})
		if o := get(t, tr, s.URL()+"/first"); o.err != nil {
			t.Fatal(o.err)
		}
		o := send(t, tr, newRequest(t, method, s.URL()+"/second", map[string]string{http.MethodPost: "x"}[method]))
		if method == http.MethodGet {
			if o.err != nil || o.attempt.Resent != 1 {
				t.Errorf("GET: %v, resent %d", o.err, o.attempt.Resent)
			}
		} else {
			wantKind(t, method, o, exchange.ErrConnect)
			if o.attempt.Sent != exchange.SentMaybe || !o.attempt.Reused {
				t.Errorf("POST: %+v", o.attempt)
			}
		}
		if s.Conns() != want || len(posts) != want+1 {
			t.Errorf("%s: %d connections, %d requests", method, s.Conns(), len(posts))
		}
	}
}

// Bytes after the announced length are not taken for the answer to the next
// request, and their connection is not used again.
func TestFC6_BytesAfterTheLength(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, req *http.Request) {
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
		if req.URL.Path == "/extra" {
			answer += "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
		}
		c.Send(answer)
	})
	for range 20 { // whether net/http notices by itself is a race
		tr := build(t, transport.Config{})
		if o := get(t, tr, s.URL()+"/extra"); o.err != nil || o.body != "good" {
			t.Fatalf("%q, %v", o.body, o.err)
		}
		o := send(t, tr, newRequest(t, http.MethodPost, s.URL()+"/next", "x"))
		switch {
		case o.err == nil && o.body != "good":
			t.Fatalf("the next request got %q", o.body)
		case o.err != nil && !errors.Is(o.err, exchange.ErrProtocol) && !errors.Is(o.err, exchange.ErrConnect):
			t.Fatal(o.err)
		}
	}
}

func TestFC5_HeaderTrickleEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 200 OK\r\nX: ")
		c.Hang()
	})
	ctx, call := exchange.WithCall(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := build(t, transport.Config{})
	armed := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		exchange.LiveFrom(r.Context()).Arm(exchange.WatchHeader, 30*time.Millisecond, 30*time.Millisecond)
		return tr.RoundTrip(r)
	})
	_, err = exchange.Send(armed, req, call, 0)
	e, ok := errors.AsType[*exchange.Error](err)
	if !ok || e.Kind != exchange.ErrHeaderTimeout || e.Policy != "timeout" || e.Sent != exchange.SentMaybe {
		t.Errorf("%#v", err)
	}
}

// A dial that nobody waits for any more ends by itself and leaves nothing.
func TestFC7_CallerGoesDuringTheDial(t *testing.T) {
	t.Parallel()
	tr := build(t, transport.Config{ConnectTimeout: 500 * time.Millisecond, Pool: transport.Pool{MaxConns: 1}})
	transport.SetResolver(tr, resolverOf(t, 0))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	req := newRequest(t, http.MethodGet, "http://silent.test./", "").WithContext(ctx)
	if _, err := tr.RoundTrip(req); !errors.Is(err, exchange.ErrTotalTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	// The place of the abandoned dial comes back.
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) { c.Send("HTTP/1.1 204 No Content\r\n\r\n") })
	if o := get(t, tr, s.URL()); o.err != nil {
		t.Error(o.err)
	}
}
