package godwit_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What importing the library brings, besides the standard library. A new line
// needs a decision record: users of the library carry it.
var (
	// facadeModules are compiled into a program that imports package godwit.
	facadeModules = []string{
		modulePath,
		"github.com/andybalholm/brotli",
		"github.com/dunglas/httpsfv",
		"github.com/klauspost/compress",
		"golang.org/x/net",
		"golang.org/x/text",
	}
	// definitionModules come on top with package definition.
	definitionModules = []string{"go.yaml.in/yaml/v3"}
	// namedModules are not compiled in: the modules above name them for their
	// own tests and other packages, so they take part in choosing versions.
	namedModules = []string{
		"github.com/xyproto/randomstring", // brotli
		"golang.org/x/crypto",             // x/net
		"golang.org/x/mod",                // x/tools
		"golang.org/x/sync",               // x/text
		"golang.org/x/sys",                // x/net
		"golang.org/x/term",               // x/net
		"golang.org/x/tools",              // x/text
		"pgregory.net/rapid",              // tests of this project only
	}
)

const consumerModule = "example.com/consumer"

// consumer copies the downstream module into a folder of its own, with the
// library replaced by this tree. The checksums are the library's own, so
// nothing is asked of the network and nothing goes unverified.
func consumer(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("internal/testdata/consumer")); err != nil {
		t.Fatal(err)
	}
	mod := readString(t, filepath.Join(dir, "go.mod"))
	replaced := strings.Replace(mod, "=> ../../..", "=> "+root, 1)
	if replaced == mod {
		t.Fatal("the consumer's go.mod no longer replaces the library")
	}
	writeString(t, filepath.Join(dir, "go.mod"), replaced)
	writeString(t, filepath.Join(dir, "go.sum"), readString(t, "go.sum"))
	return dir
}

func readString(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writeString(t *testing.T, path, s string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
}

// goIn runs the go command in dir. Its module graph is that of the library, which
// make deps has fetched; what is missing is fetched now.
func goIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func linesOf(s string) []string {
	lines := strings.Fields(s)
	slices.Sort(lines)
	return slices.Compact(lines)
}

// TestConsumerStaysSmall shows that importing the library adds the listed
// modules and nothing else, and that the program it yields works. parseTree
// makes every file of the library an input of this test, so that a cached
// result does not outlive a new import.
func TestConsumerStaysSmall(t *testing.T) {
	t.Parallel()
	parseTree(t)
	dir := consumer(t)

	compiled := func(pkg string) []string {
		mods := linesOf(goIn(t, dir, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", pkg))
		return slices.DeleteFunc(mods, func(m string) bool { return m == consumerModule })
	}
	expectModules(t, "compiled with package godwit", compiled("."), facadeModules)
	expectModules(t, "compiled with package definition", compiled("./full"), slices.Concat(facadeModules, definitionModules))

	all := linesOf(goIn(t, dir, "list", "-m", "-f", "{{.Path}}", "all"))
	all = slices.DeleteFunc(all, func(m string) bool { return m == consumerModule })
	expectModules(t, "in the module graph", all, slices.Concat(facadeModules, definitionModules, namedModules))
}

func expectModules(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, m := range got {
		if !slices.Contains(want, m) {
			t.Errorf("%s: %s is not on the list", what, m)
		}
	}
	for _, m := range want {
		if !slices.Contains(got, m) {
			t.Errorf("%s: %s is on the list and not used", what, m)
		}
	}
}

// TestConsumerRuns builds both programs and calls a server with them.
func TestConsumerRuns(t *testing.T) {
	t.Parallel()
	parseTree(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"name": "item %s"}`, strings.TrimPrefix(r.URL.Path, "/items/"))
	}))
	t.Cleanup(server.Close)
	dir := consumer(t)
	file := filepath.Join(dir, "godwit.yaml")
	writeString(t, file, "version: 1\napis:\n  shop:\n    base_url: "+server.URL+"\n")
	for pkg, arg := range map[string]string{".": server.URL, "./full": file} {
		if got := goIn(t, dir, "run", pkg, arg); got != "item 1\n" {
			t.Errorf("%s printed %q", pkg, got)
		}
	}
}
