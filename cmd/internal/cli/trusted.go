package cli

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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

// fingerprint returns the path that a file is trusted by and the hash of what
// it holds.
func fingerprint(path string) (real, sum string, err error) {
	if real, err = filepath.Abs(path); err != nil {
		return "", "", err
	}
	if real, err = filepath.EvalSymlinks(real); err != nil {
		return "", "", err
	}
	data, err := os.ReadFile(real)
	hash := sha256.Sum256(data)
	return real, hex.EncodeToString(hash[:]), err
}

// isTrusted reports whether path holds what the user has accepted.
func isTrusted(path string) (bool, error) {
	real, sum, err := fingerprint(path)
	if err != nil {
		return false, err
	}
	t, err := loadTrust()
	if err != nil {
		return false, err
	}
	return t.Files[real] == sum, nil
}

// recordTrust accepts the content with the hash sum.
func recordTrust(real, sum string) error {
	t, err := loadTrust()
	if err != nil {
		return err
	}
	t.Files[real] = sum
	return t.save()
}

// accept makes sure that a project file, which had the hash before when it was
// loaded as def, is trusted, or that the user accepts it now.
func (p *program) accept(ctx context.Context, path, before string, def *definition.Definition, o *options) error {
	trusted, err := isTrusted(path)
	if err != nil {
		return failuref(exitDefinition, "trust of %s: %w", path, plain(err))
	}
	if !trusted {
		if !p.canAsk(o) {
			return failuref(exitDefinition, "%s is not trusted: it decides where requests and credentials go", path).
				hint("look at it and accept it: godwit trust; or name it: --definition %s", path)
		}
		if err := p.review(ctx, path, def); err != nil {
			return err
		}
	}
	if _, after, err := fingerprint(path); err != nil || after != before {
		return failuref(exitDefinition, "%s has changed while it was read", path).hint("try again")
	}
	return nil
}

// canAsk reports whether a person can be asked.
func (p *program) canAsk(o *options) bool { return p.inTerminal && p.errTerminal && !o.noInput }

// review shows what a project file reaches and records that it is accepted.
func (p *program) review(ctx context.Context, path string, def *definition.Definition) error {
	real, sum, err := fingerprint(path)
	if err != nil {
		return failuref(exitDefinition, "%s: %w", path, plain(err))
	}
	p.describe(p.err, path, def)
	fmt.Fprint(p.err, "Trust this file until it changes? [y/N] ")
	answer, err := await(ctx, func() (string, error) { return bufio.NewReader(p.in).ReadString('\n') })
	if ctx.Err() != nil {
		return err
	}
	if err != nil && answer == "" {
		return failuref(exitDefinition, "%s is not trusted: no answer", path)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return failuref(exitDefinition, "%s is not trusted", path)
	}
	return saveTrust(real, sum)
}

func saveTrust(real, sum string) error {
	if err := recordTrust(real, sum); err != nil {
		return failuref(exitFailure, "the trust cannot be recorded: %w", err)
	}
	return nil
}

// describe lists what a file reaches beyond itself. godwit.yaml has no commands.
func (p *program) describe(w interface{ Write([]byte) (int, error) }, path string, def *definition.Definition) {
	fmt.Fprintf(w, "%s\n", output.Escape(path))
	byKind := make(map[string][]string)
	for _, r := range def.References() {
		line := fmt.Sprintf("    %-40s %s  %s", output.Escape(r.Value), output.Escape(r.Path), output.Escape(r.Source))
		byKind[r.Kind] = append(byKind[r.Kind], line)
	}
	for _, k := range []struct{ kind, title string }{
		{"origin", "origins that requests and credentials go to"},
		{"proxy", "proxies"},
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
