package transport_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

// build makes a transport that does not look at the proxy variables, unless the
// test names a proxy.
func build(t testing.TB, c transport.Config) transport.Transport {
	t.Helper()
	if c.Proxy.URL == "" {
		c.Proxy.URL = "none"
	}
	tr, err := transport.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// outcome is all that is known of one call.
type outcome struct {
	resp    *http.Response
	body    string
	err     error
	attempt exchange.Attempt
}

func newRequest(t testing.TB, method, url, body string, change ...func(*http.Request, *exchange.Call)) *http.Request {
	t.Helper()
	ctx, call := exchange.WithCall(t.Context())
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(req, call)
	}
	return req
}

// send runs one request to the end of its body.
func send(t testing.TB, rt http.RoundTripper, req *http.Request) (o outcome) {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	o.resp, o.err = resp, err
	if err == nil {
		if resp.Request != req {
			t.Errorf("the response is about another request")
		}
		b, err := io.ReadAll(resp.Body)
		o.body, o.err = string(b), err
		if err := resp.Body.Close(); err != nil && o.err == nil {
			t.Error(err)
		}
	}
	if a := exchange.CallFrom(req.Context()).Attempts(); len(a) == 1 {
		o.attempt = a[0]
	} else {
		t.Errorf("%d attempts", len(a))
	}
	return o
}

func get(t testing.TB, rt http.RoundTripper, url string) outcome {
	t.Helper()
	return send(t, rt, newRequest(t, http.MethodGet, url, ""))
}

// wantKind checks the kind, and what every error must keep: one line, no query,
// and the same word about what was sent as the attempt.
func wantKind(t testing.TB, name string, o outcome, kind *exchange.Kind) *exchange.Error {
	t.Helper()
	e, ok := errors.AsType[*exchange.Error](o.err)
	if !ok {
		t.Errorf("%s: %v (%T), want kind %v", name, o.err, o.err, kind)
		return &exchange.Error{}
	}
	if e.Kind != kind {
		t.Errorf("%s: kind %v, want %v: %v", name, e.Kind, kind, e)
	}
	if text := e.Error(); strings.ContainsAny(text, "\r\n\x00\x1b") || strings.Contains(text, "hidden") {
		t.Errorf("%s: text %q", name, text)
	}
	if o.resp == nil && e.Sent != o.attempt.Sent {
		t.Errorf("%s: the error says sent %v, the attempt %v", name, e.Sent, o.attempt.Sent)
	}
	return e
}

// serveTLS starts a server of net/http with a certificate of a.
func serveTLS(t testing.TB, a *godwittest.Authority, leaf godwittest.Leaf, h http.HandlerFunc, protocols ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = a.Server(leaf, protocols...)
	s.EnableHTTP2 = len(protocols) > 0
	s.Config.ErrorLog = silent
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// resolverOf answers every A query with the addresses, in order, or with the
// given response code; with neither it is silent.
func resolverOf(t testing.TB, code byte, addrs ...string) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return // the test is over
			}
			if code == 0 && len(addrs) == 0 {
				continue
			}
			_, _ = pc.WriteTo(dnsAnswer(buf[:n], code, addrs), from) // a lost answer is asked for again
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// dnsAnswer makes the answer to a query with one question (RFC 1035 section 4).
func dnsAnswer(query []byte, code byte, addrs []string) []byte {
	end := 12
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	if end > len(query) {
		return nil
	}
	isA := query[end-3] == 1
	out := append([]byte(nil), query[:end]...)
	out[2], out[3] = 0x84, code // answer, authoritative
	clear(out[6:12])
	if !isA || code != 0 {
		return out
	}
	binary.BigEndian.PutUint16(out[6:], uint16(len(addrs)))
	for _, a := range addrs {
		ip := netip.MustParseAddr(a).As4()
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, ip[:]...)
	}
	return out
}
