package godwit_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule refuses something that compiles and still does not belong.
type rule struct {
	name  string
	files func(*source) bool
	found func(*source, ast.Node) bool
	why   string
}

func product(s *source) bool { return !s.test && !within(s.folder, "internal/testdata") }
func tests(s *source) bool   { return s.test }
func program(s *source) bool { return product(s) && within(s.folder, "cmd") }

func library(s *source) bool {
	return product(s) && !anyWithin(s.folder, []string{"cmd", "bench", "examples", "godwittest"})
}

// drawers are folder names that say nothing about what is inside.
var drawers = []string{"pkg", "util", "utils", "common", "helper", "helpers", "misc", "manager", "engine", "base", "lib"}

var rules = []rule{
	// each.go raises again what the caller's own function raised.
	{"panic", func(s *source) bool {
		return product(s) && s.folder != "godwittest" && s.path != "each.go"
	}, func(_ *source, n ast.Node) bool {
		return isCallOf(n, "", "panic") && !aborts(n.(*ast.CallExpr))
	}, "input never panics: return an error"},
	{"init", product, func(_ *source, n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		return ok && f.Recv == nil && f.Name.Name == "init"
	}, "init is empty: main decides what runs"},
	// The second signal ends the program at once: run.go.
	{"exit", func(s *source) bool {
		return product(s) && s.file.Name.Name != "main" && s.path != "cmd/internal/cli/run.go"
	}, func(_ *source, n ast.Node) bool {
		return isCallOf(n, "os", "Exit") || isCallOf(n, "log", "Fatal") || isCallOf(n, "log", "Fatalf") || isCallOf(n, "log", "Fatalln")
	}, "only main ends the process"},
	{"default client", product, func(_ *source, n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		return ok && isIdent(sel.X, "http") && slices.Contains([]string{"DefaultClient", "DefaultTransport", "Get", "Post", "Head"}, sel.Sel.Name)
	}, "package-level state of net/http is shared with everybody"},
	{"sleep", func(s *source) bool { return s.test && !imports(s, "testing/synctest") }, func(_ *source, n ast.Node) bool { return isCallOf(n, "time", "Sleep") }, "use a condition, or virtual time (testing/synctest)"},
	{"short", tests, func(_ *source, n ast.Node) bool { return isCallOf(n, "testing", "Short") }, "every test runs every time"},
	{"environment", library, func(s *source, n ast.Node) bool {
		return !anyWithin(s.folder, []string{"secret", "definition", "transport"}) && (isCallOf(n, "os", "Getenv") || isCallOf(n, "os", "LookupEnv"))
	}, "a library reads the environment where the definition says so"},
	{"default logger", library, func(_ *source, n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		return ok && isIdent(sel.X, "log")
	}, "the library logs through log/slog"},
}

func TestLayerHouseRules(t *testing.T) {
	t.Parallel()
	for _, s := range parseTree(t) {
		for _, part := range strings.Split(s.folder, "/") {
			if slices.Contains(drawers, part) {
				t.Errorf("%s: a folder named %q says nothing about what it holds", s.path, part)
			}
		}
		if s.file.Name.Name == "main" && library(s) {
			t.Errorf("%s: a program in the library", s.path)
		}
		for _, r := range rules {
			if !r.files(s) {
				continue
			}
			ast.Inspect(s.file, func(n ast.Node) bool {
				if n != nil && r.found(s, n) {
					t.Errorf("%s: %s: %s", s.at(n), r.name, r.why)
				}
				return true
			})
		}
		checkStart(t, s)
	}
}

// checkStart keeps work out of the program's start: what a package-level
// variable computes is paid by every run.
func checkStart(t *testing.T, s *source) {
	t.Helper()
	if !product(s) || anyWithin(s.folder, []string{"bench", "examples", "godwittest"}) {
		return
	}
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		ast.Inspect(g, func(n ast.Node) bool {
			if _, body := n.(*ast.FuncLit); body {
				return false // runs when called
			}
			if isCallOf(n, "regexp", "MustCompile") || isCallOf(n, "regexp", "Compile") || isCallOf(n, "template", "Must") {
				t.Errorf("%s: compiled at every start: use sync.OnceValue", s.at(n))
			}
			return true
		})
	}
	if program(s) && s.file.Name.Name == "main" && s.folder == "cmd/godwit" {
		if lines := s.fset.Position(s.file.End()).Line; lines > 30 {
			t.Errorf("%s: %d lines: main is thin, at most 30", s.path, lines)
		}
	}
}

func imports(s *source, p string) bool {
	return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(p) })
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// aborts reports a panic with http.ErrAbortHandler, which is how a handler of
// net/http breaks an answer off.
func aborts(call *ast.CallExpr) bool {
	sel, ok := call.Args[0].(*ast.SelectorExpr)
	return ok && isIdent(sel.X, "http") && sel.Sel.Name == "ErrAbortHandler"
}

// isCallOf reports whether n calls pkg.name, or the builtin name when pkg is
// empty.
func isCallOf(n ast.Node, pkg, name string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	if pkg == "" {
		return isIdent(call.Fun, name)
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && isIdent(sel.X, pkg) && sel.Sel.Name == name
}
