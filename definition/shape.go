package definition

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/godwit-go/godwit/secret"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[secret.Secret]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// fieldFlags is what the tags of a Config field say beside its name.
type fieldFlags struct {
	expand     bool // env:"expand": ${env:NAME} is replaced
	headerKeys bool // keys:"header": keys differ by more than letter case
	file       bool // path:"file": relative to the file it is written in
	zero       bool // zero:"true": zero is a value of its own
	number     bool // number:"true": a text that may be a plain number
	shorthand  bool // shorthand:"true": a scalar in place of the struct
}

// field is one setting of a Config struct.
type field struct {
	fieldFlags
	name  string // YAML key
	typ   reflect.Type
	index int
	owner reflect.Type
}

// fieldsOf lists the settings of a struct; fields tagged yaml:"-" or not at all
// are none.
func fieldsOf(t reflect.Type) []field {
	out := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		if f, ok := fieldAt(t, i); ok {
			out = append(out, f)
		}
	}
	return out
}

func fieldAt(t reflect.Type, i int) (field, bool) {
	sf := t.Field(i)
	name, _, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
	if name == "" || name == "-" {
		return field{}, false
	}
	return field{
		name: name, typ: sf.Type, index: i, owner: t,
		fieldFlags: fieldFlags{
			expand:     sf.Tag.Get("env") == "expand",
			headerKeys: sf.Tag.Get("keys") == "header",
			file:       sf.Tag.Get("path") == "file",
			zero:       sf.Tag.Get("zero") == "true",
			number:     sf.Tag.Get("number") == "true",
			shorthand:  sf.Tag.Get("shorthand") == "true",
		},
	}, true
}

func fieldNamed(t reflect.Type, name string) (field, bool) {
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		if got, _, _ := strings.Cut(tag, ","); got == name && name != "-" && name != "" {
			return fieldAt(t, i)
		}
	}
	return field{}, false
}

func shorthand(t reflect.Type) (field, bool) {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("shorthand") == "true" {
			return fieldAt(t, i)
		}
	}
	return field{}, false
}

func fieldNames(t reflect.Type) []string {
	fields := fieldsOf(t)
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

// alternative reports whether the field excludes others like it.
func (f field) alternative() bool {
	return f.typ.Kind() == reflect.Pointer && f.typ.Elem().Kind() == reflect.Struct && !isText(f.typ.Elem())
}

// secretValues reports whether a value that came from the environment is
// treated as a secret: those of headers and query are, base_url is not.
func (f field) secretValues() bool { return f.expand && f.typ.Kind() == reflect.Map }

func indirect(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// isText reports whether a type reads itself from text.
func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }

// leaf is a setting that a text can set: its path, with * for any key of a map.
type leaf struct {
	path  []string
	field field
}

// leavesOf lists every such setting below a struct, the longest paths first,
// because "operations.*" would take what "operations.*.timeout" means.
func leavesOf(t reflect.Type) []leaf {
	out := appendLeaves(nil, nil, t, field{})
	slices.SortStableFunc(out, func(a, b leaf) int { return len(b.path) - len(a.path) })
	return out
}

func appendLeaves(out []leaf, at []string, t reflect.Type, f field) []leaf {
	t = indirect(t)
	switch {
	case t == durationType, isText(t):
		return append(out, leaf{at, f})
	case t.Kind() == reflect.Struct:
		if short, ok := shorthand(t); ok {
			out = append(out, leaf{at, short})
		}
		for _, f := range fieldsOf(t) {
			out = appendLeaves(out, append(at[:len(at):len(at)], f.name), f.typ, f)
		}
		return out
	case t.Kind() == reflect.Map:
		return appendLeaves(out, append(at[:len(at):len(at)], "*"), t.Elem(), f)
	}
	return append(out, leaf{at, f})
}
