// Package origin compares the origins that credentials are bound to: scheme,
// host and port in one normal form.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Origin is a scheme, host and port in normal form: lower-case ASCII host
// without trailing dot, port always present.
type Origin struct{ scheme, host, port string }

// maxHost is the longest host name in bytes (RFC 1035 section 2.3.4).
const maxHost = 253

// Of returns the origin of an absolute http or https URL.
func Of(u *url.URL) (Origin, error) {
	if u == nil {
		return Origin{}, errors.New("URL is missing")
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "http" && scheme != "https" {
		return Origin{}, fmt.Errorf("scheme %q is neither http nor https", clip(scheme))
	}
	host, err := normalHost(u.Hostname())
	if err != nil {
		return Origin{}, err
	}
	port, err := normalPort(u.Port(), scheme)
	if err != nil {
		return Origin{}, err
	}
	return Origin{scheme, host, port}, nil
}

func normalPort(port, scheme string) (string, error) {
	switch {
	case port == "" && scheme == "http":
		return "80", nil
	case port == "":
		return "443", nil
	case port[0] != '0' && len(port) < 5: // without an allocation
		return port, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("the port is not between 1 and 65535")
	}
	return strconv.FormatUint(n, 10), nil // 0443 is dialled as 443
}

// Parse reads an origin written by a person, such as https://api.example.com.
// A path other than "/", a query, a fragment or userinfo is an error.
func Parse(s string) (Origin, error) {
	u, err := url.Parse(s)
	if err != nil {
		return Origin{}, errors.New("not a URL")
	}
	if u.User != nil {
		return Origin{}, errors.New("userinfo does not belong to an origin")
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return Origin{}, errors.New("an origin is scheme://host[:port] and nothing more")
	}
	if strings.Contains(u.Host, "*") {
		return Origin{}, errors.New("wildcards are not allowed: name each origin")
	}
	return Of(u)
}

// normalHost returns the host that net/http dials, in one form: it maps a name
// that is not ASCII the way net/http does, which can turn it into an address.
func normalHost(host string) (string, error) {
	if !isASCII(host) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil || !utf8.ValidString(host) {
			return "", fmt.Errorf("host %q is not a valid name", clip(host))
		}
		host = ascii
	}
	if host == "" {
		return "", errors.New("host is missing")
	}
	// ParseAddr allocates an error for a name: ask only for what can be an address.
	if strings.Contains(host, ":") || isDigit(host[0]) {
		if addr, err := netip.ParseAddr(host); err == nil && validZone(addr) {
			return addr.Unmap().String(), nil
		}
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if !validName(name) {
		return "", fmt.Errorf("host %q is not a valid name or address", clip(host))
	}
	return name, nil
}

// validName reports whether a lower-case name consists of labels of letters,
// digits, hyphens and underscores, the last of which is no number: resolvers
// disagree whether 127.1, 0x7f000001 and 1.2.3.4. are names or addresses.
func validName(name string) bool {
	if len(name) > maxHost {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.ContainsFunc(label, func(c rune) bool { return !isNameRune(c) }) {
			return false
		}
		last = label
	}
	hex, isHex := strings.CutPrefix(last, "0x")
	numeric := strings.Trim(last, "0123456789") == "" || isHex && strings.Trim(hex, "0123456789abcdef") == ""
	return !numeric
}

// validZone reports whether an IPv6 zone needs no escape in a URL (RFC 6874).
// A mapped IPv4 address has none.
func validZone(addr netip.Addr) bool {
	zone := addr.Zone()
	if zone != "" && addr.Is4In6() {
		return false
	}
	return !strings.ContainsFunc(strings.ToLower(zone), func(c rune) bool { return !isNameRune(c) && c != '.' && c != '~' })
}

func isNameRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

// String returns scheme://host, with the port unless it is the default; nothing
// for the zero Origin.
func (o Origin) String() string {
	if o.IsZero() {
		return ""
	}
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + strings.Replace(host, "%", "%25", 1) + "]" // the zone: RFC 6874
	}
	if o.scheme == "http" && o.port == "80" || o.scheme == "https" && o.port == "443" {
		return o.scheme + "://" + host
	}
	return o.scheme + "://" + host + ":" + o.port
}

// IsZero reports whether o is no origin.
func (o Origin) IsZero() bool { return o.host == "" }

// Host returns the host in normal form, without port and brackets.
func (o Origin) Host() string { return o.host }

// Secure reports whether the scheme is https.
func (o Origin) Secure() bool { return o.scheme == "https" }

// Set is the origins a credential may be sent to. The zero Set is empty.
type Set struct{ origins []Origin }

// NewSet returns the set of the given origins.
func NewSet(origins ...Origin) Set {
	return Set{origins: slices.Clone(origins)}
}

// Empty reports whether the set has no origin.
func (s Set) Empty() bool { return len(s.origins) == 0 }

// Has reports whether o may receive the credential. http://h:80 in the set
// admits https://h:443 as well, never the reverse.
func (s Set) Has(o Origin) bool {
	for _, have := range s.origins {
		if have == o || upgraded(have, o) {
			return true
		}
	}
	return false
}

// HasURL reports whether the origin of u is in the set.
func (s Set) HasURL(u *url.URL) bool {
	o, err := Of(u)
	return err == nil && s.Has(o)
}

// Strings lists the origins in the order given.
func (s Set) Strings() []string {
	out := make([]string, len(s.origins))
	for i, o := range s.origins {
		out[i] = o.String()
	}
	return out
}

func upgraded(have, o Origin) bool {
	return have.host == o.host && have.scheme == "http" && have.port == "80" && o.scheme == "https" && o.port == "443"
}
