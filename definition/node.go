package definition

import (
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// layerKind says what kind of source a setting comes from.
type layerKind uint8

const (
	inFile layerKind = iota
	inEnvironment
	inOverride
)

// layer is one source of settings.
type layer struct {
	kind layerKind
	name string // shown: the file as it was named, "environment NAME", "flag timeout.total"
	dir  string // what relative paths are relative to; empty: the working directory
}

// place is where something is written.
type place struct {
	layer  *layer
	line   int
	column int
}

func (p place) file() string {
	if p.layer == nil {
		return ""
	}
	return p.layer.name
}

func (p place) String() string {
	s := p.file()
	if p.line > 0 {
		s += ":" + strconv.Itoa(p.line)
		if p.column > 0 {
			s += ":" + strconv.Itoa(p.column)
		}
	}
	return s
}

// resolve makes a path of the layer one of the process.
func (p place) resolve(name string) string {
	if p.layer == nil || p.layer.dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.layer.dir, name)
}

// path names a setting. The nil path is the root.
type path struct {
	up   *path
	name string
}

func (p *path) key(name string) *path { return &path{p, name} }

func (p *path) String() string {
	if p == nil {
		return ""
	}
	if p.up == nil || strings.HasPrefix(p.name, "[") {
		return p.up.String() + p.name
	}
	return p.up.String() + "." + p.name
}

type nodeKind uint8

const (
	scalar nodeKind = iota
	list
	mapping
)

// node is a value as it was written. Nodes are never changed once they are
// made, so that layers may share them.
type node struct {
	kind  nodeKind
	at    place
	text  string // of a scalar
	tag   string // of a scalar: its YAML tag; empty for text from the environment or an override, which has no type yet
	items []*node
	keys  []entry
}

// entry is one key of a mapping.
type entry struct {
	name  string
	at    place
	value *node
}

// get returns the value of a key, or the element of a list that a name such as
// [1] stands for; nil if there is none.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	if i, ok := index(name); ok && n.kind == list {
		if i < len(n.items) {
			return n.items[i]
		}
		return nil
	}
	for i := range n.keys {
		if n.keys[i].name == name {
			return n.keys[i].value
		}
	}
	return nil
}

// index reads the name of an element of a list.
func index(name string) (int, bool) {
	rest, opens := strings.CutPrefix(name, "[")
	digits, closes := strings.CutSuffix(rest, "]")
	if !opens || !closes {
		return 0, false
	}
	i, err := strconv.Atoi(digits)
	return i, err == nil && i >= 0
}

func isElement(name string) bool {
	_, ok := index(name)
	return ok
}

func (n *node) scalarTag(tag string) bool { return n.kind == scalar && n.tag == tag }

// what names the type of a node for people.
func (n *node) what() string {
	switch n.kind {
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	}
	switch n.tag {
	case "!!null":
		return "nothing"
	case "!!int":
		return "a number"
	case "!!float":
		return "a decimal number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

// merge lays high over low: mappings merge key by key, everything else is
// replaced. t is the type that both will be decoded into.
func merge(t reflect.Type, low, high *node, flags fieldFlags) *node {
	if low == nil || high == nil {
		if high == nil {
			return low
		}
		return high
	}
	t = indirect(t)
	low, high = longForm(t, low), longForm(t, high)
	if low.kind != mapping || high.kind != mapping {
		return high
	}
	out := &node{kind: mapping, at: high.at, keys: make([]entry, 0, len(low.keys)+len(high.keys))}
	for _, e := range low.keys {
		if !sameSource(low, high) && displaced(t, e.name, high) {
			continue
		}
		out.keys = append(out.keys, e)
	}
	form := func(name string) string { return name }
	if flags.headerKeys {
		form = strings.ToLower
	}
	index := make(map[string]int, len(out.keys))
	for i, e := range out.keys {
		index[form(e.name)] = i
	}
	for _, e := range high.keys {
		i, ok := index[form(e.name)]
		if !ok {
			out.keys = append(out.keys, e)
			continue
		}
		et, ef := childType(t, e.name)
		out.keys[i] = entry{e.name, e.at, merge(et, out.keys[i].value, e.value, ef)}
	}
	return out
}

// sameSource reports that both nodes were put together from variables, or from
// overrides: then neither is a layer above the other.
func sameSource(a, b *node) bool {
	return a.at.layer.kind != inFile && a.at.layer.kind == b.at.layer.kind
}

// displaced reports whether a key of a lower layer gives way: the fields of a
// struct that are pointers to structs are alternatives, and naming one of them
// in a higher layer drops the others, as with the schemes of auth.
func displaced(t reflect.Type, name string, high *node) bool {
	if t == nil || t.Kind() != reflect.Struct {
		return false
	}
	f, ok := fieldNamed(t, name)
	if !ok || !f.alternative() || high.get(name) != nil {
		return false
	}
	for _, e := range high.keys {
		if other, ok := fieldNamed(t, e.name); ok && other.alternative() {
			return true
		}
	}
	return false
}

// longForm spells out a scalar that stands for a struct's shorthand field.
func longForm(t reflect.Type, n *node) *node {
	if n.kind != scalar || n.tag == "!!null" || t == nil || t.Kind() != reflect.Struct || isText(t) {
		return n
	}
	f, ok := shorthand(t)
	if !ok {
		return n
	}
	return &node{kind: mapping, at: n.at, keys: []entry{{f.name, n.at, n}}}
}

// childType returns the type and flags of a key's value; nil for an unknown
// key.
func childType(t reflect.Type, name string) (reflect.Type, fieldFlags) {
	switch {
	case t == nil:
	case t.Kind() == reflect.Struct:
		if f, ok := fieldNamed(t, name); ok {
			return f.typ, f.fieldFlags
		}
	case t.Kind() == reflect.Map, t.Kind() == reflect.Slice:
		return t.Elem(), fieldFlags{}
	}
	return nil, fieldFlags{}
}
