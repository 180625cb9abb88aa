package auth

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/internal/origin"
)

// verdict is what the origin guard decides about an attempt.
type verdict int

const (
	refuse   verdict = iota // send nothing
	attach                  // the credential may go along
	withhold                // go on as the caller wrote it, without the credential
	strip                   // go on without anything secret
)

// judge decides about a target. hop says that the request continues an earlier
// one: a redirect, or a call that is anonymous already. left says that the call
// has been outside the set before this hop.
func judge(set origin.Set, target *url.URL, hop, left, noAuth bool) verdict {
	inside := set.HasURL(target)
	switch {
	case hop && (left || !inside):
		return strip
	case !inside:
		return refuse
	case noAuth:
		return withhold
	}
	return attach
}

// alwaysSecret are the fields that leave no origin set, whoever set them. The
// value of Referer is the URL of another origin's request.
var alwaysSecret = []string{"Authorization", "Proxy-Authorization", "Referer"}

// stripNames lists the fields to take off a request that goes on anonymously,
// in canonical form.
func stripNames(s scheme, secret []string) []string {
	names := slices.Clone(alwaysSecret)
	if s != nil && s.place().in == inHeader {
		names = append(names, s.place().name)
	}
	for _, n := range secret {
		names = append(names, canonical(n))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// stripHeader removes all fields with those names, in any letter case, and says
// whether there was one.
func stripHeader(h http.Header, names []string) (found bool) {
	for k := range h {
		if slices.Contains(names, textproto.CanonicalMIMEHeaderKey(k)) {
			delete(h, k)
			found = true
		}
	}
	return found
}

// hasHeader reports whether the caller set the field, in any letter case, to
// something that is not empty.
func hasHeader(h http.Header, name string) bool {
	for k, values := range h {
		if (k == name || strings.EqualFold(k, name)) && slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
			return true
		}
	}
	return false
}
