package godwittest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fetch requests a URL over a transport of its own.
func fetch(t *testing.T, ctx context.Context, url string) (string, error) {
	t.Helper()
	rt := &http.Transport{}
	defer rt.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = nil
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer closeBody(resp)
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestRaw_Faults(t *testing.T) {
	t.Parallel()
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	for _, c := range []struct {
		name  string
		serve func(c *Conn, req *http.Request)
		body  string
		err   error
	}{
		{"whole", func(c *Conn, _ *http.Request) { c.Send(answer) }, "hello", nil},
		{"echo", func(c *Conn, req *http.Request) {
			b, err := io.ReadAll(req.Body)
			c.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b))
			if err != nil {
				c.Reset()
			}
		}, "hello", nil},
		{"cut in the body", func(c *Conn, _ *http.Request) { c.SendCut(answer, len(answer)-2) }, "hel", io.ErrUnexpectedEOF},
		{"cut in the status line", func(c *Conn, _ *http.Request) { c.SendCut(answer, 12) }, "", io.ErrUnexpectedEOF},
		{"empty", func(c *Conn, _ *http.Request) { c.SendCut(answer, 0) }, "", io.EOF},
		{"reset", func(c *Conn, _ *http.Request) { c.Reset() }, "", syscall.ECONNRESET},
		{"trickle", func(c *Conn, _ *http.Request) { c.Trickle(answer, 7, time.Microsecond) }, "hello", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := RawHTTP(t, c.serve)
			body, err := fetch(t, t.Context(), s.URL())
			if body != c.body || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", body, err, c.body, c.err)
			}
			if s.Conns() != 1 {
				t.Errorf("%d connections", s.Conns())
			}
		})
	}
}

func TestRaw_HangEndsWithTheTest(t *testing.T) {
	t.Parallel()
	var s *RawServer
	reached := make(chan struct{})
	t.Run("hang", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s = RawHTTP(t, func(c *Conn, _ *http.Request) {
			close(reached)
			c.Hang()
		})
		go func() {
			<-reached
			cancel()
		}()
		if _, err := fetch(t, ctx, s.URL()); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
	if n := s.OpenConns(); n != 0 {
		t.Errorf("%d connections are open after the test", n)
	}
}

func TestRaw_KeepsConnections(t *testing.T) {
	t.Parallel()
	s := RawHTTP(t, func(c *Conn, _ *http.Request) {
		c.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", c.Number))
	})
	rt := &http.Transport{}
	defer rt.CloseIdleConnections()
	for range 3 {
		resp, err := (&http.Client{Transport: rt}).Get(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		if body := consume(resp); body != "1" {
			t.Errorf("connection %s, want the first", body)
		}
	}
}

func TestRawOn_InsideABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		RawOn(t, l, func(c *Conn) {
			if _, err := c.ReadRequest(); err != nil {
				t.Error(err)
			}
			c.Trickle("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", 1, time.Minute)
		})
		rt := &http.Transport{DialContext: l.Dial}
		start := time.Now()
		resp, err := get(t, t.Context(), hostOf{plain{rt}, "api.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if body := consume(resp); body != "hello" || time.Since(start) != 43*time.Minute {
			t.Errorf("body %q after %v", body, time.Since(start))
		}
	})
}

// plain sends requests without TLS.
type plain struct{ http.RoundTripper }

func (p plain) RoundTrip(req *http.Request) (*http.Response, error) {
	own := req.Clone(req.Context())
	own.URL.Scheme = "http"
	return p.RoundTripper.RoundTrip(own)
}

func TestFaultProxy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		fault   ConnFault
		reached bool // the backend gets the whole request
		ok      bool
	}{
		{"nothing wrong", ConnFault{Request: Never, Response: Never}, true, true},
		{"request cut at once", ConnFault{Request: 0, Response: Never}, false, false},
		{"request cut", ConnFault{Request: 30, Response: Never}, false, false},
		{"response cut at once", ConnFault{Request: Never, Response: 0}, true, false},
		{"response cut", ConnFault{Request: Never, Response: 40}, true, false},
		{"response reset", ConnFault{Request: Never, Response: 40, Reset: true}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var whole atomic.Int32
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if b, err := io.ReadAll(r.Body); err == nil && string(b) == "hello" {
					whole.Add(1)
				}
				fmt.Fprint(w, "answer")
			}))
			defer backend.Close()
			p := FaultProxy(t, backend.Listener.Addr().String(), func(number int) ConnFault {
				if number != 1 {
					t.Errorf("connection %d", number)
				}
				return c.fault
			})
			body, err := fetch(t, t.Context(), p.URL())
			if ok := err == nil && body == "answer"; ok != c.ok {
				t.Errorf("got %q, %v", body, err)
			}
			if c.fault.Response != 0 { // at 0 the proxy breaks off before the request is through
				backend.Close() // waits for the handler
				if reached := whole.Load() == 1; reached != c.reached {
					t.Errorf("the backend got the request: %v", reached)
				}
			}
		})
	}
}

func TestFaultProxy_Hang(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "answer") }))
	t.Cleanup(backend.Close)
	p := FaultProxy(t, backend.Listener.Addr().String(), func(int) ConnFault {
		return ConnFault{Request: Never, Response: 20, Hang: true}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if body, err := fetch(t, ctx, p.URL()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q, %v", body, err)
	}
}

func ExampleRawHTTP() {
	_ = func(t *testing.T) {
		s := RawHTTP(t, func(c *Conn, _ *http.Request) {
			c.SendCut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", 1000)
		})
		resp, err := http.Get(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("err = %v", err)
		}
	}
}

func ExampleFaultProxy() {
	_ = func(t *testing.T) {
		backend := httptest.NewServer(http.NotFoundHandler())
		defer backend.Close()
		// The first connection breaks inside the response, the others work.
		p := FaultProxy(t, backend.Listener.Addr().String(), func(number int) ConnFault {
			if number == 1 {
				return ConnFault{Request: Never, Response: 20}
			}
			return ConnFault{Request: Never, Response: Never}
		})
		if _, err := http.Get(p.URL()); err == nil {
			t.Error("a cut header was an answer")
		}
	}
}

func ExampleRaw() {
	_ = func(t *testing.T) {
		s := Raw(t, func(c *Conn) {
			c.Hang() // accepts, and never answers
		})
		client := &http.Client{Timeout: 10 * time.Millisecond}
		if _, err := client.Get(s.URL()); err == nil {
			t.Error("silence was an answer")
		}
	}
}
