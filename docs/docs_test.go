// Package docs_test keeps the documentation true: its Go blocks compile, its
// definitions load, its links lead somewhere.
package docs_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/exchange"
	_ "github.com/godwit-go/godwit/godwittest" // an input of this test: see TestGoBlocksCompile
	_ "github.com/godwit-go/godwit/store/filestore"
)

// block is one fenced code block.
type block struct {
	file string
	line int
	lang string
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// pages returns every page of the documentation.
func pages(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"../*.md", "*.md", "guide/*.md", "decisions/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	if len(out) < 15 {
		t.Fatalf("only %d pages found", len(out))
	}
	return out
}

// blocks returns the code blocks of one language.
func blocks(t *testing.T, lang string) []block {
	t.Helper()
	var out []block
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var open *block
		for i, line := range strings.Split(string(text), "\n") {
			fence, isFence := strings.CutPrefix(line, "```")
			switch {
			case isFence && open == nil:
				open = &block{file: page, line: i + 1, lang: fence}
			case isFence:
				if open.lang == lang {
					out = append(out, *open)
				}
				open = nil
			case open != nil:
				open.text += line + "\n"
			}
		}
		if open != nil {
			t.Errorf("%v: the block is not closed", open)
		}
	}
	return out
}

const module = "github.com/godwit-go/godwit"

// knownImports are the packages that a block may use without importing them.
var knownImports = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "io": "io", "json": "encoding/json",
	"os": "os", "filepath": "path/filepath", "slog": "log/slog", "time": "time",
	"godwit": module, "definition": module + "/definition", "exchange": module + "/exchange", "secret": module + "/secret",
	"godwittest": module + "/godwittest", "auth": module + "/policy/auth", "breaker": module + "/policy/breaker", "filestore": module + "/store/filestore",
	"limit": module + "/policy/limit", "retry": module + "/policy/retry",
	"timeout": module + "/policy/timeout", "transport": module + "/transport",
}

// wrap makes a file of a block: one with a package clause is a file already,
// any other is the body of a function.
func wrap(b block, names []string) string {
	if strings.HasPrefix(b.text, "package ") {
		return b.text
	}
	var s strings.Builder
	s.WriteString("package block\n\n")
	for _, n := range names {
		fmt.Fprintf(&s, "import %q\n", knownImports[n])
	}
	s.WriteString("\nfunc _(ctx context.Context, client *godwit.Client) error {\n")
	s.WriteString(b.text)
	s.WriteString("\n}\n")
	return s.String()
}

// parseBlock parses a block and imports what it uses. A body that does not end
// in a return gets one.
func parseBlock(fset *token.FileSet, b block) (*ast.File, error) {
	if !strings.HasPrefix(b.text, "package ") && !endsInReturn(b.text) {
		b.text += "return nil\n"
	}
	parsed, err := parser.ParseFile(fset, b.String(), wrap(b, nil), parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := []string{"context", "godwit"}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && knownImports[id.Name] != "" && !slices.Contains(names, id.Name) {
				names = append(names, id.Name)
			}
		}
		return true
	})
	return parser.ParseFile(fset, b.String(), wrap(b, names), parser.SkipObjectResolution)
}

func endsInReturn(text string) bool {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.HasPrefix(lines[len(lines)-1], "return")
}

// TestGoBlocksCompile type-checks every Go block. The packages that blocks use
// are imported by this file, so that a change of theirs makes the test run
// again.
func TestGoBlocksCompile(t *testing.T) {
	t.Parallel()
	build.Default.CgoEnabled = false // the pure Go variants can be read from source
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "source", nil)
	found := blocks(t, "go")
	if len(found) < 5 {
		t.Fatalf("only %d Go blocks found", len(found))
	}
	for _, b := range found {
		file, err := parseBlock(fset, b)
		if err != nil {
			t.Errorf("%v: %v", b, err)
			continue
		}
		config := types.Config{Importer: imports, Error: func(err error) {
			// Soft: a variable or import that is declared and not used, which
			// is how an excerpt looks.
			if e := (types.Error{}); errors.As(err, &e) && !e.Soft {
				t.Errorf("%v: %s", b, e.Msg)
			}
		}}
		if _, err := config.Check("block", fset, []*ast.File{file}, nil); err != nil {
			continue // each error was reported above, or is soft
		}
	}
}

// TestDefinitionsLoad loads every YAML block that is a definition.
func TestDefinitionsLoad(t *testing.T) {
	found := 0
	for _, b := range blocks(t, "yaml") {
		if !strings.Contains("\n"+b.text, "\napis:") {
			continue
		}
		found++
		t.Run(strings.NewReplacer("../", "", "/", "_").Replace(b.String()), func(t *testing.T) {
			checkDefinition(t, b)
		})
	}
	if found < 3 {
		t.Errorf("only %d definitions found", found)
	}
}

func checkDefinition(t *testing.T, b block) {
	t.Helper()
	for _, part := range strings.Split(b.text, "${env:")[1:] {
		name, _, _ := strings.Cut(part, "}")
		t.Setenv(name, "https://api.example.com")
	}
	path := filepath.Join(t.TempDir(), "godwit.yaml")
	if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	def, err := definition.Load(path)
	if err != nil {
		t.Fatalf("%v: %v", b, err)
	}
	if len(def.APIs()) == 0 {
		t.Errorf("%v: no API", b)
	}
	for _, name := range def.APIs() { // each is decoded when it is asked for
		if _, err := def.Config(name); err != nil {
			t.Errorf("%v: %v", b, err)
		}
	}
	if _, err := def.Gateway(); err != nil {
		t.Errorf("%v: %v", b, err)
	}
	if err := def.Close(); err != nil {
		t.Error(err)
	}
}

// TestEachKindIsExplained compares the table of the kinds with the kinds.
func TestEachKindIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("guide/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); len(cells) == 5 && strings.HasPrefix(line, "| `Err") {
			rows[cells[1]]++
		}
	}
	for _, k := range exchange.Kinds() {
		if rows[k.Error()] != 1 {
			t.Errorf("kind %q has %d rows", k, rows[k.Error()])
		}
		delete(rows, k.Error())
	}
	for name := range rows {
		t.Errorf("there is no kind %q", name)
	}
}

// prose returns the lines of a page without code: blocks become empty lines.
func prose(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	inBlock := false
	for i, line := range lines {
		fence := strings.HasPrefix(line, "```")
		if inBlock || fence {
			lines[i] = ""
		} else {
			parts := strings.Split(line, "`")
			for j := 1; j < len(parts); j += 2 {
				parts[j] = ""
			}
			lines[i] = strings.Join(parts, "")
		}
		inBlock = inBlock != fence
	}
	return lines
}

func TestLinksLead(t *testing.T) {
	t.Parallel()
	found := 0
	for _, page := range pages(t) {
		for i, line := range prose(t, page) {
			for _, part := range strings.Split(line, "](")[1:] {
				target, _, ok := strings.Cut(part, ")")
				if !ok || strings.Contains(target, "://") || strings.HasPrefix(target, "#") {
					continue
				}
				found++
				target, _, _ = strings.Cut(target, "#")
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), target)); err != nil {
					t.Errorf("%s: the link to %s leads nowhere", page+":"+strconv.Itoa(i+1), target)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d links found", found)
	}
}
