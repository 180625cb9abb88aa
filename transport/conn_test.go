package transport_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/transport"
)

// gone is a connection whose other side has gone and left some last words.
type gone struct {
	net.Conn
	words chan []byte
}

func (g *gone) Read(p []byte) (int, error) {
	if w, ok := <-g.words; ok {
		return copy(p, w), nil
	}
	return 0, io.EOF
}

func (*gone) Write([]byte) (int, error) { return 0, syscall.EPIPE }
func (*gone) Close() error              { return nil }

// FC8: what the other side said before it went is read before a write that comes
// too late returns, and net/http closes the connection because of it.
func TestFC8_LastWordsAreRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gone{words: make(chan []byte)}
		c := transport.NewConn(g)
		read := make(chan string, 1)
		go func() {
			b, _ := io.ReadAll(c) // ends with EOF
			read <- string(b)
		}()
		time.AfterFunc(20*time.Millisecond, func() {
			g.words <- []byte("bad certificate")
			close(g.words)
		})
		start := time.Now()
		if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Error(err)
		}
		if took := time.Since(start); took != 20*time.Millisecond {
			t.Errorf("the write returned after %v", took)
		}
		if got := <-read; got != "bad certificate" {
			t.Errorf("read %q", got)
		}
		// Where nobody reads, the write does not wait for long; on a connection that
		// this side has closed, not at all.
		c = transport.NewConn(&gone{words: make(chan []byte)})
		start = time.Now()
		if _, err := c.Write([]byte("x")); err == nil || time.Since(start) > 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		start = time.Now()
		if _, err := c.Write([]byte("x")); err == nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
