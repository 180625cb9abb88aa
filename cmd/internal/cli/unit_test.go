package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/item"
)

func TestFirstPositional(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{
		"get x": 0, "-v get": 1, "-q . x.y": 2, "-q. x.y": 1, "--jq . x.y": 2, "--jq=. x.y": 1, "-vq . x.y": 2, "-vv x.y": 1,
		"--nosuch x": -1, "-Z x": -1, "--": -1, "": 0, "-v": -1, "--ok-status 404 --quiet x.y": 3,
	} {
		if got := firstPositional(strings.Split(args, " ")); got != want {
			t.Errorf("%q: %d, want %d", args, got, want)
		}
	}
}

func TestEveryFlagHasAVariable(t *testing.T) {
	t.Parallel()
	values := map[string]string{ // where "1" does not fit
		"timeout": "1s", "connect-timeout": "1s", "deadline": "1s", "as": "curl", "rate": "1/s", "class": "batch", "output": "json", "ok-status": "404", "print": "hb",
		"raw": "false", "slurp": "false", "multipart": "false",
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(options).bind(flags, everyGroup)
	flags.VisitAll(func(f *pflag.Flag) {
		o := new(options)
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		o.bind(set, everyGroup)
		value, ok := values[f.Name]
		if !ok {
			value = "1"
		}
		name := "GODWIT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		err := o.resolve(set, func(v string) string {
			if v == name {
				return value
			}
			return ""
		}, userConfig{})
		if err != nil || o.sources[f.Name].text != "environment "+name || len(o.sources) != 1 {
			t.Errorf("%s: %v, %v", name, err, o.sources)
		}
	})
}

func TestLayers(t *testing.T) {
	t.Parallel()
	o := &options{sources: map[string]source{"a": {level: fromFlag}, "b": {level: fromEnvironment}, "c": {level: fromUserConfig}}}
	for name, want := range map[string][2]bool{"a": {true, true}, "b": {true, true}, "c": {false, true}, "d": {false, false}} {
		if got := [2]bool{o.beats(name, false), o.beats(name, true)}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestUserConfig(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "",
		"timeout: 1s\nno_input: true\n": "",
		"- a\n":                         "c:1:1: want keys and values",
		"auth: bearer=env:X\n":          `c:1:1: "auth" is no setting`,
		"retry: 1\nretry: 2\n":          "c:2:1: retry is given twice",
		"retry: [1]\n":                  "c:1:8: retry: want one value",
		"a: b: c\n":                     "c: ",
	} {
		c := userConfig{path: "c"}
		err := c.parse([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCR1_ParseAuth(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry-value"
	for _, text := range []string{
		canary, "bearer=" + canary, "bearer", "basic=ada", "basic=:" + "env:X", "basic=ada:" + canary, "digest=ada:env:X", "header=env:" + canary[:0], "query=k:", "=env:X",
	} {
		_, _, err := parseAuth(text)
		var f *failure
		if !errors.As(err, &f) || f.code != exitUsage || strings.Contains(err.Error()+strings.Join(f.hints, ""), canary) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, shown := range map[string]string{
		"bearer=env:T": "env:T", "basic=ada:file:p/q": "ada:file:p/q", "header=X-Key:env:T": "X-Key:env:T", "query=k:env:T": "k:env:T",
	} {
		c, s, err := parseAuth(text)
		if err != nil || s.value != shown || c.IsZero() {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
}

func TestAtomicFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "f")
	for _, text := range []string{"one", "two"} {
		if err := writePrivate(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if string(got) != text || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	w, finish, err := outFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if err := finish(false); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	left, _ := os.ReadDir(filepath.Dir(path))
	if string(got) != "two" || err != nil || len(left) != 1 {
		t.Errorf("%q, %v, %v", got, err, left)
	}
	if _, _, err := outFile(filepath.Dir(path)); err == nil {
		t.Error("a directory was taken")
	}
	if _, _, err := outFile(filepath.Join(path, "x")); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestFS1_OutFileKeepsModeAndLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	w, finish, err := outFile(link)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte("x"))
	if err = errors.Join(err, finish(true)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Size() != 1 || filepath.Separator == '/' && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if l, err := os.Lstat(link); err != nil || l.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}

func TestQuoteShell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "''", "a/b:c": "a/b:c", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "~": "'~'"} {
		if got := quoteShell(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if got := doubleQuoted("a\"$`\\"); got != "\"a\\\"\\$\\`\\\\" {
		t.Errorf("got %s", got)
	}
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, head, want string }{
		{"a.json", "x", "application/json"},
		{"A.PNG", "x", "image/png"},
		{"stdin", ` {"a"`, "application/json"},
		{"stdin", "héllo", "text/plain; charset=utf-8"},
		{"stdin", "a\x00b", "application/octet-stream"},
		{"stdin", "\xff\xfe", "application/octet-stream"},
		{"stdin", "", "application/octet-stream"},
		{"stdin", strings.Repeat("a", sniffed-1) + "\xc3", "text/plain; charset=utf-8"},
	} {
		if got := typeOf(&content{name: test.name, head: []byte(test.head)}); got != test.want {
			t.Errorf("%q %.10q: %s", test.name, test.head, got)
		}
	}
}

func TestQueriesOfOperations(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{`5`: "5", `"a b"`: "a b", `[1,"x",true]`: "1|x|true", `null`: "", `{"a":1}`: `{"a":1}`} {
		var got []string
		for _, i := range queries(item.Item{Kind: item.JSON, Name: "n", Value: value}) {
			got = append(got, i.Value)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s: %q", value, got)
		}
	}
}

// TestOperationNames: ids of documents hold slashes and dots.
func TestOperationNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"user", "repos/get", "v1.list", "a:b"} {
		r, err := readOperation([]string{"gh", name, "owner=golang"})
		if err != nil || r.operation != name || len(r.items) != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		r, err = explained([]string{"call", "gh", name})
		if err != nil || r.operation != name {
			t.Errorf("explain %s: %+v, %v", name, r, err)
		}
	}
	config := godwit.Config{Operations: map[string]godwit.Operation{"repos/get": {}, "v1.list": {}}}
	err := unknownOperation(request{api: "gh", operation: "repos/gte"}, config)
	var f *failure
	if !errors.As(err, &f) || f.code != exitUsage || len(f.hints) != 1 || f.hints[0] != "did you mean repos/get?" {
		t.Errorf("%v, %+v", err, f)
	}
}

func TestLG4_MessagesAreEscaped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &program{stdio: stdio{err: &out}}
	p.report(usagef("a\x1b[31m\nb").hint("%s", "c\u202ed"))
	if got := out.String(); got != "godwit: a\\x1b[31m\\nb\nhint: c\\u202ed\n" {
		t.Errorf("got %q", got)
	}
}

func TestProjectFileEndsAtTheRepository(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	deep := filepath.Join(root, "repo", "a", "b")
	if err := errors.Join(os.MkdirAll(deep, 0o700), os.Mkdir(filepath.Join(root, "repo", ".git"), 0o700), os.WriteFile(filepath.Join(root, "godwit.yaml"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if path, err := projectFile(deep); path != "" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
	want := filepath.Join(root, "repo", "godwit.yaml")
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := projectFile(deep); path != want || err != nil {
		t.Errorf("%q, %v", path, err)
	}
}
