package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

func TestContract(t *testing.T) {
	t.Parallel()
	godwittest.TestMiddleware(t, func(*testing.T) exchange.Middleware { return transport.Wrap })
}

func TestWrapOfNewIsItself(t *testing.T) {
	t.Parallel()
	tr := build(t, transport.Config{})
	if transport.Wrap(tr) != http.RoundTripper(tr) {
		t.Error("wrapped twice")
	}
}

func TestWrapErrors(t *testing.T) {
	t.Parallel()
	own := &exchange.Error{Kind: exchange.ErrNotFound}
	for name, c := range map[string]struct {
		err  error
		kind *exchange.Kind
		sent exchange.Sent
	}{
		"refused":      {&net.OpError{Op: "dial", Err: errors.New("refused")}, exchange.ErrConnect, exchange.SentNo},
		"no such host": {&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, exchange.ErrDNS, exchange.SentNo},
		"reset":        {&net.OpError{Op: "read", Err: errors.New("reset")}, exchange.ErrConnect, exchange.SentMaybe},
		"EOF":          {io.EOF, exchange.ErrConnect, exchange.SentMaybe},
		"a text":       {errors.New("boom"), exchange.ErrConnect, exchange.SentMaybe},
		"proxy":        {&net.OpError{Op: "proxyconnect", Err: errors.New("no")}, exchange.ErrProxy, exchange.SentMaybe},
		"malformed":    {textproto.ProtocolError("malformed"), exchange.ErrProtocol, exchange.SentMaybe},
		"record":       {tls.RecordHeaderError{Msg: "first record"}, exchange.ErrTLS, exchange.SentMaybe},
		"canceled":     {context.Canceled, exchange.ErrConnect, exchange.SentMaybe}, // not by the caller
		"own":          {own, exchange.ErrNotFound, exchange.SentMaybe},
		"URL in text":  {errors.New("Get http://u:p@h/?key=hidden failed\r\n"), exchange.ErrConnect, exchange.SentMaybe},
	} {
		rt := transport.Wrap(exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, c.err }))
		o := send(t, rt, newRequest(t, http.MethodPost, "http://api.test/?key=hidden", ""))
		if name == "URL in text" {
			if e, ok := errors.AsType[*exchange.Error](o.err); !ok || e.Kind != c.kind {
				t.Errorf("%s: %v", name, o.err)
			}
			continue
		}
		wantKind(t, name, o, c.kind)
		if o.attempt.Sent != c.sent {
			t.Errorf("%s: sent %v", name, o.attempt.Sent)
		}
	}
}

// A foreign *http.Transport says more.
func TestWrapOfAnHTTPTransport(t *testing.T) {
	t.Parallel()
	std := &http.Transport{}
	t.Cleanup(std.CloseIdleConnections)
	o := send(t, transport.Wrap(std), newRequest(t, http.MethodPost, "http://"+closedAddr, ""))
	wantKind(t, "refused", o, exchange.ErrConnect)
	if o.attempt.Sent != exchange.SentNo {
		t.Errorf("sent %v", o.attempt.Sent)
	}
	hang := godwittest.Raw(t, func(c *godwittest.Conn) { c.Hang() })
	slow := &http.Transport{ResponseHeaderTimeout: 20 * time.Millisecond, TLSHandshakeTimeout: 20 * time.Millisecond}
	t.Cleanup(slow.CloseIdleConnections)
	wantKind(t, "header", get(t, transport.Wrap(slow), hang.URL()), exchange.ErrHeaderTimeout)
	wantKind(t, "handshake", get(t, transport.Wrap(slow), "https://"+hang.Addr()), exchange.ErrTLSTimeout)
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) { c.Send("HTTP/1.1 abc\r\n\r\n") })
	wantKind(t, "malformed", get(t, transport.Wrap(std), s.URL()), exchange.ErrProtocol)
}

// countedConn is a connection on which nothing was read for this attempt.
type countedConn struct {
	net.Conn
	closed bool
}

func (*countedConn) BytesWritten() int64 { return 100 }
func (*countedConn) BytesRead() int64    { return 500 }
func (c *countedConn) Close() error      { c.closed = true; return nil }

// FC6, deterministic: an answer that was there before the request is not an
// answer to it, and its connection is closed even if it is in the pool again.
func TestFC6_AnswerBeforeTheRequest(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]*exchange.Kind{200: exchange.ErrProtocol, 408: exchange.ErrConnect} {
		for _, reused := range []bool{true, false} {
			c := &countedConn{}
			rt := transport.Wrap(exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{Conn: c, Reused: reused})
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
			}))
			o := send(t, rt, newRequest(t, http.MethodGet, "http://api.test/", ""))
			if !reused {
				if o.err != nil || c.closed {
					t.Errorf("%d on a fresh connection: %v", status, o.err)
				}
				continue
			}
			wantKind(t, "unsolicited", o, kind)
			if !c.closed {
				t.Errorf("%d: the connection stays open", status)
			}
		}
	}
}

func TestWrapStatuses(t *testing.T) {
	t.Parallel()
	for status, ok := range map[int]bool{99: false, 100: false, 103: false, 101: false, 200: true, 404: true, 599: true, 600: false, 999: false, 0: false, -1: false} {
		closed := &closeCounter{}
		rt := transport.Wrap(exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: closed, Request: r}, nil
		}))
		o := send(t, rt, newRequest(t, http.MethodGet, "http://api.test/", ""))
		if ok != (o.err == nil) || closed.n != 1 {
			t.Errorf("%d: %v, body closed %d times", status, o.err, closed.n)
		}
		if !ok {
			wantKind(t, "status", o, exchange.ErrProtocol)
		}
	}
}
