package transport_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// keyed sets the fields that make net/http take any request for replayable.
func keyed(r *http.Request, _ *exchange.Call) {
	r.Header.Set("Idempotency-Key", "k-1")
	r.Header.Set("X-Idempotency-Key", "k-2")
}

// D1: a reused connection dies after the request arrived; the server has seen
// it once, and the key in it.
func TestD1_NoSilentResendHTTP1(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, body string }{
		{"POST", "payload"}, {"POST", ""}, {"DELETE", ""}, {"PUT", "payload"}, {"PATCH", ""},
	} {
		var mu sync.Mutex
		var seen []string
		s := godwittest.Raw(t, func(conn *godwittest.Conn) {
			for {
				req, err := conn.ReadRequest()
				if err != nil {
					return
				}
				if req.URL.Path == "/first" {
					conn.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					continue
				}
				mu.Lock()
				seen = append(seen, req.Header.Get("Idempotency-Key")+" "+req.Header.Get("X-Idempotency-Key"))
				mu.Unlock()
				return
			}
		})
		tr := build(t, transport.Config{})
		if o := get(t, tr, s.URL()+"/first"); o.err != nil {
			t.Fatal(o.err)
		}
		o := send(t, tr, newRequest(t, c.method, s.URL()+"/once", c.body, keyed))
		wantKind(t, c.method, o, exchange.ErrConnect)
		mu.Lock()
		if len(seen) != 1 || seen[0] != "k-1 k-2" {
			t.Errorf("%s %q: the server saw %q", c.method, c.body, seen)
		}
		mu.Unlock()
		if !o.attempt.Reused || o.attempt.Sent != exchange.SentMaybe || o.attempt.Resent != 0 {
			t.Errorf("%s: %+v", c.method, o.attempt)
		}
	}
}

// h2server answers /first and treats every other request as end says. It
// reports method, path and key of each request.
type h2server struct {
	*godwittest.RawServer
	answer func(fr *http2.Framer, path string, stream uint32) (goOn bool) // in place of end
	mu     sync.Mutex
	seen   []string
}

type h2end func(fr *http2.Framer, c net.Conn, stream uint32) (goOn bool)

func serveH2(t *testing.T, a *godwittest.Authority, end h2end) *h2server {
	t.Helper()
	return (&h2server{}).start(t, a, end)
}

func (s *h2server) start(t *testing.T, a *godwittest.Authority, end h2end) *h2server {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", a.Server(godwittest.Leaf{}, "h2"))
	if err != nil {
		t.Fatal(err)
	}
	return s.startOn(t, l, end)
}

func (s *h2server) startOn(t *testing.T, l net.Listener, end h2end) *h2server {
	s.RawServer = godwittest.RawOn(t, l, func(c *godwittest.Conn) {
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		fr := http2.NewFramer(c, c)
		fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		if err := fr.WriteSettings(); err != nil {
			return
		}
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				return // the client is done
			}
			switch f := f.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() && fr.WriteSettingsAck() != nil {
					return
				}
			case *http2.MetaHeadersFrame:
				if !s.request(fr, c, f, end) {
					return
				}
			}
		}
	})
	return s
}

func (s *h2server) request(fr *http2.Framer, c net.Conn, f *http2.MetaHeadersFrame, end h2end) bool {
	key := ""
	for _, h := range f.RegularFields() {
		if h.Name == "idempotency-key" {
			key = h.Value
		}
	}
	if s.answer != nil {
		return s.answer(fr, f.PseudoValue("path"), f.StreamID)
	}
	if f.PseudoValue("path") == "/first" {
		return respondH2(fr, f.StreamID)
	}
	s.mu.Lock()
	s.seen = append(s.seen, f.PseudoValue("method")+" "+f.PseudoValue("path")+" "+key)
	s.mu.Unlock()
	return end(fr, c, f.StreamID)
}

func respondH2(fr *http2.Framer, stream uint32) bool {
	var b bytes.Buffer
	if err := hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: "200"}); err != nil {
		return false
	}
	return fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: b.Bytes(), EndHeaders: true, EndStream: true}) == nil
}

func reset(code http2.ErrCode) h2end {
	return func(fr *http2.Framer, _ net.Conn, stream uint32) bool { return fr.WriteRSTStream(stream, code) == nil }
}

// D1 on HTTP/2, where net/http resends any method after a refusal and after a
// PROTOCOL_ERROR, which proves nothing.
func TestD1_FG20_NoSilentResendHTTP2(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	ends := map[string]h2end{
		"refused stream": reset(http2.ErrCodeRefusedStream),
		"protocol error": reset(http2.ErrCodeProtocol),
		"internal error": reset(http2.ErrCodeInternal),
		"closed":         func(*http2.Framer, net.Conn, uint32) bool { return false },
		"goaway": func(fr *http2.Framer, _ net.Conn, _ uint32) bool {
			return fr.WriteGoAway(1, http2.ErrCodeNo, nil) != nil // the stream was not processed; then close
		},
	}
	for name, end := range ends {
		for _, c := range []struct{ method, body string }{{"POST", "payload"}, {"POST", ""}, {"DELETE", ""}} {
			s := serveH2(t, a, end)
			tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}})
			url := "https://" + s.Addr()
			if o := get(t, tr, url+"/first"); o.err != nil || o.resp.ProtoMajor != 2 {
				t.Fatalf("%s: %v", name, o.err)
			}
			o := send(t, tr, newRequest(t, c.method, url+"/once", c.body, keyed))
			wantKind(t, name+" "+c.method+" "+c.body, o, exchange.ErrConnect)
			s.mu.Lock()
			if len(s.seen) != 1 || s.seen[0] != c.method+" /once k-1" {
				t.Errorf("%s: the server saw %q", name, s.seen)
			}
			s.mu.Unlock()
			if o.attempt.Sent != exchange.SentMaybe {
				t.Errorf("%s: sent %v", name, o.attempt.Sent)
			}
		}
	}
}

// The caller's request keeps its own header, and the foreign transport under
// Wrap gets the same treatment.
func TestIdempotencyKeyIsOnlyRespelled(t *testing.T) {
	t.Parallel()
	var got http.Header
	rt := transport.Wrap(exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		got = r.Header
		if r.GetBody != nil {
			t.Error("GetBody was passed on")
		}
		exchange.CloseBody(r)
		return &http.Response{StatusCode: 204, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}))
	req := newRequest(t, "POST", "http://api.test/", "x", func(r *http.Request, _ *exchange.Call) {
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Proxy-Authorization", "Basic hidden")
	})
	if o := send(t, rt, req); o.err != nil {
		t.Fatal(o.err)
	}
	respelled := "idempotency-key"
	if got[respelled] == nil || got["Idempotency-Key"] != nil || got["Proxy-Authorization"] != nil {
		t.Errorf("passed on %v", got)
	}
	if req.Header.Get("Idempotency-Key") != "k" || req.Header.Get("Proxy-Authorization") == "" || req.GetBody == nil {
		t.Errorf("the caller's request was changed: %v", req.Header)
	}
}

// What the caller's body does wrong is not the network's fault.
func TestRequestBodyFailures(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 204 No Content\r\n\r\n")
	})
	boom := errors.New("disk gone")
	for name, c := range map[string]struct {
		body   io.Reader
		length int64
	}{
		"failing":   {io.MultiReader(bytes.NewReader(make([]byte, 100_000)), failing{boom}), -1},
		"too short": {bytes.NewReader(make([]byte, 10)), 11},
		"too long":  {bytes.NewReader(make([]byte, 10)), 9},
	} {
		req := newRequest(t, "POST", s.URL(), "x")
		req.Body, req.ContentLength, req.GetBody = io.NopCloser(c.body), c.length, nil
		o := send(t, build(t, transport.Config{}), req)
		if o.err == nil && name == "too long" {
			continue // the answer may come before the byte too many is noticed
		}
		wantKind(t, name, o, exchange.ErrRequest)
		if name == "failing" && !errors.Is(o.err, boom) {
			t.Errorf("%v", o.err)
		}
	}
}

// A body that comes from another call fails with that call's error, which is the
// cause and no more.
func TestRequestBodyOfAnotherCall(t *testing.T) {
	t.Parallel()
	source := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.SendCut("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhello", 1000)
	})
	sink := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) { c.Send("HTTP/1.1 204 No Content\r\n\r\n") })
	tr := build(t, transport.Config{})
	resp, err := tr.RoundTrip(newRequest(t, "GET", source.URL()+"/source", ""))
	if err != nil {
		t.Fatal(err)
	}
	req := newRequest(t, "PUT", sink.URL()+"/sink", "x")
	req.Body, req.ContentLength, req.GetBody = resp.Body, -1, nil
	e := wantKind(t, "piped", send(t, tr, req), exchange.ErrRequest)
	if e.Method != "PUT" || !strings.HasSuffix(e.URL, "/sink") || e.Status != 0 || e.Sent != exchange.SentMaybe {
		t.Errorf("it is told of %s %s, status %d, sent %v", e.Method, e.URL, e.Status, e.Sent)
	}
	if !errors.Is(e.Err, exchange.ErrTruncated) || !strings.Contains(e.Error(), "/source") {
		t.Errorf("the cause is lost: %v", e)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
