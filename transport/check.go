package transport

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
	"golang.org/x/net/http/httpguts"
)

// check refuses what must not get on the wire. Names are shown, values never.
func check(req *http.Request) error {
	u := req.URL
	switch {
	case u == nil:
		return refused("the request has no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return refused("scheme %.20q is neither http nor https", u.Scheme)
	case u.Host == "":
		return refused("the URL has no host")
	case !all(u.Host, inHost) || req.Host != u.Host && !all(req.Host, inHost):
		return refused("the host holds a character that no host may have")
	case !all(req.Method, inToken):
		return refused("the method holds a character that no method may have")
	case !all(u.RawQuery, inTarget) || !all(u.Opaque, inTarget):
		return refused("the URL holds a control character or a space")
	}
	if err := checkHeader("header field", req.Header); err != nil {
		return err
	}
	return checkHeader("trailer field", req.Trailer)
}

func refused(format string, args ...any) error {
	return &fault{kind: exchange.ErrRequest, policy: "transport", err: fmt.Errorf(format, args...)}
}

func checkHeader(what string, h http.Header) error {
	for name, values := range h {
		if name == "" || !all(name, inToken) {
			return refused("%s %.40q: the name holds a character that no name may have", what, name)
		}
		if misspelled(name) {
			return refused("%s %q: net/http would not recognise it in this spelling", what, name)
		}
		for _, v := range values {
			if !all(v, inValue) {
				return refused("%s %q: the value holds a line break or another control character", what, name)
			}
		}
	}
	return nil
}

// framing are the fields that net/http writes itself.
var framing = [...]string{"Host", "Trailer", "Content-Length", "Transfer-Encoding", "Proxy-Authorization"}

// misspelled reports whether name is one of them in a spelling that gets past
// net/http: the request would have the field twice.
func misspelled(name string) bool {
	for _, f := range framing {
		if len(f) == len(name) && name != f && strings.EqualFold(f, name) {
			return true
		}
	}
	return false
}

// What a byte may be part of.
const (
	inToken  byte = 1 << iota // names and methods: a token, RFC 9110 section 5.6.2
	inValue                   // field values, section 5.5
	inHost                    // an authority, RFC 3986 section 3.2.2, without userinfo; and names outside ASCII, which net/http converts
	inTarget                  // what is sent as it is of a URL
)

var places = func() (p [256]byte) {
	for i := range p {
		c := byte(i)
		control := c < ' ' || c == 0x7f
		if httpguts.IsTokenRune(rune(c)) {
			p[i] |= inToken
		}
		if !control || c == '\t' {
			p[i] |= inValue
		}
		if !control && c != ' ' {
			p[i] |= inTarget
		}
		if !control && !strings.ContainsRune("/\\?#@<>^`{|}\" ", rune(c)) {
			p[i] |= inHost
		}
	}
	return p
}()

// all reports whether every byte of s may be part of that.
func all(s string, place byte) bool {
	for i := range len(s) {
		if places[s[i]]&place == 0 {
			return false
		}
	}
	return true
}

// hostPort returns what net/http dials for u.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	host := u.Hostname()
	if o, err := origin.Of(u); err == nil {
		host = o.Host()
	}
	return net.JoinHostPort(host, port)
}
