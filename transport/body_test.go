package transport_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

// A body that ends early was cut; one whose framing is no chunked coding (RFC
// 9112 section 7.1) is a broken answer, and trying again is not the remedy.
func TestCutOrMalformedBodies(t *testing.T) {
	t.Parallel()
	const head, chunked = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	answers := map[string]struct {
		raw  string
		open bool // the server does not close the connection
		kind *exchange.Kind
	}{
		"/short":         {head + "Content-Length: 9\r\n\r\nhello", false, exchange.ErrTruncated},
		"/cut chunk":     {chunked + "9\r\nhello", false, exchange.ErrTruncated},
		"/cut size":      {chunked + "5\r\nhello\r\n5", false, exchange.ErrTruncated},
		"/no last chunk": {chunked + "5\r\nhello\r\n", false, exchange.ErrTruncated},
		"/cut trailer":   {chunked + "5\r\nhello\r\n0\r\nX-A: 1\r\n", false, exchange.ErrTruncated},
		"/bad size":      {chunked + "5\r\nhello\r\nxyz\r\n", true, exchange.ErrProtocol},
		"/no size":       {chunked + "\r\nhello\r\n", true, exchange.ErrProtocol},
		"/huge size":     {chunked + "fffffffffffffffff\r\n", true, exchange.ErrProtocol},
		"/no line end":   {chunked + "5\r\nhelloXX5\r\n", true, exchange.ErrProtocol},
		"/closed after":  {chunked + "zz\r\nhello", false, exchange.ErrProtocol},
	}
	serve := func(c *godwittest.Conn) {
		for {
			req, err := c.ReadRequest()
			if err != nil {
				return
			}
			a := answers[req.URL.Path]
			c.Send(a.raw)
			if !a.open {
				return
			}
		}
	}
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	l, err := tls.Listen("tcp", "127.0.0.1:0", a.Server(godwittest.Leaf{}))
	if err != nil {
		t.Fatal(err)
	}
	tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}})
	for _, base := range []string{godwittest.Raw(t, serve).URL(), "https://" + godwittest.RawOn(t, l, serve).Addr()} {
		for path, want := range answers {
			if path == "/cut trailer" && base[:5] == "https" {
				continue // the end of TLS comes before that of the connection, and net/http takes it for a trailer without end
			}
			req := newRequest(t, http.MethodGet, base, "")
			req.URL.Path = path
			o := send(t, tr, req)
			e := wantKind(t, base+path, o, want.kind)
			if e.Status != 200 || e.Sent != exchange.SentYes {
				t.Errorf("%s: status %d, sent %v", path, e.Status, e.Sent)
			}
		}
	}
}
