package definition

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// accept is as much of JSON Schema 2020-12 as Schema uses; it fails on any
// keyword that it does not know.
type accept struct {
	t    *testing.T
	root map[string]any
}

func (a accept) check(schema map[string]any, v any) bool {
	ok := true
	for keyword, arg := range schema {
		switch keyword {
		case "$schema", "$defs", "title", "description":
		case "$ref":
			ok = ok && a.check(a.definition(arg.(string)), v)
		case "const":
			_, isText := v.(string)
			ok = ok && !isText && fmt.Sprint(arg) == fmt.Sprint(v)
		case "type":
			ok = ok && slices.ContainsFunc(words(arg), func(s string) bool { return s == typeOf(v) })
		case "pattern":
			s, isText := v.(string)
			ok = ok && (!isText || regexp.MustCompile(arg.(string)).MatchString(s))
		case "maxLength":
			s, isText := v.(string)
			ok = ok && (!isText || len(s) <= int(arg.(float64)))
		case "required":
			m, isMap := v.(map[string]any)
			for _, name := range words(arg) {
				_, has := m[name]
				ok = ok && (!isMap || has)
			}
		case "properties", "additionalProperties", "propertyNames":
			if m, isMap := v.(map[string]any); isMap {
				ok = ok && a.checkKeys(schema, keyword, m)
			}
		case "items":
			items, _ := v.([]any)
			for _, item := range items {
				ok = ok && a.check(arg.(map[string]any), item)
			}
		case "anyOf":
			ok = ok && a.count(arg, v) > 0
		case "oneOf":
			ok = ok && a.count(arg, v) == 1
		case "not":
			ok = ok && !a.check(arg.(map[string]any), v)
		default:
			a.t.Fatalf("the schema uses %q, which this test does not know", keyword)
		}
	}
	return ok
}

func (a accept) checkKeys(schema map[string]any, keyword string, m map[string]any) bool {
	known, _ := schema["properties"].(map[string]any)
	for name, v := range m {
		sub, isKnown := known[name].(map[string]any)
		extra, _ := schema["additionalProperties"].(map[string]any)
		switch {
		case keyword == "properties" && isKnown && !a.check(sub, v),
			keyword == "additionalProperties" && !isKnown && (extra == nil || !a.check(extra, v)),
			keyword == "propertyNames" && !a.check(schema["propertyNames"].(map[string]any), name):
			return false
		}
	}
	return true
}

func (a accept) count(arg, v any) int {
	n := 0
	for _, s := range arg.([]any) {
		if a.check(s.(map[string]any), v) {
			n++
		}
	}
	return n
}

func (a accept) definition(ref string) map[string]any {
	name := strings.TrimPrefix(ref, "#/$defs/")
	s, ok := a.root["$defs"].(map[string]any)[name].(map[string]any)
	if !ok {
		a.t.Fatalf("%s leads nowhere", ref)
	}
	return s
}

func words(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var out []string
	for _, s := range v.([]any) {
		out = append(out, s.(string))
	}
	return out
}

func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case int:
		return "integer"
	case float64:
		return "number"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	}
	return "null"
}

// plain turns YAML into what JSON would hold.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	case map[any]any:
		out := make(map[string]any)
		for k := range v {
			out[fmt.Sprint(k)] = plain(v[k])
		}
		return out
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	}
	return v
}

func readSchema(t *testing.T) accept {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	a := accept{t: t}
	if err := json.Unmarshal(text, &a.root); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a accept) yaml(text string) bool {
	a.t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		a.t.Fatal(err)
	}
	return a.check(a.root, plain(v))
}

func TestSchema_AcceptsWhatLoads(t *testing.T) {
	t.Parallel()
	a := readSchema(t)
	for name, text := range map[string]string{"full": fullFile, "two": twoAPIs, "many": manyAPIs(3), "least": "version: 1\n"} {
		if !a.yaml(text) {
			t.Errorf("%s is refused", name)
		}
	}
	for _, c := range guideExamples(t) {
		if !a.yaml(c) {
			t.Errorf("an example of the guide is refused:\n%s", c)
		}
	}
}

func TestSchema_RefusesMistakes(t *testing.T) {
	t.Parallel()
	a := readSchema(t)
	data, err := os.ReadFile("testdata/errors.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, sections := parseArchive(string(data))
	refused := []string{
		"unknown-top", "unknown-nested", "unknown-far", "wrong-types", "bad-values", "missing-values", "auth-schemes",
		"statuses", "names", "profiles", "shared", "no-version", "version-2", "version-text", "operations", "gateway", "redis", "many-kinds-at-once",
	}
	for i := 0; i < len(sections); i += 2 {
		if name := sections[i].name; slices.Contains(refused, name) {
			if a.yaml(sections[i].text) {
				t.Errorf("%s is accepted", name)
			}
			refused = slices.DeleteFunc(refused, func(s string) bool { return s == name })
		}
	}
	if len(refused) > 0 {
		t.Errorf("no such cases: %v", refused)
	}
	for _, bad := range []string{
		"timeout: {total: 5}", "timeout: {total: soon}", "timeout: {total: \"\"}", "auth: {bearer: ghp_literal}", "auth: {bearer: {token: literal}}",
		"operations: {a: /users}", "operations: {A: GET /}", "operations: {repos/: GET /}", "operations: {a..b: GET /}", "operations: {" + strings.Repeat("a/", 40) + "a: GET /}", "proxy: 5", "retry: {statuses: 429}", "statuses: {1000: x}", "headers: {a: 1}",
	} {
		if a.yaml("version: 1\napis: {a: {base_url: \"https://a.example.com\", " + bad + "}}\n") {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// TestSchema_Golden shows a change of the format in the review of its commit.
func TestSchema_Golden(t *testing.T) {
	t.Parallel()
	got, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/schema.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the schema differs from %s; if that is meant: go generate ./definition", golden)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"timeout.total":                      "total bounds the whole call",
		"apis.github.timeout.total":          "total bounds the whole call",
		"profiles.x.apis.github.retry":       "retry sets when",
		"operations.user.request":            "request is the method",
		"operations.a.b/c.request":           "request is the method",
		"apis.github.operations.user.params": "params says where",
		"auth.bearer.token":                  "token refers to",
		"gateway.grace":                      "grace is the longest",
		"headers.Accept":                     "headers are sent",
		"version":                            "version is the version",
	} {
		if got := Describe(path); !strings.HasPrefix(strings.ToLower(got), want) {
			t.Errorf("Describe(%q) = %q, want %q…", path, got, want)
		}
	}
	for _, path := range []string{"", "timeout.totl", "nothing", "timeout.total.more", "auth.bearer.token.x"} {
		if got := Describe(path); got != "" {
			t.Errorf("Describe(%q) = %q", path, got)
		}
	}
}
