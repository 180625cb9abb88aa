package redirect

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/godwit-go/godwit/internal/origin"
)

// maxLocation is the longest Location that is followed, in bytes.
const maxLocation = 8 << 10

// refusal says why a Location is not followed. Its text holds nothing that the
// server chose.
type refusal string

func (r refusal) Error() string { return string(r) }

// The reasons for which a Location is refused.
const (
	refusedMany      refusal = "the answer has several different Location fields"
	refusedLong      refusal = "the Location is longer than 8 KiB"
	refusedMalformed refusal = "the Location is not a URL"
	refusedUserinfo  refusal = "the Location holds a user or password"
	refusedScheme    refusal = "the Location is neither http nor https"
	refusedHost      refusal = "the Location has no valid host"
)

// isRedirect reports whether the status asks to go on elsewhere: RFC 9110
// section 15.4 without 300 (a choice), 304, and the retired 305 and 306.
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// location returns the one Location of a response; empty if it has none. Equal
// ones count as one (RFC 9110 section 5.3 would make a list of them).
func location(h http.Header) (string, error) {
	values := h["Location"]
	if len(values) == 0 {
		return "", nil
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return "", refusedMany
		}
	}
	if len(values[0]) > maxLocation {
		return "", refusedLong
	}
	return values[0], nil
}

// destination is where a Location leads.
type destination struct {
	url      *url.URL
	origin   origin.Origin
	relative bool // the Location named no host
}

// resolve reads a Location relative to base (RFC 9110 section 10.2.2, RFC 3986
// section 5).
func resolve(base *url.URL, loc string) (destination, error) {
	ref, err := url.Parse(loc)
	switch {
	case err != nil:
		return destination{}, refusedMalformed
	case ref.User != nil:
		return destination{}, refusedUserinfo
	case ref.Scheme != "" && ref.Scheme != "http" && ref.Scheme != "https": // Parse has lowered it
		return destination{}, refusedScheme
	case ref.Opaque != "": // http:path
		return destination{}, refusedHost
	case ref.Host == "" && (ref.Scheme != "" || strings.HasPrefix(loc, "//")): // http:///path, ///path
		return destination{}, refusedHost
	}
	relative := ref.Scheme == "" && ref.Host == ""
	if !relative && strings.ContainsFunc(ref.Host, badInHost) {
		return destination{}, refusedHost
	}
	to := base.ResolveReference(ref)
	if ref.Fragment == "" && !strings.Contains(loc, "#") { // the request's fragment goes along
		to.Fragment, to.RawFragment = base.Fragment, base.RawFragment
	}
	o, err := origin.Of(to)
	if err != nil {
		return destination{}, refusedHost
	}
	// What is written out must be read back as the same place by whoever reads
	// it next: net/url alone accepts //:: and then refuses it.
	if again, err := url.Parse(to.String()); err != nil || again.Host != to.Host || again.RequestURI() != to.RequestURI() {
		return destination{}, refusedMalformed
	}
	return destination{url: to, origin: o, relative: relative}, nil
}

// badInHost finds what url.Parse lets through and other parsers read
// differently.
func badInHost(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(`\%<>"^{}|`+"`", r)
}
