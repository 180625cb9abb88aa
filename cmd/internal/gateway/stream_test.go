package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// flushed writes text and sends it off.
func flushed(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

func TestFirstEventGoesOutBeforeTheSecondIsMade(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for i := range 3 {
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
			flushed(w, fmt.Sprintf("data: %d\n\n", i))
		}
	}))
	resp := r.get("/events") // the header is here although no event was made yet
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		next <- struct{}{}
		if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d: %q, %v", i, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("behind the last event: %q, %v", rest, err)
	}
}

// Parts that fill the copy buffer exactly, and parts with an announced length,
// must not wait for the next read either.
func TestEveryPartGoesOutAtOnce(t *testing.T) {
	t.Parallel()
	sizes := []int{1, 4096, 32 << 10, 32<<10 + 1, 64 << 10, 5}
	total := 0
	for _, n := range sizes {
		total += n
	}
	for _, announced := range []bool{false, true} {
		next := make(chan struct{})
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if announced {
				w.Header().Set("Content-Length", fmt.Sprint(total))
			}
			for _, n := range sizes {
				flushed(w, strings.Repeat("x", n))
				select {
				case <-next:
				case <-r.Context().Done():
					return
				}
			}
		}))
		resp := r.get("/parts")
		for _, n := range sizes {
			if _, err := io.ReadFull(resp.Body, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			next <- struct{}{}
		}
	}
}

func TestUploadAndAnswerStreamSideBySide(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		flushed(w, "ready\n")
		for s := bufio.NewScanner(r.Body); s.Scan(); {
			flushed(w, "got "+s.Text()+"\n")
		}
	}))
	body, upload := io.Pipe()
	resp := r.do(r.request("POST", "/talk", body))
	lines := bufio.NewReader(resp.Body)
	want := func(text string) {
		t.Helper()
		if line, err := lines.ReadString('\n'); err != nil || line != text+"\n" {
			t.Fatalf("%q, %v; want %q", line, err, text)
		}
	}
	want("ready")
	for i := range 3 {
		_, err := fmt.Fprintf(upload, "%d\n", i)
		check(t, err)
		want(fmt.Sprintf("got %d", i))
	}
	check(t, upload.Close())
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

func TestFG3_LeavingClientCancelsTheUpstream(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]bool{"before the answer": false, "in the answer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				there, gone := make(chan struct{}), make(chan time.Time, 1)
				r := newBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if begun {
						flushed(w, "first")
					}
					close(there)
					<-r.Context().Done()
					gone <- time.Now()
				}))
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				req := r.request("GET", "/x", nil).WithContext(ctx)
				req.Header.Set("X-Request-Id", "leaver")
				answered := make(chan error, 1)
				go func() {
					resp, err := r.client.Do(req)
					if err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
					answered <- err
				}()
				<-there
				synctest.Wait()
				left := time.Now()
				leave()
				if took := (<-gone).Sub(left); took > 100*time.Millisecond {
					t.Errorf("the upstream call ended %v after the client", took)
				}
				if err := <-answered; !errors.Is(err, context.Canceled) {
					t.Errorf("the client got %v", err)
				}
				line := r.line("leaver")
				if line["level"] != "INFO" || !begun && (line["status"] != 499.0 || line["kind"] != "canceled") || begun && line["broken"] != "the client left" {
					t.Errorf("record %v", line)
				}
			})
		})
	}
}

func TestFG4_SlowSenderGets408(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]int{"kept body": 100, "streamed body": maxReplay + 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newBubble(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
				start := time.Now()
				got := r.raw(fmt.Sprintf("POST /up/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\npart", length))
				if took := time.Since(start); took < defaultIdle || took > defaultIdle+2*time.Second {
					t.Errorf("the answer came after %v", took)
				}
				if !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, `"kind":"client timeout"`) || !strings.Contains(got, "Connection: close") {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}

func TestBrokenUploadsAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	got := r.raw("POST /up/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "application/problem+json") {
		t.Errorf("got %q", got)
	}
}

// A reader that stands still holds the sender back, then is given up.
func TestFG4_SlowReaderPushesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		gone := make(chan time.Time, 1)
		r := newBubble(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for part := make([]byte, 4<<10); ; {
				if _, err := w.Write(part); err != nil {
					gone <- time.Now()
					return
				}
				made.Add(int64(len(part)))
			}
		}))
		start := time.Now()
		conn := r.dial()
		_, err := io.WriteString(conn, "GET /up/x HTTP/1.1\r\nHost: h\r\n\r\n")
		check(t, err)
		synctest.Wait()
		if n := made.Load(); n > 512<<10 {
			t.Errorf("%d bytes are on their way to a client that does not read", n)
		}
		if took := (<-gone).Sub(start); took < defaultIdle || took > defaultIdle+time.Second {
			t.Errorf("the upstream call ended after %v", took)
		}
	})
}

func TestStalledUploadGets504(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		r := newBubble(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
		defer close(hold)
		body := readFunc(func(p []byte) (int, error) { return len(p), nil })
		start := time.Now()
		resp := r.do(r.request("POST", "/x", body))
		if took := time.Since(start); took > defaultIdle+time.Second {
			t.Errorf("the answer came after %v", took)
		}
		if p := r.problem(resp); p.Status != 504 || p.Kind != "upload timeout" || p.Sent != "maybe" {
			t.Errorf("got %+v", p)
		}
	})
}

// The default total timeout bounds neither a stream nor an upload that flows.
func TestLongStreamsAndUploadsAreNotCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			flushed(w, fmt.Sprintln(n, err))
			for range 20 {
				select {
				case <-time.After(30 * time.Second): // virtual
				case <-r.Context().Done():
					return
				}
				flushed(w, "event\n")
			}
		}))
		parts := 0
		body := readFunc(func(p []byte) (int, error) {
			if parts++; parts > 20 {
				return 0, io.EOF
			}
			<-time.After(30 * time.Second) // virtual
			return copy(p, "part"), nil
		})
		start := time.Now()
		resp := r.do(r.request("POST", "/x", body))
		if got := string(all(t, resp.Body)); got != "80 <nil>\n"+strings.Repeat("event\n", 20) {
			t.Errorf("got %q", got)
		}
		if took := time.Since(start); took != 20*time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

// Memory does not grow with the body, in either direction.
func TestStreamsTakeBoundedMemory(t *testing.T) {
	const size = 64 << 20
	zeros := make([]byte, 64<<10)
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if n != size || err != nil {
			t.Errorf("%d bytes arrived, %v", n, err)
		}
		for sent := 0; sent < size; sent += len(zeros) {
			if _, err := w.Write(zeros); err != nil {
				return
			}
		}
	}))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	left := size
	resp := r.do(r.request("POST", "/x", readFunc(func(p []byte) (int, error) {
		if left == 0 {
			return 0, io.EOF
		}
		n := min(len(p), left)
		left -= n
		return n, nil
	})))
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 4<<20 { // of client, gateway and upstream together
		t.Errorf("%d bytes were allocated for %d bytes of bodies", grown, 2*size)
	}
}
