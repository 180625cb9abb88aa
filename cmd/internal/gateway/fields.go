package gateway

import (
	"slices"
	"strings"
)

// hopByHop are the fields that concern one connection (RFC 9110 section 7.6.1),
// in lower case. Framing is made anew for each side.
var hopByHop = map[string]bool{
	"connection": true, "keep-alive": true, "proxy-connection": true, "proxy-authenticate": true,
	"proxy-authentication-info": true, "proxy-authorization": true, "te": true, "trailer": true,
	"transfer-encoding": true, "upgrade": true, "http2-settings": true,
}

// hearsay are the fields by which a proxy tells who called and what was asked,
// beside X-Forwarded-* and all names with an underscore, which some servers
// read as a dash. From anybody but a trusted proxy they are claims.
var hearsay = map[string]bool{
	"forwarded": true, "x-real-ip": true, "x-client-ip": true, "x-cluster-client-ip": true, "true-client-ip": true,
	"cf-connecting-ip": true, "fastly-client-ip": true, "x-original-forwarded-for": true, "x-original-host": true,
	"x-original-url": true, "x-rewrite-url": true,
}

// callerCredentials are the fields with which a caller identifies itself to an
// upstream. They travel on only with pass_through.
var callerCredentials = map[string]bool{"authorization": true, "cookie": true, "cookie2": true, "x-api-key": true}

// requestFields decides which fields of a client's request travel on.
type requestFields struct {
	named       []string        // options that the Connection fields list, in lower case
	trusted     bool            // the peer is a trusted proxy
	passThrough bool            // the caller's credentials travel on
	secret      map[string]bool // further credential fields of the API, in lower case
}

// keep says whether the field travels on. The order is that of the attacks it
// stops: what Connection names goes first, claims go next, and our own fields
// are set only afterwards, by the caller of keep.
func (f *requestFields) keep(name string) bool {
	var buf [64]byte
	name = string(lower(&buf, name))
	switch {
	case hopByHop[name] || slices.Contains(f.named, name):
		return false
	case name == "host" || name == "content-length" || name == "proxy" || name == "x-request-id":
		return false // made anew, or never meant for a server (CVE-2016-5386)
	case !f.trusted && (hearsay[name] || strings.HasPrefix(name, "x-forwarded") || strings.Contains(name, "_")):
		return false
	case !f.passThrough && (callerCredentials[name] || f.secret[name]):
		return false
	}
	return true
}

// responseFields decides which fields of an upstream's response travel on.
type responseFields struct {
	named       []string // as in requestFields
	passThrough bool
}

// keep says whether the field travels on. Alt-Svc would lead the client past
// the gateway. Set-Cookie is a credential of the session that the gateway's own
// credential opened, unless the caller's own travelled on.
func (f *responseFields) keep(name string) bool {
	var buf [64]byte
	name = string(lower(&buf, name))
	switch {
	case hopByHop[name] || slices.Contains(f.named, name):
		return false
	case name == "alt-svc":
		return false
	case name == "set-cookie" || name == "set-cookie2":
		return f.passThrough
	}
	return true
}

// connectionOptions returns what Connection fields list, in lower case.
func connectionOptions(values []string) []string {
	var out []string
	for _, v := range values {
		for option := range strings.SplitSeq(v, ",") {
			if option = strings.ToLower(strings.TrimSpace(option)); option != "" {
				out = append(out, option)
			}
		}
	}
	return out
}

// upgradeWanted reports whether Upgrade fields ask for another protocol than
// h2c, which clients offer unasked and a server may pass over (RFC 9110 section
// 7.8).
func upgradeWanted(values []string) bool {
	for _, option := range connectionOptions(values) {
		if option != "h2c" {
			return true
		}
	}
	return false
}

// crossSite reports whether a browser sent the request for a page of another
// site, going by Sec-Fetch-Site, or by Origin where a browser is too old for
// that. Programs send neither. The gateway's credentials are there for whoever
// reaches it, and a page in a browser on the same machine does: it must not be
// able to use them.
func crossSite(fetchSite, origin, host string) bool {
	if fetchSite != "" {
		return fetchSite == "cross-site"
	}
	if origin == "" {
		return false
	}
	_, authority, ok := strings.Cut(origin, "://")
	return !ok || hostName(authority) != hostName(host)
}

// validRequestID reports whether a client's request id may be kept: 1 to 128
// letters, digits and -._~:/+=@ characters.
func validRequestID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if !isAlphanumeric(id[i]) && strings.IndexByte("-._~:/+=@", id[i]) < 0 {
			return false
		}
	}
	return true
}

// lower returns name in ASCII lower case, in buf where it fits. Its callers turn
// it into a string that does not escape, which costs no allocation for names of
// usual length.
func lower(buf *[64]byte, name string) []byte {
	if len(name) > len(buf) {
		return []byte(strings.ToLower(name))
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(name)]
}
