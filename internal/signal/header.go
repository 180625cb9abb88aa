package signal

import (
	"net/http"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/internal/retryafter"
)

// has reports whether h has the field. The name is in canonical form.
func has(h http.Header, name string) bool { return len(h[name]) > 0 }

func anyOf(h http.Header, names []string) bool {
	for _, n := range names {
		if has(h, n) {
			return true
		}
	}
	return false
}

func anyRelevant(h http.Header) bool {
	for name := range h {
		if relevant(name) {
			return true
		}
	}
	return false
}

// relevant reports whether the standards or guessing know fields that are named
// like this: ratelimit, x-ratelimit-remaining, x-rate-limit-reset,
// vendor-ratelimit-limit, retry-after, grpc-retry-pushback-ms, x-should-retry.
func relevant(name string) bool {
	switch name {
	case "Retry-After", "Retry-After-Ms", "X-Ms-Retry-After-Ms", "X-Should-Retry", "Grpc-Retry-Pushback-Ms":
		return true
	}
	if len(name) < len("Ratelimit") || name[0] != 'R' && name[0] != 'X' && len(name) < len("V-Ratelimit-Reset") {
		return false
	}
	return strings.Contains(name, "imit")
}

// aged reports that the response comes out of a cache.
func aged(h http.Header) bool {
	for _, v := range h["Age"] {
		if d, ok := retryafter.Seconds(strings.Trim(v, " \t")); ok && d > 0 {
			return true
		}
	}
	return false
}

// isJSON reports whether the body is one JSON document.
func isJSON(h http.Header) bool {
	if !has(h, "Content-Type") {
		return false
	}
	kind, _, _ := strings.Cut(strings.ToLower(h["Content-Type"][0]), ";")
	kind = strings.TrimSpace(kind)
	return strings.HasSuffix(kind, "/json") || strings.HasSuffix(kind, "+json") && !strings.Contains(kind, "stream")
}

// get returns the value of the field, "" if there is none worth reading: of
// several the first, since a proxy on the way adds its own behind it.
func (r *reading) get(name string) string {
	values := r.Header[name]
	if len(values) == 0 || len(values[0]) > maxField {
		return ""
	}
	return strings.Trim(values[0], " \t")
}

// take returns the value of the field and keeps it from being guessed at.
func (r *reading) take(name string) string {
	if !has(r.Header, name) {
		return ""
	}
	r.taken = append(r.taken, name)
	return r.get(name)
}

// lines returns all values of the field and keeps it from being guessed at;
// nil if they are too long to be honest.
func (r *reading) lines(name string) []string {
	values := r.Header[name]
	if len(values) == 0 {
		return nil
	}
	r.taken = append(r.taken, name)
	n := 0
	for _, v := range values {
		n += len(v)
	}
	if n > maxField {
		return nil
	}
	return values
}

// left returns the names that start with prefix and that nobody took, sorted;
// for no prefix, of those that look like a rate limit.
func (r *reading) left(prefix string) []string {
	names := make([]string, 0, 8)
	for name := range r.Header {
		if strings.HasPrefix(name, prefix) && (prefix != "" || relevant(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	slices.Sort(r.taken)
	return slices.DeleteFunc(names, func(n string) bool {
		_, taken := slices.BinarySearch(r.taken, n)
		return taken
	})
}

// clean makes a text of the server fit for keys and logs.
func clean(s string) string {
	const most = 128
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}
