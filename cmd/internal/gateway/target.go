package gateway

import (
	"net/url"
	"strings"
)

// target is a request target in its one parsed form: the route is chosen from
// it and the upstream's URL is built from it, so the two cannot disagree.
type target struct {
	api      string // first path segment, decoded
	rest     string // the path after it, escaped, byte for byte; empty or begins with /
	query    string // byte for byte, without the question mark
	hasQuery bool   // there was a question mark
}

// parseTarget reads the request target of a request line: origin form or
// absolute form (RFC 9112 section 3.2). What two servers could read in two ways
// is refused: encoded slashes and backslashes, dot segments, fragments, broken
// percent-encoding, and queries that url.ParseQuery rejects.
func parseTarget(raw string) (target, *refusal) {
	path, query, hasQuery := strings.Cut(stripAuthority(raw), "?")
	if why := badPath(path); why != "" {
		return target{}, malformed(why)
	}
	if why := badQuery(query); why != "" {
		return target{}, malformed(why)
	}
	t := target{query: query, hasQuery: hasQuery}
	first := path[1:]
	if i := strings.IndexByte(first, '/'); i >= 0 {
		first, t.rest = first[:i], escapeStray(first[i:])
	}
	t.api, _ = url.PathUnescape(first) // badPath has checked the escapes
	return t, nil
}

// stripAuthority turns the absolute form into the origin form: a gateway serves
// every name it is called by.
func stripAuthority(raw string) string {
	if strings.HasPrefix(raw, "/") {
		return raw
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return raw
	}
	i := strings.IndexAny(rest, "/?#")
	if i < 0 {
		return "/"
	}
	if rest[i] != '/' {
		return "/" + rest[i:]
	}
	return rest[i:]
}

func malformed(why string) *refusal {
	return &refusal{situation: malformedRequest, detail: why}
}

// badPath says what is wrong with an escaped path; empty if nothing is.
func badPath(path string) string {
	switch {
	case path == "" || path[0] != '/':
		return "the request target must be a path that begins with /"
	case strings.Contains(path, "#"):
		return "the path holds a fragment"
	case strings.Contains(path, `\`):
		return "the path holds a backslash"
	case hasControl(path):
		return "the path holds a control character"
	}
	if why := badEscapes(path); why != "" {
		return why
	}
	if !strings.Contains(path, "/.") && !strings.Contains(path, "%2") {
		return ""
	}
	for segment := range strings.SplitSeq(path, "/") {
		if isDotSegment(segment) {
			return "the path holds a dot segment"
		}
	}
	return ""
}

// badEscapes checks the percent-encoding, and that it hides no separator.
func badEscapes(path string) string {
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			continue
		}
		if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
			return "the path holds a % that begins no escape"
		}
		switch path[i+1 : i+3] {
		case "2f", "2F":
			return "the path holds an encoded slash"
		case "5c", "5C":
			return "the path holds an encoded backslash"
		case "00":
			return "the path holds an encoded NUL"
		}
		i += 2
	}
	return ""
}

// isDotSegment also sees through escapes and through the ;parameters that some
// servers cut off a segment before they resolve it.
func isDotSegment(segment string) bool {
	if !strings.HasPrefix(segment, ".") && !strings.HasPrefix(segment, "%2") {
		return false
	}
	plain, err := url.PathUnescape(segment)
	if err != nil {
		return false
	}
	plain, _, _ = strings.Cut(plain, ";")
	return plain == "." || plain == ".."
}

func badQuery(query string) string {
	switch {
	case query == "":
		return ""
	case strings.Contains(query, "#"):
		return "the query holds a fragment"
	case hasControl(query):
		return "the query holds a control character"
	}
	if _, err := url.ParseQuery(query); err != nil {
		return "the query cannot be parsed: every ; and % in it must be escaped" // err repeats values
	}
	return ""
}

// escapeStray escapes the bytes that no path may hold (RFC 3986 section 3.3),
// such as { or bytes beyond ASCII, and leaves every other byte as it is.
func escapeStray(path string) string {
	stray := 0
	for i := range len(path) {
		if !isPathByte(path[i]) {
			stray++
		}
	}
	if stray == 0 {
		return path
	}
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(path) + 2*stray)
	for i := range len(path) {
		if c := path[i]; isPathByte(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&0xf])
		}
	}
	return b.String()
}

// isPathByte accepts pchar, / and the brackets that net/url leaves alone.
func isPathByte(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("-._~!$&'()*+,;=:@/%[]", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// upstreamURL puts the target behind the API's base URL. The host is base's,
// whatever the target says.
func upstreamURL(base *url.URL, t target) (*url.URL, *refusal) {
	path := base.EscapedPath()
	if t.rest != "" {
		path = strings.TrimSuffix(path, "/") + t.rest
	}
	if strings.HasPrefix(path, "//") {
		return nil, malformed("the path begins with an empty segment")
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, malformed("the path holds a % that begins no escape")
	}
	return &url.URL{
		Scheme: base.Scheme, Host: base.Host,
		Path: plain, RawPath: path,
		RawQuery: t.query, ForceQuery: t.hasQuery && t.query == "",
	}, nil
}

// withoutParam takes the parameters called name out of a raw query and leaves
// the others byte for byte.
func withoutParam(rawQuery, name string) string {
	if rawQuery == "" {
		return ""
	}
	kept := make([]string, 0, strings.Count(rawQuery, "&")+1)
	for pair := range strings.SplitSeq(rawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(key); err != nil || !strings.EqualFold(plain, name) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}
