package definition

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder fills Config structs from nodes and collects what does not fit.
type decoder struct {
	look    lookup // nil: placeholders are checked, not replaced
	bad     *mistakes
	secrets []string // values from the environment that no text may show
}

// value decodes n into v, which belongs to field f or is an element of it.
func (d *decoder) value(n *node, v reflect.Value, f field, p *path) {
	t := v.Type()
	if n.scalarTag("!!null") {
		d.bad.at(n.at, p, "it has no value", emptyHint(n))
		return
	}
	if t.Kind() == reflect.Pointer {
		to := reflect.New(t.Elem())
		d.value(n, to.Elem(), f, p)
		v.Set(to)
		return
	}
	switch {
	case isText(t):
		d.text(n, v, f, p)
	case t == durationType:
		d.duration(n, v, f, p)
	case t.Kind() == reflect.Struct:
		d.structure(n, v, p)
	case t.Kind() == reflect.Map:
		d.mapping(n, v, f, p)
	case t.Kind() == reflect.Slice:
		d.list(n, v, f, p)
	case t.Kind() == reflect.String:
		d.string(n, v, f, p)
	case t.Kind() == reflect.Bool:
		d.bool(n, v, p)
	case t.Kind() == reflect.Int:
		d.int(n, v, f, p)
	case t.Kind() == reflect.Float64:
		d.float(n, v, f, p)
	default:
		d.bad.at(n.at, p, "settings of this type cannot be read from a file", "")
	}
}

// mismatch reports a wrong type. It never shows the value, which may be a
// secret in the wrong place.
func (d *decoder) mismatch(n *node, p *path, want string) {
	hint := ""
	if n.kind == scalar && want == "text" {
		hint = "write it in quotes"
	}
	d.bad.at(n.at, p, "want "+want+", got "+n.what(), hint)
}

// scalarOf returns the text of a scalar of the file's type tag, or of text that
// has no type yet.
func (d *decoder) scalarOf(n *node, p *path, tag, want string) (string, bool) {
	if n.kind == scalar && (n.tag == tag || n.tag == "") {
		return n.text, true
	}
	d.mismatch(n, p, want)
	return "", false
}

// plain returns the text of a string that may hold no placeholder.
func (d *decoder) plain(n *node, p *path, want string) (string, bool) {
	s, ok := d.scalarOf(n, p, "!!str", want)
	if !ok || n.at.layer.kind != inFile {
		return s, ok
	}
	if s, ok = literal(s); !ok {
		hint := "${env:NAME} may stand in base_url, headers and query; write $${ for the characters ${"
		if want == wantSecret {
			hint = "write env:NAME"
		}
		d.bad.at(n.at, p, "${ has no meaning here", hint)
	}
	return s, ok
}

func (d *decoder) string(n *node, v reflect.Value, f field, p *path) {
	if n.kind == scalar && n.text == "" && f.typ.Kind() == reflect.String {
		// It would mean the default: no certificate file is not a way to ask for
		// the system's.
		d.bad.at(n.at, p, "it is empty", "give it a value or remove the key")
		return
	}
	if f.number && n.scalarTag("!!int") {
		v.SetString(n.text)
		return
	}
	if !f.expand {
		s, ok := d.plain(n, p, "text")
		if ok && f.file {
			s = n.at.resolve(s)
		}
		v.SetString(s)
		return
	}
	s, ok := d.scalarOf(n, p, "!!str", "text")
	if !ok {
		return
	}
	if n.at.layer.kind != inFile { // taken as it is: nothing is expanded twice
		if f.secretValues() && n.at.layer.kind == inEnvironment {
			d.secrets = append(d.secrets, s)
		}
		v.SetString(s)
		return
	}
	x, err := expand(s, d.look)
	if _, missing := errors.AsType[*missingVariable](err); missing {
		d.bad.at(n.at, p, err.Error(), "set it, or remove the placeholder")
		return
	}
	if err != nil {
		d.bad.at(n.at, p, err.Error(), "write ${env:NAME}, or $${ for the characters ${")
		return
	}
	if f.secretValues() && len(x.values) > 0 {
		d.secrets = append(append(d.secrets, x.values...), x.text)
	}
	v.SetString(x.text)
}

const wantSecret = "a reference such as env:NAME"

func (d *decoder) text(n *node, v reflect.Value, f field, p *path) {
	tag, want := "!!str", "text"
	switch {
	case v.Type() == secretType:
		want = wantSecret
	case n.tag == "!!int": // a size in bytes
		tag = n.tag
	}
	var s string
	var ok bool
	if tag == "!!int" {
		s, ok = n.text, true
	} else {
		s, ok = d.plain(n, p, want)
	}
	if !ok {
		return
	}
	if name, isFile := strings.CutPrefix(s, "file:"); isFile && v.Type() == secretType && name != "" {
		s = "file:" + n.at.resolve(name)
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		d.bad.at(n.at, p, err.Error(), "")
		return
	}
	d.refuseZero(n, v, f, p)
}

// refuseZero refuses a zero that would silently mean the default.
func (d *decoder) refuseZero(n *node, v reflect.Value, f field, p *path) {
	if !v.IsZero() || f.zero || f.owner == nil {
		return
	}
	def := defaultOf(f)
	if !isNone(def) {
		hint := "leave the key out for the default"
		if def != "" {
			hint += ", " + def
		}
		d.bad.at(n.at, p, "zero is not a value here", hint)
	}
}

// isNone reports whether a stated default says the same as zero.
func isNone(def string) bool { return def == "none" || strings.HasPrefix(def, "none:") }

func (d *decoder) duration(n *node, v reflect.Value, f field, p *path) {
	const want = "a duration such as 30s"
	s, ok := d.plain(n, p, want)
	if !ok {
		return
	}
	if s == "none" {
		if !strings.Contains(commentOn(f), "none") {
			d.bad.at(n.at, p, "it cannot be without end", "write "+want)
			return
		}
		v.SetInt(-1)
		return
	}
	t, err := time.ParseDuration(s)
	switch {
	case err != nil, s[0] == '+', s[0] == '.':
		d.bad.at(n.at, p, quote(s)+" is not a duration", "write a number and a unit, such as 500ms, 30s, 5m or 1h30m")
		return
	case t < 0:
		d.bad.at(n.at, p, "a duration cannot be negative", "")
		return
	}
	v.SetInt(int64(t))
	d.refuseZero(n, v, f, p)
}

func (d *decoder) bool(n *node, v reflect.Value, p *path) {
	s, ok := d.scalarOf(n, p, "!!bool", "true or false")
	switch {
	case !ok:
	case s == "true", s == "false":
		v.SetBool(s == "true")
	default:
		d.bad.at(n.at, p, "want true or false", "")
	}
}

func (d *decoder) int(n *node, v reflect.Value, f field, p *path) {
	s, ok := d.scalarOf(n, p, "!!int", "a whole number")
	if !ok {
		return
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil || i > math.MaxInt32 || i < math.MinInt32 {
		d.bad.at(n.at, p, quote(s)+" is not a whole number in range", "")
		return
	}
	v.SetInt(i)
	d.refuseZero(n, v, f, p)
}

func (d *decoder) float(n *node, v reflect.Value, f field, p *path) {
	tag := "!!float"
	if n.tag == "!!int" {
		tag = n.tag
	}
	s, ok := d.scalarOf(n, p, tag, "a number")
	if !ok {
		return
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		d.bad.at(n.at, p, quote(s)+" is not a number in range", "")
		return
	}
	v.SetFloat(x)
	d.refuseZero(n, v, f, p)
}

func (d *decoder) structure(n *node, v reflect.Value, p *path) {
	t := v.Type()
	n = longForm(t, n)
	if n.kind != mapping {
		want := "a mapping"
		if f, ok := shorthand(t); ok {
			want = "text (" + f.name + ") or a mapping"
		}
		d.bad.at(n.at, p, "want "+want+", got "+n.what(), "its keys: "+strings.Join(slices.Sorted(slices.Values(fieldNames(t))), ", "))
		return
	}
	for _, e := range n.keys {
		f, ok := fieldNamed(t, e.name)
		if !ok {
			d.bad.at(e.at, p.key(e.name), "unknown key", didYouMean(e.name, fieldNames(t)))
			continue
		}
		at := p.key(e.name)
		if f.shorthand && e.at == e.value.at {
			at = p // it was written as a scalar
		}
		d.value(e.value, v.Field(f.index), f, at)
	}
}

func (d *decoder) mapping(n *node, v reflect.Value, f field, p *path) {
	if n.kind != mapping {
		d.mismatch(n, p, "a mapping")
		return
	}
	t := v.Type()
	out := reflect.MakeMapWithSize(t, len(n.keys))
	seen := make(map[string]bool, len(n.keys))
	for _, e := range n.keys {
		if f.headerKeys && seen[strings.ToLower(e.name)] {
			d.bad.at(e.at, p.key(e.name), "the field is there twice: letter case makes no difference", "keep one")
			continue
		}
		seen[strings.ToLower(e.name)] = true
		key := reflect.New(t.Key()).Elem()
		if t.Key().Kind() == reflect.Int {
			i, err := strconv.Atoi(e.name)
			if err != nil || strconv.Itoa(i) != e.name {
				d.bad.at(e.at, p.key(e.name), quote(e.name)+" is not a whole number", "")
				continue
			}
			key.SetInt(int64(i))
		} else {
			key.SetString(e.name)
		}
		value := reflect.New(t.Elem()).Elem()
		d.value(e.value, value, f, p.key(e.name))
		out.SetMapIndex(key, value)
	}
	v.Set(out)
}

func (d *decoder) list(n *node, v reflect.Value, f field, p *path) {
	items := n.items
	switch {
	case n.kind == scalar && n.tag == "":
		items = splitList(n)
	case n.kind != list:
		d.mismatch(n, p, "a list")
		return
	}
	if def := defaultOf(f); len(items) == 0 && def != "" && !isNone(def) {
		d.bad.at(n.at, p, "an empty list is not a value here", "leave the key out for the default, "+def)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		d.value(item, out.Index(i), f, p.key(fmt.Sprintf("[%d]", i)))
	}
	v.Set(out)
}

// splitList reads a list from a variable or flag: its elements are separated by
// commas.
func splitList(n *node) []*node {
	var out []*node
	for s := range strings.SplitSeq(n.text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, &node{kind: scalar, at: n.at, text: s})
		}
	}
	return out
}
