package redirect

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/internal/origin"
)

// nextMethod decides what becomes of method and body on the next hop: 303 turns
// all but HEAD into GET, 301 and 302 turn POST into GET (RFC 9110 sections
// 15.4.2 to 15.4.4); everything else stays as it is.
func nextMethod(status int, method string) (next string, keepBody bool) {
	switch {
	case status == http.StatusSeeOther && method == http.MethodHead:
		return method, false
	case status == http.StatusSeeOther:
		return http.MethodGet, false
	case method == http.MethodPost && (status == http.StatusMovedPermanently || status == http.StatusFound):
		return http.MethodGet, false
	}
	return method, true
}

// leaves reports whether a hop from one origin to another leaves the set: to an
// origin outside, or down to http.
func leaves(set origin.Set, from, to origin.Origin) bool {
	return !set.Has(to) || from.Secure() && !to.Secure()
}

// neutralBody are the fields that describe a body, for the hops that carry one
// to another origin.
var neutralBody = map[string]bool{
	"Content-Type": true, "Content-Language": true, "Content-Encoding": true,
}

// keepNeutral removes every field that may not reach another origin, in any
// letter case: those that are not neutral and those that the Config calls
// secret (canonical names).
func keepNeutral(h http.Header, body bool, secret []string) {
	for k := range h {
		name := textproto.CanonicalMIMEHeaderKey(k)
		if !origin.Neutral(name) && !(body && neutralBody[name]) || slices.Contains(secret, name) {
			delete(h, k)
		}
	}
}

// ofBody are the fields beside Content-* that speak of a body or of how it is
// sent.
var ofBody = map[string]bool{
	"Digest": true, "Repr-Digest": true, "Expect": true, "Trailer": true, "Transfer-Encoding": true, "Last-Modified": true,
}

// dropBodyFields removes what described the body of the hop before.
func dropBodyFields(h http.Header) {
	for k := range h {
		if name := textproto.CanonicalMIMEHeaderKey(k); ofBody[name] || strings.HasPrefix(name, "Content-") {
			delete(h, k)
		}
	}
}

// repeated reports whether the last of the visited requests has been made
// before.
func repeated(visited []string) bool {
	for _, v := range visited[:len(visited)-1] {
		if v == visited[len(visited)-1] {
			return true
		}
	}
	return false
}

// chain writes a history of redacted URLs in at most limit bytes or so: the
// first and the last ones, with an ellipsis for the middle.
func chain(urls []string, limit int) string {
	const arrow = " -> "
	whole := strings.Join(urls, arrow)
	if len(whole) <= limit || len(urls) < 3 {
		return clip(whole, limit)
	}
	head := clip(urls[0], limit/3)
	tail := clip(urls[len(urls)-1], limit/3)
	for i := len(urls) - 2; i > 0 && len(head)+len(tail)+len(urls[i]) < limit-16; i-- {
		tail = urls[i] + arrow + tail
	}
	return head + arrow + "…" + arrow + tail
}

// clip cuts s at a rune boundary.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
