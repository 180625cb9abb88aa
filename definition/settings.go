package definition

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/secret"
)

// visited is one setting met by visit.
type visited struct {
	node  *node // nil: not set
	field field
	typ   reflect.Type
	path  *path
}

// visit calls f for every setting below t that has no settings below itself, in
// the order of the structs: those that n sets, and those that are not set. Keys
// that the types do not know are passed over.
func visit(t reflect.Type, n *node, of field, p *path, f func(visited)) {
	t = indirect(t)
	if n != nil {
		n = longForm(t, n)
	}
	switch {
	case t == durationType, isText(t):
		f(visited{n, of, t, p})
	case t.Kind() == reflect.Struct:
		for _, sub := range fieldsOf(t) {
			child := n.get(sub.name)
			if child == nil && sub.alternative() {
				continue
			}
			visit(sub.typ, child, sub, p.key(sub.name), f)
		}
	case t.Kind() == reflect.Map:
		if n == nil || n.kind != mapping {
			return
		}
		for _, e := range slices.SortedFunc(slices.Values(n.keys), func(a, b entry) int { return strings.Compare(a.name, b.name) }) {
			visitEntry(t.Elem(), e.value, of, p.key(e.name), f)
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && !isText(t.Elem()) && n != nil && n.kind == list:
		for i, item := range n.items {
			visitEntry(t.Elem(), item, of, p.key(fmt.Sprintf("[%d]", i)), f)
		}
	default:
		f(visited{n, of, t, p})
	}
}

// visitEntry is visit for an element of a map, where what is not set has no
// default worth showing.
func visitEntry(t reflect.Type, n *node, of field, p *path, f func(visited)) {
	visit(t, n, of, p, func(v visited) {
		if v.node != nil {
			f(v)
		}
	})
}

// Setting is one effective setting of an API.
type Setting struct {
	Path      string // below the API, such as timeout.total; or redis.url and its like
	Operation string // the operation that it belongs to; empty: none
	Value     string // as it was written, redacted: secrets as references, ***
	Source    string // "default", "godwit.yaml:12:5", "environment GODWIT_API_…", "flag timeout.total"
	Default   bool   // nothing sets it
}

// Settings lists every effective setting of an API, defaults included, in the
// order of the documentation; and those of the section redis if the API uses it. No value holds a secret: secrets are shown as
// references, headers and query parameters whose value came from a variable by
// its name, and those that look like credentials as ***. An unknown API has
// none.
func (d *Definition) Settings(name string) []Setting {
	v := d.decode(name, new(mistakes))
	if v == nil {
		return nil
	}
	var out []Setting
	add := func(l visited) {
		s := Setting{Path: printable(l.path.String()), Operation: operationOf(l.path)}
		if l.node == nil {
			s.Value, s.Source, s.Default = defaultOf(l.field), "default", true
			if s.Value == "" {
				return
			}
		} else {
			s.Value, s.Source = v.shown(l), l.node.at.String()
		}
		out = append(out, s)
	}
	visit(configType, v.tree, field{}, nil, add)
	if v.config.Limit.StoreKind == "redis" {
		_, tree := d.readRedis(new(mistakes))
		visit(redisType, tree, field{}, redisPath, add)
	}
	return out
}

// operationOf is the operation that a path below an API leads into; empty if
// none.
func operationOf(p *path) string {
	for ; p != nil && p.up != nil; p = p.up {
		if p.up.up == nil && p.up.name == "operations" {
			return p.name
		}
	}
	return ""
}

// shown is what may be printed of a value.
func (v *view) shown(l visited) string {
	n := l.node
	isList := l.typ.Kind() == reflect.Slice
	if n.kind == mapping || n.kind == list && !isList {
		return redact.Mask // the wrong type: reported elsewhere, and it may hold anything
	}
	if n.kind == list || isList && n.tag == "" {
		items := n.items
		if n.kind == scalar {
			items = splitList(n)
		}
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = v.shown(visited{item, l.field, l.typ.Elem(), l.path})
		}
		return strings.Join(texts, ", ")
	}
	switch {
	case l.typ == secretType:
		s, err := secret.Parse(n.text)
		if err != nil {
			return redact.Mask
		}
		return printable(s.String())
	case l.field.secretValues():
		return v.shownParameter(l)
	case l.path.String() == "base_url":
		return presentable(v.config.BaseURL)
	}
	return presentable(n.text)
}

// shownParameter is what may be printed of a header or query value.
func (v *view) shownParameter(l visited) string {
	n := l.node
	hidden := v.secretHeader(l.path.name) || secretName(l.path.name)
	x, err := expand(n.text, nil)
	switch {
	case n.at.layer.kind == inEnvironment, err != nil:
		return redact.Mask
	case n.at.layer.kind == inOverride:
		x = expansion{text: n.text}
	}
	switch {
	case !hidden:
		return presentable(x.text)
	case len(x.names) == 1 && onlyScheme(x.text):
		return printable(x.text)
	}
	return redact.Mask
}

// onlyScheme reports whether a text is a placeholder, with at most one word
// such as Bearer before it.
func onlyScheme(s string) bool {
	word, rest, ok := strings.Cut(s, " ")
	if !ok {
		word, rest = "", s
	}
	letters := strings.IndexFunc(word, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) < 0
	return letters && len(word) < 12 && strings.HasPrefix(rest, "${") && strings.IndexByte(rest, '}') == len(rest)-1
}

// secretName reports whether a header or query parameter of this name usually
// holds a credential.
func secretName(name string) bool {
	plain := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for _, part := range []string{"token", "secret", "passw", "pwd", "credential", "api_key", "apikey", "access_key", "auth", "cookie", "session", "signature"} {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return plain == "key" || plain == "sig" || strings.HasSuffix(plain, "_key")
}

// presentable bounds a text and takes userinfo and queries out of URLs in it.
func presentable(s string) string { return (*redact.Redactor)(nil).Excerpt(s, maxText) }

// address is presentable for a URL that may hold placeholders, which would pass
// for userinfo.
func address(s string) string {
	if x, err := expand(s, nil); err == nil && len(x.names) > 0 && !strings.ContainsAny(s, "@?#") {
		return s
	}
	return presentable(s)
}

// Reference is something that a definition reaches beyond itself.
type Reference struct {
	Kind   string // "origin", "proxy", "store", "host", "secret", "file" or "listen"
	Value  string // "https://api.example.com", "env:TOKEN", "certs/ca.pem", "127.0.0.1:8080"
	Path   string // the setting that names it
	Source string // where it is written: FILE:LINE:COLUMN
}

// String returns "KIND VALUE (SOURCE)".
func (r Reference) String() string { return fmt.Sprintf("%s %s (%s)", r.Kind, r.Value, r.Source) }

// References lists what the files reach beyond themselves: origins that
// requests and credentials go to, proxies, secrets and variables that are read,
// files, addresses to listen on. It is what a person should look at before a
// definition from elsewhere is trusted: all profiles are included, nothing is
// read or replaced for it, and what variables and overrides set is left out.
func (d *Definition) References() []Reference {
	var out []Reference
	add := func(l visited) {
		if l.node != nil {
			out = append(out, referencesIn(l)...)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		for _, r := range f.parts() {
			t := r.section()
			if t == nil {
				t = configType
			}
			if tree := r.convert(); tree != nil {
				visit(t, tree, field{}, r.path, add)
			}
		}
	}
	return out
}

// reaching are the settings that name an address.
var reaching = []struct{ owner, name, kind string }{
	{"Config", "base_url", "origin"},
	{"Config", "origins", "origin"},
	{"Config", "private_hosts", "host"},
	{"Proxy", "url", "proxy"},
	{"Config", "url", "store"}, // of redisstore
	{"Gateway", "listen", "listen"},
}

func referencesIn(l visited) []Reference {
	if l.node.kind == list && l.typ.Kind() == reflect.Slice {
		var out []Reference
		for i, item := range l.node.items {
			out = append(out, referencesIn(visited{item, l.field, l.typ.Elem(), l.path.key(fmt.Sprintf("[%d]", i))})...)
		}
		return out
	}
	if l.node.kind != scalar {
		return nil
	}
	var out []Reference
	add := func(kind, value string) {
		out = append(out, Reference{kind, printable(value), printable(l.path.String()), l.node.at.String()})
	}
	for _, r := range reaching {
		if l.field.owner != nil && l.field.owner.Name() == r.owner && l.field.name == r.name {
			add(r.kind, address(l.node.text))
		}
	}
	switch {
	case l.typ == secretType:
		if s, err := secret.Parse(l.node.text); err == nil {
			add("secret", s.String())
		}
	case l.field.file:
		add("file", l.node.text)
	case l.field.expand:
		if x, err := expand(l.node.text, nil); err == nil {
			for _, name := range x.names {
				add("secret", "env:"+name)
			}
		}
	}
	return out
}
