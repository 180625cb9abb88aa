package redact

import (
	"net/url"
	"strings"
)

// maxURL is the most bytes of a URL that are shown.
const maxURL = 2048

// URL returns what may be shown of u, at most 2 KiB of it: no userinfo, no
// query values, no fragment. A URL that cannot be shown at all becomes
// "(none)".
func (r *Redactor) URL(u *url.URL) string {
	if u == nil {
		return "(none)"
	}
	var b strings.Builder
	if u.Scheme != "" {
		b.WriteString(u.Scheme)
		b.WriteString("://")
	}
	b.WriteString(u.Host[strings.LastIndexByte(u.Host, '@')+1:]) // a host made by hand may hold userinfo
	switch path := u.EscapedPath(); {
	case u.Opaque != "":
		b.WriteString(Mask)
	case path != "" && path[0] != '/' && u.Host != "":
		b.WriteByte('/')
		fallthrough
	default:
		b.WriteString(path)
	}
	if u.RawQuery != "" {
		b.WriteByte('?')
		b.WriteString(maskQuery(u.RawQuery))
	}
	return excerpt(r.trimPartial(r.Text(b.String())), maxURL)
}

// maskQuery keeps the names and hides the values. A part without "=" may be a
// value by itself and is hidden as a whole.
func maskQuery(raw string) string {
	const most = 32
	parts := strings.SplitN(raw, "&", most+1)
	for i, p := range parts {
		if name, _, ok := strings.Cut(p, "="); i == most {
			parts[i] = "…"
		} else if ok {
			parts[i] = name + "=" + Mask
		} else if p != "" {
			parts[i] = Mask
		}
	}
	return strings.Join(parts, "&")
}

// maskURLs masks userinfo, query values and fragments that hold a value in every
// URL that the text mentions, whoever wrote it: net/http, a proxy library, the
// server that echoes the request.
func maskURLs(s string) string {
	if !strings.Contains(s, "://") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		i += len("://")
		b.WriteString(s[:i])
		n := urlEnd(s[i:])
		maskURL(&b, s[i:i+n])
		s = s[i+n:]
	}
}

// urlEnd returns the length of the URL that s begins with: up to white space, a
// control character, a quote, an angle bracket, or a backslash, which escapes a
// quote.
func urlEnd(s string) int {
	return index(s, 0, func(c rune) bool { return c <= ' ' || strings.ContainsRune("\"'`<>\\", c) })
}

// index returns the position of the first rune at or after from that f is true
// for, or the length of s.
func index(s string, from int, f func(rune) bool) int {
	if i := strings.IndexFunc(s[from:], f); i >= 0 {
		return from + i
	}
	return len(s)
}

func endsPath(c rune) bool      { return c == '?' || c == '#' }
func endsAuthority(c rune) bool { return c == '/' || endsPath(c) }

// maskURL writes a URL from behind its "://" on. Its path may hold further
// URLs. Each byte is looked at a bounded number of times.
func maskURL(b *strings.Builder, s string) {
	lastAt := strings.LastIndexByte(s, '@')
	pathEnd := index(s, 0, endsPath)
	for pos := 0; ; {
		end := index(s, pos, endsAuthority)
		if at := strings.LastIndexByte(s[pos:end], '@'); at >= 0 {
			b.WriteString(Mask)
			pos += at
		} else if cutUserinfo(s[pos:end]) {
			b.WriteString(Mask)
			pos = max(end, lastAt)
		}
		if pathEnd < pos {
			pathEnd = index(s, pos, endsPath)
		}
		next := strings.Index(s[pos:pathEnd], "://")
		if next < 0 {
			b.WriteString(s[pos:pathEnd])
			maskTail(b, s[pathEnd:])
			return
		}
		next += pos + len("://")
		b.WriteString(s[pos:next])
		pos = next
	}
}

// cutUserinfo reports whether an authority without "@" is the beginning of a
// user and password, one with a raw "/", "?" or "#" or one that the text ends
// in: what stands behind its colon is no port.
func cutUserinfo(authority string) bool {
	if inner, ok := strings.CutPrefix(authority, "["); ok {
		address, rest, _ := strings.Cut(inner, "]")
		if address, _, _ = strings.Cut(address, "%"); strings.Trim(address, "0123456789abcdefABCDEF:.") == "" {
			authority = rest // IPv6
		}
	}
	_, port, colon := strings.Cut(authority, ":")
	port = strings.TrimRight(port, ":,;.)]}") // punctuation of the text around
	return colon && strings.Trim(port, "0123456789") != ""
}

// maskTail writes a query and a fragment.
func maskTail(b *strings.Builder, s string) {
	query, fragment, hasFragment := strings.Cut(s, "#")
	if query != "" {
		b.WriteByte('?')
		b.WriteString(maskQuery(query[1:]))
	}
	switch {
	case strings.ContainsAny(fragment, "=@"):
		b.WriteString("#" + Mask)
	case hasFragment:
		b.WriteString("#" + fragment)
	}
}
