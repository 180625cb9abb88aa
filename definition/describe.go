package definition

import (
	"reflect"
	"sort"
	"strings"
)

// modulePath is cut from package paths in the table of comments.
const modulePath = "github.com/godwit-go/godwit"

// comment is the documentation of one field of a Config struct, taken from the
// source by "go generate".
type comment struct{ field, text string }

// commentOn returns the comment of a Config field.
func commentOn(f field) string {
	if f.owner == nil {
		return ""
	}
	pkg := strings.TrimPrefix(strings.TrimPrefix(f.owner.PkgPath(), modulePath), "/")
	key := pkg + "." + f.owner.Name() + "." + f.owner.Field(f.index).Name
	i := sort.Search(len(comments), func(i int) bool { return comments[i].field >= key })
	if i < len(comments) && comments[i].field == key {
		return comments[i].text
	}
	return ""
}

// defaultOf returns the default that a field's comment states ("Default 30s.",
// "\"auto\" (default)"), or "".
func defaultOf(f field) string { return statedDefault(commentOn(f)) }

func statedDefault(text string) string {
	if before, _, ok := strings.Cut(text, " (default)"); ok {
		if i := strings.LastIndexByte(strings.TrimSuffix(before, `"`), '"'); i >= 0 {
			return strings.Trim(before[i:], `"`)
		}
		return before[strings.LastIndexByte(before, ' ')+1:]
	}
	_, rest, ok := strings.Cut(text, "Default")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, ": ")
	end := len(rest)
	for _, stop := range []string{";", ". "} {
		if i := strings.Index(rest, stop); i >= 0 {
			end = min(end, i)
		}
	}
	return strings.TrimSuffix(rest[:end], ".")
}

// Describe returns what a setting means: the comment of its field, in full
// sentences. The path is that of the file (gateway.grace,
// apis.github.timeout.total) or begins below an API (timeout.total). An unknown
// path gives "".
func Describe(path string) string {
	names := strings.Split(path, ".")
	for _, t := range []reflect.Type{documentType, configType} {
		if f, ok := follow(t, field{}, names); ok {
			return commentOn(f)
		}
	}
	return ""
}

// follow walks the rest of a path through the types below f. The key of a map
// may hold dots.
func follow(t reflect.Type, f field, names []string) (field, bool) {
	if len(names) == 0 {
		return f, true
	}
	switch t = indirect(t); {
	case t.Kind() == reflect.Struct && !isText(t):
		next, ok := fieldNamed(t, names[0])
		if !ok {
			return field{}, false
		}
		return follow(next.typ, next, names[1:])
	case t.Kind() == reflect.Map:
		for n := range names {
			if found, ok := follow(t.Elem(), f, names[n+1:]); ok {
				return found, true
			}
		}
	case t.Kind() == reflect.Slice && isElement(names[0]):
		return follow(t.Elem(), f, names[1:])
	}
	return field{}, false
}
