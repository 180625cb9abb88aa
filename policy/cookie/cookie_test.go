package cookie_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/cookie"
	"github.com/godwit-go/godwit/policy/redirect"
)

const api = "https://api.example.com"

// site answers every request with the Set-Cookie fields that it finds in the
// query, and records the Cookie field.
type site struct {
	t    *testing.T
	rt   http.RoundTripper
	mu   sync.Mutex
	last []string // Cookie fields of the last request
}

func newSite(t *testing.T, c cookie.Config, outer ...exchange.Middleware) *site {
	t.Helper()
	m, err := cookie.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t}
	s.rt = exchange.Chain(exchange.RoundTripFunc(s.answer), append(outer, m)...)
	return s
}

func (s *site) answer(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
	for name, values := range req.Header {
		if strings.EqualFold(name, "Cookie") {
			s.last = append(s.last, values...)
		}
	}
	q := req.URL.Query()
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}
	for _, v := range q["set"] {
		resp.Header.Add("Set-Cookie", v)
	}
	if to := q.Get("to"); to != "" {
		resp.StatusCode = 302
		resp.Header.Set("Location", to)
	}
	return resp, nil
}

// get requests a URL and returns what Cookie field arrived at the last hop.
func (s *site) get(url string, change ...func(*http.Request, *exchange.Call)) string {
	s.t.Helper()
	ctx, call := exchange.WithCall(s.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range change {
		f(req, call)
	}
	header := fmt.Sprint(req.Header)
	resp, err := s.rt.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := fmt.Sprint(req.Header); got != header {
		s.t.Errorf("the caller's header was changed: %s", got)
	}
	if len(s.last) > 1 {
		s.t.Errorf("%d Cookie fields: %q", len(s.last), s.last)
	}
	return strings.Join(s.last, "")
}

func on(origins ...string) cookie.Config { return cookie.Config{Enabled: true, Origins: origins} }

func TestCR13_OffByDefault(t *testing.T) {
	t.Parallel()
	m, err := cookie.New(cookie.Config{Origins: []string{api}})
	if m != nil || err != nil {
		t.Errorf("%v, %v", m != nil, err)
	}
	if _, err := cookie.New(on("no origin")); !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), "auth.origins: ") {
		t.Errorf("%v", err)
	}
}

func TestCR13_Rules(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, from, set string
		to              string
		want            string
	}{
		{"same host", api, "a=1", api + "/other", "a=1"},
		{"other port in the set", api, "a=1", "https://api.example.com:8443/", "a=1"},
		{"host-only", api, "a=1", "https://files.example.com/", ""},
		{"domain, in the set", api, "a=1; Domain=example.com", "https://files.example.com/", "a=1"},
		{"domain, outside the set", api, "a=1; Domain=example.com", "https://evil.example.com/", ""},
		{"host outside the set", api, "a=1", "https://evil.example/", ""},
		{"port outside the set", api, "a=1", "https://api.example.com:9/", ""},
		{"http outside the set", api, "a=1", "http://api.example.com/", ""},
		{"foreign host keeps its own", "https://b.example", "a=1", "https://b.example/x", "a=1"},
		{"foreign host cannot give to us", "https://evil.example.com", "a=1; Domain=example.com", api + "/", ""},
		{"foreign port of its host", "https://b.example", "a=1", "https://b.example:8443/", ""},
		{"foreign https to http", "https://b.example", "a=1", "http://b.example/", ""},
		{"public suffix", "https://b.github.io", "a=1; Domain=github.io", "https://b.github.io/", ""},
		{"top-level domain", api, "a=1; Domain=com", api + "/", ""},
		{"other domain", api, "a=1; Domain=other.example", api + "/", ""},
		{"address", "https://192.0.2.1", "a=1", "https://192.0.2.1/x", "a=1"},
		{"address as domain", "https://192.0.2.1", "a=1; Domain=192.0.2.1", "https://192.0.2.1/x", "a=1"},
		{"part of an address", "https://192.0.2.1", "a=1; Domain=0.2.1", "https://192.0.2.1/x", ""},
		{"other address", "https://192.0.2.1", "a=1", "https://192.0.2.2/", ""},
		{"IPv6", "https://[2001:db8::1]", "a=1", "https://[2001:db8::1]/x", "a=1"},
		{"secure over https", api, "a=1; Secure", api + "/", "a=1"},
		{"secure is not set by http", "http://plain.example.com", "a=1; Secure", "http://plain.example.com/", ""},
		{"secure is not set by http for https", "http://plain.example.com", "a=1; Secure", "https://plain.example.com/", ""},
		{"set by http, sent over https", "http://plain.example.com", "a=1", "https://plain.example.com/", "a=1"},
		{"secure is not sent by http", api, "a=1; Secure; Domain=example.com", "http://plain.example.com/", ""},
		{"path", api + "/a/b", "a=1; Path=/a", api + "/c", ""},
		{"default path", api + "/a/b", "a=1", api + "/a/c", "a=1"},
		{"expired", api, "a=1; Max-Age=0", api + "/", ""},
		{"__Host-", api, "__Host-a=1; Secure; Path=/", api + "/", "__Host-a=1"},
		{"__Host- with a domain", api, "__Host-a=1; Secure; Path=/; Domain=example.com", api + "/", ""},
		{"__Host- without Secure", api, "__host-a=1; Path=/", api + "/", ""},
		{"__Secure- without Secure", api, "__Secure-a=1", api + "/", ""},
		{"4096 bytes", api, "a=" + strings.Repeat("x", 4095), api + "/", "a=" + strings.Repeat("x", 4095)},
		{"larger", api, "a=" + strings.Repeat("x", 4096), api + "/", ""},
		{"trailing dot", api, "a=1", "https://api.example.com./", "a=1"},
		{"quoted", api, `a="1 2"`, api + "/", `a="1 2"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, on(api, "https://files.example.com", "https://api.example.com:8443", "http://plain.example.com"))
			s.get(c.from + "?set=" + query(c.set))
			if got := s.get(c.to); got != c.want {
				t.Errorf("%q set by %s: %s gets %q, want %q", c.set, c.from, c.to, got, c.want)
			}
		})
	}
}

func query(s string) string {
	return strings.NewReplacer(";", "%3B", " ", "%20", "=", "%3D", `"`, "%22").Replace(s)
}

func TestCallersCookies(t *testing.T) {
	t.Parallel()
	set := func(name string, values ...string) func(*http.Request, *exchange.Call) {
		return func(r *http.Request, _ *exchange.Call) { r.Header[name] = values }
	}
	s := newSite(t, on(api))
	s.get(api + "?set=a%3D1&set=b%3D2")
	for _, c := range []struct {
		change func(*http.Request, *exchange.Call)
		want   string
	}{
		{set("Cookie", "c=3"), "c=3; a=1; b=2"},
		{set("Cookie", "a=own; x"), "a=own; x; b=2"},
		{set("cookie", "c=3", "d=4;;"), "c=3; d=4; a=1; b=2"},
		{set("Cookie", ""), "a=1; b=2"},
	} {
		if got := s.get(api, c.change); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	s = newSite(t, on(api))
	if got := s.get(api, set("Cookie", "c=3")); got != "c=3" {
		t.Errorf("with an empty jar: %q", got)
	}
}

func TestNoAuthSendsNothingAndStores(t *testing.T) {
	t.Parallel()
	noAuth := func(_ *http.Request, c *exchange.Call) { c.NoAuth = true }
	s := newSite(t, on(api))
	s.get(api+"?set=a%3D1", noAuth)
	if got := s.get(api, noAuth); got != "" {
		t.Errorf("sent %q", got)
	}
	if got := s.get(api); got != "a=1" {
		t.Errorf("stored %q", got)
	}
}

func follow(t *testing.T, origins ...string) exchange.Middleware {
	t.Helper()
	m, err := redirect.New(redirect.Config{Origins: origins})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCookiesSetOnARedirectCount(t *testing.T) {
	t.Parallel()
	s := newSite(t, on(api), follow(t, api))
	if got := s.get(api + "/login?set=sid%3D1&to=/home"); got != "sid=1" {
		t.Errorf("the next hop got %q", got)
	}
	// A new value replaces the caller's, for that name alone.
	own := func(r *http.Request, _ *exchange.Call) { r.Header.Set("Cookie", "sid=old; own=1") }
	if got := s.get(api+"/login?set=sid%3D2&to=/home", own); got != "own=1; sid=2" {
		t.Errorf("the next hop got %q", got)
	}
	if got := s.get(api+"/logout?set=sid%3D%3B+Max-Age%3D0&to=/home", own); got != "own=1" {
		t.Errorf("after the deletion the next hop got %q", got)
	}
}

// TestRD3_SharedJarStaysBehind: after a foreign hop the shared jar is neither
// read nor written, whoever follows.
func TestRD3_SharedJarStaysBehind(t *testing.T) {
	t.Parallel()
	back := api + "/back?set=" + url.QueryEscape("planted=1")
	away := "https://b.example/?set=" + url.QueryEscape("b=1") + "&to=" + url.QueryEscape(back)
	start := api + "/start?to=" + url.QueryEscape(away)
	for name, newOne := range map[string]func() *site{
		"godwit": func() *site { return newSite(t, on(api), follow(t, api)) },
		"http.Client": func() *site {
			s := newSite(t, on(api))
			rt := s.rt
			s.rt = exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(t.Context()) // each hop is a call of its own
				return (&http.Client{Transport: rt}).Do(r)
			})
			return s
		},
	} {
		s := newOne()
		s.get(api + "?set=sid%3D1")
		if got := s.get(api); got != "sid=1" {
			t.Fatalf("%s: before: %q", name, got)
		}
		if got := s.get(start); got != "" {
			t.Errorf("%s: on the way back %q was sent", name, got)
		}
		if got := s.get(api); got != "sid=1" {
			t.Errorf("%s: afterwards %q is sent", name, got)
		}
		if got := s.get("https://b.example/"); got != "b=1" {
			t.Errorf("%s: b.example gets %q", name, got)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := newSite(t, on(api))
	for i := range 300 {
		s.get(fmt.Sprintf("https://h%d.example/?set=a%%3D%d", i, i))
	}
	for i, want := range map[int]string{0: "", 43: "", 44: "a=44", 299: "a=299"} { // the oldest 44 went
		if got := s.get(fmt.Sprintf("https://h%d.example/", i)); got != want {
			t.Errorf("origin %d of 300 gets %q, want %q", i, got, want)
		}
	}

	for i := range 200 {
		s.get(fmt.Sprintf("%s/?set=c%d%%3D1%%3B+Domain%%3Dexample.com", api, i))
	}
	got := strings.Split(s.get(api), "; ")
	if len(got) != 180 || slices.Contains(got, "c19=1") || !slices.Contains(got, "c20=1") || !slices.Contains(got, "c199=1") {
		t.Errorf("%d cookies, first %q, last %q", len(got), got[0], got[len(got)-1])
	}
	// Setting one anew does not count twice, deleting one makes room.
	for range 200 {
		s.get(api + "/?set=c20%3D2%3B+Domain%3D.Example.com")
	}
	if got := strings.Split(s.get(api), "; "); len(got) != 180 || !slices.Contains(got, "c20=2") || !slices.Contains(got, "c21=1") {
		t.Errorf("%d cookies after setting one again", len(got))
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	m, err := cookie.New(on(api))
	if err != nil {
		t.Fatal(err)
	}
	script := godwittest.Always(godwittest.Func(func(r *godwittest.Request) godwittest.Reply {
		return godwittest.Status(200).With("Set-Cookie", "n"+r.URL.RawQuery+"=1")
	}))
	rt := exchange.Chain(script, m)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			host := api
			if i%2 == 0 {
				host = fmt.Sprintf("https://h%d.example", i)
			}
			for range 5 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/?%d", host, i), nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	for _, r := range script.Requests() {
		if r.URL.Host != "api.example.com" && strings.Count(r.Header.Get("Cookie"), "=") > 1 {
			t.Errorf("%s got %q", r.URL.Host, r.Header.Get("Cookie"))
		}
	}
}
