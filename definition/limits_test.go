package definition

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-go/godwit"
)

// failure returns what loading and validating a file says; "" for nothing.
func failure(t testing.TB, text string) string {
	t.Helper()
	d, err := Options{Environ: testEnviron}.Load(write(t, "godwit.yaml", text))
	if err == nil {
		err = d.Validate()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// bomb is a file whose aliases stand for 9 to the power of levels values.
func bomb(levels int) string {
	var b strings.Builder
	b.WriteString("version: 1\napis:\n  a:\n    base_url: https://a.example.com\n    l0: &l0 [x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < levels; i++ {
		fmt.Fprintf(&b, "    l%d: &l%d [%s*l%d]\n", i, i, strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 8), i-1)
	}
	return b.String()
}

func TestLM8_AliasBomb(t *testing.T) {
	t.Parallel()
	for levels := 6; levels <= 60; levels += 9 {
		if got := failure(t, bomb(levels)); !strings.Contains(got, "aliases make the file too large") && !strings.Contains(got, "levels deep") {
			t.Errorf("%d levels: %s", levels, got)
		}
	}
	// The same value under very many names is bounded for the file as a whole.
	var b strings.Builder
	b.WriteString("version: 1\ndefaults: {headers: &h {")
	for i := range 1000 {
		fmt.Fprintf(&b, "H%d: x, ", i)
	}
	b.WriteString("}}\napis:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  a%d: {base_url: \"https://a.example.com\", headers: *h}\n", i)
	}
	if got := failure(t, b.String()); !strings.Contains(got, "aliases make the file too large") {
		t.Errorf("many aliases: %.300s", got)
	}
}

func TestLM8_Limits(t *testing.T) {
	t.Parallel()
	api := "version: 1\napis:\n  a:\n    base_url: https://a.example.com\n"
	for name, c := range map[string]struct{ text, want string }{
		"deep flow":       {api + "    headers: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "more than 64 levels deep"},
		"very deep flow":  {api + "    headers: " + strings.Repeat("[", 20000), "exceeded max depth"},
		"deep mapping":    {api + "    headers: " + strings.Repeat("{a: ", 100) + "b" + strings.Repeat("}", 100), "more than 64 levels deep"},
		"too large":       {api + "# " + strings.Repeat("x", maxFile), "the file is larger than 1024 KiB"},
		"largest":         {api + "# " + strings.Repeat("x", maxFile-len(api)-2), ""},
		"many keys":       {api + "    headers:\n" + manyKeys(1001), ":6:7: apis.a.headers: more than 1000 keys"},
		"most keys":       {api + "    headers:\n" + manyKeys(1000), ""},
		"NUL":             {api + "    user_agent: \"a\x00b\"\n", ":5:19: control character 0x00"},
		"DEL":             {api + "    user_agent: a\x7f\n", ":5:18: control character 0x7f"},
		"C1":              {api + "    user_agent: a\u009b31m\n", ":5:18: control character U+009B"},
		"bad UTF-8":       {api + "    user_agent: ä\xff\n", ":5:18: byte 0xff is not UTF-8; save the file as UTF-8 text"},
		"UTF-16":          {"\xff\xfev\x00e\x00r\x00", "godwit.yaml:1:1: byte 0xff is not UTF-8"},
		"byte order mark": {"\ufeff" + api, ""},
		"CRLF":            {strings.ReplaceAll(api, "\n", "\r\n"), ""},
		"JSON":            {`{"version": 1, "apis": {"a": {"base_url": "https://a.example.com", "timeout": {"total": "5s"}}}}`, ""},
		"many mistakes":   {api + strings.Repeat("    x: 1\n", 5000), "more than 1000 keys"},
	} {
		got := failure(t, c.text)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %.300q, want %q", name, got, c.want)
		}
		if n := strings.Count(got, "\n") + 1; n > maxErrors {
			t.Errorf("%s: %d messages", name, n)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "      H%d: x\n", i)
	}
	return b.String()
}

// TestReading_BadFiles has what cannot be read.
func TestReading_BadFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Join(dir, "none"), ""} {
		if _, err := Load(name); !errors.Is(err, godwit.ErrConfig) || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestErrors_AsType reads the parts of a mistake.
func TestErrors_AsType(t *testing.T) {
	t.Parallel()
	name := write(t, "godwit.yaml", "version: 1\napis: {a: {base_url: x, timeout: {totl: 5s}}}\n")
	d, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Config("a")
	all, ok := errors.AsType[Errors](err)
	if !ok || len(all) != 2 {
		t.Fatalf("%v is not two mistakes", err)
	}
	if e := all[1]; e.File != name || e.Line != 2 || e.Column != 35 || e.Path != "apis.a.timeout.totl" || e.Msg != "unknown key" || e.Hint != `did you mean "total"?` {
		t.Errorf("%#v", e)
	}
	if one, ok := errors.AsType[*Error](err); !ok || one != all[0] || !errors.Is(one, godwit.ErrConfig) {
		t.Errorf("%v", one)
	}
}

// TestClient_SharedAndClosed asks for one client from many goroutines.
func TestClient_SharedAndClosed(t *testing.T) {
	t.Parallel()
	d, err := Options{Environ: testEnviron}.Load(write(t, "godwit.yaml", fullFile))
	if err != nil {
		t.Fatal(err)
	}
	clients := make([]*godwit.Client, 16)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			var err error
			if clients[i], err = d.Client("github"); err != nil {
				t.Error(err)
			}
			d.Settings("plain")
			d.References()
		})
	}
	wg.Wait()
	for _, c := range clients {
		if c != clients[0] {
			t.Fatal("two clients for one API")
		}
	}
	other, err := d.Client("plain")
	if err != nil || other == clients[0] {
		t.Errorf("%v, %v", other, err)
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
	if _, err := d.Client("github"); !errors.Is(err, godwit.ErrConfig) || !strings.Contains(err.Error(), "the definition is closed") {
		t.Errorf("after Close: %v", err)
	}
	if _, err := clients[0].Do(t.Context(), "GET", "/"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a client outlives its definition: %v", err)
	}
}

// TestClient_RefusedByAPolicy is reported at the setting.
func TestClient_RefusedByAPolicy(t *testing.T) {
	t.Parallel()
	d := load(t, Options{}, "version: 1\napis:\n  a:\n    base_url: https://a.example.com\n    redirect:\n      follow: sometimes\n")
	_, err := d.Client("a")
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Line != 6 || e.Column != 15 || e.Path != "apis.a.redirect.follow" {
		t.Errorf("%v", err)
	}
}

// TestCheck reads every secret and says which are missing.
func TestCheck(t *testing.T) {
	// No t.Parallel: secrets come from the environment of the process.
	t.Setenv("GODWIT_TEST_PRESENT", "canary")
	t.Setenv("GODWIT_TEST_EMPTY", "")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := load(t, Options{}, `version: 1
apis:
  a: {base_url: "https://a.example.com", auth: {bearer: env:GODWIT_TEST_PRESENT}}
  b: {base_url: "https://b.example.com", auth: {bearer: "file:`+filepath.ToSlash(filepath.Join(dir, "token"))+`"}}
  c: {base_url: "https://c.example.com", auth: {bearer: env:GODWIT_TEST_MISSING}}
  d: {base_url: "https://d.example.com", auth: {basic: {username: u, password: env:GODWIT_TEST_EMPTY}}}
  e: {base_url: "https://e.example.com", auth: {header: {name: X-Key, value: "file:missing"}}}
  f: {base_url: "https://f.example.com", proxy: {url: "http://proxy.example.com", username: u, password: env:GODWIT_TEST_MISSING}}
  g: {base_url: "nowhere"}
`)
	if err := d.Validate(); err == nil || strings.Contains(err.Error(), "secret") || strings.Count(err.Error(), "\n") != 0 {
		t.Errorf("Validate: %v", err)
	}
	err := d.Check(t.Context())
	all, _ := errors.AsType[Errors](err)
	var got []string
	for _, e := range all {
		got = append(got, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Path))
	}
	want := "5:57 apis.c.auth.bearer.token\n6:80 apis.d.auth.basic.password\n7:78 apis.e.auth.header.value\n8:106 apis.f.proxy.password\n9:17 apis.g.base_url"
	if strings.Join(got, "\n") != want || strings.Contains(err.Error(), "canary") {
		t.Errorf("got\n%v\nwant\n%s\n%v", strings.Join(got, "\n"), want, err)
	}
}
