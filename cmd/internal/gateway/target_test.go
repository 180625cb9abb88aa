package gateway

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestGW5_TargetsThatCouldBeReadTwoWaysAreRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "*", "crm", "example.com:443", "ftp://h/crm/x",
		"/crm/a%2fb", "/crm/a%2Fb", "/crm%2fx", "/crm/a%5cb", "/crm/a%5Cb", `/crm/a\b`, `/crm\x`,
		"/crm/..", "/crm/../x", "/../crm", "/./crm", "/crm/.", "/crm/%2e%2e/x", "/crm/.%2E/x", "/crm/%2e/x", "/%2e%2e/crm",
		"/crm/..;/x", "/crm/..;a=b/x", "/crm/%2e%2e;/x", "/crm/..%3b/x", "/crm/.;/x",
		"/crm/a#b", "/crm#", "/crm?a=1#b",
		"/crm/%", "/crm/%2", "/crm/%zz", "/crm/a%g0", "/%", "/crm/%00", "/crm/a\x00b", "/crm/a\x7fb", "/crm/a\tb", "/crm?a=\x01",
	} {
		if got, refused := parseTarget(raw); refused == nil {
			t.Errorf("%q was taken as %+v", raw, got)
		} else if refused.status != 400 {
			t.Errorf("%q: status %d, want 400", raw, refused.status)
		}
	}
}

func TestGW6_QueriesThatParseQueryRejectsAreRefused(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"a=1;b=2", ";", "a=%", "a=%zz", "%=1", "a=1&b=%2"} {
		if _, refused := parseTarget("/crm/x?" + query); refused == nil || refused.status != 400 {
			t.Errorf("query %q was not refused with 400: %+v", query, refused)
		} else if strings.Contains(refused.shownDetail(), query) && len(query) > 1 {
			t.Errorf("the refusal repeats the query: %s", refused.shownDetail())
		}
	}
}

func TestTargetsPassByteForByte(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, base, api, want string }{
		{"/crm", "https://up.example", "crm", "/"},
		{"/crm", "https://up.example/v2", "crm", "/v2"},
		{"/crm/", "https://up.example/v2", "crm", "/v2/"},
		{"/crm", "https://up.example/v2/", "crm", "/v2/"},
		{"/crm/a", "https://up.example/v2/", "crm", "/v2/a"},
		{"/crm/a/b", "https://up.example", "crm", "/a/b"},
		{"/crm/a//b/", "https://up.example", "crm", "/a//b/"},
		{"/crm//a", "https://up.example/v2", "crm", "/v2//a"},
		{"/crm/%61%3Bb;c=d,e:f@g+h", "https://up.example", "crm", "/%61%3Bb;c=d,e:f@g+h"},
		{"/crm/%C3%A4%ff", "https://up.example/b%20c", "crm", "/b%20c/%C3%A4%ff"},
		{"/crm/a%252fb", "https://up.example", "crm", "/a%252fb"},
		{"/crm/.a/..b/c.", "https://up.example", "crm", "/.a/..b/c."},
		{"/crm/{a}|\xc3\xa4%3b", "https://up.example", "crm", "/%7Ba%7D%7C%C3%A4%3b"},
		{"/crm/a?", "https://up.example", "crm", "/a?"},
		{"/crm?b=2&a=1&a=%20+&c", "https://up.example", "crm", "/?b=2&a=1&a=%20+&c"},
		{"/crm/a?q=/../%2f\\", "https://up.example", "crm", "/a?q=/../%2f\\"},
		{"/c%72m/a", "https://up.example", "crm", "/a"},
		{"http://any.example:99/crm/a?b=c", "https://up.example", "crm", "/a?b=c"},
		{"HTTPS://any.example?b=c", "https://up.example", "", "/?b=c"},
		{"http://any.example", "https://up.example", "", "/"},
	} {
		parsed, refused := parseTarget(c.raw)
		if refused != nil {
			t.Errorf("%q: %s", c.raw, refused.shownDetail())
			continue
		}
		base, err := url.Parse(c.base)
		if err != nil {
			t.Fatal(err)
		}
		u, refused := upstreamURL(base, parsed)
		if refused != nil {
			t.Errorf("%q: %s", c.raw, refused.shownDetail())
			continue
		}
		if parsed.api != c.api || u.RequestURI() != c.want || u.Host != base.Host {
			t.Errorf("%q: api %q, upstream %q at %s; want %q, %q", c.raw, parsed.api, u.RequestURI(), u.Host, c.api, c.want)
		}
	}
}

func TestCR9_NoTargetBecomesAnAuthority(t *testing.T) {
	t.Parallel()
	base := &url.URL{Scheme: "https", Host: "up.example"}
	for _, raw := range []string{"/crm//evil.example/x", "/crm//"} {
		parsed, refused := parseTarget(raw)
		if refused != nil {
			t.Fatalf("%q: %s", raw, refused.shownDetail())
		}
		if u, refused := upstreamURL(base, parsed); refused == nil {
			t.Errorf("%q became %s", raw, u)
		}
	}
	parsed, _ := parseTarget("//evil.example/x")
	if parsed.api != "" {
		t.Errorf("an empty first segment became the api %q", parsed.api)
	}
}

func TestWithoutParam(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"", ""},
		{"a=1", "a=1"},
		{"key=x", ""},
		{"a=1&key=x&b=%20", "a=1&b=%20"},
		{"KEY=x&k%65y=y&key", ""},
		{"keys=1&&xkey=2", "keys=1&&xkey=2"},
	} {
		if got := withoutParam(c[0], "key"); got != c[1] {
			t.Errorf("withoutParam(%q) = %q, want %q", c[0], got, c[1])
		}
	}
}

// FuzzTarget holds route(path) = upstream(path): whatever is accepted names, as
// net/url and path.Clean read it, the route's API and the same rest behind the
// base path.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"/crm/a?b=c", "/crm", "/crm/%2e%2e/x", "/crm/a%2fb", "http://h/crm/x", "/crm/{x}?q=%20", "//x/y", "/crm/..;/a",
		"/c%72m/%61", "/crm/a;b=c/d", "/crm/\xff", "/crm?a;b",
	} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "https", Host: "up.example", Path: "/base/v2"}
	f.Fuzz(func(t *testing.T, raw string) {
		parsed, refused := parseTarget(raw)
		if refused != nil {
			if refused.status != 400 || refused.detail == "" {
				t.Fatalf("%q: refused with %d %q", raw, refused.status, refused.detail)
			}
			return
		}
		asServer, err := url.ParseRequestURI(raw)
		if err != nil {
			return // net/http refuses it before
		}
		first, rest, _ := strings.Cut(strings.TrimPrefix(asServer.Path, "/"), "/")
		if strings.HasPrefix(raw, "/") && (parsed.api != first || parsed.query != asServer.RawQuery) {
			t.Fatalf("%q: api %q and query %q, net/url sees %q and %q", raw, parsed.api, parsed.query, first, asServer.RawQuery)
		}
		u, refused := upstreamURL(base, parsed)
		if refused != nil {
			return
		}
		sent, err := url.ParseRequestURI(u.RequestURI())
		if err != nil {
			t.Fatalf("%q: the upstream cannot parse %q: %v", raw, u.RequestURI(), err)
		}
		if u.Host != base.Host || sent.RawQuery != parsed.query {
			t.Fatalf("%q: went to %s with query %q", raw, u.Host, sent.RawQuery)
		}
		if clean := path.Clean(sent.Path); clean != "/base/v2" && !strings.HasPrefix(clean, "/base/v2/") {
			t.Fatalf("%q: left the base path: %q", raw, sent.Path)
		}
		if strings.HasPrefix(raw, "/") && parsed.rest != "" && sent.Path != "/base/v2/"+rest {
			t.Fatalf("%q: the upstream sees %q, the route saw %q", raw, sent.Path, rest)
		}
	})
}
