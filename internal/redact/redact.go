// Package redact is the one place that decides what may be shown of a call:
// in errors, logs, traces, exports and terminals. It denies by default: query
// values and userinfo are never shown, header values only from an allow list,
// and every secret that was revealed is replaced wherever it turns up.
package redact

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Mask stands for every value that is not shown.
const Mask = "***"

// minSecret is the shortest value that is searched for in texts. Anything
// shorter would mask ordinary words.
const minSecret = 4

// Redactor replaces known secret values in texts. The zero value is ready to
// use; it is safe for concurrent use. A nil Redactor knows no secrets.
type Redactor struct {
	mu    sync.Mutex // serialises writers
	known atomic.Pointer[known]
}

// known is what a Redactor looks for. It is replaced, never changed.
type known struct {
	values  []string        // as added, oldest first
	forms   []string        // every spelling of every value, longest first
	headers map[string]bool // canonical names of fields that are secret
}

// maxValues bounds the memory of a Redactor whose secrets rotate. The oldest
// value goes first: a credential that was replaced so often is of no use any
// more, and one that is still in use is added again with each use.
const maxValues = 256

// Add makes value and its usual encodings (base64, URL, JSON, HTML) secret from
// now on. Values shorter than four bytes are ignored. The latest 256 values are
// kept.
func (r *Redactor) Add(value string) {
	if len(value) < minSecret || slices.Contains(r.load().values, value) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.load()
	if slices.Contains(old.values, value) {
		return
	}
	values := append(slices.Clone(old.values), value)
	if len(values) > maxValues {
		values = values[len(values)-maxValues:]
	}
	r.known.Store(&known{values: values, forms: allForms(values), headers: old.headers})
}

// HideHeader makes the values of a header field secret although its name is one
// that [Redactor.Header] would show.
func (r *Redactor) HideHeader(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.load()
	headers := maps.Clone(old.headers)
	if headers == nil {
		headers = make(map[string]bool)
	}
	headers[http.CanonicalHeaderKey(name)] = true
	r.known.Store(&known{values: old.values, forms: old.forms, headers: headers})
}

func (r *Redactor) load() *known {
	if r != nil {
		if k := r.known.Load(); k != nil {
			return k
		}
	}
	return &nothing
}

var nothing known

// Text returns s with every known secret replaced by [Mask]. Secrets that
// overlap go as one.
func (r *Redactor) Text(s string) string {
	var spans []span
	for _, f := range r.load().forms {
		for from := 0; ; {
			i := strings.Index(s[from:], f)
			if i < 0 {
				break
			}
			spans = append(spans, span{from + i, from + i + len(f)})
			from += i + 1
		}
	}
	return mask(s, spans)
}

// span is a part of a text that must not be shown.
type span struct{ from, to int }

func mask(s string, spans []span) string {
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	b.Grow(len(s))
	shown := 0 // where the text goes on after the last mask
	for i := 0; i < len(spans); {
		from, to := spans[i].from, spans[i].to
		for i++; i < len(spans) && spans[i].from <= to; i++ {
			to = max(to, spans[i].to)
		}
		b.WriteString(s[shown:from])
		b.WriteString(Mask)
		shown = to
	}
	b.WriteString(s[shown:])
	return b.String()
}

// Excerpt returns at most limit bytes, and an ellipsis if something is missing,
// of a text from outside, fit to be printed anywhere: known secrets masked, also
// where the text begins or ends inside one; no userinfo, query or token-like
// fragment in any URL of the text; control and bidirectional characters escaped.
func (r *Redactor) Excerpt(s string, limit int) string {
	s = r.hide(s)
	if !isPrintable(s) { // escapes can end a URL, or make up the beginning of a secret
		escaped := Printable(s)
		if hidden := r.hide(escaped); hidden != escaped {
			s = hidden
		}
	}
	return excerpt(s, limit)
}

func (r *Redactor) hide(s string) string { return maskURLs(r.trimPartial(r.Text(s))) }

// excerpt escapes s and cuts it at a rune or escape boundary.
func excerpt(s string, limit int) string {
	if len(s) <= limit && isPrintable(s) {
		return s
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		c, size := utf8.DecodeRuneInString(rest)
		before := b.Len()
		writePrintable(&b, c, rest[:size])
		if b.Len() > limit {
			return b.String()[:before] + "…"
		}
		rest = rest[size:]
	}
	return b.String()
}

// trimPartial masks what is left of a secret that the text was cut inside of,
// at its beginning or end.
func (r *Redactor) trimPartial(s string) string {
	var spans []span
	for _, f := range r.load().forms {
		for n := min(len(f)-1, len(s)); n >= minSecret; n-- {
			if strings.HasSuffix(s, f[:n]) {
				spans = append(spans, span{len(s) - n, len(s)})
				break
			}
		}
		for n := min(len(f)-1, len(s)); n >= minSecret; n-- {
			if strings.HasPrefix(s, f[len(f)-n:]) {
				spans = append(spans, span{0, n})
				break
			}
		}
	}
	return mask(s, spans)
}

// Printable escapes what could change a log line or a terminal: control
// characters (C0 but for tab, DEL, C1), bidirectional controls, line and
// paragraph separators, and invalid UTF-8. A line feed becomes \n.
func Printable(s string) string {
	if isPrintable(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for rest := s; rest != ""; {
		c, size := utf8.DecodeRuneInString(rest)
		writePrintable(&b, c, rest[:size])
		rest = rest[size:]
	}
	return b.String()
}

func isPrintable(s string) bool { return !strings.ContainsFunc(s, unprintable) }

// writePrintable writes the rune c, which is spelled raw.
func writePrintable(b *strings.Builder, c rune, raw string) {
	switch {
	case c == utf8.RuneError && len(raw) == 1:
		writeHex(b, `\x`, uint32(raw[0]), 2)
	case c == '\n':
		b.WriteString(`\n`)
	case c == '\r':
		b.WriteString(`\r`)
	case unprintable(c) && c < 0x100:
		writeHex(b, `\x`, uint32(c), 2)
	case unprintable(c):
		writeHex(b, `\u`, uint32(c), 4)
	default:
		b.WriteString(raw)
	}
}

func writeHex(b *strings.Builder, prefix string, v uint32, digits int) {
	const hex = "0123456789abcdef"
	b.WriteString(prefix)
	for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
		b.WriteByte(hex[v>>shift&0xf])
	}
}

func unprintable(c rune) bool {
	switch {
	case c == '\t':
		return false
	case c < 0x20, c >= 0x7f && c <= 0x9f, c == utf8.RuneError:
		return true
	case c == 0x061c, c >= 0x200e && c <= 0x200f, c >= 0x2028 && c <= 0x202e, c >= 0x2066 && c <= 0x206f:
		return true
	}
	return false
}

// shownHeaders are the fields whose values may be shown. Everything else,
// known or unknown, is masked.
var shownHeaders = map[string]bool{
	"Accept": true, "Accept-Charset": true, "Accept-Encoding": true, "Accept-Language": true, "Accept-Ranges": true,
	"Age": true, "Allow": true, "Cache-Control": true, "Cache-Status": true, "Connection": true,
	"Content-Disposition": true, "Content-Encoding": true, "Content-Language": true, "Content-Length": true,
	"Content-Range": true, "Content-Type": true, "Date": true, "Deprecation": true, "Etag": true, "Expires": true,
	"Host": true, "If-Match": true, "If-Modified-Since": true, "If-None-Match": true, "If-Range": true,
	"If-Unmodified-Since": true, "Keep-Alive": true, "Last-Modified": true, "Pragma": true, "Proxy-Status": true,
	"Range": true, "Ratelimit": true, "Ratelimit-Limit": true, "Ratelimit-Policy": true, "Ratelimit-Remaining": true,
	"Ratelimit-Reset": true, "Retry-After": true, "Server": true, "Sunset": true, "Te": true, "Traceparent": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "User-Agent": true, "Vary": true, "Via": true,
	"X-Content-Type-Options": true, "X-Ratelimit-Limit": true, "X-Ratelimit-Remaining": true, "X-Ratelimit-Reset": true,
	"X-Request-Id": true,
}

// Header returns what may be shown of one header field: the value for
// harmless fields (known secrets in it masked), [Mask] for all others.
func (r *Redactor) Header(name, value string) string {
	name = http.CanonicalHeaderKey(name)
	if shownHeaders[name] && !r.load().headers[name] {
		return Printable(r.Text(value))
	}
	return Mask
}

// credentialHeaders are the fields that carry credentials everywhere.
var credentialHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key"}

// SecretHeader reports whether the field, in canonical form, is known to carry
// a credential: it is one of the usual ones or was named to HideHeader.
func (r *Redactor) SecretHeader(name string) bool {
	return slices.Contains(credentialHeaders, name) || r.load().headers[name]
}

// For returns a Redactor that also knows the credentials in a request's header
// and the given values, which the server may repeat. It does not learn what r
// learns later.
func (r *Redactor) For(h http.Header, values ...string) *Redactor {
	values = append(credentialsIn(h, r.SecretHeader), values...)
	if len(values) == 0 {
		return r
	}
	own, known := new(Redactor), *r.load()
	own.known.Store(&known)
	for _, v := range values {
		own.Add(v)
	}
	return own
}

// credentialsIn lists the values of the secret fields, and of what they are made.
func credentialsIn(h http.Header, secret func(name string) bool) (out []string) {
	for name, values := range h {
		if name = http.CanonicalHeaderKey(name); !secret(name) {
			continue
		}
		for _, v := range values {
			out = append(out, v)
			if name == "Cookie" {
				out = append(out, cookieValues(v)...)
			} else if _, token, ok := strings.Cut(v, " "); ok {
				out = append(out, token) // without Bearer
			}
		}
	}
	return out
}

// MinCookie is the shortest cookie value that is searched for: a shorter one is
// no session but a word such as "dark", which would be masked everywhere.
const MinCookie = 8

func cookieValues(field string) (out []string) {
	for pair := range strings.SplitSeq(field, ";") {
		if _, value, _ := strings.Cut(pair, "="); len(value) >= MinCookie {
			out = append(out, value)
		}
	}
	return out
}
