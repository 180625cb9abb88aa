package output

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

func ExampleFormat_Write() {
	filter, err := Compile(".items[] | .id")
	if err != nil {
		fmt.Println(err)
		return
	}
	docs := NewDocs(strings.NewReader(`{"items":[{"id":1},{"id":12345678901234567890}]}`), false)
	if err := (Format{Filter: filter}).Write(context.Background(), os.Stdout, docs); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1
	// 12345678901234567890
}

func TestLG4_TerminalEscapesWhatMovesACursor(t *testing.T) {
	t.Parallel()
	const in = "a\x1b[31mb\x00\u009b1mc\u202ed\r\ne\rf\tg\x7f\xffh é\n"
	const want = `a\x1b[31mb\x00\x9b1mc\u202ed` + "\ne\\rf\tg\\x7f\\xffh é\n"
	for _, size := range []int{1, 2, 3, len(in)} {
		var out bytes.Buffer
		term := NewTerminal(&out)
		for rest := []byte(in); len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := term.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := term.Close(); err != nil || out.String() != want {
			t.Errorf("in pieces of %d: got %q, %v", size, out.String(), err)
		}
	}
}

func TestTerminalCloseWritesACutRune(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	term := NewTerminal(&out)
	_, err := term.Write([]byte("a\xe2\x82"))
	if err = errors.Join(err, term.Close()); err != nil || out.String() != `a\xe2\x82` {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestBinary(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"plain é": false, "cut \xe2\x82": false, "nul\x00": true, "\x89PNG\r\n": true, "": false} {
		if got := Binary([]byte(text), false); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
	for text, want := range map[string]bool{"caf\xe9": false, "a\x00": true} {
		if got := Binary([]byte(text), true); got != want {
			t.Errorf("declared to be text, %q: got %v", text, got)
		}
	}
}

func TestPretty(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a":1,"b":[true,null,"x{]\""],"c":{},"d":[]}`: "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null,\n    \"x{]\\\"\"\n  ],\n  \"c\": {},\n  \"d\": []\n}\n",
		` [ ] `:                   "[]\n",
		`12345678901234567890.10`: "12345678901234567890.10\n",
		"1 2":                     "1\n2\n",
		"not json \x1b[1m":        "not\njson\n\\x1b\n[\n  1m\n",
		"":                        "",
		`"a` + "\u202e" + `"`:     `"a\u202e"` + "\n",
	} {
		for _, size := range []int{1, 2, 7, 1000} {
			var out bytes.Buffer
			p := NewPretty(&out, false)
			for rest := []byte(in); len(rest) > 0; {
				n := min(size, len(rest))
				if _, err := p.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := p.Close(); err != nil || out.String() != want {
				t.Errorf("%q in pieces of %d: got %q, %v, want %q", in, size, out.String(), err, want)
			}
		}
	}
}

func TestPrettyColours(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := NewPretty(&out, true)
	_, err := io.WriteString(p, `{"k":"s","n":-1,"t":true}`)
	if err = errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	const want = "{\n  \x1b[34m\"k\"\x1b[0m: \x1b[32m\"s\"\x1b[0m,\n  \x1b[34m\"n\"\x1b[0m: \x1b[36m-1\x1b[0m,\n  \x1b[34m\"t\"\x1b[0m: \x1b[33mtrue\x1b[0m\n}\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestPrettyIsBounded(t *testing.T) {
	t.Parallel()
	p := NewPretty(io.Discard, true)
	if _, err := p.Write(bytes.Repeat([]byte("["), 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil || len(p.stack) > maxIndent {
		t.Errorf("stack of %d, %v", len(p.stack), err)
	}
}

func write(t *testing.T, f Format, body string, many bool) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := f.Write(t.Context(), &out, NewDocs(strings.NewReader(body), many))
	return out.String(), err
}

func filter(t *testing.T, program string) *Filter {
	t.Helper()
	f, err := Compile(program)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFormat(t *testing.T) {
	t.Parallel()
	const lines = "{\"n\":1}\n{\"n\":2}\n"
	for name, test := range map[string]struct {
		f    Format
		body string
		many bool
		want string
	}{
		"indent":          {Format{Indent: true}, `{"b":1e400,"a":[1]}`, false, "{\n  \"b\": 1e400,\n  \"a\": [\n    1\n  ]\n}\n"},
		"a list as lines": {Format{Form: "jsonl"}, ` [ {"a": 1}, 2 ] `, false, "{\"a\":1}\n2\n"},
		"one line":        {Format{}, "{\n\"a\": 1 }", false, "{\"a\":1}\n"},
		"lines":           {Format{}, lines, true, lines},
		"lines as list":   {Format{Array: true}, lines, true, "[\n  {\n    \"n\": 1\n  },\n  {\n    \"n\": 2\n  }\n]\n"},
		"no lines":        {Format{Array: true}, "", true, "[]\n"},
		"filter per item": {Format{Filter: filter(t, ".n")}, lines, true, "1\n2\n"},
		"slurp":           {Format{Filter: filter(t, "map(.n)|add"), Slurp: true}, lines, true, "3\n"},
		"yaml": {
			Format{Form: "yaml"},
			`{"a":1.50,"b":[],"c":{},"d":[1,[2,{"x":null,"y":[true]}],{"k":{"z":"v"}}],"no":"no","t":"a b","u":"é: \u0007\n","":""}`, false,
			"a: 1.50\nb: []\nc: {}\nd:\n  - 1\n  - - 2\n    - x: null\n      \"y\":\n        - true\n  - k:\n      z: v\n\"no\": \"no\"\nt: a b\nu: \"é: \\u0007\\n\"\n\"\": \"\"\n",
		},
		"yaml, many":     {Format{Form: "yaml"}, "1 \"x\"", true, "1\n---\nx\n"},
		"csv":            {Format{Form: "csv"}, `[{"a":1,"b":"x,\"y\"\n"},{"b":null,"c":{"k": [1]}},{}]`, false, "a,b,c\n1,\"x,\"\"y\"\"\n\",\n,,\"{\"\"k\"\":[1]}\"\n,,\n"},
		"csv, lines":     {Format{Form: "csv"}, lines, true, "n\n1\n2\n"},
		"csv, filter":    {Format{Form: "csv", Filter: filter(t, ".[]|{id:.n}")}, `[{"n":7},{"n":8}]`, false, "id\n7\n8\n"},
		"csv, nothing":   {Format{Form: "csv"}, "[]", false, ""},
		"table":          {Format{Form: "table"}, `[{"id":1,"name":"ada"},{"id":12345,"name":"b\u001b\n","x":"` + strings.Repeat("é", 70) + `"}]`, false, "id     name     x\n1      ada\n12345  b\\x1b\\n  " + strings.Repeat("é", 59) + "…\n"},
		"raw":            {Format{Filter: filter(t, ".[]"), Raw: true}, `["a\u001bb",1]`, false, "a\x1bb\n1\n"},
		"raw, terminal":  {Format{Filter: filter(t, ".[]"), Raw: true, Terminal: true}, `["a\u001bb"]`, false, "a\\x1bb\n"},
		"quoted":         {Format{Filter: filter(t, ".[0]")}, `["a"]`, false, "\"a\"\n"},
		"terminal":       {Format{Filter: filter(t, "."), Indent: true, Terminal: true, Colour: true}, `[1]`, false, "[\n  \x1b[36m1\x1b[0m\n]\n"},
		"empty list":     {Format{Array: true, Terminal: true}, "", true, "[]\n"},
		"yaml, terminal": {Format{Form: "yaml", Terminal: true}, `"a\u202e"`, false, "\"a\\u202e\"\n"},
		"terminal list":  {Format{Array: true, Terminal: true}, lines, true, "[\n  {\n    \"n\": 1\n  },\n  {\n    \"n\": 2\n  }\n]\n"},
		"environment":    {Format{Filter: filter(t, "[env, $ENV]")}, `1`, false, "[{},{}]\n"},
		"halt":           {Format{Filter: filter(t, "1, halt, 2")}, `1`, false, "1\n"},
		"bom":            {Format{}, "\xef\xbb\xbf1", false, "1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := write(t, test.f, test.body, test.many)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestFC11_FormatRefuses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                         "the body is empty",
		"<html>":                   "the body is not JSON",
		`{"a":1} trailing`:         "something follows the JSON document",
		`{"a":`:                    "it ends too early",
		"\"\xff\"":                 "not UTF-8",
		strings.Repeat("[", 20000): "the body is not JSON",
		strings.Repeat("[", 600) + strings.Repeat("]", 600): "nested deeper than 512",
	} {
		_, err := write(t, Format{Indent: true}, body, false)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", body, err, want)
		}
	}
	var syntax *SyntaxError
	for _, body := range []string{`[1]`, `"x"`, `[{"a":1},null]`} {
		if _, err := write(t, Format{Form: "csv"}, body, false); !errors.As(err, &syntax) || !strings.Contains(err.Error(), "is no object") {
			t.Errorf("%s as rows: %v", body, err)
		}
	}
	if _, err := write(t, Format{Filter: filter(t, "halt_error")}, `"`+strings.Repeat("x", 5000)+`"`, false); !errors.As(err, &syntax) || len(err.Error()) > 400 {
		t.Errorf("a long complaint: %v", err)
	}
	if _, err := write(t, Format{Filter: filter(t, ".a.b")}, `{"a":[1]}`, false); !errors.As(err, &syntax) {
		t.Errorf("a filter that does not fit: %v", err)
	}
}

func TestABrokenWalkLeavesTheListOpen(t *testing.T) {
	t.Parallel()
	broken := errors.New("cut")
	body := io.MultiReader(strings.NewReader("1\n2\n"), iotest.ErrReader(broken))
	var out bytes.Buffer
	err := Format{Array: true}.Write(t.Context(), &out, NewDocs(body, true))
	if !errors.Is(err, broken) || strings.Contains(out.String(), "]") || !strings.HasPrefix(out.String(), "[\n  1") {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestDocumentsAreBounded(t *testing.T) {
	t.Parallel()
	endless := io.MultiReader(strings.NewReader(`"`), &repeat{})
	_, err := NewDocs(endless, false).Next()
	if err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("got %v", err)
	}
}

type repeat struct{}

func (*repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, program := range []string{".[", "nosuch(1)"} {
		if _, err := Compile(program); err == nil {
			t.Errorf("%s: no error", program)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]bool{
		"application/x-ndjson": true, "application/jsonl; charset=utf-8": true, "application/json": false, "": false, ";": false,
	} {
		if got := Lines(contentType); got != want {
			t.Errorf("%q: %v", contentType, got)
		}
	}
}

func FuzzIndented(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"x\\"{,",null],"b":{ },"c":[ ],"d":[[{"e":true}]]}`, ` "x" `, "[\n1 ,\t2]", `"\\\\"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		var want, got bytes.Buffer
		if json.Indent(&want, []byte(doc), "> ", "  ") != nil {
			return
		}
		if err := indented(&got, "", []byte(doc), "", "> "); err != nil {
			t.Fatal(err)
		}
		if g, w := got.String(), strings.TrimSpace(want.String()); g != w {
			t.Errorf("%q became %q, want %q", doc, g, w)
		}
	})
}

func FuzzPretty(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"x\"",null]}`, "]]}{", "\x1b[0m", `"\u`, "\xff\"", "1 2", `{"a":"` + "\u202e"} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, size int) {
		var out bytes.Buffer
		p := NewPretty(&out, false)
		if size <= 0 {
			size = 1
		}
		for rest := []byte(text); len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := p.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range out.String() {
			if c != '\n' && c != '\t' && Escape(string(c)) != string(c) {
				t.Errorf("%q let %q through", text, c)
			}
		}
	})
}
