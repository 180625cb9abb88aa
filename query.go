package godwit

import (
	"encoding"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Pair is a name and a value, where order or repetition matters.
type Pair struct{ Name, Value string }

// queryPairs turns a struct, a map or a list of pairs into query parameters.
// Nil values are skipped, lists repeat the name; maps are sorted by name.
func queryPairs(v any) ([]Pair, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []Pair:
		return v, nil
	case Pair:
		return []Pair{v}, nil
	}
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer || rv.Kind() == reflect.Interface {
		if rv.IsNil() {
			return nil, nil
		}
		rv = rv.Elem()
	}
	switch rv.Kind() {
	case reflect.Struct:
		return structPairs(nil, rv)
	case reflect.Map:
		return mapPairs(rv)
	}
	return nil, fmt.Errorf("query: %s is not a struct, a map or a list of pairs", rv.Type())
}

func mapPairs(rv reflect.Value) ([]Pair, error) {
	if rv.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("query: the keys of %s are not strings", rv.Type())
	}
	keys := rv.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	var pairs []Pair
	for _, k := range keys {
		var err error
		if pairs, err = appendValue(pairs, k.String(), rv.MapIndex(k), false); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// structPairs names fields by their url tag, else their json tag, else their
// Go name. Tag options: omitempty or omitzero, and comma to join a list in one
// value.
func structPairs(pairs []Pair, rv reflect.Value) ([]Pair, error) {
	t := rv.Type()
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() && !field.Anonymous {
			continue
		}
		name, opts := fieldName(field)
		if name == "-" {
			continue
		}
		fv := rv.Field(i)
		var err error
		if inner := indirect(fv); field.Anonymous && field.Tag.Get("url") == "" && inner.Kind() == reflect.Struct {
			pairs, err = structPairs(pairs, inner)
		} else if field.IsExported() && !(omits(opts) && fv.IsZero()) {
			pairs, err = appendValue(pairs, name, fv, slices.Contains(opts, "comma"))
		}
		if err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

func omits(opts []string) bool {
	return slices.Contains(opts, "omitempty") || slices.Contains(opts, "omitzero")
}

func fieldName(f reflect.StructField) (string, []string) {
	tag, ok := f.Tag.Lookup("url")
	if !ok {
		tag = f.Tag.Get("json")
	}
	name, opts, _ := strings.Cut(tag, ",")
	if name == "" {
		name = f.Name
	}
	return name, strings.Split(opts, ",")
}

func indirect(v reflect.Value) reflect.Value {
	for (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && !v.IsNil() {
		v = v.Elem()
	}
	return v
}

func appendValue(pairs []Pair, name string, v reflect.Value, comma bool) ([]Pair, error) {
	v = indirect(v)
	switch v.Kind() {
	case reflect.Invalid:
		return pairs, nil
	case reflect.Pointer, reflect.Interface: // nil
		return pairs, nil
	case reflect.Slice, reflect.Array:
		if _, isText := textOf(v); isText || v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			break
		}
		return appendList(pairs, name, v, comma)
	}
	s, err := scalar(v)
	if err != nil {
		return nil, fmt.Errorf("query: %s: %w", name, err)
	}
	return append(pairs, Pair{name, s}), nil
}

func appendList(pairs []Pair, name string, v reflect.Value, comma bool) ([]Pair, error) {
	start := len(pairs)
	for i := range v.Len() {
		if k := indirect(v.Index(i)).Kind(); k == reflect.Slice || k == reflect.Array || k == reflect.Map {
			return nil, fmt.Errorf("query: %s: a list in a list has no place in a query", name)
		}
		var err error
		if pairs, err = appendValue(pairs, name, v.Index(i), false); err != nil {
			return nil, err
		}
	}
	if comma && len(pairs) > start {
		values := make([]string, 0, len(pairs)-start)
		for _, p := range pairs[start:] {
			values = append(values, p.Value)
		}
		pairs = append(pairs[:start], Pair{name, strings.Join(values, ",")})
	}
	return pairs, nil
}

func textOf(v reflect.Value) (encoding.TextMarshaler, bool) {
	if !v.IsValid() || !v.CanInterface() {
		return nil, false
	}
	m, ok := v.Interface().(encoding.TextMarshaler)
	return m, ok
}

// scalar writes one value as text: strings as they are, numbers in decimal,
// times in RFC 3339, anything with MarshalText or String by that.
func scalar(v reflect.Value) (string, error) {
	if s, ok, err := ownText(v); ok {
		return s, err
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, v.Type().Bits()), nil
	}
	return "", fmt.Errorf("a %s has no form in a URL", v.Type())
}

// ownText writes a value whose type, or the pointer to it, knows its own text.
func ownText(v reflect.Value) (s string, ok bool, err error) {
	if !v.CanInterface() {
		return "", false, nil
	}
	if s, ok, err = marshalText(v.Interface()); ok || v.Type().PkgPath() == "" {
		return s, ok, err
	}
	p := reflect.New(v.Type()) // v itself may have no address
	p.Elem().Set(v)
	return marshalText(p.Interface())
}

func marshalText(x any) (s string, ok bool, err error) {
	switch x := x.(type) {
	case time.Time:
		return x.Format(time.RFC3339Nano), true, nil
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		return string(b), true, err
	case fmt.Stringer:
		return x.String(), true, nil
	case []byte:
		return string(x), true, nil
	}
	return "", false, nil
}

// encodePairs writes pairs in their order, as application/x-www-form-urlencoded.
func encodePairs(pairs []Pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.Name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.Value))
	}
	return b.String()
}

// mergeQuery appends to a query written in the path the defaults, the more
// general first, and then the call's own pairs. A default gives way to every
// parameter of its name that is more specific.
func mergeQuery(raw string, own []Pair, defaults ...[]Pair) string {
	n := len(own)
	for _, d := range defaults {
		n += len(d)
	}
	if n == 0 {
		return raw
	}
	all := make([]Pair, 0, n)
	for i, d := range defaults {
		for _, p := range d {
			if !named(p.Name, own) && !slices.ContainsFunc(defaults[i+1:], func(d []Pair) bool { return named(p.Name, d) }) && !queryHas(raw, p.Name) {
				all = append(all, p)
			}
		}
	}
	encoded := encodePairs(append(all, own...))
	if raw == "" || encoded == "" {
		return raw + encoded
	}
	return raw + "&" + encoded
}

func named(name string, pairs []Pair) bool {
	return slices.ContainsFunc(pairs, func(p Pair) bool { return p.Name == name })
}

func queryHas(raw, name string) bool {
	if raw == "" {
		return false
	}
	for part := range strings.SplitSeq(raw, "&") {
		n, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(n); err == nil && plain == name {
			return true
		}
	}
	return false
}

func sortedPairs(m map[string]string) []Pair {
	pairs := make([]Pair, 0, len(m))
	for k, v := range m {
		pairs = append(pairs, Pair{k, v})
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return pairs
}
