package redirect

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestRD9_RD11_Resolve(t *testing.T) {
	t.Parallel()
	const base = "https://api.example.com/a/b?q=1"
	cases := []struct {
		name, base, loc string
		want            string // URL, or the refusal's text
	}{
		{"absolute", base, "https://other.example/x", "https://other.example/x"},
		{"upper-case scheme", base, "HTTPS://other.example/x", "https://other.example/x"},
		{"relative path", base, "c", "https://api.example.com/a/c"},
		{"relative with dots", base, "../../../c", "https://api.example.com/c"},
		{"absolute path", base, "/c?d=e", "https://api.example.com/c?d=e"},
		{"query only", base, "?d=e", "https://api.example.com/a/b?d=e"},
		{"scheme-relative", base, "//other.example/x", "https://other.example/x"},
		{"with port", base, "https://api.example.com:8443/", "https://api.example.com:8443/"},
		{"blank in the path", base, "/a b", "https://api.example.com/a%20b"},
		{"raw UTF-8", base, "/é", "https://api.example.com/%C3%A9"},
		{"escapes stay as they are", base, "/%2f%41", "https://api.example.com/%2f%41"},
		{"fragment carried", base + "#part", "/c", "https://api.example.com/c#part"},
		{"own fragment wins", base + "#part", "/c#own", "https://api.example.com/c#own"},
		{"empty fragment wins", base + "#part", "/c#", "https://api.example.com/c"},
		{"backslashes are a path", base, `/\evil.example`, "https://api.example.com/%5Cevil.example"},
		{"IPv6", base, "http://[::1]:8080/x", "http://[::1]:8080/x"},

		{"ftp", base, "ftp://other.example/x", string(refusedScheme)},
		{"file", base, "file:///etc/passwd", string(refusedScheme)},
		{"javascript", base, "javascript:alert(1)", string(refusedScheme)},
		{"data", base, "data:text/plain,x", string(refusedScheme)},
		{"no host", base, "http:///x", string(refusedHost)},
		{"no host, three slashes", base, "///evil.example/x", string(refusedHost)},
		{"no host, two slashes", base, "//", string(refusedHost)},
		{"opaque", base, "https:evil.example", string(refusedHost)},
		{"port only", base, "http://:80/x", string(refusedHost)},
		{"dot host", base, "http://./x", string(refusedHost)},
		{"zone", base, "http://[fe80::1%25eth0]/", string(refusedHost)},
		{"angle bracket in host", base, "http://a<b/", string(refusedHost)},
		{"userinfo", base, "https://user:pass@other.example/", string(refusedUserinfo)},
		{"user alone", base, "https://api.example.com@evil.example/", string(refusedUserinfo)},
		{"empty userinfo", base, "https://@evil.example/", string(refusedUserinfo)},
		{"scheme-relative userinfo", base, "//u@evil.example/", string(refusedUserinfo)},
		{"control character", base, "/a\x01b", string(refusedMalformed)},
		{"bad port", base, "http://h:x/", string(refusedMalformed)},
		{"bad escape in host", base, "http://%zz/", string(refusedMalformed)},
		{"blank in host", base, "http://a b/", string(refusedMalformed)},
		{"first segment with colon", base, ":80/x", string(refusedMalformed)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := url.Parse(c.base)
			if err != nil {
				t.Fatal(err)
			}
			to, err := resolve(b, c.loc)
			var got string
			if err != nil {
				got = err.Error()
			} else {
				got = to.url.String()
			}
			if got != c.want {
				t.Errorf("Location %q gives %q, want %q", c.loc, got, c.want)
			}
		})
	}
}

func TestRD11_LocationFields(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("a", maxLocation)
	cases := []struct {
		name   string
		values []string
		want   string
		err    error
	}{
		{"none", nil, "", nil},
		{"one", []string{"/a"}, "/a", nil},
		{"two equal", []string{"/a", "/a"}, "/a", nil},
		{"two different", []string{"/a", "/b"}, "", refusedMany},
		{"third different", []string{"/a", "/a", "/A"}, "", refusedMany},
		{"one of two empty", []string{"", "/b"}, "", refusedMany},
		{"8 KiB", []string{long[:maxLocation]}, long[:maxLocation], nil},
		{"longer", []string{long}, "", refusedLong},
		{"100 kB", []string{strings.Repeat(long, 13)}, "", refusedLong},
	}
	for _, c := range cases {
		h := http.Header{}
		if c.values != nil {
			h["Location"] = c.values
		}
		if got, err := location(h); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %.20q, %v; want %.20q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// FuzzLocation: whatever a server writes, the target is a plain http or https
// URL with a host and without userinfo, or there is an error that repeats
// nothing of it.
func FuzzLocation(f *testing.F) {
	for _, seed := range []string{
		"", "/", "//", "///x", "http:///", "https://a/b#c", "HTTP://A:80/", "//u:p@h/", "https:opaque", "?q", "#f", "..//..",
		"http://[::1]:80/", "http://[fe80::1%25en0]/", "javascript:1", "/\\evil", "\\\\evil", "http://a\\@b/", "http://é/", "/%2e%2e/%zz",
		"http://1.2.3.4:99999/", "http://a:/", ":80", "http://xn--a/", "a:b@c/d", "http://[::ffff:127.0.0.1]/", "http://h.:443/",
	} {
		f.Add("https://api.example.com/a/b?q=1#f", seed)
	}
	f.Add("http://h:8080/x", "//h:8080")
	f.Fuzz(func(t *testing.T, base, loc string) {
		b, err := url.Parse(base)
		if err != nil || b.Host == "" || b.User != nil || b.Opaque != "" || b.Scheme != "http" && b.Scheme != "https" {
			return
		}
		to, err := resolve(b, loc)
		if err != nil {
			var r refusal
			if !errors.As(err, &r) {
				t.Fatalf("Location %q: %T is not one of the refusals", loc, err)
			}
			return
		}
		u := to.url
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Opaque != "" || to.origin.IsZero() {
			t.Fatalf("Location %q leads to %#v", loc, u)
		}
		if to.relative && (u.Host != b.Host || u.Scheme != b.Scheme) {
			t.Fatalf("relative Location %q leads from %s to %s", loc, b.Host, u.Host)
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Host != u.Host || again.EscapedPath() != u.EscapedPath() || again.RawQuery != u.RawQuery {
			t.Fatalf("Location %q: %q is read differently the second time: %v %v", loc, u, again, err)
		}
		if _, err := http.NewRequest(http.MethodGet, u.String(), nil); err != nil {
			t.Fatalf("Location %q: %v", loc, err)
		}
	})
}
