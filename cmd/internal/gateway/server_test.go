package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
)

func (r *rig) health(path string) int {
	r.t.Helper()
	resp := r.do(r.other("GET", path))
	check(r.t, resp.Body.Close())
	return resp.StatusCode
}

func TestHealth(t *testing.T) {
	t.Parallel()
	r := newRig(t, &seen{})
	if a, b := r.health("/-/healthz"), r.health("/-/readyz"); a != 200 || b != 200 {
		t.Errorf("alive %d, ready %d", a, b)
	}
	resp := r.do(r.other("HEAD", "/-/healthz"))
	if line := r.line(resp.Header.Get("X-Request-Id")); resp.StatusCode != 200 || line["level"] != "DEBUG" {
		t.Errorf("HEAD: %d, record %v", resp.StatusCode, line)
	}
	if resp := r.do(r.other("POST", "/-/healthz")); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
	if r.gateway.draining.Store(true); r.health("/-/readyz") != 503 || r.health("/-/healthz") != 200 {
		t.Error("a draining gateway must be alive and not ready")
	}
}

func TestUnservedHostsGet421(t *testing.T) {
	t.Parallel()
	var up seen
	r := newRig(t, &up, func(c *Config, _ *godwit.Config) { c.Hosts = []string{"127.0.0.1", "*.localhost"} })
	req := r.request("GET", "/x", nil)
	req.Host = "evil.example"
	resp := r.do(req)
	if p := r.problem(resp); p.Status != 421 || up.last.Load() != nil || p.Detail != `gateway.hosts does not list this name: "evil.example"` {
		t.Errorf("got %+v", p)
	}
	probe := r.other("GET", "/-/readyz")
	probe.Host = "10.1.2.3:8080" // as orchestrators do
	if resp := r.do(probe); resp.StatusCode != 200 {
		t.Errorf("status %d for a probe", resp.StatusCode)
	}
	if got := r.raw("GET /up/x HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 200 ") || up.last.Load().Header["X-Forwarded-Host"] != nil {
		t.Errorf("an HTTP/1.0 client without Host got %q, the upstream %v", got, up.last.Load().Header)
	}
	req.Host = "gw.localhost:1"
	if resp := r.do(req); resp.StatusCode != 200 {
		t.Errorf("status %d for a name that is served", resp.StatusCode)
	}
}

// drained runs fetch against a gateway that is told to stop while the call is
// at the upstream, and returns what Serve says and after how long.
func drained(t *testing.T, upstream http.HandlerFunc, fetch func(r *rig), options ...option) (time.Duration, error) {
	there := make(chan struct{})
	r := newBubble(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			close(there)
		}
		upstream(w, req)
	}), append(options, func(c *Config, _ *godwit.Config) { c.DrainDelay, c.Grace = 5*time.Second, 30*time.Second })...)
	fetched := make(chan struct{})
	go func() {
		defer close(fetched)
		fetch(r)
	}()
	<-there
	start := time.Now()
	r.stop()
	synctest.Wait()
	if !r.gateway.draining.Load() || r.gateway.Ready() {
		t.Error("the gateway is still ready")
	}
	<-r.done
	took := time.Since(start)
	<-fetched
	return took, r.err
}

func TestFG6_DrainLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		took, err := drained(t, func(w http.ResponseWriter, _ *http.Request) {
			<-time.After(20 * time.Second) // virtual
			_, _ = io.WriteString(w, "done")
		}, func(r *rig) {
			go func() {
				<-time.After(4 * time.Second) // within the drain delay
				resp := r.get("/other")
				if resp.StatusCode != 200 || !resp.Close {
					t.Errorf("in the drain delay: %d, close %v", resp.StatusCode, resp.Close)
				}
			}()
			if got := string(all(t, r.get("/slow").Body)); got != "done" {
				t.Errorf("the request in flight got %q", got)
			}
		})
		if err != nil || took < 24*time.Second || took > 26*time.Second {
			t.Errorf("drained after %v with %v", took, err)
		}
	})
}

func TestFG6_GraceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		took, err := drained(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(r *rig) {
			resp := r.get("/slow")
			if p := r.problem(resp); p.Status != 503 || p.Kind != "draining" || p.Sent != "maybe" || resp.Header.Get("Retry-After") != "1" {
				t.Errorf("got %+v, Retry-After %q", p, resp.Header.Get("Retry-After"))
			}
		}, func(_ *Config, u *godwit.Config) { u.Timeout.Header = time.Hour; u.Timeout.Total = time.Hour })
		if !errors.Is(err, ErrCut) || took < 35*time.Second || took > 37*time.Second {
			t.Errorf("stopped after %v with %v", took, err)
		}
	})
}

func TestFG21_EventStreamsGetALastEvent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ contentType, sent, want string }{
		"between events":  {"text/event-stream; charset=utf-8", "data: 1\n\n", "data: 1\n\nevent: error\ndata: {"},
		"inside an event": {"text/event-stream", "data: 1\n\ndata: 2\n", "data: 1\n\ndata: 2\n"},
		"no events":       {"text/plain", "data: 1\n\n", "data: 1\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, err := drained(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", c.contentType)
					flushed(w, c.sent)
					<-r.Context().Done()
				}, func(r *rig) {
					got, err := io.ReadAll(r.get("/slow").Body)
					if err == nil || !strings.HasPrefix(string(got), c.want) || !strings.Contains(c.want, "error") && string(got) != c.want {
						t.Errorf("got %q, %v", got, err)
					}
				})
				if !errors.Is(err, ErrCut) {
					t.Errorf("Serve returned %v", err)
				}
			})
		})
	}
}

func TestFG6_SecondSignalStopsNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, wait := range []time.Duration{time.Second, 10 * time.Second} { // in the delay, in the grace
			took, err := drained(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(r *rig) {
				go func() {
					<-time.After(wait)
					close(r.now)
				}()
				resp, err := r.client.Do(r.request("GET", "/slow", nil))
				if err == nil {
					check(t, resp.Body.Close())
				}
			})
			if !errors.Is(err, ErrCut) || took != wait {
				t.Errorf("stopped after %v with %v, want %v", took, err, wait)
			}
		}
	})
}

func TestServeTellsWhyAListenerFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t, &seen{})
	g, err := New(r.gateway.config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { check(t, g.Close()) }()
	good, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bad, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	check(t, bad.Close())
	if err := g.Serve(context.Background(), nil, good, bad); !errors.Is(err, net.ErrClosed) || errors.Is(err, ErrCut) {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := good.Accept(); !errors.Is(err, net.ErrClosed) { // a dial could reach the port's next owner
		t.Errorf("the other listener is still open: %v", err)
	}
}

func TestAtEventEnd(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": true, "a\n\n": true, "data: x\r\n\r\n": true, "x\r\r": true, "\n\n": true,
		"a\n": false, "a\r\n": false, "\n": false, "ab": false, "\r\n": false, "a\n\nb\n": false,
	} {
		var tail [4]byte
		for _, c := range []byte(text) {
			shift(&tail, []byte{c})
		}
		if got := atEventEnd(tail, int64(len(text))); got != want {
			t.Errorf("%q: %v", text, got)
		}
		var whole [4]byte
		shift(&whole, []byte(text))
		if whole != tail {
			t.Errorf("%q: its end is %q in parts and %q at once", text, tail, whole)
		}
	}
}
