package godwittest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Never, as a byte count of [ConnFault], lets everything pass.
const Never = -1

// ConnFault says what happens to one connection through a [FaultProxy]. The
// counts are bytes from the connection's start, TLS included; use Never for
// the direction that shall work.
type ConnFault struct {
	Request  int64 // bytes that may pass towards the server before the fault
	Response int64 // bytes that may pass towards the client before the fault
	Hang     bool  // keep silent from then on, in place of closing
	Reset    bool  // close with a TCP reset, in place of an end
}

// FaultProxy starts a server that passes connections on to the one at backend,
// host:port, and breaks each as fault says; number counts the connections from
// 1.
func FaultProxy(tb testing.TB, backend string, fault func(number int) ConnFault) *RawServer {
	tb.Helper()
	return Raw(tb, func(c *Conn) {
		server, err := new(net.Dialer).DialContext(context.WithoutCancel(tb.Context()), "tcp", backend)
		if err != nil {
			tb.Errorf("godwittest: the backend of the fault proxy: %v", err)
			return
		}
		f := fault(c.Number)
		var wg sync.WaitGroup
		broken := make(chan struct{})
		breakOff := sync.OnceFunc(func() {
			if f.Reset {
				reset(c.Conn)
			}
			_ = c.Close()      // the point is that both
			_ = server.Close() // are closed
			close(broken)
		})
		pass := func(dst, src net.Conn, limit int64) {
			if !copyUntil(dst, src, limit) || !f.Hang {
				breakOff()
			}
		}
		wg.Go(func() { pass(server, c.Conn, f.Request) })
		wg.Go(func() { pass(c.Conn, server, f.Response) })
		select {
		case <-broken:
		case <-c.done:
		}
		breakOff()
		wg.Wait()
	})
}

// copyUntil passes bytes on, and reports whether limit was what ended it.
func copyUntil(dst io.Writer, src io.Reader, limit int64) bool {
	if limit < 0 {
		_, _ = io.Copy(dst, src) // an end is an end, whichever side made it
		return false
	}
	n, _ := io.Copy(dst, io.LimitReader(src, limit))
	return n == limit
}
