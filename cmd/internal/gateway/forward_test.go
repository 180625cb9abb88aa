package gateway

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

// seen keeps the last request that an upstream got.
type seen struct{ last atomic.Pointer[http.Request] }

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.last.Store(r.Clone(r.Context()))
	_, _ = io.Copy(w, r.Body)
}

func TestRequestReachesTheUpstreamAsItCame(t *testing.T) {
	t.Parallel()
	var up seen
	r := newRig(t, &up, func(_ *Config, c *godwit.Config) {
		c.BaseURL += "/v2/"
		c.Headers = map[string]string{"X-Default": "d", "Accept": "definition", "Host": "vhost.example"}
		c.Query = map[string]string{"lang": "en"}
	})
	req := r.request("PURGE", "/a%20b//c;d=e?q=%C3%A4&q=+2&Z", strings.NewReader("body"))
	req.Header.Set("Accept", "client")
	req.Header.Set("X-Request-ID", "id-1")
	req.Header["X-Multi"] = []string{"1", "2"}
	resp := r.do(req)
	if got := string(all(t, resp.Body)); resp.StatusCode != 200 || got != "body" {
		t.Errorf("status %d, body %q", resp.StatusCode, got)
	}
	got := up.last.Load()
	if got.Host != "vhost.example" {
		t.Errorf("the upstream got the Host %q", got.Host)
	}
	if got.Method != "PURGE" || got.RequestURI != "/v2/a%20b//c;d=e?q=%C3%A4&q=+2&Z&lang=en" {
		t.Errorf("the upstream got %s %s", got.Method, got.RequestURI)
	}
	host := strings.TrimPrefix(r.url, "http://")
	host, _, _ = strings.Cut(host, "/")
	for name, want := range map[string][]string{
		"Accept": {"client"}, "X-Default": {"d"}, "X-Multi": {"1", "2"}, "X-Request-Id": {"id-1"}, "Accept-Encoding": {"identity"},
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {host}, "Via": {r.gateway.via},
	} {
		if !slices.Equal(got.Header[name], want) {
			t.Errorf("%s is %q, want %q", name, got.Header[name], want)
		}
	}
	if id := resp.Header["X-Request-Id"]; !slices.Equal(id, []string{"id-1"}) {
		t.Errorf("the answer's request id is %q", id)
	}
	line := r.line("id-1")
	if line["level"] != "INFO" || line["api"] != "up" || line["status"] != 200.0 || line["in"] != 4.0 || line["out"] != 4.0 {
		t.Errorf("record %v", line)
	}
	if path := fmt.Sprint(line["path"]); strings.Contains(path, "C3") || !strings.Contains(path, "q=***") {
		t.Errorf("the record shows query values: %s", path)
	}
}

func TestGW1_ConnectionCannotRemoveOurFields(t *testing.T) {
	t.Parallel()
	var up seen
	r := newRig(t, &up)
	r.raw("GET /up/x HTTP/1.1\r\nHost: h\r\nConnection: close, x-forwarded-FOR, X-Forwarded-Host, X-Real-Ip, via, X-Request-Id, X-Hop\r\n" +
		"X-Real-Ip: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Hop: 1\r\nX-Stay: 1\r\nTe: trailers, deflate\r\n\r\n")
	h := up.last.Load().Header
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "h", "X-Stay": "1", "Te": "trailers", "Via": r.gateway.via,
		"X-Real-Ip": "", "X-Hop": "",
	} {
		if got := strings.Join(h[name], "|"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if h.Get("X-Request-Id") == "" {
		t.Error("the request id is missing")
	}
}

func TestGW2_ClaimsAboutTheCallerAreDropped(t *testing.T) {
	t.Parallel()
	claims := "GET /up/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n" +
		"x-forwarded-user: root\r\nX_Forwarded_User: root\r\nX-Real-IP: 6.6.6.6\r\nProxy: http://evil\r\n\r\n"
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		want    map[string]string
	}{
		{"anybody", nil, map[string]string{
			"Forwarded": "", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-User": "", "X_forwarded_user": "", "X-Real-Ip": "", "Proxy": "",
		}},
		{"trusted", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, map[string]string{
			"Forwarded": "for=6.6.6.6", "X-Forwarded-For": "6.6.6.6, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-User": "root",
			"X_forwarded_user": "root", "X-Real-Ip": "6.6.6.6", "Proxy": "",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var up seen
			newRig(t, &up, func(g *Config, _ *godwit.Config) { g.TrustedProxies = c.trusted }).raw(claims)
			for name, want := range c.want {
				if got := strings.Join(up.last.Load().Header[name], "|"); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestGW9_CallersCredentialsStayBehind(t *testing.T) {
	t.Parallel()
	own := func(_ *Config, c *godwit.Config) {
		c.Auth = auth.Bearer(secret.Value("gateways-token"))
		c.SecretHeaders = []string{"X-Team-Key"}
	}
	for _, c := range []struct {
		name    string
		options []option
		want    map[string]string
		cookies int
	}{
		{"no auth", nil, map[string]string{"Authorization": "", "Cookie": "", "X-Api-Key": "", "X-Team-Key": "k"}, 0},
		{"own auth", []option{own}, map[string]string{"Authorization": "Bearer gateways-token", "Cookie": "", "X-Api-Key": "", "X-Team-Key": ""}, 0},
		{"pass_through", []option{passThrough, own}, map[string]string{"Authorization": "Bearer callers", "Cookie": "s=1", "X-Api-Key": "k", "X-Team-Key": "k"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got http.Header
			r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Clone()
				http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
			}), c.options...)
			req := r.request("GET", "/x", nil)
			for name, value := range map[string]string{"Authorization": "Bearer callers", "Cookie": "s=1", "X-Api-Key": "k", "X-Team-Key": "k"} {
				req.Header.Set(name, value)
			}
			resp := r.do(req)
			for name, want := range c.want {
				if got.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, got.Get(name), want)
				}
			}
			if n := len(resp.Cookies()); n != c.cookies {
				t.Errorf("%d cookies came back, want %d", n, c.cookies)
			}
		})
	}
}

func TestCallersKeyParameterDoesNotReplaceTheGateways(t *testing.T) {
	t.Parallel()
	var up seen
	r := newRig(t, &up, func(_ *Config, c *godwit.Config) { c.Auth = auth.Query("api_key", secret.Value("gateways-key")) })
	r.get("/x?a=1&api%5fkey=callers&b=2")
	if got := up.last.Load().URL.RawQuery; got != "a=1&b=2&api_key=gateways-key" {
		t.Errorf("query %q", got)
	}
}

func TestAnswersPassUnchanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, err := fmt.Sscanf(r.URL.Path, "/%d", &status)
		if err != nil {
			panic(err)
		}
		h := w.Header()
		h.Set("Retry-After", "7")
		h.Set("Location", "/elsewhere")
		h.Set("X-Request-Id", "vendors")
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("Alt-Svc", `h3=":443"`)
		h["Content-Type"] = nil
		h["X-Multi"] = []string{"1", "2"}
		w.WriteHeader(status)
		if status >= 200 && status != 204 && status != 304 {
			_, _ = io.WriteString(w, "\xff<html>")
		}
	}))
	for _, status := range []int{200, 201, 204, 301, 302, 304, 307, 400, 401, 404, 500, 503, 599, 429} { // the refusal last: it holds back what follows
		resp := r.get(fmt.Sprintf("/%d", status))
		body := all(t, resp.Body)
		want := "\xff<html>"
		if status == 204 || status == 304 {
			want = ""
		}
		h := resp.Header
		if resp.StatusCode != status || string(body) != want || h.Get("Retry-After") != "7" || h.Get("Location") != "/elsewhere" ||
			!slices.Equal(h["X-Multi"], []string{"1", "2"}) {
			t.Errorf("%d came as %d %v %q", status, resp.StatusCode, h, body)
		}
		if h.Get("X-Hop") != "" || h.Get("Alt-Svc") != "" || h["Content-Type"] != nil || h.Get("Proxy-Status") != "" {
			t.Errorf("%d: fields of the hop or of nobody: %v", status, h)
		}
		if h.Get("X-Upstream-Request-Id") != "vendors" || h.Get("X-Request-Id") == "vendors" || len(h["X-Request-Id"]) != 1 {
			t.Errorf("%d: request ids %q and %q", status, h["X-Request-Id"], h["X-Upstream-Request-Id"])
		}
	}
}

func TestD12_BodiesPassByteForByte(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("length") != "" {
			w.Header().Set("Content-Length", r.URL.Query().Get("length"))
		}
		w.Header().Set("Content-Encoding", r.Header.Get("X-Coding"))
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, 511, 4096, 32 << 10, 64 << 10, 64<<10 + 1, 300_001, 3 << 20} {
		data := make([]byte, size)
		_, _ = random.Read(data)
		for _, announced := range []bool{true, false} {
			path := "/x"
			var body io.Reader = bytes.NewReader(data)
			if announced {
				path += fmt.Sprintf("?length=%d", size)
			} else {
				body = struct{ io.Reader }{body}
			}
			req := r.request("POST", path, body)
			req.Header.Set("X-Coding", "gzip") // which it is not: bytes are bytes
			resp := r.do(req)
			got := all(t, resp.Body)
			if sha256.Sum256(got) != sha256.Sum256(data) {
				t.Errorf("%d bytes (announced: %v) came back as %d other ones", size, announced, len(got))
			}
			if announced && resp.ContentLength != int64(size) {
				t.Errorf("announced length %d, want %d", resp.ContentLength, size)
			}
		}
	}
}

func TestD12_Head(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "12345")
		w.Header().Set("Etag", `"e"`)
	}))
	for range 2 { // the connection must still be in step
		resp := r.do(r.request("HEAD", "/x", nil))
		if resp.ContentLength != 12345 || resp.Header.Get("Etag") != `"e"` || len(all(t, resp.Body)) != 0 {
			t.Errorf("length %d, %v", resp.ContentLength, resp.Header)
		}
	}
}

func TestD12_TrailersPassBothWays(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("X-Sum", "got "+r.Trailer.Get("X-In")+r.Trailer.Get("X-Forwarded-For"))
		w.Header().Set(http.TrailerPrefix+"X-Late", "late")
	}))
	req := r.request("POST", "/x", nil)
	req.Trailer = http.Header{"X-In": nil, "X-Forwarded-For": nil}
	req.ContentLength = -1
	req.Body = io.NopCloser(io.MultiReader(strings.NewReader("body"), readFunc(func([]byte) (int, error) {
		req.Trailer.Set("X-In", "value")
		req.Trailer.Set("X-Forwarded-For", "6.6.6.6")
		return 0, io.EOF
	})))
	resp := r.do(req)
	if got := string(all(t, resp.Body)); got != "body" {
		t.Errorf("body %q", got)
	}
	if got := resp.Trailer; got.Get("X-Sum") != "got value" || got.Get("X-Late") != "late" {
		t.Errorf("trailer %v", got)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestUnknownPathsTellNothing(t *testing.T) {
	t.Parallel()
	var up seen
	r := newRig(t, &up)
	for _, path := range []string{"/", "/other/x", "/UP/x", "//up/x", "/-/", "/-/admin", "/up%2fx", "/-/healthz/x"} {
		resp := r.do(r.other("GET", path))
		p := r.problem(resp)
		if want := map[bool]int{true: 400, false: 404}[path == "/up%2fx"]; resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
		if strings.Contains(p.Detail, "up") && strings.Contains(p.Detail, "127.0.0.1") {
			t.Errorf("%s: the detail tells too much: %s", path, p.Detail)
		}
	}
	if up.last.Load() != nil {
		t.Error("the upstream was asked")
	}
}

// other makes a request for a path outside the API.
func (r *rig) other(method, path string) *http.Request {
	req := r.request(method, "", nil)
	u, err := req.URL.Parse("http://" + r.addr + path)
	if err != nil {
		r.t.Fatal(err)
	}
	req.URL = u
	return req
}

func TestLoopIsDetected(t *testing.T) {
	t.Parallel()
	var target atomic.Pointer[rig]
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		req := target.Load().request("GET", "/again", nil)
		req.Header.Set("Via", in.Header.Get("Via"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
	}))
	target.Store(r)
	if resp := r.get("/x"); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("status %d, want 502", resp.StatusCode)
	}
}

func TestSmallBodiesAreRetriedAndLargeOnesAreNot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ size, want int }{{10, 3}, {maxReplay, 3}, {maxReplay + 1, 1}} {
		var calls atomic.Int32
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			n, err := io.Copy(io.Discard, r.Body)
			if n != int64(c.size) || err != nil {
				t.Errorf("attempt %d: %d bytes, %v", calls.Load(), n, err)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}), func(_ *Config, u *godwit.Config) { u.Retry.Attempts, u.Retry.Base = 3, 1 })
		resp := r.do(r.request("PUT", "/x", bytes.NewReader(make([]byte, c.size))))
		if resp.StatusCode != 503 || int(calls.Load()) != c.want {
			t.Errorf("%d bytes: status %d after %d attempts, want %d", c.size, resp.StatusCode, calls.Load(), c.want)
		}
	}
}

func TestGW16_ProxyEnvironmentIsIgnored(t *testing.T) {
	var proxied atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	t.Cleanup(proxy.Close)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	var up seen
	r := newRig(t, &up, func(_ *Config, c *godwit.Config) {
		// Proxies are passed over for loopback addresses; this one leads there
		// too where the system has it.
		c.BaseURL = strings.Replace(c.BaseURL, "127.0.0.1", "0.0.0.0", 1)
	})
	resp := r.get("/x")
	if n := proxied.Load(); n != 0 {
		t.Errorf("the proxy of the environment was asked %d times", n)
	}
	if runtime.GOOS != "windows" && (resp.StatusCode != 200 || up.last.Load() == nil) {
		t.Errorf("status %d: %s", resp.StatusCode, all(t, resp.Body))
	}
}

func TestNewNamesTheField(t *testing.T) {
	t.Parallel()
	with := func(base string) *godwit.Client {
		c, err := godwit.New(godwit.Config{BaseURL: base})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { check(t, c.Close()) })
		return c
	}
	good := with("http://up.example")
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{}, "gateway: there is no api"},
		{Config{APIs: []API{{Name: "a", Client: with("")}}}, "apis.a.base_url:"},
		{Config{APIs: []API{{Name: "-", Client: good}}}, "apis.-:"},
		{Config{APIs: []API{{Name: "", Client: good}}}, "apis.:"},
		{Config{APIs: []API{{Name: "a/b", Client: good}}}, "apis.a/b:"},
		{Config{APIs: []API{{Name: "a", Client: good}, {Name: "a", Client: good}}}, "apis.a: there are two"},
		{Config{APIs: []API{{Name: "a", Client: good}}, Grace: -1}, "gateway:"},
	} {
		if _, err := New(c.config); !errors.Is(err, godwit.ErrConfig) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %q, want ErrConfig and %q", err, c.want)
		}
	}
}
