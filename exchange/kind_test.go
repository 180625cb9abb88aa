package exchange

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestA7_KindsIsComplete: a kind that is not in the list has no exit code and no
// gateway status.
func TestA7_KindsIsComplete(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "kind.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	declared, listed := make(map[string]bool), make(map[string]bool)
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok {
					for _, name := range v.Names {
						declared[name.Name] = strings.HasPrefix(name.Name, "Err")
					}
				}
			}
		case *ast.FuncDecl:
			if d.Name.Name == "Kinds" {
				ast.Inspect(d.Body, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok && strings.HasPrefix(id.Name, "Err") {
						if listed[id.Name] {
							t.Errorf("Kinds lists %s twice", id.Name)
						}
						listed[id.Name] = true
					}
					return true
				})
			}
		}
	}
	if len(declared) < 30 {
		t.Fatalf("only %d kinds were found in kind.go", len(declared))
	}
	for name := range declared {
		if !listed[name] {
			t.Errorf("Kinds does not list %s", name)
		}
	}
	if len(listed) != len(Kinds()) {
		t.Errorf("Kinds returns %d kinds, lists %d", len(Kinds()), len(listed))
	}
}

func TestA7_KindsAreApart(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, k := range Kinds() {
		name := k.Error()
		if names[name] || name == "" || name != strings.ToLower(name) {
			t.Errorf("the name %q is used twice, empty or not lower case", name)
		}
		names[name] = true
		for _, other := range Kinds() {
			want := other == k || other == k.parent
			if got := errors.Is(k, other); got != want {
				t.Errorf("errors.Is(%s, %s) = %v", k, other, got)
			}
			if got := errors.Is(fmt.Errorf("x: %w", &Error{Kind: k}), other); got != want {
				t.Errorf("errors.Is(Error of %s, %s) = %v", k, other, got)
			}
		}
		if errors.Is(k, errors.New(name)) {
			t.Errorf("%s is any error of that text", k)
		}
		if timeout := (&Error{Kind: k}).Timeout(); timeout != strings.HasSuffix(name, "timeout") {
			t.Errorf("%s: Timeout() = %v", name, timeout)
		}
	}
	if errors.Is((*Kind)(nil), ErrTimeout) || (&Error{}).Timeout() {
		t.Error("no kind is a timeout")
	}
}

func TestA7_KindOfStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]*Kind{
		300: ErrStatus, 304: ErrStatus, 400: ErrStatus, 401: ErrUnauthenticated, 402: ErrStatus, 403: ErrForbidden, 404: ErrNotFound, 405: ErrStatus, 409: ErrConflict,
		410: ErrNotFound, 412: ErrConflict, 418: ErrStatus, 429: ErrRateLimited, 499: ErrStatus, 500: ErrServer, 503: ErrServer, 599: ErrServer, 600: ErrStatus, 0: ErrStatus, -1: ErrStatus,
	} {
		if got := KindOfStatus(status); got != want {
			t.Errorf("KindOfStatus(%d) = %s, want %s", status, got, want)
		}
	}
}
