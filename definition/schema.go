package definition

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/decode"
)

// Patterns of the texts that settings are read from.
const (
	namePattern      = `^[a-z0-9][a-z0-9_-]{0,63}$`
	operationName    = `^[a-z0-9][a-z0-9_-]*([/.][a-z0-9][a-z0-9_-]*)*$`
	durationPattern  = `^(none|([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+)$`
	secretPattern    = `^(env|file):.+$`
	statusPattern    = `^[1-5][0-9][0-9]$`
	operationPattern = `^\s*[!#$%&'*+.^_|~0-9A-Za-z\x60-]+\s+/\S*\s*$`
)

// Schema returns the JSON Schema (2020-12) of a definition file, for editors
// and other tools. It is made of the Config structs: their keys, types and
// comments. What it accepts may still be refused by [Definition.Validate],
// which knows more; what it refuses is always refused.
func Schema() ([]byte, error) {
	s := &schema{defs: make(map[string]any)}
	root := s.object(documentType)
	properties, _ := root["properties"].(map[string]any)
	properties["version"] = map[string]any{"const": 1, "description": describeType(documentType, "version")}
	properties["defaults"] = s.defaults()
	root["required"] = []string{"version"}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "godwit definition"
	root["$defs"] = s.defs
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

type schema struct{ defs map[string]any }

// of returns the schema of a type that belongs to field f.
func (s *schema) of(t reflect.Type, f field) map[string]any {
	t = indirect(t)
	switch {
	case t == durationType:
		return map[string]any{"type": "string", "pattern": durationPattern}
	case t == secretType:
		return map[string]any{"type": "string", "pattern": secretPattern}
	case t == reflect.TypeFor[decode.Size]():
		return map[string]any{"type": []string{"string", "integer"}}
	case isText(t):
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Struct:
		return s.reference(t)
	case reflect.Map:
		return s.mapping(t, f)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem(), f)}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.String:
		if f.number {
			return map[string]any{"type": []string{"string", "integer"}}
		}
	}
	return map[string]any{"type": "string"}
}

func (s *schema) mapping(t reflect.Type, f field) map[string]any {
	out := map[string]any{"type": "object", "additionalProperties": s.of(t.Elem(), f)}
	switch {
	case t.Key().Kind() == reflect.Int:
		out["propertyNames"] = map[string]any{"pattern": statusPattern}
	case t.Elem() == reflect.TypeFor[godwit.Operation]():
		out["propertyNames"] = map[string]any{"pattern": operationName, "maxLength": maxName}
	case t.Elem().Kind() == reflect.Struct:
		out["propertyNames"] = map[string]any{"pattern": namePattern}
	}
	return out
}

// reference puts a struct under $defs and refers to it.
func (s *schema) reference(t reflect.Type) map[string]any {
	name := defName(t)
	if _, ok := s.defs[name]; !ok {
		s.defs[name] = nil // a struct that holds itself ends here
		s.defs[name] = s.structure(t)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

// defName is the policy's name, or the type's: retry, auth.BearerConfig, TLS.
func defName(t reflect.Type) string {
	pkg := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]
	switch {
	case t == configType:
		return "api"
	case t.Name() == "Config":
		return pkg
	case strings.Contains(t.PkgPath(), "/policy/"):
		return pkg + "." + t.Name()
	}
	return strings.ToLower(t.Name())
}

// structure is the schema of a struct, or of the scalar that stands for it.
func (s *schema) structure(t reflect.Type) map[string]any {
	object := s.object(t)
	f, ok := shorthand(t)
	if !ok {
		return object
	}
	short := s.of(f.typ, f)
	if f.name == "request" {
		short["pattern"] = operationPattern
	}
	short["description"] = commentOn(f)
	return map[string]any{"anyOf": []any{short, object}}
}

func (s *schema) object(t reflect.Type) map[string]any {
	properties := make(map[string]any)
	var alternatives []any
	for _, f := range fieldsOf(t) {
		p := s.of(f.typ, f)
		if f.name == "request" && f.shorthand {
			p["pattern"] = operationPattern
		}
		if text := commentOn(f); text != "" {
			p["description"] = text
		}
		properties[f.name] = p
		if f.alternative() {
			alternatives = append(alternatives, map[string]any{"required": []string{f.name}})
		}
	}
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(alternatives) > 1 {
		// At most one: a profile or a later file may leave the scheme to others.
		out["oneOf"] = append(alternatives, map[string]any{"not": map[string]any{"anyOf": slices.Clone(alternatives)}})
	}
	return out
}

// defaults is an API without what belongs to one API alone.
func (s *schema) defaults() map[string]any {
	out := s.object(configType)
	properties, _ := out["properties"].(map[string]any)
	for _, name := range notInDefaults {
		delete(properties, name)
	}
	out["description"] = describeType(documentType, "defaults")
	return out
}

func describeType(t reflect.Type, name string) string {
	f, _ := fieldNamed(t, name)
	return commentOn(f)
}
