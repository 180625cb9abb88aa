package godwit_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/godwit-go/godwit"
	facade     = "." // the root package
)

// layer states what the packages of one folder may import of this project.
// The most specific folder decides.
type layer struct {
	folder  string   // path in the repository; everything below it belongs to it
	imports []string // folders whose packages it may import; "." is the facade
	tests   []string // what its tests may import besides
}

// layers is the dependency direction: nothing points up.
var layers = []layer{
	{folder: "internal", imports: []string{"internal"}},
	{folder: "secret"},
	{folder: "exchange", imports: []string{"internal"}, tests: []string{"exchange", "godwittest", "secret"}},
	{folder: "transport", imports: []string{"exchange", "internal", "secret"}, tests: []string{"transport", "godwittest"}},
	// A policy imports itself (its own subfolders) but no other policy: see sameOnly.
	{folder: "policy", imports: []string{"exchange", "internal", "secret"}, tests: []string{"policy", "godwittest", "transport"}},
	{folder: "store", imports: []string{"store", "policy", "exchange", "secret", "transport", "internal/line"}, tests: []string{"internal/redistest"}},
	{folder: "godwittest", imports: []string{"exchange", "internal"}, tests: []string{"godwittest", "policy", "transport", "secret", facade}},
	{folder: facade, imports: []string{"policy", "transport", "exchange", "internal", "secret"}, tests: []string{facade, "godwittest", "definition"}},
	{folder: "definition", imports: []string{facade, "policy", "store/redisstore", "transport", "exchange", "internal", "secret"}, tests: []string{"definition", "godwittest"}},
	{folder: "examples", imports: []string{facade, "definition", "godwittest", "exchange", "policy", "secret", "store"}, tests: []string{"examples", "transport"}},
	{folder: "docs", tests: []string{facade, "definition", "godwittest", "exchange", "policy", "secret", "store", "transport"}},
	{folder: "internal/testdata/consumer", imports: []string{facade, "definition", "policy", "exchange", "secret"}},

	{folder: "cmd/godwit", imports: []string{"cmd/internal/cli"}, tests: []string{"cmd/internal", "godwittest", "internal/redistest"}},
	{folder: "cmd/internal/cli", imports: []string{
		"cmd/internal/cli", "cmd/internal/gateway", "cmd/internal/admin", "cmd/internal/ui", "cmd/internal/driver", "cmd/internal/telemetry",
		facade, "definition", "exchange", "policy", "store", "secret", "transport",
		"internal/jsontext", "internal/origin", "internal/redact", "internal/typo",
	}, tests: []string{"godwittest"}},
	{folder: "cmd/internal/gateway", imports: []string{
		"cmd/internal/gateway", facade, "definition", "exchange", "policy", "secret", "transport", "internal/redact", "internal/origin",
	}, tests: []string{"godwittest"}},
	{folder: "cmd/internal/driver", imports: []string{"store", "policy", "exchange"}, tests: []string{"godwittest", "secret", "transport", "internal/redistest", "internal/line"}},
	// The demonstration drives the built program from outside.
	{folder: "cmd/internal/demo", tests: []string{"cmd/internal/demo", "cmd/internal/cli"}},
	{folder: "bench", imports: []string{"bench", facade, "definition", "exchange", "policy", "secret", "store", "transport", "godwittest", "internal"}},
}

// thirdParty names who may import what from outside, by import path prefix.
// Everything that is not listed is refused.
var thirdParty = []struct {
	prefix  string
	folders []string
}{
	{"go.yaml.in/yaml/v3", []string{"definition", "cmd/internal/cli"}},
	{"github.com/andybalholm/brotli", []string{"policy/decode", "bench"}},
	{"github.com/klauspost/compress/zstd", []string{"policy/decode", "bench"}},
	{"github.com/dunglas/httpsfv", []string{"internal/signal"}},
	{"golang.org/x/net/idna", []string{"internal/origin"}},
	{"golang.org/x/net/publicsuffix", []string{"policy/cookie"}},
	{"golang.org/x/net/proxy", []string{"transport"}},
	{"golang.org/x/net/http/httpproxy", []string{"transport"}},
	{"golang.org/x/net/http/httpguts", []string{"policy/auth", "transport", facade, "cmd/internal/gateway"}},
	{"golang.org/x/net/proxy", []string{"transport"}},
	{"golang.org/x/net/http2", []string{"transport", "godwittest"}},
	{"golang.org/x/net/html/charset", []string{facade, "cmd/internal/cli"}},
	{"golang.org/x/text", []string{facade}},
	{"github.com/spf13/cobra", []string{"cmd/internal/cli"}},
	{"github.com/spf13/pflag", []string{"cmd/internal/cli"}},
	{"github.com/itchyny/gojq", []string{"cmd/internal/cli"}},
	{"golang.org/x/term", []string{"cmd/internal/cli"}},
	{"github.com/valkey-io/valkey-go", []string{"cmd/internal/driver"}},
	{"github.com/rogpeppe/go-internal/testscript", []string{"cmd/godwit", "cmd/internal/cli"}},
	{"github.com/mccutchen/go-httpbin/v2", []string{"bench"}},
	{"github.com/hashicorp/go-retryablehttp", []string{"bench"}},
	{"github.com/go-resty/resty/v2", []string{"bench"}},
	{"github.com/failsafe-go/failsafe-go", []string{"bench"}},
	{"github.com/go-redis/redis_rate/v10", []string{"bench"}},
	{"github.com/redis/go-redis/v9", []string{"bench"}},
	{"golang.org/x/time/rate", []string{"bench"}},
	{"pgregory.net/rapid", []string{"policy", "internal", "bench"}},
}

// testsOnly names the rows of thirdParty that no product file may import.
var testsOnly = []string{"pgregory.net/rapid"}

// onlyIn names standard packages that belong to one place, because a second
// user of them would be a second owner of the subject.
var onlyIn = map[string][]string{
	"net/http/cookiejar": {"policy/cookie"},
	"compress/gzip":      {"policy/decode", "godwittest", "bench"},
	"compress/zlib":      {"policy/decode", "godwittest"},
	"compress/flate":     {"policy/decode", "godwittest"},
	"net/http/httputil":  {"cmd/internal/gateway", "godwittest"},
	"unsafe":             {},
	"io/ioutil":          {},
	"gopkg.in/yaml.v3":   {},
}

// source is one parsed file of the tree.
type source struct {
	path   string // slash separated, relative to the root
	folder string
	test   bool
	file   *ast.File
	fset   *token.FileSet
}

func (s *source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

// parseTree parses every Go file below the root. It does not ask the go
// command: a cached test would stay green after a violation, while the files
// opened here are inputs of this test.
func parseTree(t *testing.T) []*source {
	t.Helper()
	var out []*source
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" && p != "internal/testdata" || p != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		file, err := parser.ParseFile(fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		slash := filepath.ToSlash(p)
		out = append(out, &source{path: slash, folder: path.Dir(slash), test: strings.HasSuffix(p, "_test.go"), file: file, fset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d Go files found: the walk is wrong", len(out))
	}
	return out
}

// within reports whether folder is root or lies below it. The facade is one
// package, not the whole tree.
func within(folder, root string) bool {
	return folder == root || root != facade && strings.HasPrefix(folder, root+"/")
}

func anyWithin(folder string, roots []string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return within(folder, r) })
}

func layerOf(folder string) (layer, bool) {
	var best layer
	found := false
	for _, l := range layers {
		if within(folder, l.folder) && (!found || len(l.folder) > len(best.folder)) {
			best, found = l, true
		}
	}
	return best, found
}

// checkImport returns why s may not import p, or "".
func checkImport(s *source, p string) string {
	if where, ok := onlyIn[p]; ok && !s.test && !anyWithin(s.folder, where) {
		return fmt.Sprintf("%s is for %v only", p, where)
	}
	if own, ok := strings.CutPrefix(p+"/", modulePath+"/"); ok {
		target := strings.TrimSuffix(own, "/")
		if target == "" {
			target = facade
		}
		return checkOwn(s, target)
	}
	if !strings.Contains(strings.Split(p, "/")[0], ".") {
		return "" // standard library
	}
	for _, tp := range thirdParty {
		if p == tp.prefix || strings.HasPrefix(p, tp.prefix+"/") {
			if !s.test && slices.Contains(testsOnly, tp.prefix) {
				return tp.prefix + " is for tests only"
			}
			if anyWithin(s.folder, tp.folders) || s.test && s.folder == facade {
				return ""
			}
			return fmt.Sprintf("%s is for %v only", tp.prefix, tp.folders)
		}
	}
	return p + " is on no list: a dependency needs a decision record and a row in thirdParty"
}

func checkOwn(s *source, target string) string {
	l, ok := layerOf(s.folder)
	if !ok {
		return "folder " + s.folder + " has no row in layers"
	}
	if within(s.folder, "policy") && within(target, "policy") {
		if policyOf(s.folder) == policyOf(target) || s.test && s.file.Name.Name == path.Base(s.folder)+"_test" {
			return ""
		}
		return "policies do not import each other"
	}
	allowed := l.imports
	if s.test {
		allowed = append(slices.Clone(allowed), append(l.tests, l.folder)...)
	}
	if anyWithin(target, allowed) {
		return ""
	}
	return fmt.Sprintf("%s may import %v", l.folder, allowed)
}

func policyOf(folder string) string {
	parts := strings.Split(folder, "/")
	return parts[min(1, len(parts)-1)]
}

func TestLayersPointDown(t *testing.T) {
	t.Parallel()
	for _, s := range parseTree(t) {
		for _, spec := range s.file.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := checkImport(s, p); why != "" {
				t.Errorf("%s: import %q: %s", s.at(spec), p, why)
			}
		}
	}
}

// TestLayerRulesRefuse shows that the rules above can fail.
func TestLayerRulesRefuse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to string }{
		{"exchange/call.go", modulePath + "/policy/retry"},
		{"policy/retry/retry.go", modulePath + "/policy/timeout"},
		{"policy/retry/retry.go", modulePath},
		{"policy/retry/retry.go", modulePath + "/transport"},
		{"policy/retry/retry.go", "gopkg.in/yaml.v3"},
		{"client.go", modulePath + "/definition"},
		{"client.go", "go.yaml.in/yaml/v3"},
		{"client.go", "github.com/spf13/cobra"},
		{"client.go", "net/http/cookiejar"},
		{"internal/redact/redact.go", modulePath + "/exchange"},
		{"definition/load.go", modulePath + "/cmd/internal/cli"},
		{"definition/load.go", "gopkg.in/yaml.v3"},
		{"cmd/internal/gateway/serve.go", modulePath + "/cmd/internal/cli"},
		{"cmd/internal/cli/get.go", "github.com/spf13/viper"},
		{"somewhere/new.go", modulePath + "/exchange"},
		{"policy/retry/retry.go", "pgregory.net/rapid"},
	} {
		s := &source{path: c.from, folder: path.Dir(c.from), file: &ast.File{Name: ast.NewIdent("p")}}
		if checkImport(s, c.to) == "" {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
}
