package definition

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/internal/typo"
)

// Prefixes of the environment variables that set something.
const (
	apiPrefix     = "GODWIT_API_"
	gatewayPrefix = "GODWIT_GATEWAY_"
	redisPrefix   = "GODWIT_REDIS_"
)

// environment is the layer that variables make.
type environment struct {
	apis     map[string]*node
	gateway  *node
	redis    *node
	warnings []string
}

// readEnvironment turns the GODWIT_ variables into settings. written tells which
// keys of maps the files use, so that a variable meets their spelling.
func readEnvironment(environ, apis []string, written func(api string) *node, bad *mistakes) environment {
	env := environment{apis: make(map[string]*node)}
	var apiLeaves []leaf
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(pair, "=")
		at := place{layer: &layer{kind: inEnvironment, name: "environment " + name}}
		if rest, ok := strings.CutPrefix(name, gatewayPrefix); ok {
			s := namespace{gatewayType, gatewayPrefix, "the gateway", servedNames(apis)}
			env.gateway = s.insert(env.gateway, rest, value, at, bad)
			continue
		}
		if rest, ok := strings.CutPrefix(name, redisPrefix); ok {
			s := namespace{redisType, redisPrefix, "redis", nil}
			env.redis = s.insert(env.redis, rest, value, at, bad)
			continue
		}
		rest, ok := strings.CutPrefix(name, apiPrefix)
		if !ok {
			continue
		}
		if apiLeaves == nil {
			apiLeaves = leavesOf(configType)
		}
		env.api(apiVariable{rest, value, at}, apis, apiLeaves, written, bad)
	}
	return env
}

// namespace is the variables of a section that is not about an API.
type namespace struct {
	typ    reflect.Type
	prefix string
	name   string
	keys   *node // of maps in it, that are known
}

// insert returns tree with what a variable sets.
func (s namespace) insert(tree *node, rest, value string, at place, bad *mistakes) *node {
	leaves := leavesOf(s.typ)
	keys := matchVariable(leaves, rest, s.keys)
	if keys == nil {
		bad.at(at, nil, "no setting of "+s.name+" has this name", variableHint(s.prefix, rest, leaves))
		return tree
	}
	return insert(tree, keys, value, at)
}

// servedNames is a gateway section that names every API, as matchVariable wants
// the keys that are known.
func servedNames(apis []string) *node {
	names := &node{kind: mapping}
	for _, api := range apis {
		names.keys = append(names.keys, entry{name: api})
	}
	return &node{kind: mapping, keys: []entry{{name: "apis", value: names}}}
}

// apiVariable is one variable, without its prefix.
type apiVariable struct {
	rest  string
	value string
	at    place
}

// api finds the API and the setting that a variable means. Where the names
// allow two readings it is a mistake: guessing could change the wrong API.
func (env *environment) api(v apiVariable, apis []string, leaves []leaf, written func(string) *node, bad *mistakes) {
	type reading struct {
		api  string
		keys []string
	}
	var found []reading
	var owners []string // APIs whose name fits
	for _, api := range apis {
		rest, ok := strings.CutPrefix(v.rest, variableForm(api)+"_")
		if !ok {
			continue
		}
		owners = append(owners, api)
		if keys := matchVariable(leaves, rest, written(api)); keys != nil {
			found = append(found, reading{api, keys})
		}
	}
	switch {
	case len(found) == 1:
		env.apis[found[0].api] = insert(env.apis[found[0].api], found[0].keys, v.value, v.at)
	case len(found) > 1:
		bad.at(v.at, nil, fmt.Sprintf("the name fits the APIs %q and %q", found[0].api, found[1].api), "rename one of them, or use a profile")
	case len(owners) > 0:
		owner := slices.MaxFunc(owners, func(a, b string) int { return len(a) - len(b) })
		form := variableForm(owner) + "_"
		bad.at(v.at, nil, fmt.Sprintf("no setting of API %q has this name", owner), variableHint(apiPrefix+form, v.rest[len(form):], leaves))
	default:
		env.warnings = append(env.warnings, v.at.String()+": it fits no API of the definition and is ignored")
	}
}

// variableForm is how a name is spelled in a variable.
func variableForm(name string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_", "/", "_").Replace(name))
}

func variableHint(prefix, rest string, leaves []leaf) string {
	var all []string
	for _, l := range leaves {
		if !slices.Contains(l.path, "*") {
			all = append(all, variableForm(strings.Join(l.path, "_")))
		}
	}
	if best := typo.Nearest(rest, all); best != "" {
		return fmt.Sprintf("did you mean %s%s?", prefix, best)
	}
	return ""
}

// matchVariable returns the keys that the end of a variable's name stands for;
// nil if there are none. below is what the files have there.
func matchVariable(leaves []leaf, rest string, below *node) []string {
	for _, l := range leaves {
		if keys, ok := matchLeaf(l, rest, below); ok {
			return keys
		}
	}
	return nil
}

func matchLeaf(l leaf, rest string, below *node) ([]string, bool) {
	keys := make([]string, 0, len(l.path))
	for i, name := range l.path {
		last := i == len(l.path)-1
		switch {
		case last && name != "*":
			return append(keys, name), rest == variableForm(name)
		case last:
			key, known := mapKey(l, rest, below)
			// A new operation belongs into a file.
			return append(keys, key), rest != "" && (known || !l.field.shorthand)
		case name == "*":
			if name = knownPrefix(below, rest); name == "" {
				return nil, false
			}
		}
		var ok bool
		if rest, ok = strings.CutPrefix(rest, variableForm(name)+"_"); !ok {
			return nil, false
		}
		keys, below = append(keys, name), below.get(name)
	}
	return nil, false
}

// knownPrefix returns the longest key of a mapping that a variable's name
// begins with; empty if there is none, or if two keys have one form.
func knownPrefix(n *node, rest string) string {
	longest, clash := "", false
	if n != nil {
		for _, e := range n.keys {
			if strings.HasPrefix(rest, variableForm(e.name)+"_") && len(e.name) >= len(longest) {
				clash = len(e.name) == len(longest)
				longest = e.name
			}
		}
	}
	if clash {
		return ""
	}
	return longest
}

// mapKey turns a part of a variable's name into the key of a map: as the file
// spells it, else in the usual form of such keys.
func mapKey(l leaf, part string, below *node) (key string, known bool) {
	if below != nil {
		for _, e := range below.keys {
			if variableForm(e.name) == part {
				return e.name, true
			}
		}
	}
	if l.field.headerKeys {
		return http.CanonicalHeaderKey(strings.ReplaceAll(part, "_", "-")), false
	}
	return strings.ToLower(part), false
}

// insert returns tree with one more value in it. What is already there stays
// unless it is the same key.
func insert(tree *node, keys []string, value string, at place) *node {
	leaf := &node{kind: scalar, at: at, text: value}
	for _, k := range slices.Backward(keys) {
		leaf = &node{kind: mapping, at: at, keys: []entry{{k, at, leaf}}}
	}
	return merge(configType, tree, leaf, fieldFlags{})
}

// readOverrides turns overrides into settings by API.
func readOverrides(o Options, apis []string, bad *mistakes) map[string]*node {
	if len(o.Overrides) == 0 {
		return nil
	}
	source := o.OverrideSource
	if source == "" {
		source = "override"
	}
	out := make(map[string]*node)
	leaves := leavesOf(configType)
	names := slices.Sorted(maps.Keys(o.Overrides))
	for _, api := range names { // "*" sorts first, and the named ones beat it
		targets := []string{api}
		if api == "*" {
			targets = apis
		} else if !slices.Contains(apis, api) {
			bad.add(&Error{File: source, Msg: "there is no API " + quote(api), Hint: didYouMean(api, apis)})
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(o.Overrides[api])) {
			at := place{layer: &layer{kind: inOverride, name: source + " " + key}}
			keys := matchPath(leaves, key)
			if keys == nil {
				bad.at(at, nil, "there is no setting "+quote(key), didYouMean(key, leafPaths(leaves)))
				continue
			}
			for _, target := range targets {
				out[target] = insert(out[target], keys, o.Overrides[api][key], at)
			}
		}
	}
	return out
}

func leafPaths(leaves []leaf) []string {
	out := make([]string, len(leaves))
	for i, l := range leaves {
		out[i] = strings.Join(l.path, ".")
	}
	return out
}

// matchPath splits a dotted path into the keys of a setting that a text can
// set. The keys of a map may hold dots: those of headers and operations do.
func matchPath(leaves []leaf, path string) []string {
	for _, l := range leaves {
		if keys := splitPath(l.path, path); keys != nil {
			return keys
		}
	}
	return nil
}

// splitPath splits path into keys that fit the names, nil if there are none. Of
// several ways the one with the shortest first keys wins.
func splitPath(names []string, path string) []string {
	if len(names) == 1 {
		if path == "" || names[0] != "*" && names[0] != path {
			return nil
		}
		return []string{path}
	}
	for i := range len(path) {
		if i == 0 || path[i] != '.' || names[0] != "*" && names[0] != path[:i] {
			continue
		}
		if rest := splitPath(names[1:], path[i+1:]); rest != nil {
			return append([]string{path[:i]}, rest...)
		}
	}
	return nil
}
