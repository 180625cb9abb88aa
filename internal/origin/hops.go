package origin

import (
	"net/http"
	"net/url"
	"strings"
)

// maxHops bounds the walk along the responses that a foreign http.Client leaves
// in its requests; a longer history counts as one that left the set.
const maxHops = 100

// Leaves reports whether a step from one URL to the next leads out of the set,
// comes from outside, or goes from https to http within it: what was meant for
// https does not go on in clear.
func (s Set) Leaves(from, to *url.URL) bool {
	if !s.HasURL(to) || from != nil && !s.HasURL(from) {
		return true
	}
	return from != nil && strings.EqualFold(from.Scheme, "https") && strings.EqualFold(to.Scheme, "http")
}

// Left reports whether the redirects that led to req, kept in Request.Response
// the way [http.Client] does, ever left the set. The middle of a hop that cannot
// be seen counts as outside.
func (s Set) Left(req *http.Request) bool {
	for range maxHops {
		if req.Response == nil {
			return false
		}
		from := req.Response.Request
		if from == nil || from.URL == nil || s.Leaves(from.URL, req.URL) {
			return true
		}
		req = from
	}
	return true
}

// First returns the URL that the redirects to req began with, as far as they can
// be seen.
func First(req *http.Request) *url.URL {
	for range maxHops {
		if req.Response == nil || req.Response.Request == nil {
			break
		}
		req = req.Response.Request
	}
	return req.URL
}

// neutral are the request fields that may reach any origin: they say what the
// client can read, not who it is. Anything else may be a credential.
var neutral = map[string]bool{
	"Accept": true, "Accept-Charset": true, "Accept-Encoding": true, "Accept-Language": true,
	"Cache-Control": true, "Pragma": true, "Range": true, "If-Range": true, "If-None-Match": true,
	"If-Modified-Since": true, "User-Agent": true,
}

// Neutral reports whether the header field, in canonical form, may reach an
// origin outside the set.
func Neutral(field string) bool { return neutral[field] }
