package definition

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/store/redisstore"
)

// document is a whole file, for its schema and documentation; files are read
// section by section.
type document struct {
	// Version is the version of the format: 1.
	Version int `yaml:"version"`
	// Defaults are settings of every API of the file, which an API can
	// override. Credentials, base_url and operations belong to one API and are
	// refused here.
	Defaults godwit.Config `yaml:"defaults"`
	// APIs are the APIs by name: lower-case letters, digits, - and _.
	APIs map[string]godwit.Config `yaml:"apis"`
	// Profiles are named changes to APIs, such as staging; one at a time is
	// used.
	Profiles map[string]profile `yaml:"profiles"`
	// Gateway sets how the gateway runs.
	Gateway Gateway `yaml:"gateway"`
	// Redis is the Redis or Valkey server through which APIs with limit.store
	// redis share their limits.
	Redis redisstore.Config `yaml:"redis"`
}

// profile is a named set of changes.
type profile struct {
	// APIs are the settings that the profile changes, by API. Every name must
	// be one under apis.
	APIs map[string]godwit.Config `yaml:"apis"`
}

var (
	documentType = reflect.TypeFor[document]()
	profileType  = reflect.TypeFor[profile]()
	configType   = reflect.TypeFor[godwit.Config]()
	gatewayType  = reflect.TypeFor[Gateway]()
	redisType    = reflect.TypeFor[redisstore.Config]()
)

// notInDefaults are the settings that belong to one API.
var notInDefaults = []string{"auth", "base_url", "operations"}

// file is one file, taken apart as far as the names of its APIs.
type file struct {
	layer    *layer
	defaults *raw
	gateway  *raw
	redis    *raw
	apis     map[string]*raw
	profiles map[string]map[string]*raw

	aliased int // see converter
}

// raw is a part of a file that is converted when it is asked for.
type raw struct {
	file *file
	path *path
	name place // of the key
	yaml *yaml.Node

	refused []string // keys that have no place here

	converted bool
	tree      *node
	bad       mistakes
}

// convert returns the part as a tree, nil after a mistake. The caller holds the
// definition's lock.
func (r *raw) convert() *node {
	if r.converted {
		return r.tree
	}
	r.converted = true
	c := r.file.converter(&r.bad)
	n := c.node(r.yaml, r.path, 1)
	r.yaml = nil
	if n == nil {
		return nil
	}
	if n = longForm(r.section(), n); n.kind != mapping {
		r.bad.at(n.at, r.path, "want a mapping, got "+n.what(), emptyHint(n))
		return nil
	}
	for _, e := range n.keys {
		if slices.Contains(r.refused, e.name) {
			r.bad.at(e.at, r.path.key(e.name), "this belongs to one API and cannot be shared by all", "move it below the API")
		}
	}
	r.tree = n
	return n
}

func emptyHint(n *node) string {
	if n.scalarTag("!!null") {
		return "give it a value or remove the key"
	}
	return ""
}

// readFile reads one file and takes it apart; nil after a mistake that leaves
// nothing to look at.
func readFile(name string, bad *mistakes) *file {
	f, err := os.Open(name)
	if err != nil {
		bad.add(&Error{File: name, Msg: plainError(err).Error()})
		return nil
	}
	defer f.Close() // it was only read
	return read(name, f, bad)
}

// read reads r to its end and takes what it gave apart.
func read(name string, r io.Reader, bad *mistakes) *file {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		bad.add(&Error{File: name, Msg: plainError(err).Error()})
		return nil
	case len(data) > maxFile:
		bad.add(&Error{File: name, Msg: fmt.Sprintf("the file is larger than %d KiB", maxFile>>10)})
		return nil
	}
	return takeApart(name, data, bad)
}

func takeApart(name string, data []byte, bad *mistakes) *file {
	l := &layer{kind: inFile, name: name, dir: filepath.Dir(name)}
	root, e := parseYAML(l, data)
	if e != nil {
		bad.add(e)
		return nil
	}
	f := &file{layer: l}
	f.sections(root, bad)
	return f
}

// plainError drops the name of the file, which the message has already.
func plainError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("cannot be read: %w", e.Err)
	}
	return err
}

// sections takes the top level apart.
func (f *file) sections(root *yaml.Node, bad *mistakes) {
	c := f.converter(bad)
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		bad.add(&Error{File: f.layer.name, Msg: "the file is empty", Hint: "it begins with version: 1"})
		return
	}
	versioned := false
	for _, kv := range f.mapping(c, root, nil) {
		p := (*path)(nil).key(kv.name)
		switch kv.name {
		case "version":
			versioned = true
			checkVersion(c, kv, p)
		case "defaults":
			f.defaults = f.raw(kv, p)
			f.defaults.refused = notInDefaults
		case "gateway":
			f.gateway = f.raw(kv, p)
		case "redis":
			f.redis = f.raw(kv, p)
		case "apis":
			f.apis = f.named(c, kv, p, "an API")
		case "profiles":
			f.readProfiles(c, kv, p)
		default:
			bad.at(kv.at, p, "unknown key", didYouMean(kv.name, fieldNames(documentType)))
		}
	}
	if !versioned && root.Kind == yaml.MappingNode {
		bad.add(&Error{File: f.layer.name, Line: 1, Column: 1, Path: "version", Msg: "the version of the format is missing", Hint: "write version: 1 at the top"})
	}
}

func (f *file) converter(bad *mistakes) *converter {
	return &converter{layer: f.layer, bad: bad, aliased: &f.aliased}
}

func (f *file) raw(kv pair, p *path) *raw {
	return &raw{file: f, path: p, name: kv.at, yaml: kv.value}
}

// mapping returns the pairs of a value that must be a mapping.
func (f *file) mapping(c *converter, y *yaml.Node, p *path) []pair {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if y.Kind == yaml.MappingNode {
		return c.pairs(y, p)
	}
	n := &node{kind: scalar, tag: y.Tag, at: c.place(y)}
	if y.Kind == yaml.SequenceNode {
		n.kind = list
	}
	c.bad.at(n.at, p, "want a mapping, got "+n.what(), emptyHint(n))
	return nil
}

func checkVersion(c *converter, kv pair, p *path) {
	n := c.node(kv.value, p, 1)
	if n != nil && (n.kind != scalar || n.text != "1" || n.tag != "!!int") {
		c.bad.at(n.at, p, "this version of the format is unknown", "write version: 1, without quotes")
	}
}

// named takes a mapping apart whose keys are names of APIs or profiles.
func (f *file) named(c *converter, kv pair, p *path, what string) map[string]*raw {
	out := make(map[string]*raw)
	for _, one := range f.mapping(c, kv.value, p) {
		at := p.key(one.name)
		if !validName(one.name) {
			c.bad.at(one.at, at, quote(one.name)+" cannot be the name of "+what, nameRule)
			continue
		}
		out[one.name] = f.raw(one, at)
	}
	return out
}

// maxName bounds a name, in bytes.
const maxName = 64

const nameRule = "use lower-case letters, digits, - and _, beginning with a letter or digit"

// operationRule says more than nameRule: ids of operations often have parts.
const operationRule = "use lower-case letters, digits, - and _, in parts joined by / or a dot, each beginning with a letter or digit"

// validOperation reports whether s can be the name of an operation, such as
// repos/get.
func validOperation(s string) bool {
	for part := range strings.SplitSeq(strings.ReplaceAll(s, ".", "/"), "/") {
		if !validName(part) {
			return false
		}
	}
	return len(s) <= maxName
}

func validName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case (c == '-' || c == '_') && i > 0:
		default:
			return false
		}
	}
	return true
}

func (f *file) readProfiles(c *converter, kv pair, p *path) {
	f.profiles = make(map[string]map[string]*raw)
	named := f.named(c, kv, p, "a profile")
	for _, name := range slices.Sorted(maps.Keys(named)) {
		r := named[name]
		f.profiles[name] = nil
		for _, section := range f.mapping(c, r.yaml, r.path) {
			at := r.path.key(section.name)
			if section.name == "apis" {
				f.profiles[name] = f.named(c, section, at, "an API")
				continue
			}
			c.bad.at(section.at, at, "unknown key", didYouMean(section.name, fieldNames(profileType)))
		}
	}
}

// parts lists everything in the file that is converted when it is asked for.
func (f *file) parts() []*raw {
	var out []*raw
	if f.defaults != nil {
		out = append(out, f.defaults)
	}
	for _, name := range slices.Sorted(maps.Keys(f.apis)) {
		out = append(out, f.apis[name])
	}
	for _, name := range slices.Sorted(maps.Keys(f.profiles)) {
		for _, api := range slices.Sorted(maps.Keys(f.profiles[name])) {
			out = append(out, f.profiles[name][api])
		}
	}
	for _, r := range []*raw{f.gateway, f.redis} {
		if r != nil {
			out = append(out, r)
		}
	}
	return out
}

// section is the type of a part that is not about an API; nil for any other.
func (r *raw) section() reflect.Type {
	switch r {
	case r.file.gateway:
		return gatewayType
	case r.file.redis:
		return redisType
	}
	return nil
}
