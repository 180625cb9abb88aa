package godwit

import (
	"net/url"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/internal/origin"
)

func resolved(base *url.URL, template string, params []Pair) (*url.URL, error) {
	var u url.URL
	_, err := resolve(&u, base, template, params)
	return &u, err
}

func TestResolve(t *testing.T) {
	t.Parallel()
	base, _ := url.Parse("https://api.example.com/v2/")
	tests := []struct {
		template string
		params   []Pair
		want     string
	}{
		{"", nil, "https://api.example.com/v2"},
		{"/", nil, "https://api.example.com/v2/"},
		{"/users", nil, "https://api.example.com/v2/users"},
		{"/users/{id}", []Pair{{"id", "7"}}, "https://api.example.com/v2/users/7"},
		{"/{a}/{b}", []Pair{{"b", "y"}, {"a", "x"}}, "https://api.example.com/v2/x/y"},
		{"/{a}/{a}", []Pair{{"a", "x"}}, "https://api.example.com/v2/x/x"},
		{"/f/{n}", []Pair{{"n", "a/b?c#d e%2f;é"}}, "https://api.example.com/v2/f/a%2Fb%3Fc%23d%20e%252f%3B%C3%A9"},
		{"/already%20escaped", nil, "https://api.example.com/v2/already%20escaped"},
		{"/not escaped/ü", nil, "https://api.example.com/v2/not%20escaped/%C3%BC"},
		{"/a;b=c/d@e", nil, "https://api.example.com/v2/a;b=c/d@e"},
		{"/x?fixed=1", nil, "https://api.example.com/v2/x?fixed=1"},
		{"https://api.example.com/other", nil, "https://api.example.com/other"},
		{"HTTPS://API.example.com:443/other/{id}", []Pair{{"id", "1"}}, "https://API.example.com:443/other/1"},
	}
	for _, tt := range tests {
		got, err := resolved(base, tt.template, tt.params)
		if err != nil {
			t.Errorf("resolve(%q): %v", tt.template, err)
			continue
		}
		if got.String() != tt.want {
			t.Errorf("resolve(%q) = %s, want %s", tt.template, got, tt.want)
		}
	}
}

// TestCR9_TemplateCannotLeaveTheOrigin: whatever a path looks like, the host is
// the definition's, or there is an error.
func TestCR9_TemplateCannotLeaveTheOrigin(t *testing.T) {
	t.Parallel()
	base, _ := url.Parse("https://api.example.com/v2")
	for _, template := range []string{
		"//evil.test/x", "http://evil.test/x", "https://evil.test", "https://api.example.com.evil.test/", "https://api.example.com:8443/",
		"http://api.example.com/", "/../x", "/a/../../x", "/a/./b", "/%2e%2e/x", "/a/.%2E/x", "/%2e", "@evil.test/x", "evil.test", `\evil.test`, `/\evil.test`,
		`/a\..\b`, "/x#frag", "/x\n", "/x\x00", "/x\x7f", "https://user:pw@api.example.com/", "https:///x", "https://", "javascript:alert(1)", "/x?a=b#c", "/x?a\r\nb",
		"/{a", "/a}", "/{{a}}", "/{missing}",
	} {
		got, err := resolved(base, template, nil)
		if err == nil {
			t.Errorf("resolve(%q) = %s, want an error", template, got)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("resolve(%q): the error shows the password: %v", template, err)
		}
	}
	for _, value := range []string{"", ".", "..", "a\nb", "a\x00"} {
		if got, err := resolved(base, "/u/{id}/x", []Pair{{"id", value}}); err == nil {
			t.Errorf("value %q gave %s, want an error", value, got)
		}
	}
	if _, err := resolved(base, "/u", []Pair{{"id", "1"}}); err == nil {
		t.Error("a value without a parameter was accepted")
	}
	if _, err := resolved(nil, "/u", nil); err == nil {
		t.Error("a path without base_url was accepted")
	}
}

// FuzzCR10_PathValue: what was put into a path comes out of it, and nothing else
// of the URL moves.
func FuzzCR10_PathValue(f *testing.F) {
	base, _ := url.Parse("https://api.example.com/v2")
	for _, seed := range []string{"plain", "a/b", "../..", "%2f..", "é ü", "a?b=c", "#", ";", "@evil.test", "//evil", `\`, "%", "%zz", "+ +"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := resolved(base, "/u/{v}/tail", []Pair{{"v", value}})
		if err != nil {
			return
		}
		back, err := url.Parse(got.String())
		if err != nil {
			t.Fatalf("%q gave an unparsable URL: %v", value, err)
		}
		if back.Host != "api.example.com" || back.Scheme != "https" || back.RawQuery != "" || back.Fragment != "" || back.User != nil {
			t.Fatalf("%q changed the URL to %s", value, back)
		}
		segments := strings.Split(back.EscapedPath(), "/")
		if len(segments) != 5 {
			t.Fatalf("%q changed the depth: %s", value, back)
		}
		if plain, _ := url.PathUnescape(segments[3]); plain != value {
			t.Fatalf("%q came back as %q", value, plain)
		}
	})
}

func FuzzCR9_Template(f *testing.F) {
	base, _ := url.Parse("https://api.example.com/v2")
	want, _ := origin.Of(base)
	for _, seed := range []string{"/x", "//e", "http://e", "/..", "/%2e%2e/", "@e", `\e`, "/;x", "/{a}", "?q", "https://api.example.com/x", "/a//b", "HTTPS://api.example.com"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		got, err := resolved(base, template, nil)
		if err != nil {
			return
		}
		back, err := url.Parse(got.String())
		if err != nil {
			t.Fatalf("%q gave an unparsable URL %q: %v", template, got, err)
		}
		if o, err := origin.Of(back); err != nil || o != want {
			t.Fatalf("%q leads to %s", template, back)
		}
		for s := range strings.SplitSeq(back.Path, "/") {
			if s == "." || s == ".." {
				t.Fatalf("%q holds a dot segment: %s", template, back)
			}
		}
	})
}
