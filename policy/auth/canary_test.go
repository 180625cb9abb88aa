package auth_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/cookie"
	"github.com/godwit-go/godwit/policy/redirect"
	"github.com/godwit-go/godwit/secret"
)

const homeURL = "https://api.example.com"

// carrier is a way for a secret to travel.
type carrier struct {
	name   string
	config func(s string) auth.Config
	caller func(req *http.Request, s string) // what the caller sets by itself
	login  bool                              // a cookie that home has set before
}

func carriers() []carrier {
	other := auth.Query("other", secret.Value("another-credential"))
	return []carrier{
		{name: "bearer", config: func(s string) auth.Config { return auth.Bearer(secret.Value(s)) }},
		{name: "basic", config: func(s string) auth.Config { return auth.Basic("ann", secret.Value(s)) }},
		{name: "header", config: func(s string) auth.Config { return auth.Header("X-Api-Key", secret.Value(s)) }},
		{name: "query", config: func(s string) auth.Config { return auth.Query("key", secret.Value(s)) }},
		{name: "custom", config: func(s string) auth.Config {
			return auth.Config{Custom: func(ctx context.Context, req *http.Request) error {
				exchange.CallFrom(ctx).Redactor.Add(s)
				req.Header.Set("X-Signature", s)
				return nil
			}}
		}},
		{
			name: "caller's Authorization", config: func(string) auth.Config { return other },
			caller: func(req *http.Request, s string) { req.Header["authorization"] = []string{"Bearer a", "Bearer " + s} },
		},
		{name: "caller's secret header", config: func(string) auth.Config {
			c := other
			c.SecretHeaders = []string{"X-Own-Key"}
			return c
		}, caller: func(req *http.Request, s string) { req.Header.Add("x-own-key", "1"); req.Header.Add("X-Own-Key", s) }},
		{
			name: "caller's cookie", config: func(string) auth.Config { return other },
			caller: func(req *http.Request, s string) { req.Header.Set("Cookie", "sid="+s) },
		},
		{
			name: "caller's proxy credential", config: func(string) auth.Config { return other },
			caller: func(req *http.Request, s string) { req.Header.Set("Proxy-Authorization", s) },
		},
		{name: "jar's cookie", config: func(string) auth.Config { return other }, login: true},
	}
}

// journey is where a redirect from home leads.
type journey struct {
	name string
	set  func(w *world)
	seen []string // the places that must be visited
}

func journeys() []journey {
	to := func(location string) func(*world) {
		return func(w *world) { w.route(home+"/start", location) }
	}
	return []journey{
		{"other port", to("https://api.example.com:8443/x"), []string{home + "/start", otherPort + "/x"}},
		{"sub-domain", to("https://x.api.example.com/x"), []string{home + "/start", subDomain + "/x"}},
		{"other host", to("https://other.example/x"), []string{home + "/start", otherHost + "/x"}},
		{"https to http", to("http://api.example.com/x"), []string{home + "/start", plainHome + "/x"}},
		{"scheme-relative", to("//other.example/x"), []string{home + "/start", otherHost + "/x"}},
		{"a b a", func(w *world) {
			w.route(home+"/start", "https://other.example/x")
			w.route(otherHost+"/x", homeURL+"/back")
			w.route(home+"/back", "again")
		}, []string{home + "/start", otherHost + "/x", home + "/back", home + "/again"}},
		{"a b b2", func(w *world) {
			w.route(home+"/start", "https://other.example/x")
			w.route(otherHost+"/x", "y")
			w.route(otherHost+"/y", "https://x.api.example.com/x")
		}, []string{home + "/start", otherHost + "/x", otherHost + "/y", subDomain + "/x"}},
		{"echo", func(w *world) { w.echo(home+"/start", "https://other.example/x") }, []string{home + "/start", otherHost + "/x"}},
	}
}

// mode is who follows the redirects.
type mode struct {
	name     string
	redirect redirect.Config
	client   bool // under an http.Client
}

func modes() []mode {
	allow := redirect.Config{Downgrade: "allow", Origins: []string{homeURL}}
	return []mode{
		{"godwit", allow, false},
		{"godwit under http.Client", allow, true},
		{"http.Client", redirect.Config{Follow: "never", Origins: []string{homeURL}}, true},
	}
}

// buildChain puts the policies together in the order of the facade.
func buildChain(t *testing.T, a auth.Config, r redirect.Config, inner http.RoundTripper) http.RoundTripper {
	t.Helper()
	a.Origins = []string{homeURL}
	guard, err := auth.New(a)
	if err != nil {
		t.Fatal(err)
	}
	follow, err := redirect.New(r)
	if err != nil {
		t.Fatal(err)
	}
	keep, err := cookie.New(cookie.Config{Enabled: true, Origins: []string{homeURL}})
	if err != nil {
		t.Fatal(err)
	}
	return exchange.Chain(inner, redactor(), follow, keep, attempt, guard)
}

// redactor gives calls what the client gives them.
func redactor() exchange.Middleware {
	shared := new(redact.Redactor)
	return func(next http.RoundTripper) http.RoundTripper {
		return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			req, call := exchange.Begin(req)
			call.Redactor = shared
			return next.RoundTrip(req)
		})
	}
}

// TestRD1_RD2_RD3_RD4_RD5_RD7_Canary: every way for a secret to travel, on every
// journey, whoever follows. It gets home and nowhere else.
func TestRD1_RD2_RD3_RD4_RD5_RD7_Canary(t *testing.T) {
	t.Parallel()
	authority := godwittest.NewAuthority(t)
	cert := authority.Issue(godwittest.Leaf{Hosts: []string{"api.example.com", "x.api.example.com", "other.example"}})
	for _, m := range modes() {
		for _, j := range journeys() {
			for _, c := range carriers() {
				t.Run(fmt.Sprintf("%s/%s/%s", m.name, j.name, c.name), func(t *testing.T) {
					t.Parallel()
					canary := godwittest.NewCanary(t)
					w, inner := newWorld(t, canary, authority, cert)
					j.set(w)
					rt := buildChain(t, c.config(canary.Secret()), m.redirect, inner)
					travel(t, w, rt, m, c)
					w.wantSeen(j.seen...)
					w.wantHome(canary.Secret(), base64.StdEncoding.EncodeToString([]byte("ann:"+canary.Secret())))
					canary.Assert()
				})
			}
		}
	}
}

func travel(t *testing.T, w *world, rt http.RoundTripper, m mode, c carrier) {
	do := rt.RoundTrip
	if m.client {
		do = (&http.Client{Transport: rt}).Do
	}
	get := func(path string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, homeURL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.caller != nil {
			c.caller(req, w.canary.Secret())
		}
		resp, err := do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
		_ = resp.Body.Close()
	}
	if c.login {
		get("/login")
	}
	get("/start")
}

// TestRD5_CanaryThroughAProxy: the same where a proxy sees the requests.
func TestRD5_CanaryThroughAProxy(t *testing.T) {
	t.Parallel()
	for _, m := range modes() {
		for _, c := range carriers() {
			t.Run(m.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				canary := godwittest.NewCanary(t)
				home := false
				proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					switch r.URL.Host + r.URL.Path {
					case "plain.example/login":
						http.SetCookie(rw, &http.Cookie{Name: "sid", Value: canary.Secret(), Path: "/"})
					case "plain.example/start":
						head, err := httputil.DumpRequest(r, true)
						home = err == nil && len(head) > 0
						http.Redirect(rw, r, "http://other.example/x", http.StatusFound)
					default:
						canary.Handler("through the proxy", http.NotFoundHandler()).ServeHTTP(rw, r)
					}
				}))
				defer proxy.Close()
				u, err := url.Parse(proxy.URL)
				if err != nil {
					t.Fatal(err)
				}
				inner := &http.Transport{Proxy: http.ProxyURL(u)}
				defer inner.CloseIdleConnections()
				proxied(t, canary.Secret(), inner, m, c)
				if !home {
					t.Error("nothing reached home")
				}
				canary.Assert()
			})
		}
	}
}

func proxied(t *testing.T, s string, inner http.RoundTripper, m mode, c carrier) {
	const from = "http://plain.example"
	a := c.config(s)
	a.Origins = []string{from}
	guard, err := auth.New(a)
	if err != nil {
		t.Fatal(err)
	}
	follow, err := redirect.New(redirect.Config{Follow: m.redirect.Follow, Origins: []string{from}})
	if err != nil {
		t.Fatal(err)
	}
	keep, err := cookie.New(cookie.Config{Enabled: true, Origins: []string{from}})
	if err != nil {
		t.Fatal(err)
	}
	rt := exchange.Chain(inner, redactor(), follow, keep, attempt, guard)
	do := rt.RoundTrip
	if m.client {
		do = (&http.Client{Transport: rt}).Do
	}
	for _, path := range []string{"/login", "/start"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, from+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.caller != nil {
			c.caller(req, s)
		}
		resp, err := do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

// TestD9_CanaryInErrors: no text of a refused redirect or of a refused request
// has the secret, under a foreign client as well.
func TestD9_CanaryInErrors(t *testing.T) {
	t.Parallel()
	for _, c := range carriers()[:5] {
		for _, location := range []string{"http://api.example.com/%s", "https://u:%s@other.example/", "ftp://%s/", "https://%s:x/", "/start?%s", "https://other.example/%s"} {
			canary := godwittest.NewCanary(t)
			rt := buildChain(t, c.config(canary.Secret()), redirect.Config{Origins: []string{homeURL}},
				godwittest.Always(godwittest.Redirect(307, fmt.Sprintf(location, canary.Secret()))))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, homeURL+"/start", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := rt.RoundTrip(req); err == nil {
				t.Errorf("%s: status %d", location, resp.StatusCode)
			} else {
				canary.RecordError("error", err)
			}
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = (&http.Client{Transport: rt, Jar: jar}).Get(homeURL + "/start")
			if err == nil {
				t.Errorf("%s: no error under http.Client", location)
			}
			canary.RecordError("http.Client's error", err)
			canary.Assert()
		}
	}
}
