package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

// around puts the policy inside one attempt, as the chain does.
func around(t testing.TB, c auth.Config, rt http.RoundTripper) http.RoundTripper {
	t.Helper()
	m, err := auth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return exchange.Chain(rt, attempt, m)
}

func attempt(next http.RoundTripper) http.RoundTripper {
	return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		req, call := exchange.Begin(req)
		return exchange.Send(next, req, call, 0)
	})
}

func newRequest(t testing.TB, method, url string) (*http.Request, *exchange.Call) {
	t.Helper()
	ctx, call := exchange.WithCall(t.Context())
	call.Redactor = new(redact.Redactor)
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req, call
}

// send sends and closes, and returns what arrived.
func send(t *testing.T, rt http.RoundTripper, script *godwittest.Transport, req *http.Request) godwittest.Request {
	t.Helper()
	before := script.Count()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.Request != req {
		t.Errorf("resp.Request is not the request: %v", resp.Request.URL)
	}
	if script.Count() != before+1 {
		t.Fatalf("%d requests", script.Count()-before)
	}
	return script.Requests()[before]
}

func basicValue(pair string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// TestAttach: each scheme on the wire; neither the caller's request nor
// resp.Request ever has the credential, and the redactor knows it afterwards.
func TestAttach(t *testing.T) {
	t.Parallel()
	token := secret.Value(canary)
	custom := func(_ context.Context, req *http.Request) error {
		req.Header.Set("X-Signature", req.Method+" "+req.URL.Path)
		req.URL.RawQuery = "signed=1"
		return nil
	}
	cases := []struct {
		name   string
		c      auth.Config
		header string
		value  string
		query  string
		shown  []string // texts that the redactor must mask
	}{
		{"bearer", auth.Bearer(token), "Authorization", "Bearer " + canary, "a=1", []string{canary}},
		{"word", auth.Config{Bearer: &auth.BearerConfig{Token: token, Scheme: "Token"}}, "Authorization", "Token " + canary, "a=1", nil},
		{
			"basic", auth.Basic("ann", token), "Authorization", basicValue("ann:" + canary), "a=1",
			[]string{canary, base64.StdEncoding.EncodeToString([]byte("ann:" + canary))},
		},
		{
			"no password", auth.Basic("ann-key", secret.Secret{}), "Authorization", basicValue("ann-key:"), "a=1",
			[]string{base64.StdEncoding.EncodeToString([]byte("ann-key:"))},
		},
		{"header", auth.Header("x-api-key", token), "X-Api-Key", canary, "a=1", []string{canary}},
		{"query", auth.Query("key", token), "", "", "a=1&key=" + canary, []string{canary}},
		{"custom", auth.Config{Custom: custom}, "X-Signature", "GET /x", "signed=1", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			script := godwittest.Always(godwittest.Status(200))
			req, call := newRequest(t, "GET", apiOrigin+"/x?a=1")
			got := send(t, around(t, bound(c.c), script), script, req)
			if c.header != "" && !slices.Equal(got.Header[c.header], []string{c.value}) {
				t.Errorf("header %v, want %s: %s", got.Header, c.header, c.value)
			}
			if c.header == "" && len(got.Header) != 0 {
				t.Errorf("header %v", got.Header)
			}
			if got.URL.RawQuery != c.query {
				t.Errorf("query %q, want %q", got.URL.RawQuery, c.query)
			}
			if len(req.Header) != 0 || req.URL.String() != apiOrigin+"/x?a=1" {
				t.Errorf("the caller's request was changed: %v %v", req.URL, req.Header)
			}
			for _, s := range c.shown {
				if text := call.Redactor.Text("before " + s + " after"); strings.Contains(text, s) {
					t.Errorf("%q would be shown", s)
				}
			}
		})
	}
}

func TestCallerWins(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Status(200))
	bearer := around(t, bound(auth.Bearer(secret.Value(canary))), script)
	for name, want := range map[string]string{"Authorization": "Basic own", "authorization": "Basic own"} {
		req, _ := newRequest(t, "GET", apiOrigin+"/x")
		req.Header[name] = []string{want}
		if got := send(t, bearer, script, req); !slices.Equal(got.Header[name], []string{want}) || len(got.Header) != 1 {
			t.Errorf("%s: %v", name, got.Header)
		}
	}
	req, _ := newRequest(t, "GET", apiOrigin+"/x")
	req.Header["authorization"] = []string{""}
	if got := send(t, bearer, script, req); len(got.Header) != 1 || got.Header.Get("Authorization") != "Bearer "+canary {
		t.Errorf("an empty field: %v", got.Header)
	}
	query := around(t, bound(auth.Query("key", secret.Value(canary))), script)
	req, _ = newRequest(t, "GET", apiOrigin+"/x?key=own")
	if got := send(t, query, script, req); got.URL.RawQuery != "key=own" {
		t.Errorf("query %q", got.URL.RawQuery)
	}

	// The guard holds for the caller's own field as well.
	req, _ = newRequest(t, "GET", "https://other.example/x")
	req.Header.Set("Authorization", "Basic own")
	if resp, err := bearer.RoundTrip(req); resp != nil || !errors.Is(err, exchange.ErrOriginNotAllowed) {
		t.Errorf("%v, %v", resp, err)
	}
}

// closing notices that a request body was closed.
type closing struct {
	io.Reader
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }

func TestCR5_ForeignHost(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"https://other.example/x?q=" + canary, "https://sub.api.example.com/", "https://api.example.com:8443/", "http://api.example.com/",
		"https://api.example.com.evil.example/",
	} {
		script := godwittest.Script()
		req, call := newRequest(t, "POST", url)
		body := &closing{Reader: strings.NewReader("x")}
		req.Body = body
		var events []string
		call.Observe(exchange.ObserverFunc(func(_ context.Context, e exchange.Event) { events = append(events, e.Name) }))
		resp, err := around(t, bound(auth.Bearer(secret.Value(canary))), script).RoundTrip(req)
		var e *exchange.Error
		if resp != nil || !errors.As(err, &e) || !errors.Is(err, exchange.ErrOriginNotAllowed) {
			t.Fatalf("%s: %v, %v", url, resp, err)
		}
		host := req.URL.Scheme + "://" + req.URL.Host
		if !strings.Contains(e.Hint, host) || !strings.Contains(e.Hint, "origins") || e.Policy != "auth" || e.Sent != exchange.SentNo {
			t.Errorf("%s: hint %q, policy %q, sent %v", url, e.Hint, e.Policy, e.Sent)
		}
		if text := err.Error() + e.Hint; strings.Contains(text, canary) {
			t.Errorf("text %q", text)
		}
		if script.Count() != 0 || body.closed == 0 || !slices.Contains(events, exchange.EventAuthRefused) {
			t.Errorf("%s: %d requests, body closed %d times, events %v", url, script.Count(), body.closed, events)
		}
	}
}

func TestNoAuthAndAnonymous(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Status(200))
	c := bound(auth.Header("X-Api-Key", secret.Value(canary)))
	c.SecretHeaders = []string{"x-other-key"}
	rt := around(t, c, script)

	req, call := newRequest(t, "GET", apiOrigin+"/x")
	call.NoAuth = true
	req.Header.Set("Cookie", "a=b")
	if got := send(t, rt, script, req); len(got.Header) != 1 || got.Header.Get("Cookie") != "a=b" {
		t.Errorf("without credentials: %v", got.Header)
	}
	for _, url := range []string{apiOrigin + "/x", "https://other.example/x"} {
		req, call = newRequest(t, "GET", url)
		call.Anonymous = true
		for _, name := range []string{"Authorization", "Cookie", "proxy-authorization", "X-API-KEY", "X-Other-Key", "Referer"} {
			req.Header[name] = []string{canary, canary}
		}
		req.Header.Set("Accept", "text/html")
		if got := send(t, rt, script, req); len(got.Header) != 1 || got.Header.Get("Accept") == "" {
			t.Errorf("anonymous to %s: %v", url, got.Header)
		}
		if len(req.Header) != 7 {
			t.Errorf("the caller's header was changed: %v", req.Header)
		}
	}
}

// TestRD5_EchoedKey: what a redirect repeats of the key stays behind.
func TestRD5_EchoedKey(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Status(200))
	rt := around(t, bound(auth.Query("key", secret.Value(canary))), script)
	req, _ := newRequest(t, "GET", apiOrigin+"/x")
	send(t, rt, script, req) // the secret is known from here on

	for query, want := range map[string]string{
		"key=" + canary + "&a=1":               "a=1",
		"KEY=other":                            "",
		"next=%2Fx%3Fkey%3D" + canary + "&b=2": "b=2",
	} {
		req, call := newRequest(t, "GET", "https://user:pass@other.example/x?"+query)
		call.AddRedirect(exchange.Redirect{Status: 302, From: req.URL, To: req.URL})
		var events []string
		call.Observe(exchange.ObserverFunc(func(_ context.Context, e exchange.Event) { events = append(events, e.Name) }))
		got := send(t, rt, script, req)
		if got.URL.RawQuery != want || got.URL.User != nil || !call.Anonymous || !slices.Contains(events, exchange.EventAuthStripped) {
			t.Errorf("%s: %v, anonymous %v, events %v", query, got.URL, call.Anonymous, events)
		}
	}

	req, call := newRequest(t, "GET", "https://other.example/"+canary+"/x")
	call.AddRedirect(exchange.Redirect{Status: 302, From: req.URL, To: req.URL})
	before := script.Count()
	if resp, err := rt.RoundTrip(req); resp != nil || !errors.Is(err, exchange.ErrOriginNotAllowed) || script.Count() != before {
		t.Errorf("a credential in the path: %v, %v", resp, err)
	}
}

// TestRotation: a replaced file is used from the next attempt on.
func TestRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write := func(v string) {
		if err := os.WriteFile(path, []byte(v+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := godwittest.Always(godwittest.Status(200))
	rt := around(t, bound(auth.Bearer(secret.File(path))), script)
	req, call := newRequest(t, "GET", apiOrigin+"/x")
	for _, token := range []string{"first-token", "second-token", "first-token"} {
		write(token)
		if got := send(t, rt, script, req); got.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("%v, want %s", got.Header, token)
		}
	}
	if text := call.Redactor.Text("first-token second-token"); strings.Contains(text, "token") {
		t.Errorf("the redactor shows %q", text)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	before := script.Count()
	req, _ = newRequest(t, "GET", apiOrigin+"/x")
	resp, err := rt.RoundTrip(req)
	var e *exchange.Error
	if resp != nil || !errors.As(err, &e) || !errors.Is(err, exchange.ErrUnauthenticated) || !strings.Contains(err.Error(), "auth.bearer.token") || e.Sent != exchange.SentNo {
		t.Errorf("file gone: %v, %v", resp, err)
	}
	if !errors.Is(err, os.ErrNotExist) || script.Count() != before {
		t.Errorf("%v; %d requests", err, script.Count()-before)
	}
}

func TestUnusableSecretClosesTheBody(t *testing.T) {
	t.Parallel()
	script := godwittest.Script()
	for _, c := range []auth.Config{
		auth.Bearer(secret.Value("two words")),
		{Custom: func(context.Context, *http.Request) error { return errors.New("signer is down") }},
	} {
		body := &closing{Reader: strings.NewReader("x")}
		req, _ := newRequest(t, "POST", apiOrigin+"/x")
		req.Body = body
		resp, err := around(t, bound(c), script).RoundTrip(req)
		if resp != nil || !errors.Is(err, exchange.ErrUnauthenticated) || body.closed == 0 {
			t.Errorf("%v, %v, body closed %d times", resp, err, body.closed)
		}
	}
	script.Verify(t)
}

func TestCustom(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Status(200))
	own := &exchange.Error{Kind: exchange.ErrWouldMissDeadline}
	ctxErr := func(ctx context.Context, _ *http.Request) error { <-ctx.Done(); return ctx.Err() }
	for _, c := range []struct {
		name   string
		custom func(context.Context, *http.Request) error
		kind   *exchange.Kind
	}{
		{"moves the host", func(_ context.Context, r *http.Request) error { r.URL.Host = "evil.example"; return nil }, exchange.ErrOriginNotAllowed},
		{"moves to http", func(_ context.Context, r *http.Request) error { r.URL.Scheme = "http"; return nil }, exchange.ErrOriginNotAllowed},
		{"takes the URL away", func(_ context.Context, r *http.Request) error { r.URL = nil; return nil }, exchange.ErrOriginNotAllowed},
		{"own kind", func(context.Context, *http.Request) error { return own }, exchange.ErrWouldMissDeadline},
		{"canceled", ctxErr, exchange.ErrCanceled},
	} {
		req, _ := newRequest(t, "GET", apiOrigin+"/x")
		ctx, cancel := context.WithCancel(req.Context())
		if c.name == "canceled" {
			cancel()
		}
		resp, err := around(t, bound(auth.Config{Custom: c.custom}), script).RoundTrip(req.WithContext(ctx))
		cancel()
		if resp != nil || !errors.Is(err, c.kind) || script.Count() != 0 {
			t.Errorf("%s: %v, %v", c.name, resp, err)
		}
	}
	// Per attempt, and never for a hop outside.
	n := 0
	rt := around(t, bound(auth.Config{Custom: func(context.Context, *http.Request) error { n++; return nil }}), script)
	req, call := newRequest(t, "GET", apiOrigin+"/x")
	send(t, rt, script, req)
	send(t, rt, script, req)
	call.Anonymous = true
	send(t, rt, script, req)
	if n != 2 {
		t.Errorf("called %d times, want 2", n)
	}
}

// TestErrorsHideTheKey: an error of the transport names the URL without the
// parameter that was added.
func TestErrorsHideTheKey(t *testing.T) {
	t.Parallel()
	rt := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		if !strings.Contains(req.URL.RawQuery, canary) {
			t.Errorf("query %q", req.URL.RawQuery)
		}
		return nil, exchange.CallFrom(req.Context()).NewError(exchange.ErrConnect, "", req, fmt.Errorf("no route to %s", req.URL))
	})
	req, call := newRequest(t, "GET", apiOrigin+"/x?a=1")
	_, err := around(t, bound(auth.Query("secretname", secret.Value(canary))), rt).RoundTrip(req)
	if err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "secretname=") && !strings.Contains(err.Error(), "***") {
		t.Errorf("%v", err)
	}
	var e *exchange.Error
	if !errors.As(err, &e) || e.URL != apiOrigin+"/x?a=***" {
		t.Errorf("URL %q", e.URL)
	}
	for _, a := range call.Attempts() {
		if strings.Contains(a.Err.Error(), canary) {
			t.Errorf("attempt: %v", a.Err)
		}
	}
}

// TestAlone: outside an attempt of ours, the response's Request is the caller's.
func TestAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []auth.Config{auth.Bearer(secret.Value(canary)), auth.Query("key", secret.Value(canary))} {
		m, err := auth.New(bound(c))
		if err != nil {
			t.Fatal(err)
		}
		script := godwittest.Always(godwittest.Status(200))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, apiOrigin+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := send(t, exchange.Chain(script, m), script, req); !strings.Contains(got.URL.RawQuery+got.Header.Get("Authorization"), canary) {
			t.Errorf("%v %v", got.URL, got.Header)
		}
		if len(req.Header) != 0 || req.URL.RawQuery != "" {
			t.Errorf("the caller's request was changed: %v %v", req.URL, req.Header)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Status(200))
	rt := around(t, bound(auth.Basic("ann", secret.Value(canary))), script)
	var wg sync.WaitGroup
	for range 50 {
		req, _ := newRequest(t, "GET", apiOrigin+"/x")
		wg.Go(func() {
			if resp, err := rt.RoundTrip(req); err != nil {
				t.Error(err)
			} else {
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	for _, r := range script.Requests() {
		if r.Header.Get("Authorization") != basicValue("ann:"+canary) {
			t.Errorf("header %v", r.Header)
		}
	}
}

// TestAllocations: what the policy adds to an attempt on the success path.
func TestAllocations(t *testing.T) {
	resp := &http.Response{StatusCode: 200, Body: http.NoBody}
	inner := exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) { return resp, nil })
	m, err := auth.New(bound(auth.Bearer(secret.Value(canary))))
	if err != nil {
		t.Fatal(err)
	}
	measure := func(rt http.RoundTripper) float64 {
		req, _ := newRequest(t, "GET", apiOrigin+"/x")
		return testing.AllocsPerRun(200, func() {
			if _, err := rt.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
		})
	}
	with, without := measure(exchange.Chain(inner, attempt, m)), measure(exchange.Chain(inner, attempt))
	if with-without > 3 { // the field's value, and the header map's growth
		t.Errorf("%v allocations with, %v without", with, without)
	}
}
