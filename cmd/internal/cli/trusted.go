package cli

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/definition"
)

// trustFile is state/trust.json: the project files that the user has accepted,
// with what they held then.
type trustFile struct {
	Version int               `json:"version"`
	Files   map[string]string `json:"files"` // path to SHA-256
}

func trustPath() (string, error) {
	dir, err := stateDir()
	return filepath.Join(dir, "trust.json"), err
}

// loadTrust reads trust.json. One that cannot be understood trusts nothing.
func loadTrust() (trustFile, error) {
	empty := trustFile{Version: 1, Files: make(map[string]string)}
	path, err := trustPath()
	if err != nil {
		return empty, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, err
	}
	var t trustFile
	if err := json.Unmarshal(data, &t); err != nil || t.Version != 1 {
		return empty, fmt.Errorf("%s is not one of version 1; remove it to begin anew", path)
	}
	if t.Files == nil {
		t.Files = empty.Files
	}
	return t, nil
}

func (t trustFile) save() error {
	path, err := trustPath()
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return writePrivate(path, append(data, '\n'))
}

// project is a project file as it was read once: what is trusted is what was
// parsed.
type project struct {
	path string // as messages show it
	real string // that it is trusted by: absolute, without symbolic links
	sum  string // SHA-256 of its bytes
	def  *definition.Definition
}

// loadProject reads a project file with the chosen profile.
func (p *program) loadProject(o *options, path string) (*project, error) {
	f := &project{path: path}
	var err error
	if f.real, err = filepath.Abs(path); err == nil {
		f.real, err = filepath.EvalSymlinks(f.real)
	}
	if err != nil {
		return nil, failuref(exitDefinition, "%s: %w", path, plain(err))
	}
	file, err := os.Open(f.real)
	if err != nil {
		return nil, failuref(exitDefinition, "%s: %w", path, plain(err))
	}
	defer file.Close() // it was only read
	hash := sha256.New()
	f.def, err = p.sharing(o, func(d definition.Options) (*definition.Definition, error) {
		return d.Read(path, io.TeeReader(file, hash))
	})
	if err != nil {
		return nil, err
	}
	f.sum = hex.EncodeToString(hash.Sum(nil))
	return f, nil
}

// trusted reports whether the user has accepted what the file held.
func (f *project) trusted() (bool, error) {
	t, err := loadTrust()
	return err == nil && t.Files[f.real] == f.sum, err
}

// trust records that the user has.
func (f *project) trust() error {
	t, err := loadTrust()
	if err == nil {
		t.Files[f.real] = f.sum
		err = t.save()
	}
	if err != nil {
		return failuref(exitFailure, "the trust cannot be recorded: %w", err)
	}
	return nil
}

// accept makes sure that a project file is trusted, or that the user accepts it
// now.
func (p *program) accept(ctx context.Context, f *project, o *options) error {
	trusted, err := f.trusted()
	if err != nil {
		return failuref(exitDefinition, "trust of %s: %w", f.path, plain(err))
	}
	if trusted {
		return nil
	}
	if !p.canAsk(o) {
		return failuref(exitDefinition, "%s is not trusted: it decides where requests and credentials go", f.path).
			hint("look at it and accept it: godwit trust; or name it: --definition %s", f.path)
	}
	return p.review(ctx, f)
}

// canAsk reports whether a person can be asked.
func (p *program) canAsk(o *options) bool { return p.inTerminal && p.errTerminal && !o.noInput }

// review shows what a project file reaches and records that it is accepted.
func (p *program) review(ctx context.Context, f *project) error {
	p.describe(p.err, f)
	fmt.Fprint(p.err, "Trust this file until it changes? [y/N] ")
	answer, err := await(ctx, func() (string, error) { return bufio.NewReader(p.in).ReadString('\n') })
	if ctx.Err() != nil {
		return err
	}
	if err != nil && answer == "" {
		return failuref(exitDefinition, "%s is not trusted: no answer", f.path)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return failuref(exitDefinition, "%s is not trusted", f.path)
	}
	return f.trust()
}

// describe lists what a file reaches beyond itself. godwit.yaml has no commands.
func (p *program) describe(w io.Writer, f *project) {
	fmt.Fprintf(w, "%s\n", output.Escape(f.path))
	byKind := make(map[string][]string)
	for _, r := range f.def.References() {
		line := fmt.Sprintf("    %-40s %s  %s", output.Escape(r.Value), output.Escape(r.Path), output.Escape(r.Source))
		byKind[r.Kind] = append(byKind[r.Kind], line)
	}
	for _, k := range []struct{ kind, title string }{
		{"origin", "origins that requests and credentials go to"},
		{"proxy", "proxies"},
		{"store", "servers that limits are shared through"},
		{"host", "private hosts that redirects may reach"},
		{"secret", "secrets and variables that are read"},
		{"file", "files that are read"},
		{"listen", "addresses to listen on"},
	} {
		lines := slices.Compact(byKind[k.kind])
		fmt.Fprintf(w, "  %s: %d\n", k.title, len(lines))
		for _, l := range lines {
			fmt.Fprintln(w, l)
		}
	}
	fmt.Fprintln(w, "  commands that are run: 0")
}
