// Package target reads what a command line calls: a URL, or api:/path where api
// is a name from a definition. It is pure and resolves nothing.
package target

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/internal/redact"
)

// Target is where a call goes. The path is kept as it was typed, with its {name}
// templates; in the query, which has none, what does not belong into a URL is
// escaped.
type Target struct {
	API  string // name from a definition; empty for a URL
	Path string // path and query behind the API's base_url; with a URL, the whole of it

	// User and Password are the userinfo of a URL, which Path does not hold.
	User, Password string
	HasUserinfo    bool
}

// Error is a target that cannot be called. Its text holds no userinfo and no
// query.
type Error struct {
	Target string // what may be shown of it
	Text   string
	Hint   string
}

// Error returns the target and what is wrong with it.
func (e *Error) Error() string { return "target " + e.Target + ": " + e.Text }

// Is reports whether a first argument is a target; otherwise it is a command.
func Is(arg string) bool { return strings.ContainsAny(arg, "./:") }

// Parse reads a target. A URL without scheme is https, or http for loopback
// names; :8080/x is http://localhost:8080/x.
func Parse(arg string) (Target, error) {
	fail := func(text, hint string) (Target, error) {
		return Target{}, &Error{Target: Shown(arg), Text: text, Hint: hint}
	}
	if strings.ContainsFunc(arg, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fail("it holds a control character", "quote the target and write line breaks as %0A")
	}
	if api, path, ok := cutAPI(arg); ok {
		if api == "http" || api == "https" {
			return fail("one slash follows the scheme", "write "+api+"://…")
		}
		path, err := readPath(path)
		if err != nil {
			return fail(err.Error(), queryHint)
		}
		return Target{API: api, Path: path}, nil
	}
	scheme, rest, ok := strings.Cut(arg, "://")
	if !ok || strings.ContainsAny(scheme, "/?#{.") {
		scheme, rest = "", arg
	} else if scheme == "" {
		return fail("its scheme is missing", "write https://…")
	}
	authority, path := cutAuthority(rest)
	t := Target{}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		t.User, t.Password, _ = strings.Cut(authority[:at], ":")
		t.HasUserinfo = true
		authority = authority[at+1:]
	}
	if strings.HasPrefix(authority, ":") {
		authority = "localhost" + strings.TrimSuffix(authority, ":")
	}
	host, err := hostOf(authority)
	if err != nil {
		return fail(err.Error(), hostHint(arg))
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https":
	case "":
		scheme = "https"
		if origin.Loopback(host) {
			scheme = "http"
		}
	default:
		hint := "a URL begins with https:// or http://"
		if APIName(scheme) {
			hint += ", the path of an API with one slash: " + scheme + ":/path"
		}
		return fail("the scheme is neither http nor https", hint)
	}
	if path, err = readPath(path); err != nil {
		return fail(err.Error(), queryHint)
	}
	if path != "" && path[0] == '?' {
		path = "/" + path
	}
	t.Path = scheme + "://" + authority + path
	return t, nil
}

// hostHint says what a target looks like; a word before the first colon may be
// meant as an API.
func hostHint(arg string) string {
	const hint = "a target is a URL, such as example.com/x or :8080/x, or api:/path"
	if api, path, ok := strings.Cut(arg, ":"); ok && APIName(api) && !strings.HasPrefix(path, "//") {
		return hint + "; the API " + api + " is " + api + ":/path"
	}
	return hint
}

const queryHint = "write name==value behind the target, or %7B and %7D for braces"

// readPath drops the fragment, which stays with the client (RFC 9110 section
// 7.1), and escapes the query.
func readPath(path string) (string, error) {
	path, _, _ = strings.Cut(path, "#")
	path, query, ok := strings.Cut(path, "?")
	if !ok {
		return path, nil
	}
	for rest := query; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return path + "?" + escapeQuery(query), nil
		}
		if name, _, ok := strings.Cut(after, "}"); ok && APIName(name) {
			return "", errors.New("{" + name + "} is in the query, which is not filled")
		}
		rest = after
	}
}

// escapeQuery escapes what a query may not hold (RFC 3986 section 3.4). A % is
// left alone: what follows is escaped already.
func escapeQuery(q string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(q) {
		if c := q[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>[]\\^`{|}", c) >= 0 {
			b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// cutAPI splits api:/path. One slash after the colon tells it from a scheme.
func cutAPI(arg string) (api, path string, ok bool) {
	api, path, ok = strings.Cut(arg, ":")
	return api, path, ok && APIName(api) && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//")
}

// APIName reports whether s can be the name of an API in a target.
func APIName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return s != ""
}

func cutAuthority(s string) (authority, path string) {
	if i := strings.IndexAny(s, `/?#\`); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func hostOf(authority string) (string, error) {
	if authority == "" {
		return "", errors.New("it has no host")
	}
	u, err := url.Parse("http://" + authority)
	if err != nil || strings.ContainsAny(authority, `{}"<>^|`+"` ") {
		return "", errors.New("its host is malformed")
	}
	switch {
	case u.Hostname() == "":
		return "", errors.New("it has no host")
	case strings.HasSuffix(authority, ":"):
		return "", errors.New("no port follows the colon")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", errors.New("its port is not between 1 and 65535")
		}
	}
	return u.Hostname(), nil
}

// Params lists the {name} templates of the path, in order.
func (t Target) Params() []string {
	path, _, _ := strings.Cut(t.Path, "?")
	var names []string
	for {
		_, rest, ok := strings.Cut(path, "{")
		if !ok {
			return names
		}
		name, tail, ok := strings.Cut(rest, "}")
		if !ok {
			return names
		}
		names = append(names, name)
		path = tail
	}
}

// Shown returns what may be shown of a target: no userinfo, no query, one line.
func Shown(arg string) string {
	const most = 120
	arg, _, _ = strings.Cut(arg, "?")
	arg, _, _ = strings.Cut(arg, "#")
	prefix, rest, ok := strings.Cut(arg, "://")
	if !ok {
		prefix, rest = "", arg
	} else {
		prefix += "://"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = redact.Mask + rest[at:]
	}
	shown, tail := prefix+rest, "'"
	if len(shown) > most {
		shown, tail = strings.ToValidUTF8(shown[:most], ""), "…'"
	}
	return "'" + redact.Printable(shown) + tail
}
