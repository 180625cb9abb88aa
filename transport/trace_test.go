package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// hints is a server of HTTP/1 that sends a few hints, or 10 MiB of them to
// /flood.
func hints(t *testing.T) string {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
	return godwittest.RawHTTP(t, func(c *godwittest.Conn, r *http.Request) {
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
	}).URL()
}

// hintsH2 is the same on HTTP/2.
func hintsH2(t *testing.T, a *godwittest.Authority) string {
	s := &h2server{answer: func(fr *http2.Framer, path string, stream uint32) bool {
		var b bytes.Buffer
		enc := hpack.NewEncoder(&b)
		n := 10
		if path == "/flood" {
			n = 10 << 10
		}
		for range n {
			b.Reset()
			_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: "103"}) // a bytes.Buffer takes everything
			_ = enc.WriteField(hpack.HeaderField{Name: "link", Value: strings.Repeat("x", 1000)})
			if fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: b.Bytes(), EndHeaders: true}) != nil {
				return false
			}
		}
		return respondH2(fr, stream)
	}}
	return "https://" + s.start(t, a, nil).Addr()
}

// LM5, also where a hook of the caller's looks at the hints: net/http then
// leaves their number to the hook.
func TestLM5_HintsUnderAHook(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	for name, url := range map[string]string{"http/1.1": hints(t), "h2": hintsH2(t, a)} {
		tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}})
		std := &http.Transport{TLSClientConfig: a.Client(), ForceAttemptHTTP2: true}
		t.Cleanup(std.CloseIdleConnections)
		for _, rt := range []http.RoundTripper{tr, transport.Wrap(std)} {
			var seen atomic.Int64
			hooked := func(path string) *http.Request {
				req := newRequest(t, http.MethodGet, url+path, "")
				seen.Store(0)
				return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
					Got1xxResponse: func(int, textproto.MIMEHeader) error { seen.Add(1); return nil },
				}))
			}
			if o := send(t, rt, hooked("/few")); o.err != nil || seen.Load() != 10 {
				t.Errorf("%s: 10 hints: %v, the hook saw %d", name, o.err, seen.Load())
			}
			e := wantKind(t, name+": 10 MiB of hints", send(t, rt, hooked("/flood")), exchange.ErrProtocol)
			if !strings.Contains(e.Error(), "informational") || seen.Load() == 0 || seen.Load() > 10_000 {
				t.Errorf("%s: the hook saw %d: %v", name, seen.Load(), e)
			}
		}
	}
}

// What others do with the attempt's context is no part of the attempt.
func TestNestedRequestsAreNotTheAttempts(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) { c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") })
	std := &http.Transport{}
	t.Cleanup(std.CloseIdleConnections)
	inner := build(t, transport.Config{})
	for name, rt := range map[string]http.RoundTripper{"net/http": std, "godwit": inner} {
		nested := func(like *http.Request) {
			for range 2 {
				req, err := http.NewRequestWithContext(like.Context(), http.MethodGet, s.URL()+"/token", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if name == "godwit" { // as a client does
					ctx, _ := exchange.WithCall(req.Context())
					req = req.WithContext(ctx)
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(func() error { _, err := io.ReadAll(resp.Body); return err }(), resp.Body.Close()); err != nil {
					t.Error(err)
				}
			}
		}
		tr := build(t, transport.Config{})
		hook := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			nested(r)
			resp, err := tr.RoundTrip(r)
			nested(r)
			return resp, err
		})
		var resent atomic.Int32
		observe := func(_ *http.Request, c *exchange.Call) {
			c.Observe(exchange.ObserverFunc(func(_ context.Context, e exchange.Event) {
				if e.Name == exchange.EventRetryResent {
					resent.Add(1)
				}
			}))
		}
		once := func(url string) outcome {
			req := newRequest(t, http.MethodPost, url, "body", observe)
			var o outcome
			o.resp, o.err = exchange.Send(hook, req, exchange.CallFrom(req.Context()), 0)
			if o.err == nil {
				if err := o.resp.Body.Close(); err != nil {
					t.Error(err)
				}
			}
			o.attempt = exchange.CallFrom(req.Context()).Attempts()[0]
			return o
		}
		if o := once(s.URL()); o.err != nil || o.attempt.Reused || o.attempt.Resent != 0 || o.attempt.Timings.Connect <= 0 {
			t.Errorf("%s: %v, %+v", name, o.err, o.attempt)
		}
		if o := once("http://" + closedAddr); o.attempt.Sent != exchange.SentNo {
			t.Errorf("%s: a refused connection counts as sent %v: %v", name, o.attempt.Sent, o.err)
		}
		if resent.Load() != 0 {
			t.Errorf("%s: %d resends were reported", name, resent.Load())
		}
	}
}

// A middleware that passes on two requests in one attempt leaves a doubt.
func TestSentOfTheSecondRequestOfAnAttempt(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) { c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") })
	tr := build(t, transport.Config{})
	twice := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		resp, err := tr.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
		again := r.WithContext(r.Context())
		u := *r.URL
		u.Host = closedAddr
		again.URL, again.Host = &u, ""
		return tr.RoundTrip(again)
	})
	req := newRequest(t, http.MethodPost, s.URL(), "")
	_, err := exchange.Send(twice, req, exchange.CallFrom(req.Context()), 0)
	if e, ok := errors.AsType[*exchange.Error](err); !ok || e.Kind != exchange.ErrConnect || e.Sent != exchange.SentMaybe || e.Attempts[0].Resent != 0 {
		t.Errorf("%+v", err)
	}
}
