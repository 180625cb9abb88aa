package godwittest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Listener is a [net.Listener] whose connections are in memory: what Dial
// returns is the other end of what Accept returns. Nothing of it touches the
// network, so goroutines that wait for it are durably blocked in the sense of
// testing/synctest. A connection holds 64 KiB in each direction before a write
// waits for the reader.
type Listener struct {
	addr   net.Addr
	accept chan net.Conn
	done   chan struct{}
	close  func()

	mu    sync.Mutex
	dials int
}

// Listen returns a Listener. Inside a bubble of synctest it must be made
// inside.
func Listen() *Listener {
	l := &Listener{
		addr:   &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80},
		accept: make(chan net.Conn),
		done:   make(chan struct{}),
	}
	l.close = sync.OnceFunc(func() { close(l.done) })
	return l
}

// Accept waits for the next Dial.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Dial; connections stay open.
func (l *Listener) Close() error {
	l.close()
	return nil
}

// Addr returns 127.0.0.1:80, where nothing listens.
func (l *Listener) Addr() net.Addr { return l.addr }

// Dial connects to the listener, whatever address is asked for. It fits
// [http.Transport.DialContext].
func (l *Listener) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	l.mu.Lock()
	l.dials++
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000 + l.dials%20000}
	l.mu.Unlock()
	client, server := pipe(local, l.addr)
	select {
	case l.accept <- server:
		return client, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: network, Addr: l.addr, Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: network, Addr: l.addr, Err: context.Cause(ctx)}
	}
}

// Dials returns how often Dial was called.
func (l *Listener) Dials() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dials
}

// Server is a net/http server over a [Listener].
type Server struct {
	*Listener
	http      *http.Server
	transport *http.Transport
	scheme    string
}

// Serve starts a server that answers with handler. It ends with the test; all
// its goroutines end before that.
func Serve(tb testing.TB, handler http.Handler) *Server {
	tb.Helper()
	return serve(tb, handler, nil)
}

// ServeTLS is [Serve] over TLS with the given server configuration, which needs
// a certificate; see [Authority.Server]. HTTP/2 is spoken when NextProtos holds
// h2.
func ServeTLS(tb testing.TB, handler http.Handler, config *tls.Config) *Server {
	tb.Helper()
	return serve(tb, handler, config.Clone())
}

func serve(tb testing.TB, handler http.Handler, config *tls.Config) *Server {
	s := &Server{Listener: Listen(), scheme: "http", http: &http.Server{Handler: handler, TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}}
	s.transport = &http.Transport{DialContext: s.Dial, DisableCompression: true}
	run := func() error { return s.http.Serve(s.Listener) }
	if config != nil {
		s.scheme = "https"
		run = func() error { return s.http.ServeTLS(s.Listener, "", "") }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("godwittest: the server ended: %v", err)
		}
	}()
	tb.Cleanup(func() {
		s.transport.CloseIdleConnections()
		_ = s.http.Close() // what it reports are connections that the client has closed
		<-done
	})
	return s
}

// Transport returns a plain transport that reaches the server, for tests of
// middlewares. Set its TLSClientConfig for a TLS server. Its idle connections
// are closed with the test.
func (s *Server) Transport() *http.Transport { return s.transport }

// URL returns an address for the server: any host will do, since every dial
// leads to it.
func (s *Server) URL(host string) string {
	return s.scheme + "://" + host
}
