package godwittest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBuffer is how much may be written before it is read, in bytes. A TCP
// connection has buffers too, and TLS relies on them: both ends may write at
// once when a handshake fails, which blocks a net.Pipe for ever.
const pipeBuffer = 64 << 10

// pipe returns the ends of an in-memory connection that behaves like TCP.
func pipe(clientAddr, serverAddr net.Addr) (client, server net.Conn) {
	up, down := newStream(), newStream()
	return &pipeConn{in: down, out: up, local: clientAddr, remote: serverAddr, readBy: newDeadline(), writeBy: newDeadline()},
		&pipeConn{in: up, out: down, local: serverAddr, remote: clientAddr, readBy: newDeadline(), writeBy: newDeadline()}
}

// stream is one direction.
type stream struct {
	mu       sync.Mutex
	buf      []byte
	ended    error         // what the reader gets once buf is empty
	unread   error         // what the writer gets: nobody will read
	closed   bool          // the reader has closed its own end
	changed  chan struct{} // closed at the next change
	overflow int           // bound of buf
}

func newStream() *stream { return &stream{changed: make(chan struct{}), overflow: pipeBuffer} }

// change applies f and wakes whoever waits.
func (s *stream) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// until calls try until it reports that it is done, once now and after each
// change, or until the deadline.
func (s *stream) until(d *deadline, try func() (done bool)) error {
	for {
		expired := d.wait()
		select {
		case <-expired:
			return os.ErrDeadlineExceeded
		default:
		}
		s.mu.Lock()
		done, changed := try(), s.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-expired:
			return os.ErrDeadlineExceeded
		}
	}
}

type pipeConn struct {
	in, out         *stream
	local, remote   net.Addr
	readBy, writeBy *deadline
}

func (c *pipeConn) Read(p []byte) (n int, err error) {
	waited := c.in.until(c.readBy, func() bool {
		switch {
		case c.in.closed:
			err = net.ErrClosed
		case len(c.in.buf) > 0 || len(p) == 0:
			n = copy(p, c.in.buf)
			c.in.buf = c.in.buf[n:]
		case c.in.ended != nil:
			err = c.in.ended
		default:
			return false
		}
		return true
	})
	if waited != nil {
		err = waited
	}
	if n > 0 {
		c.in.change(func() {}) // there is room for the writer
	}
	if err != nil && err != io.EOF {
		err = &net.OpError{Op: "read", Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
	}
	return n, err
}

func (c *pipeConn) Write(p []byte) (n int, err error) {
	for err == nil && (n < len(p) || len(p) == 0) {
		wrote := 0
		waited := c.out.until(c.writeBy, func() bool {
			switch {
			case c.out.ended != nil:
				err = net.ErrClosed
			case c.out.unread != nil:
				err = c.out.unread
			case len(p) > 0 && len(c.out.buf) >= c.out.overflow:
				return false
			default:
				wrote = min(len(p)-n, c.out.overflow-len(c.out.buf))
				c.out.buf = append(c.out.buf, p[n:n+wrote]...)
			}
			return true
		})
		if waited != nil {
			err = waited
		}
		n += wrote
		if wrote > 0 {
			c.out.change(func() {}) // there is something for the reader
		}
		if len(p) == 0 {
			break
		}
	}
	if err != nil {
		err = &net.OpError{Op: "write", Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
	}
	return n, err
}

// Close lets the peer read what was written, then its end.
func (c *pipeConn) Close() error {
	c.end(io.EOF, os.NewSyscallError("write", syscall.EPIPE))
	return nil
}

// reset drops what was written: the peer gets the error of a TCP reset.
func (c *pipeConn) reset() {
	c.out.change(func() { c.out.buf = nil })
	reset := os.NewSyscallError("read", syscall.ECONNRESET)
	c.end(reset, reset)
}

func (c *pipeConn) end(peerReads, peerWrites error) {
	c.out.change(func() {
		if c.out.ended == nil {
			c.out.ended = peerReads
		}
	})
	c.in.change(func() { c.in.closed, c.in.unread = true, peerWrites })
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

func (c *pipeConn) SetDeadline(t time.Time) error {
	c.readBy.set(t)
	c.writeBy.set(t)
	return nil
}

func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.readBy.set(t)
	return nil
}

func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.writeBy.set(t)
	return nil
}

// deadline is a channel that is closed at a time that can be moved.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired chan struct{}
	number  int // of the latest set, so that an older timer does nothing
}

func newDeadline() *deadline { return &deadline{expired: make(chan struct{})} }

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.expired
}

// set moves the deadline; the zero time is never. Whoever waits on the old
// channel looks again when that is closed, so a deadline in the past or a timer
// closes the channel that they hold.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	select {
	case <-d.expired:
		d.expired = make(chan struct{})
	default:
	}
	d.number++
	switch number, left := d.number, time.Until(t); {
	case t.IsZero():
	case left <= 0:
		close(d.expired)
	default:
		d.timer = time.AfterFunc(left, func() { d.expire(number) })
	}
}

func (d *deadline) expire(number int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.number == number {
		close(d.expired)
	}
}
