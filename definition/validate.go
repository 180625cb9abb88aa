package definition

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/secret"
)

// Validate looks at everything: each section of each file by itself, profiles
// that are not in use included, then each API with its layers applied, as a
// client would be made of it. Nothing is sent and no secret is read; the files
// that tls names are. The error is [Errors].
func (d *Definition) Validate() error {
	var bad mistakes
	d.validate(&bad)
	return bad.err()
}

// Check is Validate and then reads every secret that an API refers to once, so
// that a missing variable or file shows before the first call. The error is
// [Errors]; each names the reference and where it is written, never a value.
func (d *Definition) Check(ctx context.Context) error {
	var bad mistakes
	try := func(l visited) {
		if l.typ != secretType || l.node == nil {
			return
		}
		if err := reveal(ctx, l); err != nil {
			bad.add(&Error{File: l.node.at.file(), Line: l.node.at.line, Column: l.node.at.column, Path: l.path.String(), Msg: err.Error(), Err: err})
		}
	}
	for _, v := range d.validate(&bad) {
		visit(configType, v.tree, field{}, v.path, try)
	}
	if _, tree := d.readRedis(new(mistakes)); tree != nil {
		visit(redisType, tree, field{}, redisPath, try)
	}
	return bad.err()
}

// reveal reads a secret and forgets it.
func reveal(ctx context.Context, l visited) error {
	var s secret.Secret
	dec := &decoder{bad: new(mistakes)}
	dec.value(l.node, reflect.ValueOf(&s).Elem(), field{}, nil)
	if s.IsZero() {
		return nil // a bad reference, reported by validate
	}
	_, err := s.Reveal(ctx)
	return err
}

// validate returns the APIs that could be read.
func (d *Definition) validate(bad *mistakes) []*view {
	for _, f := range d.files {
		for _, r := range f.parts() {
			d.validatePart(r, bad)
		}
	}
	var views []*view
	for _, name := range d.apis {
		var own mistakes
		v := d.decode(name, &own)
		if len(own.list) == 0 {
			d.attach(v, &own)
		}
		if len(own.list) == 0 {
			if c, e := v.client(); e != nil {
				own.add(e)
			} else if err := c.Close(); err != nil {
				own.at(v.at, v.path, "its client does not close: "+err.Error(), "")
			}
		}
		bad.addAll(own.list)
		if v.tree != nil {
			views = append(views, v)
		}
	}
	d.readGateway(bad)
	d.readRedis(bad)
	return views
}

// validatePart looks at one section of a file without the layers around it.
func (d *Definition) validatePart(r *raw, bad *mistakes) {
	d.mu.Lock()
	tree := r.convert()
	d.mu.Unlock()
	bad.addAll(r.bad.list)
	if tree == nil {
		return
	}
	dec := &decoder{bad: bad}
	if t := r.section(); t != nil {
		dec.structure(tree, reflect.New(t).Elem(), r.path)
		return
	}
	v := view{tree: tree, path: r.path, at: r.name}
	var own mistakes
	dec.bad = &own
	dec.structure(tree, reflect.ValueOf(&v.config).Elem(), r.path)
	v.checkOperations(&own)
	v.checkStatuses(&own)
	v.checkHeaders(&own)
	bad.addAll(own.list)
}

// client makes the client of a view. What it refuses is reported at the
// setting, when the message names one.
func (v *view) client() (*godwit.Client, *Error) {
	c, err := godwit.New(v.config)
	if err == nil {
		return c, nil
	}
	return nil, v.explain(err)
}

// explain turns an error of the facade or a policy ("timeout.connect: cannot be
// …") into one with a place.
func (v *view) explain(err error) *Error {
	text, hint := configText(err)
	text = strings.TrimPrefix(text, fmt.Sprintf("api %q: ", v.name))
	at, p := v.at, v.path
	if setting, rest, ok := strings.Cut(text, ": "); ok {
		if to, found := follow(configType, field{}, settingNames(setting)); found && to.owner != nil {
			text = rest
			for _, name := range settingNames(setting) {
				p = p.key(name)
			}
			at = v.place(settingNames(setting)...)
		}
	}
	e := &Error{File: at.file(), Line: at.line, Column: at.column, Path: p.String(), Hint: hint, Err: err}
	e.Msg = v.redactor().Text(text)
	if e.Msg != text {
		e.Err = nil // its text holds a secret
	}
	return e
}

func (v *view) redactor() *redact.Redactor {
	r := new(redact.Redactor)
	for _, s := range v.config.SecretValues {
		r.Add(s)
	}
	return r
}

// settingNames splits "limit.quotas[1].burst" into its keys; an element of a
// list is one of its own, [1].
func settingNames(s string) []string {
	return strings.Split(strings.ReplaceAll(s, "[", ".["), ".")
}

// place returns where a setting is written, or what is nearest above it.
func (v *view) place(keys ...string) place {
	return placeIn(configType, v.tree, v.at, keys...)
}

// placeIn is where a setting below n, of type t, is written, or what is nearest
// above it; at is where n is.
func placeIn(t reflect.Type, n *node, at place, keys ...string) place {
	for _, k := range keys {
		if n == nil {
			break
		}
		n = longForm(indirect(t), n).get(k)
		t, _ = childType(indirect(t), k)
		if n != nil {
			at = n.at
		}
	}
	return at
}

// bad reports a setting of the view.
func (v *view) bad(m *mistakes, msg, hint string, keys ...string) {
	p := v.path
	for _, k := range keys {
		p = p.key(k)
	}
	if at := v.place(keys...); at.layer == nil || !m.has(at) { // else its value could not be read
		m.at(at, p, msg, hint)
	}
}

// check looks at what types cannot say.
func (v *view) check(m *mistakes) {
	v.checkBase(m)
	v.checkHeaders(m)
	v.checkStatuses(m)
	v.checkOperations(m)
	v.checkAuth(m)
}

func (v *view) checkBase(m *mistakes) {
	if v.config.BaseURL == "" {
		if !m.about(v.path.key("base_url")) {
			v.bad(m, "base_url is missing", "write base_url: https://…", "base_url")
		}
		return
	}
	const hint = "write it like https://api.example.com/v2"
	u, err := url.Parse(v.config.BaseURL)
	switch {
	case err != nil:
		v.bad(m, "it is not a URL", hint, "base_url")
	case u.User != nil:
		v.bad(m, "it holds a user or password", "use auth.basic", "base_url")
	case u.RawQuery != "" || u.ForceQuery:
		v.bad(m, "it holds a query", "use query", "base_url")
	case strings.Contains(v.config.BaseURL, "#"):
		v.bad(m, "it holds a fragment (#)", hint, "base_url")
	default:
		if _, err := origin.Of(u); err != nil {
			v.bad(m, err.Error(), hint, "base_url")
		}
	}
}

// checkHeaders refuses names that cannot be and credentials written out.
func (v *view) checkHeaders(m *mistakes) {
	v.headers(m, v.config.Headers, "headers")
	for _, name := range slices.Sorted(maps.Keys(v.config.Operations)) {
		v.headers(m, v.config.Operations[name].Headers, "operations", name, "headers")
	}
}

func (v *view) headers(m *mistakes, headers map[string]string, keys ...string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at := append(slices.Clone(keys), name)
		if !isToken(name) {
			v.bad(m, "it cannot be the name of a header", "", at...)
			continue
		}
		if hint := unsettable(name); hint != "" {
			v.bad(m, "it has no effect here", hint, at...)
			continue
		}
		if strings.EqualFold(name, "Host") && headers[name] != "" && !hostPattern(headers[name]) {
			v.bad(m, "its value is not a host", "write api.example.com", at...)
		}
		if !v.secretHeader(name) {
			continue
		}
		if n := v.node(at...); n != nil && n.at.layer.kind != inEnvironment && !expands(n.text) {
			v.bad(m, "a credential must not be written out here", "use auth, or ${env:NAME}", at...)
		}
	}
}

// unsettable says where a field comes from that is written anew for every
// request; empty for any other.
func unsettable(name string) string {
	switch http.CanonicalHeaderKey(name) {
	case "Content-Length", "Transfer-Encoding", "Trailer":
		return "remove it: it follows from the body of a call"
	case "Proxy-Authorization":
		return "use proxy.username and proxy.password"
	}
	return ""
}

// node returns the node of a setting; nil if no layer sets it.
func (v *view) node(keys ...string) *node {
	n := v.tree
	for _, k := range keys {
		n = n.get(k)
	}
	return n
}

// credentialHeaders are the fields that carry credentials everywhere.
var credentialHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key"}

func (v *view) secretHeader(name string) bool {
	same := func(s string) bool { return strings.EqualFold(s, name) }
	return slices.ContainsFunc(credentialHeaders, same) || slices.ContainsFunc(v.config.SecretHeaders, same)
}

func expands(s string) bool {
	x, err := expand(s, nil)
	return err == nil && len(x.names) > 0
}

func (v *view) checkStatuses(m *mistakes) {
	v.statuses(m, v.config.Statuses, "statuses")
	for _, name := range slices.Sorted(maps.Keys(v.config.Operations)) {
		v.statuses(m, v.config.Operations[name].Statuses, "operations", name, "statuses")
	}
}

func (v *view) statuses(m *mistakes, statuses map[int]string, keys ...string) {
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		if status < 100 || status > 599 {
			v.bad(m, "it is not a status", "statuses are 100 to 599", append(slices.Clone(keys), fmt.Sprint(status))...)
		}
	}
}

func (v *view) checkOperations(m *mistakes) {
	for _, name := range slices.Sorted(maps.Keys(v.config.Operations)) {
		if !validOperation(name) {
			v.bad(m, quote(name)+" cannot be the name of an operation", operationRule, "operations", name)
		}
		op := v.config.Operations[name]
		if op.Request == "" && v.partial() {
			continue
		}
		params, msg, hint := checkRequest(op.Request)
		if msg != "" {
			v.bad(m, msg, hint, "operations", name, "request")
			continue
		}
		for _, param := range slices.Sorted(maps.Keys(op.Params)) {
			v.checkParam(m, name, param, op.Params[param], slices.Contains(params, param))
		}
	}
}

// partial reports that the view is one section of a file, whose operations may
// lack what another layer says.
func (v *view) partial() bool { return v.name == "" }

func (v *view) checkParam(m *mistakes, op, param, where string, inTemplate bool) {
	places := []string{"path", "query", "header", "body"}
	switch {
	case !slices.Contains(places, where):
		v.bad(m, quote(where)+" is not a place for a parameter", "write path, query, header or body", "operations", op, "params", param)
	case inTemplate && where != "path":
		v.bad(m, "the path has this parameter", "write path, or take {"+param+"} out of the path", "operations", op, "params", param)
	case !inTemplate && where == "path":
		v.bad(m, "the path does not have this parameter", "add {"+param+"} to the path of the request", "operations", op, "params", param)
	}
}

// checkRequest takes "METHOD /path" apart and returns the path's parameters, or
// what is wrong.
func checkRequest(s string) (params []string, msg, hint string) {
	const form = "write a method and a path, such as GET /users/{login}"
	method, path, ok := strings.Cut(strings.TrimSpace(s), " ")
	path = strings.TrimSpace(path)
	switch {
	case s == "":
		return nil, "the request is missing", form
	case !ok || path == "":
		return nil, "it is not a method and a path", form
	case !isToken(method):
		return nil, quote(method) + " cannot be a method", form
	case method != strings.ToUpper(method) && standardMethod(strings.ToUpper(method)):
		return nil, quote(method) + " is not a method: they are case-sensitive", "write " + strings.ToUpper(method)
	case path[0] != '/' || strings.HasPrefix(path, "//"):
		return nil, "the path must begin with one /", form
	case strings.ContainsAny(path, " \t\\#") || redact.Printable(path) != path:
		return nil, "the path holds a character that must be escaped", form
	}
	return pathParams(path)
}

func pathParams(path string) (params []string, msg, hint string) {
	path, query, _ := strings.Cut(path, "?")
	if strings.ContainsAny(query, "{}") {
		return nil, "a parameter stands in the query", "give it under query, or with the call"
	}
	for {
		before, after, ok := strings.Cut(path, "{")
		if strings.Contains(before, "}") {
			return nil, "the path has a } without {", ""
		}
		if !ok {
			return params, "", ""
		}
		name, rest, ok := strings.Cut(after, "}")
		switch {
		case !ok || strings.Contains(name, "{"):
			return nil, "the path has a { without }", ""
		case name == "" || strings.ContainsAny(name, "/ "):
			return nil, "the path has a parameter without a name", "write it like {id}"
		}
		params = append(params, name)
		path = rest
	}
}

func standardMethod(s string) bool {
	return slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect,
	}, s)
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// checkAuth wants exactly one scheme where auth is set.
func (v *view) checkAuth(m *mistakes) {
	n := v.node("auth")
	if n == nil || n.kind != mapping {
		return
	}
	authType, _ := childType(configType, "auth")
	var schemes, all []string
	for _, f := range fieldsOf(authType) {
		if !f.alternative() {
			continue
		}
		all = append(all, f.name)
		if n.get(f.name) != nil {
			schemes = append(schemes, f.name)
		}
	}
	switch {
	case len(schemes) > 1:
		v.bad(m, "a second scheme beside "+schemes[0], "keep one", "auth", schemes[1])
	case len(schemes) == 0:
		v.bad(m, "no scheme is named", "add one of "+strings.Join(all, ", "), "auth")
	}
}

func checkGateway(g Gateway, tree *node, p *path, apis []string, bad *mistakes) {
	report := func(n *node, p *path, msg, hint string) {
		if !bad.has(n.at) { // else its value could not be read
			bad.at(n.at, p, msg, hint)
		}
	}
	each := func(name string, texts []string, ok func(string) bool, msg, hint string) {
		n := tree.get(name)
		for i, s := range texts {
			if ok(s) {
				continue
			}
			item := n
			if n.kind == list {
				item = n.items[i]
			}
			report(item, p.key(name).key(fmt.Sprintf("[%d]", i)), quote(s)+msg, hint)
		}
	}
	each("listen", g.Listen, listenAddress, " is not an address", "write host:port, such as 127.0.0.1:8080")
	each("hosts", g.Hosts, hostPattern, " is not a host", "write gateway.example.com, or *.example.com for any labels before it")
	for name, d := range map[string]time.Duration{"grace": g.Grace, "drain_delay": g.DrainDelay} {
		if d < 0 {
			report(tree.get(name), p.key(name), "it cannot be without end", "write a duration such as 30s")
		}
	}
	if served := tree.get("apis"); served != nil {
		for _, e := range served.keys {
			if !bad.full() && !slices.Contains(apis, e.name) {
				bad.at(e.at, p.key("apis").key(e.name), "there is no API "+quote(e.name), didYouMean(e.name, apis))
			}
		}
	}
}
