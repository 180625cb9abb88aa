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
	"github.com/godwit-go/godwit/internal/typo"
)

// loadDefinition reads definition files with the chosen profile.
func (p *program) loadDefinition(o *options, paths ...string) (*definition.Definition, error) {
	return p.sharing(o, func(d definition.Options) (*definition.Definition, error) { return d.Load(paths...) })
}

// open finds the definition that has the API: the file named by --definition
// and nothing else, the project file, the user's own apis/<name>.yaml. An API is
// taken whole from the first that has it: a project must not redirect what the
// user's own definition gives a credential to.
func (p *program) open(ctx context.Context, o *options, api string) (*definition.Definition, error) {
	if o.definition != "" {
		def, err := p.loadDefinition(o, o.definition)
		if err != nil {
			return nil, err
		}
		return def, unknownAPI(def, api, o.definition)
	}
	path, err := p.findProject()
	if err != nil {
		return nil, err
	}
	var names []string
	if path != "" {
		f, err := p.loadProject(o, path)
		if err != nil {
			return nil, err
		}
		names = f.def.APIs()
		if slices.Contains(names, api) {
			return f.def, p.accept(ctx, f, o)
		}
	}
	def, err := p.userAPI(o, api)
	if err != nil || def != nil {
		return def, err
	}
	return nil, noAPI(api, append(names, userAPIs()...), "known")
}

// findProject returns the path of the project file; empty if there is none.
func (p *program) findProject() (string, error) {
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
func (p *program) userAPI(o *options, api string) (*definition.Definition, error) {
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
	def, err := p.loadDefinition(o, files...)
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
	switch near := typo.Nearest(api, names); {
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
