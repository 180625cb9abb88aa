package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// linger is how long the server reads on after an answer that came before the
// end of the request body, so that a client that is still sending gets to read
// it: closing with unread bytes would reset the connection.
const linger = 500 * time.Millisecond

// inbound is the client's request body on its way to the upstream. Each read
// has the idle time; between two reads the upstream has as much to take what
// was read. It is read by the goroutine that writes to the upstream, which can
// outlive the request: detach ends that.
type inbound struct {
	body    io.ReadCloser
	ctl     *http.ResponseController
	idle    time.Duration
	stalled func()        // the upstream takes no more
	trailer func()        // copies the trailer; called at the end of the body
	watch   *time.Timer   // runs between reads
	done    chan struct{} // closed when no read is under way any more, once detached

	streamed bool // net/http must not drain it: answers may begin before its end

	mu       sync.Mutex
	used     bool
	reading  bool
	began    time.Time // of the last read
	detached bool
	ended    bool // EOF was seen
	err      error
	n        int64
}

var errDetached = errors.New("the request has ended")

func newInbound(body io.ReadCloser, ctl *http.ResponseController, idle time.Duration) *inbound {
	b := &inbound{body: body, ctl: ctl, idle: idle, done: make(chan struct{})}
	b.deadline(time.Now().Add(idle)) // also for net/http, which drains what is left
	return b
}

// deadline sets the read deadline of the client's connection. Test servers
// without one are served all the same.
func (b *inbound) deadline(t time.Time) { _ = b.ctl.SetReadDeadline(t) }

// Read implements io.Reader.
func (b *inbound) Read(p []byte) (int, error) {
	if err := b.begin(); err != nil {
		return 0, err
	}
	n, err := b.body.Read(p)
	b.finish(n, err)
	return n, err
}

func (b *inbound) begin() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.detached {
		return errDetached
	}
	if b.watch != nil {
		b.watch.Stop()
	}
	b.used, b.reading, b.began = true, true, time.Now()
	b.deadline(b.began.Add(b.idle))
	return nil
}

func (b *inbound) finish(n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = false
	b.n += int64(n)
	switch {
	case err == io.EOF:
		b.ended = true
		// From now on net/http reads in the background, to learn when the
		// client leaves; a deadline would look like that.
		b.deadline(time.Time{})
		if b.trailer != nil && !b.detached {
			b.trailer()
		}
	case err != nil:
		if !b.interrupted(err) {
			b.err = err
		}
	case b.stalled == nil || b.detached:
	case b.watch == nil:
		b.watch = time.AfterFunc(b.idle, b.stalled)
	default:
		b.watch.Reset(b.idle)
	}
	if b.detached {
		close(b.done)
	}
}

// interrupted reports whether err is of detach's making.
func (b *inbound) interrupted(err error) bool {
	return b.detached && errors.Is(err, os.ErrDeadlineExceeded) && time.Since(b.began) < b.idle
}

// Close tells that the upstream wants no more of the body. It does not close
// the client's side, which belongs to the server.
func (b *inbound) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watch != nil {
		b.watch.Stop()
	}
	return nil
}

// detach ends the use of the body: a read under way is interrupted and waited
// for, and none begins any more. clean is true if the connection can carry
// another request: the body was read to its end, or left to net/http, which
// drains it.
func (b *inbound) detach() (clean bool) {
	b.mu.Lock()
	first, waiting := !b.detached, b.reading
	b.detached = true
	if b.watch != nil {
		b.watch.Stop()
	}
	if first && waiting {
		b.deadline(time.Unix(1, 0))
	}
	b.mu.Unlock()
	if waiting {
		<-b.done
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if clean = b.ended || !b.used && !b.streamed; !clean {
		b.deadline(time.Now().Add(linger))
	}
	return clean
}

// read returns how many bytes came and the error that ended them, nil for EOF.
func (b *inbound) read() (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n, b.err
}

// judgeUpload says what a failed read of the client's body means; nil if none
// failed.
func judgeUpload(err error) *refusal {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{situation: slowClient, cause: err}
	}
	return &refusal{situation: brokenUpload, cause: err}
}

// closeAfter makes the server close the connection after the answer, header
// sent or not: what is left of a body must never be read as another request.
// http.MaxBytesReader is the one public way to tell the server so late.
func closeAfter(w http.ResponseWriter) {
	limit := http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0)
	_, _ = limit.Read(make([]byte, 2)) // the error is the point
}
