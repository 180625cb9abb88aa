package transport_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
	"golang.org/x/net/http2"
)

// FC7: a peer goes without a word. Where no timeout of the call comes first,
// HTTP/2 asks after 30s of silence whether it is there and gives up 15s later.
// The next call gets a new connection.
func TestFC7_HTTP2PeerVanishes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := godwittest.NewAuthority(t)
		l := godwittest.Listen()
		over := make(chan struct{})
		s := &h2server{answer: func(fr *http2.Framer, path string, stream uint32) bool {
			if strings.HasPrefix(path, "/vanish") {
				<-over
				return false
			}
			return respondH2(fr, stream)
		}}
		s.startOn(t, tls.NewListener(l, a.Server(godwittest.Leaf{}, "h2")), nil)
		t.Cleanup(func() { close(over) })
		ca, _, _ := a.Files(godwittest.Leaf{})
		tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}})
		transport.SetDial(tr, l.Dial)
		if o := get(t, tr, "https://example.com/"); o.err != nil || o.resp.ProtoMajor != 2 {
			t.Fatalf("%v", o.err)
		}
		start := time.Now()
		o := send(t, tr, newRequest(t, http.MethodPost, "https://example.com/vanish?key=hidden", "body"))
		e := wantKind(t, "vanished", o, exchange.ErrConnect)
		if took := time.Since(start); took < 45*time.Second || took > 46*time.Second || e.Sent != exchange.SentMaybe {
			t.Errorf("after %v, sent %v: %v", took, e.Sent, e)
		}
		if o := get(t, tr, "https://example.com/"); o.err != nil || o.attempt.Reused || s.Conns() != 2 {
			t.Errorf("the next call: %v, %+v, %d connections", o.err, o.attempt, s.Conns())
		}
	})
}
