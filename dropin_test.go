package godwit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/redirect"
	"github.com/godwit-go/godwit/policy/retry"
	"github.com/godwit-go/godwit/secret"
)

func TestTransportDropIn(t *testing.T) {
	t.Parallel()
	client, server := serve(t, echoHandler, func(c *godwit.Config) {
		c.Headers = map[string]string{"X-Team": "blue"}
		c.Query = map[string]string{"v": "2"}
		c.Auth = auth.Bearer(secret.Value("token-1234"))
	})
	hc := &http.Client{Transport: client.Transport()}
	ctx := godwit.CallContext(context.Background(), godwit.RequestID("drop"), godwit.Timeout(time.Minute))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/api/x?a=1", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Own", "1")
	resp, err := hc.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var got echo
	if err := errors.Join(json.NewDecoder(resp.Body).Decode(&got), resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if got.URI != "/api/x?a=1&v=2" || got.Body != "body" || got.Header.Get("X-Team") != "blue" || got.Header.Get("X-Own") != "1" ||
		got.Header.Get("X-Request-Id") != "drop" || got.Header.Get("Authorization") != "Bearer token-1234" {
		t.Errorf("%+v", got)
	}
	if req.Header.Get("X-Team") != "" || req.URL.RawQuery != "a=1" {
		t.Error("the caller's request was changed")
	}
	if resp.Request != req {
		t.Error("resp.Request is not the caller's request")
	}
	req, _ = http.NewRequestWithContext(godwit.CallContext(context.Background(), godwit.JSON(1)), http.MethodGet, server.URL, nil)
	if _, err := hc.Do(req); !errors.Is(err, godwit.ErrRequest) {
		t.Errorf("an option without meaning: %v", err)
	}
}

// scripted returns a client over a scripted transport.
func scripted(t *testing.T, rt http.RoundTripper, change func(*godwit.Config)) *godwit.Client {
	t.Helper()
	config := godwit.Config{BaseURL: "https://a.test/v1", Transport: rt, Retry: retry.Config{Attempts: 1}, Logging: quiet}
	if change != nil {
		change(&config)
	}
	client, err := godwit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// send sends a request through hc and closes the answer.
func send(hc *http.Client, req *http.Request) error {
	resp, err := hc.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

func request(t *testing.T, method, target string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// field returns a header field in whatever letter case it was sent.
func field(h http.Header, name string) string {
	for k, values := range h {
		if strings.EqualFold(k, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// TestCR5_DefaultsStayHome: a foreign client may ask for any origin. What the
// definition adds to each call, which can be a key, goes to the origins that the
// definition names and to no other; a call on the way back from another one is
// no longer at home.
func TestCR5_RD3_DefaultsStayHome(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, base string
		origins    []string
		urls       []string // the first request and the redirects that follow
		home       int      // how many of them get the defaults
	}{
		{"home", "https://a.test/v1", nil, []string{"https://a.test/x"}, 1},
		{"home, redirected within", "https://a.test/v1", nil, []string{"https://a.test/x", "https://a.test/y"}, 2},
		{"named origin", "https://a.test/v1", []string{"https://up.test"}, []string{"https://up.test/x"}, 1},
		{"asked for another", "https://a.test/v1", nil, []string{"https://evil.test/x"}, 0},
		{"another port", "https://a.test/v1", nil, []string{"https://a.test:8443/x"}, 0},
		{"sub-domain", "https://a.test/v1", nil, []string{"https://b.a.test/x"}, 0},
		{"in clear", "https://a.test/v1", nil, []string{"http://a.test/x"}, 0},
		{"hop to another", "https://a.test/v1", nil, []string{"https://a.test/x", "https://evil.test/y"}, 1},
		{"there and back", "https://a.test/v1", nil, []string{"https://a.test/x", "https://evil.test/y", "https://a.test/z"}, 1},
		{"from another", "https://a.test/v1", nil, []string{"https://evil.test/x", "https://a.test/y"}, 0},
		{"no base", "", nil, []string{"https://any.test/x", "https://any.test/y"}, 2},
		{"no base, hop", "", nil, []string{"https://any.test/x", "https://evil.test/y", "https://any.test/z"}, 1},
		{"no base, origins", "", []string{"https://a.test"}, []string{"https://evil.test/x"}, 0},
	} {
		for _, follow := range []string{"never", "always"} {
			t.Run(tt.name+"/"+follow, func(t *testing.T) {
				t.Parallel()
				key := godwittest.NewCanary(t)
				var replies []godwittest.Reply
				for _, next := range tt.urls[1:] {
					replies = append(replies, godwittest.Redirect(302, next))
				}
				script := godwittest.Script(append(replies, godwittest.Text(200, "end"))...)
				client := scripted(t, script, func(c *godwit.Config) {
					c.BaseURL, c.Auth.Origins = tt.base, tt.origins
					c.Redirect = redirect.Config{Follow: follow, Downgrade: "allow"}
					c.Headers = map[string]string{"X-Api-Key": key.Secret(), "x-team": key.Secret(), "Accept": "text/x", "Host": "vhost.test"}
					c.Query = map[string]string{"key": key.Secret()}
				})
				req := request(t, "GET", tt.urls[0])
				req = req.WithContext(godwit.CallContext(req.Context(), godwit.IdempotencyKey("order-7")))
				if err := send(&http.Client{Transport: client.Transport()}, req); err != nil {
					t.Fatal(err)
				}
				script.Verify(t)
				for i, r := range script.Requests() {
					checkHop(t, r, hop{
						atHome: i < tt.home,
						// Redirects that the chain follows keep fields, never add parameters.
						adds: i < tt.home && (i == 0 || follow == "never"),
						// From an origin that the program asked for to one that the definition
						// names, the chain takes the caller's fields along.
						left: i > 0 && i >= tt.home && (tt.home > 0 || follow == "never"),
					})
					if i >= tt.home {
						recordRequest(key, r)
					}
				}
				key.Record("none", nil)
				key.Assert()
			})
		}
	}
}

// hop is what to expect of one request.
type hop struct{ atHome, adds, left bool }

func checkHop(t *testing.T, r godwittest.Request, want hop) {
	t.Helper()
	name := fmt.Sprintf("request %d, %s", r.Number, r.URL.Host)
	if got := r.Header.Get("X-Api-Key") != ""; got != want.atHome {
		t.Errorf("%s: default header sent: %v", name, got)
	}
	if got := r.URL.Query().Has("key"); got != want.adds {
		t.Errorf("%s: default parameter sent: %v", name, got)
	}
	if (r.Host == "vhost.test") != want.adds {
		t.Errorf("%s: Host %s", name, r.Host)
	}
	if r.Header.Get("Accept") != "text/x" || r.Header.Get("User-Agent") == "" {
		t.Errorf("%s: the harmless defaults are missing: %v", name, r.Header)
	}
	if want.left && (field(r.Header, "X-Request-Id") != "" || field(r.Header, "Idempotency-Key") != "") {
		t.Errorf("%s says whose call it is: %v", name, r.Header)
	}
}

// recordRequest shows the canary what a party has got.
func recordRequest(c *godwittest.Canary, r godwittest.Request) {
	c.Record(r.URL.Host, []byte(r.URL.String()))
	for name, values := range r.Header {
		c.Record(r.URL.Host, []byte(name+": "+strings.Join(values, ", ")+"\n"))
	}
}

// What a call without base_url may not do, whatever is passed.
func TestCR5_SecretHeadersStayHome(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Text(200, "ok"))
	client := scripted(t, script, func(c *godwit.Config) {
		c.BaseURL, c.Auth.Origins, c.SecretHeaders = "", []string{"https://a.test"}, []string{"x-mine"}
		c.Headers = map[string]string{"X-Other": "1"}
	})
	resp, err := client.Do(t.Context(), "GET", "https://a.test/x", godwit.Header("X-Mine", "key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Close(); err != nil || script.Requests()[0].Header.Get("X-Other") != "1" {
		t.Errorf("at home: %v", err)
	}
	_, err = client.Do(t.Context(), "GET", "https://evil.test/x", godwit.Header("X-Mine", "key"))
	if e, ok := errors.AsType[*godwit.Error](err); !ok || !errors.Is(err, godwit.ErrOriginNotAllowed) || e.Hint == "" {
		t.Errorf("Do: %v", err)
	}
	req := request(t, "GET", "https://evil.test/x")
	req.Header["x-mine"] = []string{"key"}
	if err := send(&http.Client{Transport: client.Transport()}, req); !errors.Is(err, godwit.ErrOriginNotAllowed) {
		t.Errorf("drop-in: %v", err)
	}
	if n := script.Count(); n != 1 {
		t.Errorf("%d requests were sent, want 1", n)
	}
	resp, err = client.Do(t.Context(), "GET", "https://evil.test/x")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Close(); err != nil || script.Requests()[1].Header.Get("X-Other") != "" {
		t.Errorf("a default went to an origin that nobody named: %v", script.Requests()[1].Header)
	}
}

// TestRD2_RD7_ForeignHopCarriesNothing: an *http.Client that follows redirects
// itself keeps Authorization on another port, every custom field everywhere, and
// sends a Referer.
func TestRD2_RD5_RD7_ForeignHopCarriesNothing(t *testing.T) {
	t.Parallel()
	canary := godwittest.NewCanary(t)
	script := godwittest.Script(godwittest.Redirect(307, "https://a.test:8443/y"), godwittest.Text(200, "end"))
	client := scripted(t, script, func(c *godwit.Config) {
		c.Redirect.Follow = "never"
		c.SecretHeaders = []string{"X-Mine", "Accept-Language"}
	})
	req := request(t, "GET", "https://u:"+canary.Secret()+"@a.test/x?q="+canary.Secret())
	for _, name := range []string{"Authorization", "Cookie", "X-Mine", "X-Api-Key", "accept-language"} {
		req.Header[name] = []string{canary.Secret()}
	}
	if err := send(&http.Client{Transport: client.Transport()}, req); err != nil {
		t.Fatal(err)
	}
	script.Verify(t)
	recordRequest(canary, script.Requests()[1])
	canary.Assert()
}

// A call's options are applied to each request anew, and reach no other call.
func TestCallContextForManyRequests(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Text(200, "ok"))
	client := scripted(t, script, func(c *godwit.Config) {
		c.Auth = auth.Bearer(secret.Value("token-1234"))
	})
	hc := &http.Client{Transport: client.Transport()}
	ctx := godwit.CallContext(t.Context(), godwit.IdempotencyKey(""), godwit.NoAuth())
	ctx = godwit.CallContext(ctx, godwit.Timeout(time.Minute))
	const calls = 50
	var group sync.WaitGroup
	for range calls {
		group.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://a.test/x", strings.NewReader("x"))
			if err == nil {
				err = send(hc, req)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	keys, ids := map[string]bool{}, map[string]bool{}
	for _, r := range script.Requests() {
		keys[field(r.Header, "Idempotency-Key")] = true
		ids[r.Header.Get("X-Request-Id")] = true
		if r.Header.Get("Authorization") != "" {
			t.Error("the option of the outer CallContext is lost")
		}
	}
	if len(keys) != calls || len(ids) != calls || keys[""] {
		t.Errorf("%d keys and %d request ids for %d calls", len(keys), len(ids), calls)
	}
}

// What a middleware asks for meanwhile, such as a token, is another call.
func TestCallContextEndsAtTheCall(t *testing.T) {
	t.Parallel()
	tokens := godwittest.Always(godwittest.Text(200, "token"))
	other := scripted(t, tokens, nil)
	client := scripted(t, godwittest.Always(godwittest.Text(200, "ok")), func(c *godwit.Config) {
		c.Auth = auth.Config{Custom: func(ctx context.Context, req *http.Request) error {
			inner, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://a.test/token", nil)
			if err != nil {
				return err
			}
			return send(&http.Client{Transport: other.Transport()}, inner)
		}}
	})
	req := request(t, "POST", "https://a.test/x")
	req = req.WithContext(godwit.CallContext(req.Context(), godwit.IdempotencyKey("order-7"), godwit.RequestID("mine")))
	if err := send(&http.Client{Transport: client.Transport()}, req); err != nil {
		t.Fatal(err)
	}
	if got := tokens.Requests()[0].Header; field(got, "Idempotency-Key") != "" || got.Get("X-Request-Id") == "mine" {
		t.Errorf("the token was asked for with the options of the call: %v", got)
	}
}

// A foreign client may hand over anything.
func TestDropInOddRequests(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Text(200, "ok"))
	client := scripted(t, script, func(c *godwit.Config) {
		c.Headers = map[string]string{"X-Team": "blue"}
		c.Query = map[string]string{"v": "1"}
	})
	rt := client.Transport()
	if _, err := rt.RoundTrip(&http.Request{Method: "GET", Header: http.Header{}}); !errors.Is(err, godwit.ErrRequest) {
		t.Errorf("without URL: %v", err)
	}
	for _, u := range []*url.URL{{}, {Scheme: "ftp", Host: "a.test"}, {Scheme: "https"}, {Opaque: "x"}} {
		resp, err := rt.RoundTrip(&http.Request{Method: "GET", URL: u, Header: http.Header{}})
		if err == nil { // a scripted transport sends everything
			err = resp.Body.Close()
		}
		if err != nil && !errors.Is(err, godwit.ErrRequest) {
			t.Errorf("%v: %v", u, err)
		}
	}
	before := script.Count()
	resp, err := rt.RoundTrip(&http.Request{URL: &url.URL{Scheme: "https", Host: "a.test", Path: "/"}}) // no header, no method
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	req := request(t, "GET", "https://a.test/")
	odd := "x-team" // a key that is not canonical
	req.Header[odd] = []string{"red"}
	if err := send(&http.Client{Transport: rt}, req); err != nil {
		t.Fatal(err)
	}
	got := script.Requests()[before+1].Header
	if len(got["X-Team"])+len(got[odd]) != 1 {
		t.Errorf("a field in another letter case and its default were both sent: %v", got)
	}
}

// An *http.Client's own timeout, redirects, jar and streaming work on top.
func TestDropInUnderHTTPClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := godwittest.Script(godwittest.Reply{Fault: godwittest.FaultSilent}, godwittest.Reply{Body: "late", Pace: 3 * time.Second})
		client := scripted(t, script, nil)
		hc := &http.Client{Transport: client.Transport(), Timeout: 2 * time.Second}
		start := time.Now()
		err := send(hc, request(t, "GET", "https://a.test/x"))
		if !os.IsTimeout(err) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("http.Client.Timeout before the header: %v after %v", err, time.Since(start))
		}
		err = send(hc, request(t, "GET", "https://a.test/x"))
		if late, ok := errors.AsType[interface {
			error
			Timeout() bool
		}](err); !ok || !late.Timeout() {
			t.Errorf("http.Client.Timeout in the body: %v", err)
		}
		script.Verify(t)
	})
	first := make(chan struct{})
	client, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/stream", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "one ")
		w.(http.Flusher).Flush()
		<-first
		_, _ = io.WriteString(w, "two")
	}, nil)
	hops := 0
	hc := &http.Client{Transport: client.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { hops++; return nil }}
	resp, err := hc.Get(server.URL + "/moved")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 4)
	if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "one " { // before the server has ended
		t.Fatalf("%q, %v", buf, err)
	}
	close(first)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || string(rest) != "two" || hops != 0 || resp.Request.URL.Path != "/stream" {
		t.Errorf("%q, %v, CheckRedirect asked %d times, final URL %s", rest, err, hops, resp.Request.URL)
	}
}

// Cancelling through the *http.Client ends the call and frees the server.
func TestDropInCancelled(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	client, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: client.Transport()}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("reading on: %v", err)
	}
	<-gone
}
