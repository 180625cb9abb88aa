package retry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// Bounds of what is read of an answer before the next attempt: to keep it, and
// so that its connection can be used again.
const (
	drainBytes = 64 << 10
	drainTime  = 50 * time.Millisecond
)

// kept is an outcome that is kept while another attempt is made, in case that
// this client holds the other attempt back.
type kept struct {
	resp *http.Response
	err  error
	outcome
}

// keep reads the body of an answer within the bounds of bytes and time, closes
// it, and puts what was read in its place. Of a longer body the answer keeps
// the beginning; whoever reads on gets an error of kind ErrTruncated, never a
// silent end.
func keep(ctx context.Context, call *exchange.Call, req *http.Request, resp *http.Response) {
	if resp.Body == http.NoBody {
		return
	}
	inner, d := resp.Body, &drain{done: make(chan struct{})}
	go d.read(inner)
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-d.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	_ = inner.Close() // what was read is all that is wanted; it ends a read that goes on
	prefix, err := d.end()
	if err == nil && resp.ContentLength == int64(len(prefix)) {
		err = io.EOF
	}
	if err == nil {
		err = cutShort(call, req, resp, len(prefix))
	}
	b := &keptBody{err: err}
	b.prefix.Reset(prefix)
	resp.Body = b
}

func cutShort(call *exchange.Call, req *http.Request, resp *http.Response, n int) error {
	e := call.NewError(exchange.ErrTruncated, policy, req, fmt.Errorf("only the first %d bytes of the body were kept while another attempt was due", n))
	e.Status = resp.StatusCode
	return e
}

// drain reads a body in a goroutine of its own, which ends at the latest when
// the body is closed. What a read brings after the end is dropped.
type drain struct {
	done chan struct{}

	mu     sync.Mutex
	prefix []byte
	err    error // of the last read; nil: there may be more
	ended  bool
}

func (d *drain) read(body io.Reader) {
	defer close(d.done)
	buf := make([]byte, 8<<10)
	for left := drainBytes; left > 0; {
		n, err := body.Read(buf[:min(left, len(buf))])
		left -= n
		if !d.add(buf[:n], err) {
			return
		}
	}
}

// add takes over what a read brought, and says whether to go on.
func (d *drain) add(p []byte, err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return false
	}
	d.prefix, d.err = append(d.prefix, p...), err
	return err == nil
}

// end returns what was read so far.
func (d *drain) end() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	return d.prefix, d.err
}

// keptBody is the part of a body that was kept.
type keptBody struct {
	prefix bytes.Reader
	err    error // after the prefix: io.EOF if that is all
	closed bool
}

func (b *keptBody) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.prefix.Len() > 0 {
		return b.prefix.Read(p)
	}
	return 0, b.err
}

func (b *keptBody) Close() error {
	b.closed = true
	return nil
}
