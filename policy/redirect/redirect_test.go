package redirect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/redirect"
)

const start = "https://api.example.com/start"

// around puts the policy around rt.
func around(t testing.TB, c redirect.Config, rt http.RoundTripper) http.RoundTripper {
	t.Helper()
	m, err := redirect.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return exchange.Chain(rt, m)
}

// newRequest makes a request that belongs to a call, and the call.
func newRequest(t testing.TB, method, url, body string) (*http.Request, *exchange.Call) {
	t.Helper()
	ctx, call := exchange.WithCall(t.Context())
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	return req, call
}

func wantError(t *testing.T, resp *http.Response, err error, kind *exchange.Kind) *exchange.Error {
	t.Helper()
	if resp != nil {
		t.Errorf("a response beside the error: %v", resp.Status)
	}
	var e *exchange.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want *exchange.Error of kind %v", err, err, kind)
	}
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
	return e
}

// TestRD6_EveryHop: status x method x place, on the wire.
func TestRD6_EveryHop(t *testing.T) {
	t.Parallel()
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	table := map[int]string{ // method after the hop; + if the body goes along
		301: "GET HEAD GET PUT+ PATCH+ DELETE+ OPTIONS",
		302: "GET HEAD GET PUT+ PATCH+ DELETE+ OPTIONS",
		303: "GET HEAD GET GET GET GET GET",
		307: "GET HEAD POST+ PUT+ PATCH+ DELETE+ OPTIONS",
		308: "GET HEAD POST+ PUT+ PATCH+ DELETE+ OPTIONS",
	}
	places := map[string]string{
		"same": "/next", "other port": "https://api.example.com:8443/next", "other host": "https://evil.example/next",
		"sub-domain": "https://x.api.example.com/next",
	}
	for status, row := range table {
		for i, want := range strings.Fields(row) {
			for _, place := range slices.Sorted(maps.Keys(places)) {
				want, withBody := strings.CutSuffix(want, "+")
				body := ""
				if m := methods[i]; m == "POST" || m == "PUT" || m == "PATCH" || m == "DELETE" {
					body = "payload"
				}
				t.Run(fmt.Sprintf("%d %s %s", status, methods[i], place), func(t *testing.T) {
					t.Parallel()
					hop(t, status, methods[i], places[place], body, want, withBody, place != "same")
				})
			}
		}
	}
}

func hop(t *testing.T, status int, method, loc, body, wantMethod string, withBody, foreign bool) {
	script := godwittest.Script(godwittest.Redirect(status, loc), godwittest.Status(200))
	req, _ := newRequest(t, method, start, body)
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Authorization", "Bearer canary")
	resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
	if foreign && withBody {
		e := wantError(t, resp, err, exchange.ErrRedirect)
		if e.Status != status || e.Header.Get("Location") != loc || !strings.Contains(e.Hint, "cross_origin_body") {
			t.Errorf("status %d, header %v, hint %q", e.Status, e.Header, e.Hint)
		}
		if script.Count() != 1 || script.OpenBodies() != 0 {
			t.Errorf("%d requests, %d open bodies", script.Count(), script.OpenBodies())
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	script.Verify(t)
	got := script.Requests()[1]
	wantBody := ""
	if withBody {
		wantBody = body
	}
	if got.Method != wantMethod || string(got.Body) != wantBody || got.ContentLength != int64(len(wantBody)) {
		t.Errorf("%s with body %q (%d), want %s with %q", got.Method, got.Body, got.ContentLength, wantMethod, wantBody)
	}
	keepsType := !foreign && wantMethod == method && status != 303
	if (got.Header.Get("Content-Type") != "") != keepsType {
		t.Errorf("Content-Type %q, kept should be %v", got.Header.Get("Content-Type"), keepsType)
	}
	if (got.Header.Get("Authorization") != "") == foreign {
		t.Errorf("Authorization %q", got.Header.Get("Authorization"))
	}
	if got.Header.Get("Referer") != "" {
		t.Error("RD7: a Referer was sent")
	}
}

func TestRD6_AllowedBodyLosesIdempotencyKey(t *testing.T) {
	t.Parallel()
	script := godwittest.Script(godwittest.Redirect(307, "https://b.example/x"), godwittest.Status(200))
	req, call := newRequest(t, "POST", start, "payload")
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Idempotency-Key", "k1")
	call.IdempotencyKey = "k1"
	resp, err := around(t, redirect.Config{CrossOriginBody: "allow"}, script).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got := script.Requests()[1]
	if string(got.Body) != "payload" || got.Header.Get("Content-Type") != "text/plain" || got.Header.Get("Idempotency-Key") != "" {
		t.Errorf("body %q, header %v", got.Body, got.Header)
	}
	if call.IdempotencyKey != "" {
		t.Error("the call still counts as keyed, so a retry would send the body twice without a key")
	}
}

func TestRD6_BodyNotRewindable(t *testing.T) {
	t.Parallel()
	broken := errors.New("spool gone")
	for name, getBody := range map[string]func() (io.ReadCloser, error){
		"none":  nil,
		"fails": func() (io.ReadCloser, error) { return nil, broken },
	} {
		script := godwittest.Script(godwittest.Redirect(308, "/next"))
		req, _ := newRequest(t, "PUT", start, "payload")
		req.GetBody = getBody
		resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
		e := wantError(t, resp, err, exchange.ErrBodyNotRewindable)
		if e.Status != 308 || e.Hint == "" || script.Count() != 1 || script.OpenBodies() != 0 {
			t.Errorf("%s: status %d, hint %q, %d requests, %d open bodies", name, e.Status, e.Hint, script.Count(), script.OpenBodies())
		}
		if getBody != nil && !errors.Is(err, broken) {
			t.Errorf("%s: %v lost its cause", name, err)
		}
	}
}

// TestRD3_DroppedFieldsStayDropped: a -> b -> b2 and a -> b -> a.
func TestRD3_DroppedFieldsStayDropped(t *testing.T) {
	t.Parallel()
	for _, back := range []string{"https://b.example/2", "https://api.example.com/back"} {
		script := godwittest.Script(godwittest.Redirect(302, "https://b.example/1"), godwittest.Redirect(302, back),
			godwittest.Redirect(302, "more"), godwittest.Status(200))
		req, call := newRequest(t, "GET", start, "")
		for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "x-odd", "Proxy-Authorization", "Referer"} {
			req.Header[name] = []string{"canary", "canary"}
		}
		req.Header.Set("Accept", "text/html")
		req.Host = "canary.example"
		resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		for i, r := range script.Requests()[1:] {
			if len(r.Header) != 1 || r.Header.Get("Accept") != "text/html" || strings.Contains(r.Host, "canary") {
				t.Errorf("hop %d to %s: host %s, header %v", i+1, r.URL, r.Host, r.Header)
			}
		}
		if !call.Anonymous {
			t.Error("the call is not marked anonymous")
		}
		if len(req.Header) != 7 {
			t.Errorf("the caller's header was changed: %v", req.Header)
		}
	}
}

func TestFieldsStayWithinTheOriginSet(t *testing.T) {
	t.Parallel()
	script := godwittest.Script(godwittest.Redirect(302, "https://files.example.com/x"), godwittest.Redirect(302, "https://api.example.com./y"), godwittest.Status(200))
	req, call := newRequest(t, "GET", start, "")
	req.Header.Set("Authorization", "Bearer t")
	req.Host = "virtual.example"
	resp, err := around(t, redirect.Config{Origins: []string{"https://files.example.com"}}, script).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for i, want := range []string{"virtual.example", "files.example.com", "api.example.com."} {
		r := script.Requests()[i]
		if r.Header.Get("Authorization") != "Bearer t" || r.Host != want {
			t.Errorf("request %d: host %s, header %v", i, r.Host, r.Header)
		}
	}
	if call.Anonymous {
		t.Error("the call counts as anonymous although it never left the set")
	}
}

func TestRD1_Downgrade(t *testing.T) {
	t.Parallel()
	script := godwittest.Script(godwittest.Redirect(302, "http://api.example.com/x"))
	req, _ := newRequest(t, "GET", start, "")
	resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
	if e := wantError(t, resp, err, exchange.ErrRedirect); !strings.Contains(e.Hint, "redirect.downgrade") || script.Count() != 1 {
		t.Errorf("hint %q, %d requests", e.Hint, script.Count())
	}

	// Allowed, it goes on without credentials, also within the set.
	script = godwittest.Script(godwittest.Redirect(302, "http://api.example.com/x"), godwittest.Status(200))
	req, call := newRequest(t, "GET", start, "")
	req.Header.Set("Authorization", "Bearer canary")
	c := redirect.Config{Downgrade: "allow", Origins: []string{"http://api.example.com"}}
	if resp, err = around(t, c, script).RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := script.Requests()[1].Header.Get("Authorization"); got != "" || !call.Anonymous {
		t.Errorf("Authorization %q in clear, anonymous %v", got, call.Anonymous)
	}
}

func TestUpgradeKeepsFields(t *testing.T) {
	t.Parallel()
	script := godwittest.Script(godwittest.Redirect(301, "https://api.example.com/x"), godwittest.Status(200))
	req, _ := newRequest(t, "GET", "http://api.example.com/x", "")
	req.Header.Set("Authorization", "Bearer t")
	resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if script.Requests()[1].Header.Get("Authorization") != "Bearer t" {
		t.Error("http:80 to https:443 of one host dropped the header")
	}
}

func TestRD8_Limit(t *testing.T) {
	t.Parallel()
	n := 0
	endless := godwittest.Always(godwittest.Func(func(r *godwittest.Request) godwittest.Reply {
		n++
		return godwittest.Redirect(302, fmt.Sprintf("/hop/%d?token=canary", n))
	}))
	for limit, want := range map[int]int{0: 11, 1: 2, 3: 4} {
		before := endless.Count()
		req, call := newRequest(t, "GET", start+"?token=canary", "")
		resp, err := around(t, redirect.Config{Limit: limit}, endless).RoundTrip(req)
		e := wantError(t, resp, err, exchange.ErrTooManyRedirects)
		if got := endless.Count() - before; got != want || len(call.Redirects()) != want-1 {
			t.Errorf("limit %d: %d requests, %d hops booked", limit, got, len(call.Redirects()))
		}
		if text := err.Error(); strings.Contains(text, "canary") || strings.Contains(text, "loop") || !strings.Contains(text, "/start") || !strings.Contains(text, "/hop/") {
			t.Errorf("limit %d: %s", limit, text)
		}
		if e.Status != 302 || endless.OpenBodies() != 0 {
			t.Errorf("status %d, %d open bodies", e.Status, endless.OpenBodies())
		}
	}
}

func TestRD8_Loop(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Func(func(r *godwittest.Request) godwittest.Reply {
		return godwittest.Redirect(302, map[string]string{"/start": "/b#x", "/b": "/start"}[r.URL.Path])
	}))
	req, _ := newRequest(t, "GET", start, "")
	resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
	wantError(t, resp, err, exchange.ErrTooManyRedirects)
	if !strings.Contains(err.Error(), "loop") {
		t.Errorf("%v does not say that it is a loop", err)
	}
}

// countedBody notices reads and the close.
type countedBody struct {
	io.Reader
	read   int
	closed int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}
func (b *countedBody) Close() error { b.closed++; return nil }

func TestRD10_BodyOfARedirect(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		size   int64
		length int64
		coding string
		un     bool
		most   int
		least  int
	}{
		{"small", 1000, 1000, "", false, 1000, 1000},
		{"64 KiB", 64 << 10, 64 << 10, "", false, 64 << 10, 64 << 10},
		{"large, announced", 1 << 30, 1 << 30, "", false, 0, 0},
		{"large, not announced", 1 << 30, -1, "", false, 64 << 10, 1},
		{"coded", 1000, 1000, "gzip", false, 0, 0},
		{"decoded inside", 1 << 30, -1, "", true, 0, 0},
	}
	for _, c := range cases {
		for _, refused := range []bool{false, true} {
			body := &countedBody{Reader: io.LimitReader(zeros{}, c.size)}
			n := 0
			rt := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				if n++; n == 2 {
					return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
				}
				h := http.Header{"Location": {"/x"}}
				if refused {
					h["Location"] = []string{"ftp://x/"}
				}
				if c.coding != "" {
					h.Set("Content-Encoding", c.coding)
				}
				return &http.Response{StatusCode: 302, Header: h, Body: body, ContentLength: c.length, Uncompressed: c.un, Request: r}, nil
			})
			req, _ := newRequest(t, "GET", start, "")
			_, err := around(t, redirect.Config{}, rt).RoundTrip(req)
			if (err != nil) != refused {
				t.Fatalf("%s: %v", c.name, err)
			}
			if body.read > c.most || body.read < c.least || body.closed == 0 {
				t.Errorf("%s, refused %v: %d bytes read, want %d to %d; closed %d times", c.name, refused, body.read, c.least, c.most, body.closed)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte{'0'}, min(len(p), 4096))), nil
}

// TestRD10_SlowBody: a redirect whose body trickles holds nobody up.
func TestRD10_SlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := godwittest.Redirect(302, "/x")
		slow.Body, slow.Fault, slow.At, slow.Length = "abc", godwittest.FaultStall, 1, -1
		script := godwittest.Script(slow, godwittest.Status(200))
		req, _ := newRequest(t, "GET", start, "")
		began := time.Now()
		resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
		script.Verify(t)
	})
}

func TestRD9_RD11_RefusedLocationKeepsTheAnswer(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]godwittest.Reply{
		"scheme":    godwittest.Redirect(302, "ftp://canary.example/"),
		"userinfo":  godwittest.Redirect(302, "https://canary:canary@b.example/"),
		"malformed": godwittest.Redirect(302, "https://canary:x/"),
		"two":       godwittest.Redirect(302, "/canary").With("Location", "/b"),
		"no host":   godwittest.Redirect(302, "http:///canary"),
		"too long":  godwittest.Redirect(302, "/canary"+strings.Repeat("a", 100_000)),
	} {
		reply.Body = `moved`
		script := godwittest.Script(reply)
		req, call := newRequest(t, "GET", start, "")
		var events []string
		call.Observe(exchange.ObserverFunc(func(_ context.Context, e exchange.Event) { events = append(events, e.Name) }))
		resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
		e := wantError(t, resp, err, exchange.ErrRedirect)
		if e.Status != 302 || e.Header.Get("Location") == "" || string(e.RawBody()) != "moved" || e.Policy != "redirect" {
			t.Errorf("%s: status %d, body %q, policy %q", name, e.Status, e.RawBody(), e.Policy)
		}
		if text := err.Error(); strings.Contains(text, "canary") || strings.Contains(text, "\n") || len(text) > 300 {
			t.Errorf("%s: text %q", name, text)
		}
		if script.Count() != 1 || script.OpenBodies() != 0 || !slices.Contains(events, exchange.EventRedirectRefused) {
			t.Errorf("%s: %d requests, %d open bodies, events %v", name, script.Count(), script.OpenBodies(), events)
		}
	}
}
