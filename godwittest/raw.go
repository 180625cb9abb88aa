package godwittest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// RawServer is a server on a loopback socket that speaks whatever its function
// writes. It ends with the test, open connections too.
type RawServer struct {
	listener net.Listener
	done     chan struct{}
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[*Conn]struct{}
	count int
}

// Conn is a connection that a client has made to a [RawServer].
type Conn struct {
	net.Conn
	Number int // 1 is the server's first connection

	reader *bufio.Reader
	done   chan struct{} // the test is over
}

// Raw starts a server that calls serve for each connection. The connection is
// closed when serve returns.
func Raw(tb testing.TB, serve func(c *Conn)) *RawServer {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("godwittest: %v", err)
	}
	return RawOn(tb, l, serve)
}

// RawOn is [Raw] on a listener of the caller's, such as [Listen] or one of
// crypto/tls.
func RawOn(tb testing.TB, l net.Listener, serve func(c *Conn)) *RawServer {
	s := &RawServer{listener: l, done: make(chan struct{}), conns: make(map[*Conn]struct{})}
	s.wg.Go(func() { s.accept(tb, serve) })
	tb.Cleanup(s.close)
	return s
}

// RawHTTP is [Raw] for servers that read requests as they should and answer them
// as they should not: serve is called for each request, its body read already,
// until it closes the connection or the client does.
func RawHTTP(tb testing.TB, serve func(c *Conn, req *http.Request)) *RawServer {
	tb.Helper()
	return Raw(tb, func(c *Conn) {
		for {
			req, err := c.ReadRequest()
			if err != nil {
				return // the client is done, or serve has closed the connection
			}
			serve(c, req)
		}
	})
}

func (s *RawServer) accept(tb testing.TB, serve func(*Conn)) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				tb.Errorf("godwittest: accept: %v", err)
			}
			return
		}
		c := &Conn{Conn: conn, reader: bufio.NewReader(conn), done: s.done}
		if !s.add(c) {
			_ = conn.Close() // the test is over; nobody is interested
			return
		}
		s.wg.Go(func() {
			defer s.remove(c)
			serve(c)
		})
	}
}

func (s *RawServer) add(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return false
	default:
	}
	s.count++
	c.Number = s.count
	s.conns[c] = struct{}{}
	return true
}

func (s *RawServer) remove(c *Conn) {
	_ = c.Close() // often closed or reset by then, on purpose
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *RawServer) close() {
	_ = s.listener.Close() // closed twice at worst
	s.mu.Lock()
	close(s.done)
	for c := range s.conns {
		_ = c.Close() // ends what its function waits for
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Addr returns the address, host:port.
func (s *RawServer) Addr() string { return s.listener.Addr().String() }

// URL returns http:// and the address.
func (s *RawServer) URL() string { return "http://" + s.Addr() }

// Conns returns the number of connections so far.
func (s *RawServer) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// OpenConns returns the number of connections that are open now.
func (s *RawServer) OpenConns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Read reads what [Conn.ReadRequest] has left.
func (c *Conn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// ReadRequest reads one request with its body, which must not be larger than 16
// MiB.
func (c *Conn) ReadRequest() (*http.Request, error) {
	req, err := http.ReadRequest(c.reader)
	if err != nil {
		return nil, err
	}
	body := &bounded{}
	if _, err := io.Copy(body, req.Body); err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(&body.kept)
	return req, nil
}

// Send writes raw bytes. What the client makes of them is the test's concern, so
// an error, from a client that has gone, is not reported.
func (c *Conn) Send(raw string) { _, _ = io.WriteString(c.Conn, raw) }

// SendCut writes the first n bytes of raw and closes the connection.
func (c *Conn) SendCut(raw string, n int) {
	c.Send(raw[:min(n, len(raw))])
	_ = c.Close() // the point is that it is closed
}

// Trickle writes raw in pieces of size bytes with a wait before each. It stops
// when the test ends or the client goes.
func (c *Conn) Trickle(raw string, size int, every time.Duration) {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for raw != "" {
		select {
		case <-timer.C:
		case <-c.done:
			return
		}
		n := min(max(size, 1), len(raw))
		if _, err := io.WriteString(c.Conn, raw[:n]); err != nil {
			return
		}
		raw = raw[n:]
		timer.Reset(every)
	}
}

// Hang answers nothing until the client closes the connection or the test ends.
// It reads and drops what the client sends.
func (c *Conn) Hang() { _, _ = io.Copy(io.Discard, c) }

// Reset closes the connection with a TCP reset, or what looks like one from a
// [Listener]. Any other connection is just closed.
func (c *Conn) Reset() { reset(c.Conn) }

func reset(conn net.Conn) {
	switch c := conn.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0) // without it the peer sees an end in place of a reset
	case *pipeConn:
		c.reset()
	}
	_ = conn.Close() // the point is that it is closed
}
