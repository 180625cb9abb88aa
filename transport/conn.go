package transport

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn counts what goes through a connection, remembers whether the other side
// or the network ended it, and gives its place in the pool back when it is
// closed.
type conn struct {
	net.Conn
	written, read atomic.Int64
	closed        atomic.Bool
	broken        atomic.Bool // the other side or the network ended it
	asked         atomic.Bool // written to since the last read
	strange       atomic.Bool // the last answer does not begin as HTTP/1 does
	readOver      chan struct{}
	once          sync.Once // closes readOver
	release       func()
}

// newConn returns the connection for c; release gives its place back.
func newConn(c net.Conn, release func()) *conn {
	return &conn{Conn: c, readOver: make(chan struct{}), release: release}
}

// lastWords is how long a failed write waits for what the other side said before
// it went, such as the TLS alert that tells why: net/http closes the connection
// right after a failed write, and with it what was not read.
const lastWords = 100 * time.Millisecond

// BytesWritten returns the bytes handed to the operating system so far.
func (c *conn) BytesWritten() int64 { return c.written.Load() }

// BytesRead returns the bytes received so far.
func (c *conn) BytesRead() int64 { return c.read.Load() }

// Broken reports whether the other side or the network has ended the
// connection.
func (c *conn) Broken() bool { return c.broken.Load() }

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	if n > 0 && c.asked.Swap(false) {
		c.strange.Store(!beginsAnswer(p[:n]))
	}
	if err != nil {
		c.note()
		c.once.Do(func() { close(c.readOver) })
	}
	return n, err
}

// beginsAnswer reports whether b can be the start of an HTTP/1 answer, or is a
// TLS record (types 20 to 23, RFC 8446 section 5.1), inside of which nothing
// can be seen.
func beginsAnswer(b []byte) bool {
	const start = "HTTP/"
	n := min(len(b), len(start))
	return b[0] >= 20 && b[0] <= 23 || string(b[:n]) == start[:n]
}

func (c *conn) Write(p []byte) (int, error) {
	c.asked.Store(true)
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	if err != nil && c.note() {
		late := time.NewTimer(lastWords)
		defer late.Stop()
		select {
		case <-c.readOver:
		case <-late.C:
		}
	}
	return n, err
}

// note marks the connection as broken, and reports that, unless this side ended
// it.
func (c *conn) note() bool {
	broken := !c.closed.Load()
	if broken {
		c.broken.Store(true)
	}
	return broken
}

func (c *conn) Close() error {
	first := c.closed.CompareAndSwap(false, true)
	err := c.Conn.Close()
	if first {
		c.release()
	}
	return err
}

// slots is the limit on connections in all. A nil *slots has none.
type slots struct {
	taken     chan struct{}
	closeIdle func()
}

func newSlots(n int, closeIdle func()) *slots {
	return &slots{taken: make(chan struct{}, n), closeIdle: closeIdle}
}

// idleSweep is how often idle connections are closed while someone waits for a
// place. net/http tells nobody when a connection becomes idle, and an idle one
// that keeps its place would be waited for in vain.
const idleSweep = 10 * time.Millisecond

// acquire takes a place. It gives up when ctx ends (the dial is not wanted any
// more) or caller does (nobody waits for it).
func (s *slots) acquire(ctx, caller context.Context) error {
	if s == nil {
		return nil
	}
	select {
	case s.taken <- struct{}{}:
		return nil
	default:
	}
	sweep := time.NewTicker(idleSweep)
	defer sweep.Stop()
	for {
		s.closeIdle()
		select {
		case s.taken <- struct{}{}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-caller.Done():
			return context.Cause(caller)
		case <-sweep.C:
		}
	}
}

func (s *slots) release() {
	if s != nil {
		<-s.taken
	}
}
