package auth

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/godwit-go/godwit/internal/origin"
)

func testSet(t *testing.T, origins ...string) origin.Set {
	t.Helper()
	var all []origin.Origin
	for _, s := range origins {
		o, err := origin.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return origin.NewSet(all...)
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCR5_Judge(t *testing.T) {
	t.Parallel()
	set := testSet(t, "https://a.example", "http://plain.example")
	cases := []struct {
		target            string
		hop, left, noAuth bool
		want              verdict
	}{
		{"https://a.example/x", false, false, false, attach},
		{"https://A.EXAMPLE.:443/x", false, false, false, attach},
		{"https://a.example/x", true, false, false, attach},
		{"https://a.example/x", false, false, true, withhold},
		{"https://a.example/x", true, true, false, strip},
		{"https://a.example/x", true, true, true, strip},
		{"http://plain.example/", false, false, false, attach},
		{"https://plain.example/", false, false, false, attach}, // http:80 implies https:443

		{"http://a.example/x", false, false, false, refuse}, // never the reverse
		{"https://a.example:8443/", false, false, false, refuse},
		{"https://sub.a.example/", false, false, false, refuse},
		{"https://a.example.evil.example/", false, false, false, refuse},
		{"https://evil.example/?https://a.example", false, false, false, refuse},
		{"https://evil.example/", false, false, true, refuse},
		{"https://evil.example/", true, false, false, strip},
		{"http://a.example/", true, false, false, strip},
		{"ftp://a.example/", false, false, false, refuse},
		{"/relative", false, false, false, refuse},
	}
	for _, c := range cases {
		if got := judge(set, parse(t, c.target), c.hop, c.left, c.noAuth); got != c.want {
			t.Errorf("%s hop %v left %v noAuth %v: %d, want %d", c.target, c.hop, c.left, c.noAuth, got, c.want)
		}
	}
}

func TestRD4_StripHeader(t *testing.T) {
	t.Parallel()
	h := http.Header{
		"Authorization": {"Bearer 1", "Bearer 2"}, "authorization": {"3"}, "AUTHORIZATION": {"4"}, "x-api-key": {"5"}, "X-Api-Key": {"6"},
		"X-Sig": {"7"}, "Proxy-Authorization": {"8"}, "Referer": {"9"}, "Accept": {"a"},
	}
	s, err := newHeaderKey(KeyConfig{Name: "x-API-key"})
	if err == nil || s != nil {
		t.Error("a key without a value is accepted")
	}
	names := stripNames(&headerKey{name: "X-Api-Key"}, []string{"x-sig", "AUTHORIZATION"})
	if !stripHeader(h, names) || len(h) != 1 || h.Get("Accept") == "" {
		t.Errorf("left over: %v", h)
	}
	if stripHeader(h, names) {
		t.Error("a second time finds more")
	}
}
