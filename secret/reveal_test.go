package secret_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// mayReveal lists the files that may call Reveal, and what they do with the
// value.
var mayReveal = map[string]string{
	"policy/auth/scheme.go":        "puts the credential on the request",
	"transport/proxy.go":           "authenticates to the proxy",
	"secret/secret.go":             "compares two secrets",
	"cmd/internal/driver/redis.go": "authenticates to the server of the shared state",
	"cmd/internal/cli/plan.go":     "reads an idempotency key that is given as a reference",
	"definition/validate.go":       "checks that a reference can be read, and drops the value",
}

// TestD9_FewReveal keeps the list of places that handle a secret in the clear
// short: each is a place to leak it from.
func TestD9_FewReveal(t *testing.T) {
	t.Parallel()
	found := make(map[string]bool)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && path != "..") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Reveal" {
				found[strings.TrimPrefix(filepath.ToSlash(path), "../")] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range found {
		if mayReveal[path] == "" {
			t.Errorf("%s calls Reveal: let policy/auth handle the credential, or give the reason in mayReveal", path)
		}
	}
	for path := range mayReveal {
		if !found[path] {
			t.Errorf("%s is in mayReveal and does not call Reveal", path)
		}
	}
}
