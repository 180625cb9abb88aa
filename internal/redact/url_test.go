package redact

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestLG1_URL(t *testing.T) {
	t.Parallel()
	r := redactor("hunter22")
	for in, want := range map[string]string{
		"https://api.example.com/v1/users":             "https://api.example.com/v1/users",
		"https://api.example.com:8443/a":               "https://api.example.com:8443/a",
		"https://user:pass@api.example.com/a":          "https://api.example.com/a",
		"https://user@api.example.com/a":               "https://api.example.com/a",
		"https://api.example.com/a?q=1&token=abc":      "https://api.example.com/a?q=***&token=***",
		"https://api.example.com/a?justavalue":         "https://api.example.com/a?***",
		"https://api.example.com/a?a=1&&b":             "https://api.example.com/a?a=***&&***",
		"https://api.example.com/a?a=1;b=2":            "https://api.example.com/a?a=***",
		"https://api.example.com/a#access_token=abc":   "https://api.example.com/a",
		"https://api.example.com/hunter22/x":           "https://api.example.com/***/x",
		"https://api.example.com/a?hunter22=1":         "https://api.example.com/a?***=***",
		"https://api.example.com/%1b%0d%0a%E2%80%AE":   "https://api.example.com/%1b%0d%0a%E2%80%AE",
		"https://api.example.com/a%2Fb":                "https://api.example.com/a%2Fb",
		"mailto:someone@example.com":                   "mailto://***",
		"/relative?x=1":                                "/relative?x=***",
		"https://[2001:db8::1]:8443/":                  "https://[2001:db8::1]:8443/",
		"https://api.example.com/aHVudGVyMjI=/profile": "https://api.example.com/***/profile",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if got := r.URL(u); got != want {
			t.Errorf("URL(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLG1_URLMadeByHand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		u    *url.URL
		want string
	}{
		{nil, "(none)"},
		{&url.URL{}, ""},
		{&url.URL{Scheme: "http", Host: "user:pass@h"}, "http://h"},
		{&url.URL{Scheme: "http", Host: "h\r\nX: y", Path: "/"}, `http://h\r\nX: y/`},
		{&url.URL{Scheme: "http", Host: "h", Path: "no-slash"}, "http://h/no-slash"},
		{&url.URL{Scheme: "http", Host: "h", Opaque: "//user:pass@h/x"}, "http://h***"},
	} {
		if got := (*Redactor)(nil).URL(c.u); got != c.want {
			t.Errorf("URL(%#v) = %q, want %q", c.u, got, c.want)
		}
	}
}

func TestURL_ManyParameters(t *testing.T) {
	t.Parallel()
	var q []string
	for i := range 100 {
		q = append(q, fmt.Sprintf("k%d=v%d", i, i))
	}
	got := (*Redactor)(nil).URL(&url.URL{Scheme: "http", Host: "h", RawQuery: strings.Join(q, "&")})
	if strings.Count(got, "=***") != 32 || !strings.HasSuffix(got, "&…") {
		t.Errorf("URL = %q", got)
	}
}

func TestLG2_URLsInTexts(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`Get "https://h/p?q=1": EOF`:                       `Get "https://h/p?q=***": EOF`,
		`invalid proxy address "http://u:p@proxy:3128": x`: `invalid proxy address "http://***@proxy:3128": x`,
		`http://user:pa/ss@host/x`:                         `http://***@host/x`,
		`http://user:pa?ss@host/x`:                         `http://***@host/x`,
		`http://user:pa#ss@host/x`:                         `http://***@host/x`,
		`http://user:pass`:                                 `http://***`,
		`http://u:p@ss@host/x`:                             `http://***@host/x`,
		`to http://h:80: refused`:                          `to http://h:80: refused`,
		`to http://h: refused`:                             `to http://h: refused`,
		`http://user:pa]ss`:                                `http://***`,
		`http://[user:pass`:                                `http://***`,
		`[http://h:80]: refused`:                           `[http://h:80]: refused`,
		`[http://h]: refused`:                              `[http://h]: refused`,
		`http://[fe80::1%25eth0]:80/x`:                     `http://[fe80::1%25eth0]:80/x`,
		`http://[::1]:pa`:                                  `http://***`,
		`(http://h:80)`:                                    `(http://h:80)`,
		`http://[::1]:80/x`:                                `http://[::1]:80/x`,
		`http://registry/@scope/pkg`:                       `http://registry/@scope/pkg`,
		`http://h/p?email=a@b.example`:                     `http://h/p?email=***`,
		`http://a/x?k=v http://b/y?l=w`:                    `http://a/x?k=*** http://b/y?l=***`,
		`http://web/http://u:p@h/x?y=z`:                    `http://web/http://***@h/x?y=***`,
		`http://h/cb#access_token=abc`:                     `http://h/cb#***`,
		`https://example.com/problems#quota`:               `https://example.com/problems#quota`,
		`{"u":"https:\/\/h"}`:                              `{"u":"https:\/\/h"}`,
		`postgres://u:p@db/x`:                              `postgres://***@db/x`,
		`a :// b`:                                          `a :// b`,
		`://`:                                              `://`,
	} {
		if got := maskURLs(in); got != want {
			t.Errorf("maskURLs(%q) = %q, want %q", in, got, want)
		}
	}
}
