package gateway

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

// behind serves an upstream that speaks as answer does, on raw connections.
func behind(t *testing.T, answer func(c *godwittest.Conn)) option {
	raw := godwittest.Raw(t, answer)
	return func(_ *Config, c *godwit.Config) { c.BaseURL = "http://" + raw.Addr() }
}

func TestFG1_FaultsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		option option
		status int
		kind   string
		sent   string
		error  string
	}{
		{"refused", func(_ *Config, c *godwit.Config) { c.BaseURL = "http://127.0.0.1:1" }, 502, "connect", "no", "destination_unavailable"},
		{"hung up", behind(t, func(c *godwittest.Conn) { c.ReadRequest() }), 502, "connect", "maybe", "connection_terminated"},
		{"no http", behind(t, func(c *godwittest.Conn) { c.ReadRequest(); c.Send("SSH-2.0-x\r\n\r\n") }), 502, "protocol", "maybe", "http_protocol_error"},
		{"plain text to tls", func(_ *Config, c *godwit.Config) {
			c.BaseURL = "https://" + godwittest.Raw(t, func(c *godwittest.Conn) { c.Send("HTTP/1.1 200 OK\r\n\r\n") }).Addr()
		}, 502, "tls", "no", "tls_protocol_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil, c.option)
			resp := r.do(r.request("POST", "/x", strings.NewReader("b")))
			p := r.problem(resp)
			if p.Status != c.status || p.Kind != c.kind || p.Sent != c.sent || p.Attempts != 1 {
				t.Errorf("got %+v", p)
			}
			if got := resp.Header.Get("Proxy-Status"); !strings.Contains(got, "error="+c.error+";") {
				t.Errorf("Proxy-Status %s", got)
			}
			if line := r.line(p.RequestID); line["level"] != "INFO" || line["kind"] != c.kind || line["error"] == nil {
				t.Errorf("record %v", line)
			}
		})
	}
}

func TestFG1_SlowUpstreamGets504(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newBubble(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		start := time.Now()
		p := r.problem(r.get("/x"))
		if took := time.Since(start); p.Status != 504 || p.Kind != "header timeout" || took != 30*time.Second {
			t.Errorf("after %v: %+v", took, p)
		}
	})
}

func TestFG2_BrokenAnswersNeverEndWell(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"length, cut":            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!",
		"long length, cut":       "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf!",
		"no last chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n",
		"cut in a chunk":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf!",
		"broken chunk":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\nzz\r\n",
		"cut before the trailer": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhalf!\r\n0\r\nX: 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil, behind(t, func(c *godwittest.Conn) { c.ReadRequest(); c.Send(answer) }))
			req := r.request("GET", "/x", nil)
			req.Header.Set("X-Request-Id", "cut")
			resp, err := r.client.Do(req)
			if err == nil {
				var got []byte
				got, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err == nil {
					t.Fatalf("a clean end behind %q", got)
				}
				if resp.ContentLength != 10 && string(got) != "half!" {
					t.Errorf("the part that came is lost: %q", got)
				}
			}
			if line := r.line("cut"); !strings.Contains(fmt.Sprint(line["broken"]), "truncated") && !strings.Contains(fmt.Sprint(line["broken"]), "protocol") {
				t.Errorf("record %v", line)
			}
		})
	}
}

func TestFG2_SilenceInTheAnswerBreaksItOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			flushed(w, "data: 1\n\n")
			<-r.Context().Done()
		}))
		start := time.Now()
		resp := r.get("/x")
		got, err := io.ReadAll(resp.Body)
		if err == nil || string(got) != "data: 1\n\n" {
			t.Errorf("%q, %v", got, err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("after %v", took)
		}
	})
}

func TestFG13_PanicsAreContained(t *testing.T) {
	t.Parallel()
	canary := godwittest.NewCanary(t)
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }),
		func(_ *Config, c *godwit.Config) {
			c.Middleware = []exchange.Middleware{func(next http.RoundTripper) http.RoundTripper {
				return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
					switch req.URL.Path {
					case "/value":
						panic("holds " + canary.Secret())
					case "/runtime":
						var none []int
						none[len(req.URL.Path)]++
					case "/body":
						resp, err := next.RoundTrip(req)
						if err == nil {
							resp.Body = struct {
								io.Reader
								io.Closer
							}{readFunc(func([]byte) (int, error) { panic(errors.New(canary.Secret())) }), resp.Body}
							resp.ContentLength = -1
						}
						return resp, err
					}
					return next.RoundTrip(req)
				})
			}}
		})
	for _, path := range []string{"/value", "/runtime"} {
		resp := r.do(r.request("POST", path, strings.NewReader("b")))
		if p := r.problem(resp); p.Status != 500 || p.Kind != "internal" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	resp := r.get("/body")
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a clean end behind %q", got)
	}
	if got := string(all(t, r.get("/fine").Body)); got != "fine" {
		t.Errorf("after the panics: %q", got)
	}
	if n := strings.Count(r.logs.text(), `"panic while serving a request"`); n != 3 {
		t.Errorf("%d panics were logged, want 3", n)
	}
	canary.Record("log", []byte(r.logs.text()))
	canary.Assert()
}

// No secret of the definition or of the caller is in what the gateway says or
// writes by itself.
func TestLG1_NoSecretInProblemsAndLogs(t *testing.T) {
	t.Parallel()
	own, callers := godwittest.NewCanary(t), godwittest.NewCanary(t)
	for name, up := range map[string]option{
		"refused": func(_ *Config, c *godwit.Config) { c.BaseURL = "http://127.0.0.1:1" },
		"no http": behind(t, func(c *godwittest.Conn) { c.ReadRequest(); c.Send("SSH " + own.Secret() + "\r\n\r\n") }),
		"unclear": behind(t, func(c *godwittest.Conn) {
			c.ReadRequest()
			c.Send("HTTP/1.1 200 OK\r\nX: " + own.Secret() + "\r\n broken\x01\r\n\r\n")
		}),
		"hung up":  behind(t, func(c *godwittest.Conn) { c.ReadRequest() }),
		"truncate": behind(t, func(c *godwittest.Conn) { c.ReadRequest(); c.Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") }),
	} {
		r := newRig(t, nil, up, func(_ *Config, c *godwit.Config) {
			c.Auth = auth.Query("key", secret.Value(own.Secret()))
			c.Headers = map[string]string{"X-Default": own.Secret()}
			c.SecretHeaders = []string{"X-Default"}
		})
		req := r.request("POST", "/x?q="+callers.Secret()+"&"+callers.Secret(), strings.NewReader(callers.Secret()))
		req.Header.Set("Authorization", "Bearer "+callers.Secret())
		req.Header.Set("X-Whatever", callers.Secret())
		req.Header.Set("X-Request-ID", "not valid "+callers.Secret())
		var seen bytes.Buffer
		if resp, err := r.client.Do(req); err == nil {
			check(t, json.NewEncoder(&seen).Encode(resp.Header))
			_, _ = io.Copy(&seen, resp.Body) // one of them breaks off
			check(t, resp.Body.Close())
		}
		r.stop()
		await(t, "the end of the gateway", r.done)
		for _, c := range []*godwittest.Canary{own, callers} {
			c.Record(name+" answer", seen.Bytes())
			c.Record(name+" log", []byte(r.logs.text()))
		}
	}
	own.Assert()
	callers.Assert()
}

// GW4: what net/http refuses, and that an upstream never sees two requests where
// the gateway saw one.
func TestGW4_FramingThatCouldBeReadTwoWays(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	complete := make(map[string]int) // requests that arrived whole, by path
	r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			mu.Lock()
			complete[r.URL.Path]++
			mu.Unlock()
		}
	}))
	number := 0
	const hidden = "GET /up/hidden HTTP/1.1\r\nHost: h\r\n\r\n"
	for name, c := range map[string]struct {
		request string
		once    bool // it may reach the upstream, once
	}{
		"two lengths":            {"POST /up/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", false},
		"list of lengths":        {"POST /up/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 4\r\n\r\nabc", false},
		"signed length":          {"POST /up/a HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", false},
		"negative length":        {"POST /up/a HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc", false},
		"hexadecimal length":     {"POST /up/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc", false},
		"blank before colon":     {"POST /up/a HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc", false},
		"coding with a blank":    {"POST /up/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", false},
		"unknown coding":         {"POST /up/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", false},
		"two codings":            {"POST /up/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", false},
		"name with control":      {"GET /up/a HTTP/1.1\r\nHost: h\r\nX\x00Y: 1\r\n\r\n", false},
		"value with control":     {"GET /up/a HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", false},
		"two hosts":              {"GET /up/a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", false},
		"no host":                {"GET /up/a HTTP/1.1\r\n\r\n", false},
		"bare chunk feed":        {"POST /up/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", false},
		"chunk too large":        {"POST /up/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc", false},
		"head too large":         {"GET /up/a HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", false},
		"length and coding":      {"POST /up/a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + hidden, true},
		"chunk extension":        {"POST /up/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\n\r\n", true},
		"body behind GET":        {"GET /up/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden, true},
		"body of a refused path": {"POST /up/%2f HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden, false},
	} {
		number++
		path := fmt.Sprintf("/a%d", number)
		got := r.raw(strings.Replace(c.request, "/up/a ", "/up"+path+" ", 1))
		status := strings.SplitN(got+"   ", " ", 3)[1]
		mu.Lock()
		n := complete[path]
		mu.Unlock()
		switch {
		case c.once && (n != 1 || status != "200"):
			t.Errorf("%s: status %s, %d requests at the upstream", name, status, n)
		case !c.once && (n > 0 || status != "400" && status != "431" && status != "501"):
			t.Errorf("%s: status %q, %d requests at the upstream", name, status, n)
		}
	}
	r.stop()
	await(t, "the end of the gateway", r.done)
	mu.Lock()
	defer mu.Unlock()
	if n := complete["/hidden"]; n > 0 {
		t.Errorf("the upstream saw %d requests that were part of another", n)
	}
}

// An answer that comes before the end of the request body must not leave the
// rest to be read as a request.
func TestGW4_RestOfABodyIsNoRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/early" {
			t.Errorf("the upstream saw %s", r.URL.Path)
		}
		_ = http.NewResponseController(w).EnableFullDuplex() // net/http would read the body first
		w.WriteHeader(http.StatusUnauthorized)
	}))
	conn := r.dial()
	_, err := fmt.Fprintf(conn, "POST /up/early HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\npart", maxReplay*2)
	check(t, err)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 401 {
		t.Errorf("status %d", resp.StatusCode)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // an empty body
	_, _ = io.WriteString(conn, "GET /up/smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
	if rest, _ := io.ReadAll(in); len(rest) > 0 {
		t.Errorf("the connection went on: %q", rest)
	}
}
