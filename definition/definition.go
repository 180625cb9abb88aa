package definition

import (
	"errors"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
)

// Definition is a set of APIs read from files. It is safe for concurrent use.
// Close it when its clients are no longer needed.
type Definition struct {
	files   []*file
	profile string
	apis    []string // sorted
	look    lookup
	env     environment
	over    map[string]*node // overrides by API
	stores  func(kind, api string) (limit.Store, breaker.Store, error)

	mu      sync.Mutex // guards the conversion of files and what follows
	clients map[string]*godwit.Client
	closed  bool
}

// Options say how files are read. The zero value is usable.
type Options struct {
	// Profile is the profile to use; empty: none.
	Profile string
	// Environ are the environment variables, NAME=value each, for ${env:NAME}
	// and for the variables that set something. Nil: those of the process.
	// Secrets (env:NAME) are always read from the process.
	Environ []string
	// Overrides are settings that beat all others: by API ("*" for every API),
	// then by path, such as "timeout.total", each as text. The elements of a
	// list are separated by commas.
	Overrides map[string]map[string]string
	// Stores returns the stores that the clients of an API share with other
	// processes, for the kinds file and redis of limit.store; a nil one keeps what
	// it is for in this process. It is called each time that a client or a
	// configuration is asked for, and when everything is validated: it should give
	// the same stores again, and connect when they are first used. Whoever supplies
	// it closes them. Nil: an API with such a store is an error.
	Stores func(kind, api string) (limit.Store, breaker.Store, error)
	// OverrideSource is what the source of an override is called, such as
	// "flag"; the path is added. Default "override".
	OverrideSource string
}

// Load reads the file at path, with the environment and without a profile; see
// [Options.Load].
func Load(path string) (*Definition, error) { return Options{}.Load(path) }

// Load reads files; a later one beats the earlier ones, key by key. What is
// below one API is looked at when the API is asked for; [Definition.Validate]
// looks at everything. The error is [Errors], all mistakes together, of kind
// [exchange.ErrConfig].
func (o Options) Load(paths ...string) (*Definition, error) {
	var bad mistakes
	if len(paths) == 0 {
		bad.add(&Error{Msg: "no definition file was named"})
		return nil, bad.err()
	}
	var files []*file
	for _, name := range paths {
		if f := readFile(name, &bad); f != nil {
			files = append(files, f)
		}
	}
	if len(files) < len(paths) {
		return nil, bad.err()
	}
	return o.define(files, &bad)
}

// Read reads one file that the caller has opened, such as one whose bytes must
// be checked. name is its path, for messages and for the relative paths in it.
// Unless it returns an error, r was read to its end. The error is as with Load.
func (o Options) Read(name string, r io.Reader) (*Definition, error) {
	var bad mistakes
	f := read(name, r, &bad)
	if f == nil {
		return nil, bad.err()
	}
	return o.define([]*file{f}, &bad)
}

func (o Options) define(files []*file, bad *mistakes) (*Definition, error) {
	d := o.build(files, bad)
	if err := bad.err(); err != nil {
		return nil, err
	}
	return d, nil
}

// build puts the other layers upon the files.
func (o Options) build(files []*file, bad *mistakes) *Definition {
	environ := o.Environ
	if environ == nil {
		environ = os.Environ()
	}
	d := &Definition{profile: o.Profile, look: lookupIn(environ), files: files, stores: o.Stores}
	d.apis = d.names(func(f *file) []string { return slices.Collect(maps.Keys(f.apis)) })
	d.checkProfiles(bad)
	d.env = readEnvironment(environ, d.apis, d.written, bad)
	d.over = readOverrides(o, d.apis, bad)
	return d
}

func lookupIn(environ []string) lookup {
	return func(name string) (string, bool) {
		for _, pair := range slices.Backward(environ) {
			if k, v, ok := strings.Cut(pair, "="); ok && k == name {
				return v, true
			}
		}
		return "", false
	}
}

// names collects sorted names over all files.
func (d *Definition) names(of func(*file) []string) []string {
	var out []string
	for _, f := range d.files {
		out = append(out, of(f)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d *Definition) checkProfiles(bad *mistakes) {
	for _, f := range d.files {
		for _, name := range slices.Sorted(maps.Keys(f.profiles)) {
			for _, api := range slices.Sorted(maps.Keys(f.profiles[name])) {
				if r := f.profiles[name][api]; !bad.full() && !slices.Contains(d.apis, api) {
					bad.at(r.name, r.path, "there is no API "+quote(api), didYouMean(api, d.apis))
				}
			}
		}
	}
	if all := d.Profiles(); d.profile != "" && !slices.Contains(all, d.profile) {
		bad.add(&Error{File: d.lastFile(), Msg: "there is no profile " + quote(d.profile), Hint: didYouMean(d.profile, all)})
	}
}

func (d *Definition) lastFile() string { return d.files[len(d.files)-1].layer.name }

// APIs returns the names of the APIs, sorted.
func (d *Definition) APIs() []string { return slices.Clone(d.apis) }

// Profiles returns the names of the profiles, sorted.
func (d *Definition) Profiles() []string {
	return d.names(func(f *file) []string { return slices.Collect(maps.Keys(f.profiles)) })
}

// Files returns the names of the files, in the order they were given.
func (d *Definition) Files() []string {
	out := make([]string, len(d.files))
	for i, f := range d.files {
		out[i] = f.layer.name
	}
	return out
}

// Config returns the configuration of an API with all layers applied, a copy of
// its own for the caller to change. Secrets are references in it; what
// ${env:NAME} brought into headers and query is listed in SecretValues. The
// error is [Errors]; it names the nearest API when there is none of that name.
func (d *Definition) Config(name string) (godwit.Config, error) {
	v, err := d.read(name)
	if err != nil {
		return godwit.Config{}, err
	}
	return v.config, nil
}

// view is one API as it is read for one question.
type view struct {
	name   string
	path   *path
	config godwit.Config
	tree   *node // all layers merged
	at     place // of the API's key
}

// read decodes an API and checks what can be checked without a client.
func (d *Definition) read(name string) (*view, error) {
	var bad mistakes
	v := d.decode(name, &bad)
	if len(bad.list) == 0 {
		d.attach(v, &bad)
	}
	return v, bad.err()
}

// attach gives an API the stores that its settings name. Without any, the policy
// says what is missing.
func (d *Definition) attach(v *view, bad *mistakes) {
	kind := v.config.Limit.StoreKind
	if d.stores == nil || kind != "file" && kind != "redis" {
		return
	}
	lines, breakers, err := d.stores(kind, v.name)
	if own, ok := errors.AsType[Errors](err); ok { // such as those of the redis section
		bad.addAll(own)
		return
	}
	if err != nil {
		v.bad(bad, "the store cannot be used: "+err.Error(), "", "limit", "store")
		return
	}
	v.config.Limit.Store, v.config.Breaker.Store = lines, breakers
}

func (d *Definition) decode(name string, bad *mistakes) *view {
	if !slices.Contains(d.apis, name) {
		bad.add(&Error{File: d.lastFile(), Msg: "there is no API " + quote(name), Hint: didYouMean(name, d.apis)})
		return nil
	}
	v := &view{name: name, path: (*path)(nil).key("apis").key(name), config: godwit.Config{Name: name}}
	parts := d.parts(name)
	v.tree = d.merged(name, parts)
	for _, r := range parts {
		bad.addAll(r.bad.list)
	}
	v.at = d.nameOf(name)
	dec := &decoder{look: d.look, bad: bad}
	if v.tree != nil {
		dec.structure(v.tree, reflect.ValueOf(&v.config).Elem(), v.path)
	}
	v.config.SecretValues = dec.secrets
	if v.tree != nil {
		v.check(bad)
	}
	return v
}

// nameOf is where an API is first named.
func (d *Definition) nameOf(api string) place {
	for _, f := range d.files {
		if r := f.apis[api]; r != nil {
			return r.name
		}
	}
	return place{}
}

// parts lists what the files say about an API, the lowest layer first.
func (d *Definition) parts(name string) []*raw {
	var out []*raw
	add := func(r *raw) {
		if r != nil {
			out = append(out, r)
		}
	}
	for _, f := range d.files {
		add(f.defaults)
	}
	for _, f := range d.files {
		add(f.apis[name])
	}
	for _, f := range d.files {
		add(f.profiles[d.profile][name])
	}
	return out
}

func (d *Definition) merged(name string, parts []*raw) *node {
	d.mu.Lock()
	defer d.mu.Unlock()
	tree := mergeParts(parts)
	tree = merge(configType, tree, d.env.apis[name], fieldFlags{})
	return merge(configType, tree, d.over[name], fieldFlags{})
}

func mergeParts(parts []*raw) *node {
	var tree *node
	for _, r := range parts {
		tree = merge(configType, tree, r.convert(), fieldFlags{})
	}
	return tree
}

// written returns what the files say about an API, for the spelling of keys.
func (d *Definition) written(name string) *node { return mergeParts(d.parts(name)) }

// Client returns the client of an API, made at the first call and shared by all
// further ones. Close the Definition, not the client.
func (d *Definition) Client(name string) (*godwit.Client, error) {
	d.mu.Lock()
	c, closed := d.clients[name], d.closed
	d.mu.Unlock()
	if c != nil && !closed {
		return c, nil
	}
	v, err := d.read(name)
	if err != nil {
		return nil, err
	}
	c, e := v.client()
	if e != nil {
		return nil, Errors{e}
	}
	return d.keep(name, c)
}

// keep stores a new client, unless another call was faster or the definition
// was closed meanwhile.
func (d *Definition) keep(name string, c *godwit.Client) (*godwit.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errors.Join(Errors{{File: d.lastFile(), Msg: "the definition is closed"}}, c.Close())
	}
	if first := d.clients[name]; first != nil {
		return first, c.Close()
	}
	if d.clients == nil {
		d.clients = make(map[string]*godwit.Client)
	}
	d.clients[name] = c
	return c, nil
}

// Close closes the clients that were made. A second Close does nothing.
func (d *Definition) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	var all []error
	for _, name := range slices.Sorted(maps.Keys(d.clients)) {
		all = append(all, d.clients[name].Close())
	}
	d.clients = nil
	return errors.Join(all...)
}

// Gateway returns the gateway section with its defaults filled in, or [Errors].
func (d *Definition) Gateway() (Gateway, error) {
	var bad mistakes
	g := d.readGateway(&bad)
	return g.withDefaults(), bad.err()
}

func (d *Definition) readGateway(bad *mistakes) Gateway {
	tree := d.section(gatewayType, func(f *file) *raw { return f.gateway }, d.env.gateway, bad)
	var g Gateway
	if tree == nil {
		return g
	}
	p := (*path)(nil).key("gateway")
	dec := &decoder{look: d.look, bad: bad}
	dec.structure(tree, reflect.ValueOf(&g).Elem(), p)
	checkGateway(g, tree, p, d.apis, bad)
	return g
}

// section merges what the files and the variables say about a section that is
// not about one API; nil if that is nothing.
func (d *Definition) section(t reflect.Type, of func(*file) *raw, env *node, bad *mistakes) *node {
	d.mu.Lock()
	defer d.mu.Unlock()
	var tree *node
	for _, f := range d.files {
		if r := of(f); r != nil {
			tree = merge(t, tree, r.convert(), fieldFlags{})
			bad.addAll(r.bad.list)
		}
	}
	return merge(t, tree, env, fieldFlags{})
}
