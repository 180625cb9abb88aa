package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

// answers is a server of net/http with every way for an exchange to go.
func answers(w http.ResponseWriter, r *http.Request) {
	ctl := http.NewResponseController(w)
	switch r.URL.Path {
	case "/echo":
		_, _ = io.Copy(w, r.Body) // the client has gone if it fails
	case "/status":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/early": // answered without a look at the body
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/cut":
		_, _ = io.WriteString(w, "hel")
		_ = ctl.Flush()
		panic(http.ErrAbortHandler)
	case "/silent":
		_, _ = io.Copy(io.Discard, r.Body) // until then the server does not see the client go
		<-r.Context().Done()
	case "/stalled":
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "hel")
		_ = ctl.Flush()
		<-r.Context().Done()
	}
}

// inBubble runs f over net/http on both ends, on HTTP/1 and HTTP/2, in virtual
// time. A goroutine that is left behind fails the test.
func inBubble(t *testing.T, f func(t *testing.T, tr transport.Transport)) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				t.Cleanup(func() { <-time.After(time.Second) }) // net/http's server lingers that long on a connection it closes
				a := godwittest.NewAuthority(t)
				ca, _, _ := a.Files(godwittest.Leaf{})
				s := godwittest.ServeTLS(t, http.HandlerFunc(answers), a.Server(godwittest.Leaf{}, protocol))
				tr := build(t, transport.Config{TLS: transport.TLS{CA: ca}})
				transport.SetDial(tr, s.Dial)
				f(t, tr)
			})
		})
	}
}

// watchedBody counts how often it is closed.
type watchedBody struct {
	io.Reader
	closed atomic.Int32
}

func (b *watchedBody) Close() error { b.closed.Add(1); return nil }

// The contract of http.RoundTripper over the real thing: one outcome, the
// request as it was, its body closed, for every answer and kind of body.
func TestContract_RealServer(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, tr transport.Transport) {
		for _, path := range []string{"/echo", "/status", "/early", "/empty", "/abort", "/cut"} {
			for kind, length := range map[string]int64{"no body": 0, "short": 5, "unknown length": -1, "long": 1 << 20} {
				name := path + " with " + kind
				ctx, _ := exchange.WithCall(t.Context())
				req, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://example.com"+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header["X-Contract"] = []string{"one", "two"}
				body := &watchedBody{Reader: strings.NewReader(strings.Repeat("x", int(max(length, 5))))}
				if length != 0 {
					req.Body, req.ContentLength = body, length
					req.GetBody = func() (io.ReadCloser, error) { t.Error(name + ": GetBody was called"); return body, nil }
				}
				was, header := *req, req.Header.Clone()
				o := send(t, tr, req)
				synctest.Wait()
				broken := path == "/abort" || path == "/cut"
				if broken != (o.err != nil) {
					t.Errorf("%s: %v", name, o.err)
				}
				if length != 0 && body.closed.Load() == 0 {
					t.Errorf("%s: the request body was not closed", name)
				}
				if req.Body != was.Body || req.URL != was.URL || req.Context() != was.Context() || req.ContentLength != length || !reflect.DeepEqual(req.Header, header) {
					t.Errorf("%s: the request was changed", name)
				}
			}
		}
	})
}

// The end of the caller's context ends what waits, at once, and so does Close.
func TestContract_RealServerCanceled(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, tr transport.Transport) {
		for _, path := range []string{"/silent", "/stalled"} {
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(time.Second, cancel)
			start := time.Now()
			body := &watchedBody{Reader: strings.NewReader("hello")}
			req := newRequest(t, http.MethodPost, "https://example.com"+path, "").WithContext(ctx)
			req.Body, req.ContentLength = body, 5
			resp, err := tr.RoundTrip(req)
			if path == "/stalled" && err == nil {
				_, err = io.ReadAll(resp.Body)
				if cerr := resp.Body.Close(); cerr != nil {
					t.Error(cerr)
				}
			}
			if took := time.Since(start); !errors.Is(err, context.Canceled) || !errors.Is(err, exchange.ErrCanceled) || took > time.Second {
				t.Errorf("%s: after %v: %v", path, took, err)
			}
			timer.Stop()
			synctest.Wait()
			if body.closed.Load() == 0 {
				t.Errorf("%s: the request body was not closed", path)
			}
		}
		resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, "https://example.com/stalled", ""))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { _, err := io.ReadAll(resp.Body); done <- err }()
		synctest.Wait()
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Error("Close made a body that was being read look complete")
		}
	})
}

func TestContract_RealServerConcurrent(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, tr transport.Transport) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				text := fmt.Sprintf("caller %d", i)
				if o := send(t, tr, newRequest(t, http.MethodPost, "https://example.com/echo", text)); o.err != nil || o.body != text {
					t.Errorf("%s: %q, %v", text, o.body, o.err)
				}
			})
		}
		wg.Wait()
	})
}
