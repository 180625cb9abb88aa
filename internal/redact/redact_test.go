package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

const testSecret = "S3cr/t+Val&ue\"é<9"

func redactor(values ...string) *Redactor {
	r := &Redactor{}
	for _, v := range values {
		r.Add(v)
	}
	return r
}

func TestText_EverySpelling(t *testing.T) {
	t.Parallel()
	marshalled, err := json.Marshal(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	spelled := map[string]string{
		"raw":             testSecret,
		"query":           url.QueryEscape(testSecret),
		"path segment":    url.PathEscape(testSecret),
		"path":            (&url.URL{Path: testSecret}).EscapedPath(),
		"json":            strings.Trim(string(marshalled), `"`),
		"quoted":          strings.Trim(strconv.Quote(testSecret), `"`),
		"ascii quoted":    strings.Trim(strconv.QuoteToASCII(testSecret), `"`),
		"html":            html.EscapeString(testSecret),
		"base64":          base64.StdEncoding.EncodeToString([]byte(testSecret)),
		"base64 url":      base64.URLEncoding.EncodeToString([]byte(testSecret)),
		"base64 raw":      base64.RawStdEncoding.EncodeToString([]byte(testSecret)),
		"base64 raw url":  base64.RawURLEncoding.EncodeToString([]byte(testSecret)),
		"php json":        strings.ReplaceAll(strings.Trim(string(marshalled), `"`), "/", `\/`),
		"query lower hex": lowerHex(url.QueryEscape(testSecret)),
	}
	r := redactor(testSecret)
	for name, form := range spelled {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := r.Text("<<" + form + ">>"); got != "<<***>>" {
				t.Errorf("Text(%q) = %q", form, got)
			}
		})
	}
}

func TestText_InsideBase64(t *testing.T) {
	t.Parallel()
	const key = "kXq7Zp0Tr5Wm2Ly9"
	r := redactor(key)
	for shift := range 6 {
		for tail := range 4 {
			plain := strings.Repeat("u", shift) + key + strings.Repeat(":", tail)
			for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
				coded := enc.EncodeToString([]byte(plain))
				got := r.Text(coded)
				if !strings.Contains(got, Mask) || len(got)-len(Mask) > len(coded)-len(key) {
					t.Errorf("%q: too much of %q is left: %q", plain, coded, got)
				}
			}
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		secrets []string
		in      string
		want    string
	}{
		{"none known", nil, "plain text", "plain text"},
		{"too short to be searched", []string{"abc"}, "abc abc", "abc abc"},
		{"empty", []string{""}, "abc", "abc"},
		{"twice", []string{"hunter22"}, "hunter22 and hunter22", "*** and ***"},
		{"side by side", []string{"hunter22"}, "hunter22hunter22", "***"},
		{"overlapping secrets", []string{"abcd1234", "1234efgh"}, "xabcd1234efghx", "x***x"},
		{"a secret in a secret", []string{"bcde", "abcdef"}, "1abcdef2bcde3", "1***2***3"},
		{"overlapping itself", []string{"aaaa"}, "aaaaaaa", "***"},
		{"empty text", []string{"hunter22"}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := redactor(c.secrets...).Text(c.in); got != c.want {
				t.Errorf("Text(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestNilAndZeroRedactor(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "https", Host: "h", Path: "/p", RawQuery: "a=1"}
	for _, r := range []*Redactor{nil, {}} {
		if got := r.Text("text"); got != "text" {
			t.Errorf("Text = %q", got)
		}
		if got := r.Excerpt("text", 3); got != "tex…" {
			t.Errorf("Excerpt = %q", got)
		}
		if got := r.Header("Authorization", "x"); got != Mask {
			t.Errorf("Header = %q", got)
		}
		if got := r.URL(u); got != "https://h/p?a=***" {
			t.Errorf("URL = %q", got)
		}
	}
}

func randomSecret(rng *rand.Rand) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+&=\"<é "
	letters := []rune(alphabet)
	secret := make([]rune, 8+rng.IntN(40))
	for i := range secret {
		secret[i] = letters[rng.IntN(len(letters))]
	}
	return string(secret)
}

// survivor returns four consecutive bytes of secret that text still shows.
func survivor(text, secret string) string {
	for i := 0; i+4 <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+4]) {
			return secret[i : i+4]
		}
	}
	return ""
}

func TestLG3_NoFourCharactersSurvive(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		secret, other := randomSecret(rng), randomSecret(rng)
		r := redactor(secret, other)
		for _, form := range spellings(secret) {
			// The digits of the padding are no part of any secret's alphabet.
			text := strings.Repeat("_", rng.IntN(30)) + form + strings.Repeat("-", rng.IntN(30)) + other
			for name, shown := range map[string]string{
				"Text":    r.Text(text),
				"Excerpt": r.Excerpt(text, rng.IntN(len(text)+10)),
				"Header":  r.Header("Server", text),
			} {
				if left := survivor(shown, form); left != "" {
					t.Fatalf("%s of %q shows %q of secret %q: %q", name, text, left, secret, shown)
				}
			}
		}
	}
}

func TestLG3_CutInsideTheSecret(t *testing.T) {
	t.Parallel()
	const secret = "Zk3Lq8Wv1Rt6Yp0X"
	r := redactor(secret)
	for _, form := range spellings(secret) {
		text := "body: " + form + " end, and some more text behind it"
		for limit := range len(text) + 1 {
			if left := survivor(r.Excerpt(text, limit), form); left != "" {
				t.Errorf("limit %d shows %q", limit, left)
			}
			// The reader of the body stopped at limit, whatever the excerpt's bound is.
			for _, bound := range []int{limit / 2, limit - 1, limit, 500} {
				if left := survivor(r.Excerpt(text[:limit], max(0, bound)), form); left != "" {
					t.Errorf("text cut at %d, bound %d shows %q", limit, bound, left)
				}
			}
			// A snippet around an offset may begin inside a secret.
			if left := survivor(r.Excerpt(text[limit:], 500), form); left != "" {
				t.Errorf("text from %d on shows %q", limit, left)
			}
		}
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		in    string
		limit int
		want  string
	}{
		{"short", "hello", 10, "hello"},
		{"exact", "hello", 5, "hello"},
		{"cut", "hello", 4, "hell…"},
		{"zero", "hello", 0, "…"},
		{"empty", "", 0, ""},
		{"between runes", "aéb", 3, "aé…"},
		{"inside a rune", "aéb", 2, "a…"},
		{"inside a long rune", "a😀b", 4, "a…"},
		{"an escape is not cut", "a\x1bb", 4, "a…"},
		{"an escape that fits", "a\x1bb", 5, `a\x1b…`},
		{"binary stays visible", "\xff\xfe\xfd\xfc", 100, `\xff\xfe\xfd\xfc`},
		{"binary is cut, not dropped", "\xff\xfe\xfd\xfc", 8, `\xff\xfe…`},
		{"link in a body", `{"url":"https://u:p@h.example/a?token=abc&x"}`, 100, `{"url":"https://***@h.example/a?token=***&***"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := (*Redactor)(nil).Excerpt(c.in, c.limit); got != c.want {
				t.Errorf("Excerpt(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
			}
		})
	}
}

func TestLG4_ControlCharacters(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain\ttext":             "plain\ttext",
		"a\nb":                    `a\nb`,
		"a\r\nb":                  `a\r\nb`,
		"\x1b[31mred":             `\x1b[31mred`,
		"\x00":                    `\x00`,
		"\x7f":                    `\x7f`,
		"\u009b31m":               `\x9b31m`,
		"\x9b31m":                 `\x9b31m`,
		"\u202eevil":              `\u202eevil`,
		"\u2066x\u2069":           `\u2066x\u2069`,
		"\u200e\u200f\u061c":      `\u200e\u200f\u061c`,
		"\u2028\u2029":            `\u2028\u2029`,
		"\ufffd":                  `\ufffd`,
		"grün, 日本語, 👩‍🚀, e\u0301": "grün, 日本語, 👩‍🚀, e\u0301",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
		if got := (*Redactor)(nil).Excerpt(in, 1000); got != want {
			t.Errorf("Excerpt(%q) = %q, want %q", in, got, want)
		}
		if got := (*Redactor)(nil).Header("Server", in); got != want {
			t.Errorf("Header(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLG1_Header(t *testing.T) {
	t.Parallel()
	r := redactor("hunter22")
	r.HideHeader("x-request-id")
	for _, c := range []struct{ name, value, want string }{
		{"Content-Type", "application/json", "application/json"},
		{"content-type", "text/plain", "text/plain"},
		{"Server", "nginx hunter22", "nginx ***"},
		{"X-Request-Id", "abc", Mask},
		{"Authorization", "Bearer x", Mask},
		{"Cookie", "a=b", Mask},
		{"Set-Cookie", "a=b", Mask},
		{"Proxy-Authorization", "Basic x", Mask},
		{"Location", "https://h/?token=x", Mask},
		{"Link", "<https://h/?token=x>", Mask},
		{"X-Api-Key", "x", Mask},
		{"X-Never-Heard-Of", "x", Mask},
		{"", "x", Mask},
	} {
		if got := r.Header(c.name, c.value); got != c.want {
			t.Errorf("Header(%q, %q) = %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

func TestAdd_Bounded(t *testing.T) {
	t.Parallel()
	r := &Redactor{}
	for i := range maxValues + 10 {
		r.Add(fmt.Sprintf("secret-number-%04d", i))
	}
	k := r.load()
	if len(k.values) != maxValues {
		t.Errorf("%d values are kept, want %d", len(k.values), maxValues)
	}
	if got := r.Text("secret-number-0265"); got != Mask {
		t.Errorf("the newest value is shown: %q", got)
	}
	if got := r.Text("secret-number-0003"); got == Mask {
		t.Error("the oldest value is still known; the bound does not work")
	}
}

func TestAdd_Concurrent(t *testing.T) {
	t.Parallel()
	r := &Redactor{}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			value := fmt.Sprintf("value-%d-value", i%4)
			for range 50 {
				r.Add(value)
				r.HideHeader("Server")
				if got := r.Text(value); got != Mask {
					t.Errorf("Text right after Add = %q", got)
				}
			}
		})
	}
	wg.Wait()
	if n := len(r.load().values); n != 4 {
		t.Errorf("%d values, want 4", n)
	}
}

func TestLM6_OneMiBInLinearTime(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	// Each of these took minutes with a quadratic scan; a linear one takes
	// milliseconds, so the test's own deadline is the judge.
	texts := map[string]string{
		"plain":              strings.Repeat("x", size),
		"binary":             strings.Repeat("\xff", size),
		"control characters": strings.Repeat("\x1b", size),
		"masked all over":    strings.Repeat("hunter22", size/8),
		"nearly the secret":  strings.Repeat("hunter2", size/7),
		"URLs":               strings.Repeat("http://u:p@h/?a=b ", size/18),
		"nested URLs":        strings.Repeat("://", size/3),
		"bad authorities":    strings.Repeat("://a:b/", size/7),
		"at signs":           "http://" + strings.Repeat("@", size),
		"one query":          "http://h/?" + strings.Repeat("a=b&", size/4),
		"fragments":          "http://h/" + strings.Repeat("#", size),
	}
	r := redactor("hunter22")
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := r.Excerpt(text, 512); len(got) > 512+len("…") {
				t.Errorf("excerpt of %d bytes", len(got))
			}
			if got := r.Excerpt(text, 2*size); strings.Contains(got, "hunter22") || strings.Contains(got, "u:p") {
				t.Error("something is left unmasked")
			}
			u := &url.URL{Scheme: "https", Host: "h", Path: "/" + text, RawQuery: text}
			if got := r.URL(u); len(got) > maxURL+len("…") {
				t.Errorf("URL of %d bytes", len(got))
			}
		})
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("Get \"https://u:hunter22@h/p?q=hunter22#x=1\": refused", 20)
	f.Add("hunter22hunter22\x1b[0m\u202e\xff", 9)
	f.Add("://a:b/://@?#://", 100)
	f.Add("aHVudGVyMjI= hunter2", 512)
	r := redactor("hunter22")
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = min(max(limit, 0), 1<<16)
		got := r.Excerpt(text, limit)
		if len(got) > limit+len("…") {
			t.Errorf("%d bytes, limit %d", len(got), limit)
		}
		if !utf8.ValidString(got) || !isPrintable(got) {
			t.Errorf("not printable: %q", got)
		}
		if strings.Contains(got, "hunter22") {
			t.Errorf("the secret is shown: %q", got)
		}
		if again := r.Excerpt(got, len(got)); again != got && !bytes.Contains([]byte(got), []byte("…")) {
			t.Errorf("not stable: %q, then %q", got, again)
		}
	})
}

func TestLG1_For(t *testing.T) {
	t.Parallel()
	r := redactor("client-secret")
	r.HideHeader("X-Mine")
	if plain := r.For(http.Header{"Accept": {"text/html"}}); plain != r {
		t.Error("a header without credentials made another Redactor")
	}
	own := r.For(http.Header{
		"authorization": {"Bearer token-1"}, "Cookie": {"theme=dark; sid=session-1"}, "X-Mine": {"mine-1"},
		"Accept": {"text/html"}, "Proxy-Authorization": {"Basic dTpwcHBwcA=="},
	})
	const echo = "client-secret, Bearer token-1, token-1, theme=dark; sid=session-1, session-1, mine-1, dTpwcHBwcA==, text/html, dark"
	const want = "***, ***, ***, ***, ***, ***, ***, text/html, dark"
	if got := own.Text(echo); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := r.Text("token-1"); got != "token-1" {
		t.Errorf("the client learnt what belongs to one call: %q", got)
	}
	if got := (*Redactor)(nil).For(http.Header{"Authorization": {"Bearer token-1"}}).Text("token-1"); got != Mask {
		t.Errorf("nil: %q", got)
	}
}
