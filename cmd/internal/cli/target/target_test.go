package target

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func ExampleParse() {
	for _, arg := range []string{"example.com/x?y=1", ":8080/x", "crm:/contacts/{id}"} {
		t, err := Parse(arg)
		fmt.Printf("%q %q %v\n", t.API, t.Path, err)
	}
	// Output:
	// "" "https://example.com/x?y=1" <nil>
	// "" "http://localhost:8080/x" <nil>
	// "crm" "/contacts/{id}" <nil>
}

func TestParse(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]Target{
		"https://example.com":        {Path: "https://example.com"},
		"HTTPS://Example.com/X":      {Path: "https://Example.com/X"},
		"http://example.com/a#frag":  {Path: "http://example.com/a"},
		"example.com":                {Path: "https://example.com"},
		"example.com:8443/x":         {Path: "https://example.com:8443/x"},
		"example.com?a=1":            {Path: "https://example.com/?a=1"},
		"localhost/x":                {Path: "http://localhost/x"},
		"localhost:80":               {Path: "http://localhost:80"},
		"api.localhost:81/x":         {Path: "http://api.localhost:81/x"},
		"localhost.example.com/x":    {Path: "https://localhost.example.com/x"},
		"127.0.0.1:9/x":              {Path: "http://127.0.0.1:9/x"},
		"127.9.9.9/x":                {Path: "http://127.9.9.9/x"},
		"[::1]:9/x":                  {Path: "http://[::1]:9/x"},
		"[2001:db8::1]/x":            {Path: "https://[2001:db8::1]/x"},
		"https://localhost/x":        {Path: "https://localhost/x"},
		":8080":                      {Path: "http://localhost:8080"},
		":8080/x":                    {Path: "http://localhost:8080/x"},
		"api:/":                      {API: "api", Path: "/"},
		"my-api_2:/a/{b}?c=d":        {API: "my-api_2", Path: "/a/{b}?c=d"},
		"example.com/a/{id}":         {Path: "https://example.com/a/{id}"},
		"example.com/r?u=http://b/":  {Path: "https://example.com/r?u=http://b/"},
		"https://u:p@example.com/x":  {Path: "https://example.com/x", User: "u", Password: "p", HasUserinfo: true},
		"u@example.com/x@y":          {Path: "https://example.com/x@y", User: "u", HasUserinfo: true},
		"https://a@b@example.com/x":  {Path: "https://example.com/x", User: "a@b", HasUserinfo: true},
		"api:/x?q=a b&[k]=é#f":       {API: "api", Path: "/x?q=a%20b&%5Bk%5D=%C3%A9"},
		"localhost/ü?f={\"a\":1}%20": {Path: "http://localhost/ü?f=%7B%22a%22:1%7D%20"},
		"https://evil#@example.com/": {Path: "https://evil"},
	} {
		got, err := Parse(arg)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", arg, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"/x":                  "target '/x': it has no host",
		"http:/example.com/x": "one slash follows the scheme",
		"ftp://example.com/x": "the scheme is neither http nor https",
		"https://":            "it has no host",
		"https:///x":          "it has no host",
		"https://a b/x":       "its host is malformed",
		"https://a:b/x":       "its host is malformed",
		"https://[::1/x":      "its host is malformed",
		"{host}.com/x":        "its host is malformed",
		"https://a/x\r\ny":    "it holds a control character",
		"h.com:99999/x":       "its port is not between",
		":0":                  "its port is not between",
		"api:":                "no port follows the colon",
		"https://a:/x":        "no port follows the colon",
		"api:x":               "its host is malformed",
		"h.com/x?a={id}":      "{id} is in the query, which is not filled",
		"api:/x?{a-b}":        "{a-b} is in the query",
		"://x":                "its scheme is missing",
	} {
		_, err := Parse(arg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", arg, err, want)
		}
	}
}

func TestHintsNameTheAPI(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"crm:", "crm:x", "crm://x"} {
		_, err := Parse(arg)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, "crm:/path") {
			t.Errorf("%s: %+v", arg, err)
		}
	}
}

func TestLG1_ErrorsHoldNoUserinfoOrQuery(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry"
	for _, arg := range []string{
		"ftp://u:" + canary + "@h/x?t=" + canary, "https://u:" + canary + "@/x", "https://u:" + canary + "/@[", "/x?" + canary, "u:" + canary + "@:x/#" + canary,
	} {
		if _, err := Parse(arg); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	got := Target{Path: "/orgs/{org}/repos/{repo}?q={no}"}.Params()
	if !reflect.DeepEqual(got, []string{"org", "repo"}) {
		t.Errorf("got %q", got)
	}
}

func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"example.com/x", ":8080/x", "api:/p/{x}", "https://u:p@h/x?q#f", "[::1]:1/x", "http:/x", "//x", "a://b://c", `h\@evil`, "évil.com", "h:99999/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		got, err := Parse(arg)
		if err != nil {
			return
		}
		if got.API != "" {
			if !strings.HasPrefix(got.Path, "/") || strings.HasPrefix(got.Path, "//") {
				t.Errorf("%q: path %q", arg, got.Path)
			}
			return
		}
		scheme, rest, _ := strings.Cut(got.Path, "://")
		authority, _ := cutAuthority(rest)
		u, err := url.Parse(scheme + "://" + authority)
		if err != nil || u.Hostname() == "" || u.User != nil || scheme != "http" && scheme != "https" {
			t.Errorf("%q: %q, %v", arg, got.Path, err)
		}
		got.Params()
	})
}
