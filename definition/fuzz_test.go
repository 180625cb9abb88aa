package definition

import (
	"os"
	"strings"
	"testing"
	"unicode"
)

// FuzzLoad reads any bytes as a definition, and any text as a variable and an
// override. Nothing panics, every message is one printable line, and no setting
// is shown that the redaction should have hidden.
func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile("testdata/errors.txtar")
	if err != nil {
		f.Fatal(err)
	}
	_, sections := parseArchive(string(data))
	for i := 0; i < len(sections); i += 2 {
		f.Add([]byte(sections[i].text), "5s")
	}
	for _, s := range []string{fullFile, twoAPIs, bomb(8), manyAPIs(2), "\ufeff{}", "? ? ?\n", "&a [*a]", "version: 1\napis: &x {a: *x}\n"} {
		f.Add([]byte(s), "${env:A}, b")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		if len(data) > maxFile {
			t.Skip("longer files are refused before they are parsed")
		}
		var bad mistakes
		if part := takeApart("f.yaml", data, &bad); part != nil {
			useAll(Options{
				Environ:   append([]string{"GODWIT_API_A_HEADERS_X=" + text, "GODWIT_API_A_AUTH_BEARER=" + text}, testEnviron...),
				Overrides: map[string]map[string]string{"*": {"timeout.total": text, "retry.statuses": text}},
			}, part, &bad)
		}
		for _, e := range bad.list {
			if s := e.Error(); s == "" || strings.ContainsFunc(s, unicode.IsControl) || len(s) > 4*maxText {
				t.Errorf("message %q", s)
			}
			if e.Line < 0 || e.Line > 2+strings.Count(string(data), "\n")+strings.Count(string(data), "\r") {
				t.Errorf("line %d is not in the file: %v", e.Line, e)
			}
		}
	})
}

// useAll asks everything that can be asked without making clients.
func useAll(o Options, part *file, bad *mistakes) {
	d := o.build([]*file{part}, bad)
	for _, r := range part.parts() {
		d.validatePart(r, bad)
	}
	for _, name := range d.apis {
		d.decode(name, bad)
		d.Settings(name)
	}
	d.Warnings()
	d.References()
	d.readGateway(bad)
}

// FuzzExpand checks what replacing placeholders promises.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"", "${env:A}", "a${env:A}b${env:B_1}", "$${env:A}", "$$${env:A}", "${", "${env:", "${env:A", "${}", "$", "${env:1}", "${env:A}}", "${${env:A}}"} {
		f.Add(s, "v")
	}
	f.Fuzz(func(t *testing.T, s, value string) {
		x, err := expand(s, func(string) (string, bool) { return value, true })
		if err != nil {
			if value != "" && x.values == nil && !strings.Contains(s, "${") {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if len(x.names) != len(x.values) {
			t.Errorf("%q: %d names, %d values", s, len(x.names), len(x.values))
		}
		if !strings.Contains(s, "${") && x.text != s {
			t.Errorf("%q became %q", s, x.text)
		}
		// The length says that values went in as they are, once each.
		want := len(s) - strings.Count(s, "$${")
		for i, name := range x.names {
			want += len(x.values[i]) - len("${env:}") - len(name)
		}
		if len(x.text) != want {
			t.Errorf("%q became %q, %d bytes, want %d", s, x.text, len(x.text), want)
		}
	})
}
