package origin

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func mustParse(t *testing.T, s string) Origin {
	t.Helper()
	o, err := Parse(s)
	if err != nil {
		t.Fatalf("Parse(%q): %v", s, err)
	}
	return o
}

// TestCR9_SameOrigin: spellings of one origin are one origin.
func TestCR9_SameOrigin(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"https://api.example.com": {
			"https://api.example.com", "HTTPS://API.Example.COM", "https://api.example.com.", "https://api.example.com:443", "https://api.example.com:0443",
			"https://api.example.com./", "https://api.example.com:", "https://ａｐｉ.example.com", "https://api。example。com", "https://api.example.com。",
		},
		"http://api.example.com":      {"http://api.example.com:80", "http://API.EXAMPLE.COM./"},
		"https://api.example.com:80":  {"https://api.example.com:80", "https://api.example.com:00080"},
		"http://api.example.com:443":  {"http://api.example.com:443"},
		"https://api.example.com:1":   {"https://api.example.com:1"},
		"https://xn--bcher-kva.de":    {"https://bücher.de", "https://BÜCHER.de", "https://bu\u0308cher.de", "https://xn--bcher-kva.de", "https://XN--BCHER-KVA.DE."},
		"https://k.example.com":       {"https://\u212a.example.com"}, // the Kelvin sign
		"https://[2001:db8::1]":       {"https://[2001:db8::1]", "https://[2001:DB8:0:0::1]:443", "https://[2001:0db8::0001]"},
		"https://[2001:db8::1]:8443":  {"https://[2001:db8::1]:8443"},
		"http://127.0.0.1":            {"http://127.0.0.1", "http://[::ffff:127.0.0.1]", "http://[::FFFF:7f00:1]:80", "http://１２７.0.0.1"},
		"http://127.0.0.1:8080":       {"http://127.0.0.1:8080"},
		"http://[::1]":                {"http://[::1]:80", "http://[0:0:0:0:0:0:0:1]"},
		"http://[fe80::1%25eth0]":     {"http://[fe80::1%25eth0]", "http://[FE80::1%25eth0]"},
		"http://localhost":            {"http://localhost", "http://LOCALHOST.", "http://localhost:80"},
		"http://my_service-1:8080":    {"http://my_service-1:8080"},
		"http://4.example.com":        {"http://4.example.com"},
		"http://1.2.3.example":        {"http://1.2.3.example"},
		"https://xn--e1afmkfd.xn--p1": {"https://xn--e1afmkfd.xn--p1"},
	} {
		for _, s := range spellings {
			if got := mustParse(t, s).String(); got != want {
				t.Errorf("Parse(%q) = %s, want %s", s, got, want)
			}
		}
		if again := mustParse(t, want); again.String() != want {
			t.Errorf("%s does not round-trip: %s", want, again)
		}
	}
}

// TestCR9_OtherOrigin: what only looks alike is another origin or none.
func TestCR9_OtherOrigin(t *testing.T) {
	t.Parallel()
	set := NewSet(mustParse(t, "https://api.example.com"), mustParse(t, "https://[fe80::1%25eth0]"), mustParse(t, "https://127.0.0.1"))
	for _, s := range []string{
		"https://api.example.com@evil.example/", "https://api.example.com:x@evil.example/", "https://api.example.com%40evil.example/",
		"https://user@evil.example/?@api.example.com", "https://evil.example#@api.example.com", "https://evil.example/@api.example.com", `https://evil.example\@api.example.com`,
		"https://api.example.com.evil.example", "https://evilapi.example.com", "https://example.com", "https://sub.api.example.com",
		"http://api.example.com", "https://api.example.com:8443", "https://api.example.com..", "https://.api.example.com", "https://api-example.com",
		"https://api.ex\u0430mple.com", // Cyrillic а
		"https://xn--api.example.com", "https://[fe80::1]", "https://[fe80::1%25eth1]", "https://[fe80::2%25eth0]", "https://127.0.0.1.", "https://127.1", "https://0x7f000001",
		"https://0177.0.0.1", "https://2130706433", "https://127.0.0.1.nip.io", "ftp://api.example.com", "//api.example.com", "api.example.com", "https:api.example.com", "https:///api.example.com", "",
	} {
		u, err := url.Parse(s)
		if err != nil {
			continue // refused earlier still
		}
		if set.HasURL(u) {
			t.Errorf("%q is in the set", s)
		}
	}
	for _, s := range []string{"https://user:pw@api.example.com/x?y#z", "https://API.example.com.:443/../..", "https://[::ffff:127.0.0.1]/"} {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if !set.HasURL(u) {
			t.Errorf("%q is not in the set", s)
		}
	}
}

func TestOf_MadeByHand(t *testing.T) {
	t.Parallel()
	for _, u := range []*url.URL{
		nil,
		{},
		{Scheme: "https"},
		{Scheme: "https", Host: ":443"},
		{Scheme: "https", Host: "user@h"},
		{Scheme: "https", Host: "h:port"},
		{Scheme: "https", Host: "h:0"},
		{Scheme: "https", Host: "h:65536"},
		{Scheme: "https", Host: "h:99999999999999999999"},
		{Scheme: "https", Host: "[::1"},
		{Scheme: "https", Host: "::1"},
		{Scheme: "https", Host: "a b"},
		{Scheme: "https", Host: "a\r\nb"},
		{Scheme: "https", Host: "a/b"},
		{Scheme: "https", Host: "."},
		{Scheme: "https", Host: "a%b"},
		{Scheme: "https", Host: "[::ffff:1.2.3.4%25eth0]"},
		{Scheme: "https", Host: "[fe80::1%a\nb]"},
		{Scheme: "https", Host: strings.Repeat("a.", 200) + "b"},
		{Scheme: "https", Host: "\xff.example"},
		{Scheme: "https", Opaque: "h"},
		{Scheme: "javascript", Host: "h"},
	} {
		if o, err := Of(u); err == nil {
			t.Errorf("Of(%#v) = %s", u, o)
		} else if strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 160 {
			t.Errorf("Of(%#v): error %q", u, err)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"https://user@h", "https://user:hunter22@h", "https://user:hun/ter22@h", "https://h/path", "https://h//", "https://h?q=hunter22", "https://h?", "https://h#f",
		"https://*.example.com", "https://*", "*", "h", "h:80", "https://", "https://h:hunter22", "ws://h", " https://h", "https://h\n", "https://a,b", "https://h;x",
		"https://a..b",
	} {
		o, err := Parse(s)
		if err == nil {
			t.Errorf("Parse(%q) = %s", s, o)
		} else if strings.Contains(err.Error(), "hun") {
			t.Errorf("Parse(%q): the error shows a secret: %v", s, err)
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	var zero Set
	if !zero.Empty() || zero.Has(mustParse(t, "https://h")) || zero.Has(Origin{}) || len(zero.Strings()) != 0 {
		t.Error("the zero Set is not empty")
	}
	given := []Origin{mustParse(t, "http://h"), mustParse(t, "https://g:8443"), mustParse(t, "http://p:8080")}
	s := NewSet(given...)
	given[0] = Origin{}
	if got := s.Strings(); !slices.Equal(got, []string{"http://h", "https://g:8443", "http://p:8080"}) {
		t.Errorf("Strings = %v", got)
	}
	for o, want := range map[string]bool{
		"http://h": true, "https://h": true, "https://h:8443": false, "http://h:443": false, "https://h:80": false, "http://h:8080": false,
		"https://g:8443": true, "http://g:8443": false, "https://g": false, "http://g": false,
		"http://p:8080": true, "https://p": false, "https://p:8080": false, "http://p": false,
	} {
		if got := s.Has(mustParse(t, o)); got != want {
			t.Errorf("Has(%s) = %v, want %v", o, got, want)
		}
	}
	if s.HasURL(nil) || s.Empty() {
		t.Error("HasURL(nil) or Empty")
	}
	if o := mustParse(t, "https://h"); !o.Secure() || o.IsZero() || mustParse(t, "http://h").Secure() {
		t.Error("Secure or IsZero")
	}
	if (Origin{}).String() != "" || !(Origin{}).IsZero() {
		t.Error("the zero Origin")
	}
}

func TestOf_AllocatesNothing(t *testing.T) {
	u := &url.URL{Scheme: "https", Host: "api.example.com:8443", Path: "/x"}
	s := NewSet(mustParse(t, "https://api.example.com:8443"))
	if n := testing.AllocsPerRun(100, func() {
		if !s.HasURL(u) {
			t.Error("not in the set")
		}
	}); n > 0 {
		t.Errorf("%v allocations for each check", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"https://api.example.com", "http://[fe80::1%25eth0]:80", "https://bücher.de.", "https://１.2.3.4", "http://a@b:0443/", "https://[::ffff:1.2.3.4]", "http://0x1", "http://%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := url.Parse(s); err == nil {
			_, _ = Of(u) // must not panic
			_, _ = Of(&url.URL{Scheme: "https", Host: s})
		}
		o, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(o.String())
		if err != nil || again != o {
			t.Errorf("Parse(%q) = %q, which parses to %q, %v", s, o, again, err)
		}
		if o.IsZero() || !NewSet(o).Has(o) {
			t.Errorf("Parse(%q) = %#v", s, o)
		}
	})
}
