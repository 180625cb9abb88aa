package godwit

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/internal/origin"
)

// resolve fills template with params, puts it behind base and stores the result
// in u; it returns the values that the path holds. Without a base the template
// must be an absolute URL. The result has base's origin, or it is an error: no
// template and no value can change where a call goes.
func resolve(u *url.URL, base *url.URL, template string, params []Pair) ([]string, error) {
	path, rawQuery, hasQuery := strings.Cut(template, "?")
	prefix := ""
	switch {
	case isAbsolute(path):
		own, rest, err := splitAbsolute(path)
		if err != nil {
			return nil, err
		}
		if base != nil {
			if err := sameOrigin(base, own); err != nil {
				return nil, hintedError{err, "a client calls the origin of its base_url alone; make another one for that origin"}
			}
		}
		base, path = own, rest
	case base == nil && strings.Contains(path, "@"): // may hold a password
		return nil, errors.New("the target is no absolute URL and the client has no base_url")
	case base == nil:
		return nil, fmt.Errorf("%q is no absolute URL and the client has no base_url", clip(path))
	default:
		prefix = strings.TrimSuffix(base.EscapedPath(), "/")
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	filled, values, err := fill(path, params)
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = base.Scheme, base.Host
	if err := setPath(u, prefix+filled); err != nil {
		return nil, err
	}
	if hasQuery {
		if strings.ContainsAny(rawQuery, "#{}") || !printable(rawQuery) {
			return nil, errors.New("the query in the path holds a character that does not belong there; use Query")
		}
		u.RawQuery = rawQuery
	}
	return values, nil
}

func isAbsolute(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && !strings.ContainsAny(scheme, "/{")
}

func splitAbsolute(s string) (*url.URL, string, error) {
	scheme, rest, _ := strings.Cut(s, "://")
	authority, path := rest, ""
	if i := strings.IndexAny(rest, `/\#`); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return nil, "", errors.New("userinfo in a URL is refused: set auth instead")
	}
	u, err := url.Parse(strings.ToLower(scheme) + "://" + authority)
	if err != nil {
		return nil, "", errors.New("the host of the URL is malformed")
	}
	if _, err := origin.Of(u); err != nil {
		return nil, "", err
	}
	return u, path, nil
}

func sameOrigin(base, u *url.URL) error {
	want, err := origin.Of(base)
	if err != nil {
		return err
	}
	if got, err := origin.Of(u); err != nil || got != want {
		return &originError{want: want.String(), got: got.String()}
	}
	return nil
}

// originError says that a call would leave the client's origin.
type originError struct{ want, got string }

func (e *originError) Error() string {
	return fmt.Sprintf("the URL's origin %s is not the client's, %s", e.got, e.want)
}

func (e *originError) Unwrap() error { return ErrOriginNotAllowed }

// checkPath refuses what could make a server or a proxy see another path than
// the one written.
func checkPath(path string) error {
	switch {
	case path == "":
		return nil
	case path[0] != '/':
		return fmt.Errorf("the path %q must begin with /", clip(path))
	case strings.HasPrefix(path, "//"):
		return fmt.Errorf("the path %q begins with //, which names a host", clip(path))
	case strings.IndexByte(path, '\\') >= 0 || strings.IndexByte(path, '#') >= 0:
		return fmt.Errorf("the path %q holds %s; escape it", clip(path), `\ or #`)
	case !printable(path):
		return errors.New("the path holds a control character")
	}
	if strings.Contains(path, "/.") || strings.Contains(path, "%2") {
		for s := range strings.SplitSeq(path, "/") {
			if dotSegment(s) {
				return fmt.Errorf("the path %q holds a dot segment", clip(path))
			}
		}
	}
	return nil
}

// checkTemplate reports what fill could not use, whatever the values.
func checkTemplate(path string) error {
	path, _, _ = strings.Cut(path, "?")
	if err := checkPath(path); err != nil {
		return err
	}
	var all []Pair
	for rest := path; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			break
		}
		name, tail, _ := strings.Cut(after, "}")
		if name == "" {
			return fmt.Errorf("the path %q has a parameter without a name", clip(path))
		}
		if !slices.ContainsFunc(all, func(p Pair) bool { return p.Name == name }) {
			all = append(all, Pair{name, "x"})
		}
		rest = tail
	}
	_, _, err := fill(path, all)
	return err
}

func dotSegment(s string) bool {
	if len(s) > 6 || s == "" {
		return false
	}
	plain, err := url.PathUnescape(s)
	return err == nil && (plain == "." || plain == "..")
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// fill replaces each {name} by its escaped value. Every name must have exactly
// one value and every value a name.
func fill(path string, params []Pair) (string, []string, error) {
	if len(params) == 0 && strings.IndexByte(path, '{') < 0 && strings.IndexByte(path, '}') < 0 {
		return path, nil, nil
	}
	var b strings.Builder
	b.Grow(len(path) + 32)
	used := make([]bool, 0, 8) // on the stack, but for odd templates
	for range params {
		used = append(used, false)
	}
	values := make([]string, 0, len(params))
	var missing []string
	for rest := path; ; {
		before, after, ok := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return "", nil, fmt.Errorf("the path %q has a } without {", clip(path))
		}
		b.WriteString(before)
		if !ok {
			break
		}
		name, tail, ok := strings.Cut(after, "}")
		if !ok || strings.Contains(name, "{") {
			return "", nil, fmt.Errorf("the path %q has a { without }", clip(path))
		}
		i := slices.IndexFunc(params, func(p Pair) bool { return p.Name == name })
		if i < 0 {
			missing = append(missing, name)
		} else {
			value, err := segment(params[i])
			if err != nil {
				return "", nil, err
			}
			used[i] = true
			values = append(values, params[i].Value)
			b.WriteString(value)
		}
		rest = tail
	}
	if len(missing) > 0 {
		return "", nil, fmt.Errorf("path parameter %s has no value", quoteAll(missing))
	}
	if i := slices.Index(used, false); i >= 0 {
		return "", nil, fmt.Errorf("the path %q has no parameter {%s}", clip(path), clip(params[i].Name))
	}
	return b.String(), values, nil
}

// segment escapes a value so that it stays one path segment.
func segment(p Pair) (string, error) {
	switch p.Value {
	case "":
		return "", fmt.Errorf("path parameter %q is empty", p.Name)
	case ".", "..":
		return "", fmt.Errorf("path parameter %q is a dot segment", p.Name)
	}
	if !printable(p.Value) {
		return "", fmt.Errorf("path parameter %q holds a control character", p.Name)
	}
	return url.PathEscape(p.Value), nil
}

// setPath stores an escaped path; characters that must be escaped and are not
// yet are escaped now, nothing is escaped twice.
func setPath(u *url.URL, escaped string) error {
	if !strings.Contains(escaped, "%") {
		u.Path = escaped // EscapedPath escapes what needs it
		return nil
	}
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return fmt.Errorf("the path %q has a %% that begins no escape", clip(escaped))
	}
	u.Path, u.RawPath = plain, escaped
	return nil
}

func quoteAll(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(clip(n))
	}
	return strings.Join(out, ", ")
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
