package auth

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/secret"
)

func TestB64Token(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"abc": true, "AZaz09-._~+/": true, "abc==": true, "mF_9.B5f-4.1JqM": true,
		"": false, "=": false, "a=b": false, "a b": false, "a\nb": false, "é": false, `"a"`: false, "a,b": false, "Bearer a": false,
	} {
		if got := b64token(s); got != want {
			t.Errorf("b64token(%q) is %v, want %v", s, got, want)
		}
	}
}

// TestCR8_Values: what must not get into a header or a URL is refused when it
// is resolved, and the error repeats nothing of it.
func TestCR8_Values(t *testing.T) {
	t.Parallel()
	bad := []string{"", "canary\r\nX-Evil: 1", "canary\n", "\rcanary", "canary\x00", "canary\x7f", "canary\x01", "canary\x1b[2J", "canary\xff"}
	for _, v := range bad {
		for name, mk := range map[string]func(secret.Secret) (scheme, error){
			"auth.bearer.token":   func(s secret.Secret) (scheme, error) { return newBearer(BearerConfig{Token: s}) },
			"auth.basic.password": func(s secret.Secret) (scheme, error) { return newBasic(BasicConfig{"user", s}) },
			"auth.header.value":   func(s secret.Secret) (scheme, error) { return newHeaderKey(KeyConfig{"X-Api-Key", s}) },
			"auth.query.value":    func(s secret.Secret) (scheme, error) { return newQueryKey(KeyConfig{"key", s}) },
		} {
			s, err := mk(secret.Value(v))
			if err != nil {
				t.Fatal(err)
			}
			cred, err := s.resolve(t.Context())
			if err == nil {
				t.Errorf("%s: %q is accepted as %+v", name, v, cred)
				continue
			}
			if text := err.Error(); !strings.HasPrefix(text, name+":") || strings.Contains(text, "canary") || redact.Printable(text) != text {
				t.Errorf("%s: %q: text %q", name, v, text)
			}
		}
	}
	for _, v := range []string{" key", "key\t", "k\u0085"} {
		s, err := newHeaderKey(KeyConfig{"X-Api-Key", secret.Value(v)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.resolve(t.Context()); (err == nil) != (v == "k\u0085") {
			t.Errorf("header value %q: %v", v, err)
		}
	}
}

func TestBasicValue(t *testing.T) {
	t.Parallel()
	cases := []struct {
		user string
		pass secret.Secret
		pair string
	}{
		{"Aladdin", secret.Value("open sesame"), "Aladdin:open sesame"}, // RFC 7617 section 2
		{"test", secret.Value("123£"), "test:123£"},                     // section 2.1
		{"user", secret.Secret{}, "user:"},
		{"", secret.Value("p:q"), ":p:q"},
	}
	for _, c := range cases {
		s, err := newBasic(BasicConfig{c.user, c.pass})
		if err != nil {
			t.Fatal(err)
		}
		cred, err := s.resolve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(cred.value, "Basic "))
		if err != nil || string(plain) != c.pair {
			t.Errorf("%q gives %q, %v", c.pair, plain, err)
		}
	}
	s, err := newBasic(BasicConfig{"Aladdin", secret.Value("open sesame")})
	if err != nil {
		t.Fatal(err)
	}
	if cred, err := s.resolve(t.Context()); err != nil || cred.value != "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" {
		t.Errorf("RFC 7617 section 2: %+v, %v", cred, err)
	}
}

func TestWithParam(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":            "k%5B%5D=a%26b",
		"z=1&a=%2f":   "z=1&a=%2f&k%5B%5D=a%26b", // order and spelling stay
		"a=1&k[]=":    "a=1&k%5B%5D=a%26b",
		"k%5b%5d&b=2": "b=2&k%5B%5D=a%26b",
		"%zz=1":       "%zz=1&k%5B%5D=a%26b",
	} {
		u := &url.URL{Scheme: "https", Host: "h", RawQuery: in}
		if got := withParam(u, "k[]", "a&b"); got.RawQuery != want || u.RawQuery != in {
			t.Errorf("%q gives %q, want %q; the original is %q", in, got.RawQuery, want, u.RawQuery)
		}
	}
	for in, want := range map[string]bool{"": false, "k=": false, "k": false, "k=1": true, "a=1&%6B=2": true, "K=1": false, "ak=1": false} {
		if got := hasParam(in, "k"); got != want {
			t.Errorf("hasParam(%q) is %v", in, got)
		}
	}
}

func TestWithoutSecrets(t *testing.T) {
	t.Parallel()
	var known redact.Redactor
	known.Add("canary/42+secret")
	esc := url.QueryEscape
	nested := esc("https://a.example/x?key=" + esc("canary/42+secret"))
	for in, want := range map[string]string{
		"":                                  "",
		"a=1&key=other&b=2":                 "a=1&b=2",
		"a=1&KEY=x&%6bey=y&key":             "a=1",
		"a=canary/42%2Bsecret&b=2":          "b=2",
		"return=" + nested + "&b=%2f":       "b=%2f",
		"r=" + esc(nested):                  "",
		"r=" + esc(esc("canary/42+secret")): "",
		"monkey=1&a=canary":                 "monkey=1&a=canary",
		"a=%zz&b=1":                         "a=%zz&b=1",
	} {
		if got := withoutSecrets(in, "key", &known); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

// FuzzWithoutSecrets: whatever the query, no parameter of the key's name and no
// known secret is left, and the rest keeps its spelling.
func FuzzWithoutSecrets(f *testing.F) {
	for _, seed := range []string{"", "key=1", "a=1&b=2", "a=canary-0123456789", "x=%63anary-0123456789", "%256bey=1&a=%zz", "&&=&", "key", "a;key=1"} {
		f.Add(seed)
	}
	var known redact.Redactor
	known.Add("canary-0123456789")
	f.Fuzz(func(t *testing.T, raw string) {
		got := withoutSecrets(raw, "key", &known)
		if hasParam(got, "key") || strings.Contains(got, "canary-0123456789") {
			t.Fatalf("%q leaves %q", raw, got)
		}
		for pair := range strings.SplitSeq(got, "&") {
			if plain := unescaped(pair); strings.Contains(plain, "canary-0123456789") || strings.Contains(unescaped(plain), "canary-0123456789") {
				t.Fatalf("%q leaves %q", raw, got)
			}
			if pair != "" && !strings.Contains("&"+raw+"&", "&"+pair+"&") {
				t.Fatalf("%q: %q is new", raw, pair)
			}
		}
		if again := withoutSecrets(got, "key", &known); again != got {
			t.Fatalf("%q: not stable: %q, then %q", raw, got, again)
		}
	})
}
