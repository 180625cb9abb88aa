package secret_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/secret"
)

const hidden = "hunter2-is-no-password"

// holder has secrets in every kind of place that fmt walks through.
type holder struct {
	Open   secret.Secret
	closed secret.Secret
	Ptr    *secret.Secret
	ptr    *secret.Secret
	List   []secret.Secret
	byKey  map[string]secret.Secret
	Any    any
	any    any
	nested struct{ s secret.Secret }
}

func newHolder() holder {
	s := secret.Value(hidden)
	h := holder{Open: s, closed: s, Ptr: &s, ptr: &s, List: []secret.Secret{s}, byKey: map[string]secret.Secret{"k": s}, Any: s, any: s}
	h.nested.s = s
	return h
}

// showsPart reports whether four consecutive characters of the value are in
// text, as they are or in hex.
func showsPart(text string) bool {
	text = strings.ToLower(text)
	for i := 0; i+4 <= len(hidden); i++ {
		part := hidden[i : i+4]
		if strings.Contains(text, part) || strings.Contains(text, fmt.Sprintf("%x", part)) {
			return true
		}
	}
	return false
}

type document struct{ S secret.Secret }

func TestD9_NoVerbShowsTheValue(t *testing.T) {
	t.Parallel()
	h := newHolder()
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %t %c %U %b %o %e %g %p %T %10s %-5v %.3s %z") {
		for name, v := range map[string]any{"secret": h.Open, "pointer": h.Ptr, "holder": h, "holder pointer": &h, "list": h.List, "map": h.byKey, "nested": h.nested} {
			if got := fmt.Sprintf(verb, v); showsPart(got) {
				t.Errorf("%s of the %s shows the value: %s", verb, name, got)
			}
		}
	}
}

func TestD9_NoEncodingShowsTheValue(t *testing.T) {
	t.Parallel()
	h := newHolder()
	var logged bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&logged, nil), slog.NewTextHandler(&logged, nil)} {
		slog.New(handler).Info("x", "secret", h.Open, "pointer", h.Ptr, "holder", h, "any", slog.AnyValue(&h), "list", h.List)
	}
	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	x, err := xml.Marshal(document{h.Open})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"slog": logged.String(), "json": string(j), "xml": string(x), "print": fmt.Sprint(h, &h), "error": fmt.Errorf("x: %v", h).Error()} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s shows the value: %s", name, text)
		}
		if !strings.Contains(text, "***") {
			t.Errorf("%s does not show that there is one: %s", name, text)
		}
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]secret.Secret{"": {}, "***": secret.Value("x"), "env:TOKEN": secret.Env("TOKEN"), "file:/run/token": secret.File("/run/token")} {
		text, err := s.MarshalText()
		if err != nil || string(text) != want || s.String() != want || fmt.Sprint(s) != want || s.LogValue().String() != want {
			t.Errorf("shown as %q, %q, %q, %v; want %q", text, s, s.LogValue(), err, want)
		}
		if want := "secret(" + want + ")"; s.GoString() != want {
			t.Errorf("GoString = %q, want %q", s.GoString(), want)
		}
		if s.IsZero() != (want == "") || s.Literal() != (want == "***") {
			t.Errorf("%q: IsZero %v, Literal %v", want, s.IsZero(), s.Literal())
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"env:TOKEN", "file:/run/secrets/token", `file:C:\token`, "file:with:colon"} {
		s, err := secret.Parse(ref)
		if err != nil || s.String() != ref || s.Literal() || s.IsZero() {
			t.Errorf("Parse(%q) = %v, %v", ref, s, err)
		}
		var back secret.Secret
		if err := back.UnmarshalText([]byte(ref)); err != nil || back != s {
			t.Errorf("UnmarshalText(%q) = %v, %v", ref, back, err)
		}
	}
	for _, ref := range []string{"", hidden, "env:", "file:", "env", "ENV:X", "value:" + hidden, "Bearer " + hidden, "***", " env:X", "https://u:" + hidden + "@h"} {
		s, err := secret.Parse(ref)
		if err == nil || !s.IsZero() {
			t.Errorf("Parse(%q) = %v, %v", ref, s, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Parse(%q): the error repeats it: %v", ref, err)
		}
		back := secret.Env("KEPT")
		if err := back.UnmarshalText([]byte(ref)); err == nil || back != secret.Env("KEPT") {
			t.Errorf("UnmarshalText(%q) = %v, %v", ref, back, err)
		}
	}
}

func TestReveal_Env(t *testing.T) {
	t.Setenv("GODWIT_TEST_SECRET", hidden)
	s := secret.Env("GODWIT_TEST_SECRET")
	if got, err := s.Reveal(t.Context()); got != hidden || err != nil {
		t.Errorf("Reveal = %q, %v", got, err)
	}
	t.Setenv("GODWIT_TEST_SECRET", "replaced")
	if got, err := s.Reveal(t.Context()); got != "replaced" || err != nil {
		t.Errorf("Reveal after a change = %q, %v", got, err)
	}
	t.Setenv("GODWIT_TEST_SECRET", "")
	if got, err := s.Reveal(t.Context()); err == nil || !strings.Contains(err.Error(), "env:GODWIT_TEST_SECRET") {
		t.Errorf("Reveal of an empty variable = %q, %v", got, err)
	}
}

func TestReveal_File(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	s := secret.File(path)
	for _, c := range []struct{ content, want, trouble string }{
		{hidden, hidden, ""},
		{hidden + "\n", hidden, ""},
		{hidden + "\r\n", hidden, ""},
		{hidden + "\n\n", "", "line break"},
		{"a\nb", "", "line break"},
		{"", "", "empty"},
		{"\n", "", "empty"},
		{strings.Repeat("x", 64<<10), strings.Repeat("x", 64<<10), ""},
		{strings.Repeat("x", 64<<10+1), "", "larger than 64 KiB"},
		{"two words\tand a tab", "two words\tand a tab", ""},
		{"grün", "grün", ""},
		{hidden + "\x00", "", "no header may carry"},
		{hidden + "\x1b", "", "no header may carry"},
		{hidden + "\x7f", "", "no header may carry"},
		{hidden + "\xff", "", "no header may carry"},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := s.Reveal(t.Context())
		switch {
		case got != c.want, (err == nil) != (c.trouble == ""):
			t.Errorf("%.20q: Reveal = %.20q, %v", c.content, got, err)
		case err != nil && (!strings.Contains(err.Error(), c.trouble) || !strings.Contains(err.Error(), "file:") || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%.20q: error %v", c.content, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reveal(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Reveal of a missing file = %v", err)
	}
}

func TestReveal_Others(t *testing.T) {
	t.Parallel()
	if got, err := secret.Value(hidden).Reveal(t.Context()); got != hidden || err != nil {
		t.Errorf("Reveal = %q, %v", got, err)
	}
	for _, s := range []secret.Secret{{}, secret.Value(""), secret.Value("hunter2\r\nX: y")} {
		if got, err := s.Reveal(t.Context()); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("Reveal of %v = %q, %v", s, got, err)
		}
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if got, err := secret.Value(hidden).Reveal(ctx); got != "" || !errors.Is(err, cause) {
		t.Errorf("Reveal after the end of the context = %q, %v", got, err)
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	a := secret.Value("one-secret")
	for other, want := range map[string]bool{"one-secret": true, "one-secres": false, "one": false} {
		if got := a.Equal(t.Context(), secret.Value(other)); got != want {
			t.Errorf("Equal(%q) = %v", other, got)
		}
	}
	if (secret.Secret{}).Equal(t.Context(), secret.Secret{}) || a.Equal(t.Context(), secret.File("/no/such/file")) {
		t.Error("what cannot be revealed is equal to something")
	}
	if !reflect.DeepEqual(secret.Value("x"), secret.Value("x")) {
		t.Error("two configurations with one literal differ")
	}
}

func ExampleParse() {
	token, err := secret.Parse("env:API_TOKEN")
	fmt.Println(token, err)
	_, err = secret.Parse("s3cr3t")
	fmt.Println(err)
	// Output:
	// env:API_TOKEN <nil>
	// a secret must be a reference, env:NAME or file:PATH, never the value itself
}

func ExampleValue() {
	token := secret.Value("s3cr3t")
	fmt.Printf("%v %+v %q\n", token, token, token)
	// Output: *** *** ***
}

func ExampleSecret_Reveal() {
	value, err := secret.Value("s3cr3t").Reveal(context.Background())
	fmt.Println(len(value), err)
	// Output: 6 <nil>
}

func ExampleEnv() {
	_, err := secret.Env("NO_SUCH_TOKEN").Reveal(context.Background())
	fmt.Println(err)
	// Output: secret env:NO_SUCH_TOKEN: the environment variable is not set or empty
}

func ExampleFile() {
	path := filepath.Join(os.TempDir(), "no-such-token")
	_, err := secret.File(path).Reveal(context.Background())
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output: true
}
