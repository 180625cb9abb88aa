package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/definition"
)

// loadDefinition reads definition files with the chosen profile.
func (o *options) loadDefinition(paths ...string) (*definition.Definition, error) {
	return definition.Options{Profile: o.profile}.Load(paths...)
}

// open finds the definition that has the API: the file named by --definition
// and nothing else, the project file, the user's own apis/<name>.yaml. An API is
// taken whole from the first that has it: a project must not redirect what the
// user's own definition gives a credential to.
func (p *program) open(ctx context.Context, o *options, api string) (*definition.Definition, error) {
	if o.definition != "" {
		def, err := o.loadDefinition(o.definition)
		if err != nil {
			return nil, err
		}
		return def, unknownAPI(def, api, o.definition)
	}
	project, err := p.project()
	if err != nil {
		return nil, err
	}
	var names []string
	if project != "" {
		_, sum, err := fingerprint(project)
		if err != nil {
			return nil, failuref(exitDefinition, "%s: %w", project, plain(err))
		}
		def, err := o.loadDefinition(project)
		if err != nil {
			return nil, err
		}
		names = def.APIs()
		if slices.Contains(names, api) {
			return def, p.accept(ctx, project, sum, def, o)
		}
	}
	def, err := o.userAPI(api)
	if err != nil || def != nil {
		return def, err
	}
	return nil, noAPI(api, append(names, userAPIs()...), "known")
}

// project returns the path of the project file; empty if there is none.
func (p *program) project() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", failuref(exitFailure, "the working directory is unknown: %w", err)
	}
	path, err := projectFile(dir)
	if err != nil {
		return "", failuref(exitDefinition, "%w", err)
	}
	if rel, err := filepath.Rel(dir, path); err == nil && path != "" {
		return rel, nil // shorter in messages
	}
	return path, nil
}

// userAPI loads apis/<name>.yaml and apis/<name>.local.yaml; nil if there is no
// such file.
func (o *options) userAPI(api string) (*definition.Definition, error) {
	dir, err := configDir()
	if err != nil {
		return nil, nil // no home directory, no user definitions
	}
	files := []string{filepath.Join(dir, "apis", api+".yaml"), filepath.Join(dir, "apis", api+".local.yaml")}
	for len(files) > 0 && missing(files[len(files)-1]) {
		files = files[:len(files)-1]
	}
	if len(files) == 0 || missing(files[0]) {
		return nil, nil
	}
	def, err := o.loadDefinition(files...)
	if err != nil {
		return nil, err
	}
	return def, unknownAPI(def, api, files[0])
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// userAPIs lists the names under apis/.
func userAPIs() []string {
	dir, err := configDir()
	if err != nil {
		return nil
	}
	files, err := os.ReadDir(filepath.Join(dir, "apis"))
	if err != nil {
		return nil // no folder, no APIs
	}
	var names []string
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".yaml")
		if ok && !strings.HasSuffix(name, ".local") {
			names = append(names, name)
		}
	}
	return names
}

func unknownAPI(def *definition.Definition, api, file string) error {
	if slices.Contains(def.APIs(), api) {
		return nil
	}
	return noAPI(api, def.APIs(), file+" has")
}

// noAPI is the error for a name that is not among names; from introduces them.
func noAPI(api string, names []string, from string) error {
	f := usagef("there is no API %s", quoted(api))
	switch near := nearest(api, names); {
	case near != "":
		return f.hint("did you mean %s?", near)
	case len(names) > 0:
		return f.hint("%s: %s", from, list(names))
	}
	return f.hint("describe it in godwit.yaml, or name a file with --definition FILE")
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// nearest returns the name that differs least from word; empty if none is near.
func nearest(word string, names []string) string {
	best, at := "", 1+len(word)/3
	for _, n := range names {
		if d := distance(word, n); d <= at {
			best, at = n, d-1
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
