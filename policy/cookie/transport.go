package cookie

import (
	"net/http"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/internal/redact"
)

// keeper adapts the jars to RoundTrip.
type keeper struct {
	jars *jars
	next http.RoundTripper
}

func (k *keeper) RoundTrip(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	o, err := origin.Of(req.URL)
	if err != nil { // not a URL that can be sent: the transport says so
		return k.next.RoundTrip(req)
	}
	out, err := k.add(req, call, o)
	if err != nil {
		exchange.CloseBody(incoming)
		return nil, err
	}
	resp, err := k.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	resp.Request = incoming
	if err := k.keep(req, resp, call, o); err != nil {
		_ = resp.Body.Close() // the error says more than a failed close
		return nil, err
	}
	return resp, nil
}

// add returns req, or a copy with the jar's cookies.
func (k *keeper) add(req *http.Request, call *exchange.Call, o origin.Origin) (*http.Request, error) {
	if call.NoAuth {
		return req, nil
	}
	anew, left := k.onTheWay(req)
	j, err := k.jars.of(o, call.Anonymous || left, false)
	if err != nil || j == nil {
		return req, err
	}
	kept := j.cookies(req.URL)
	field := merge(callersCookies(req.Header), kept, anew)
	if field == "" {
		return req, nil
	}
	for _, c := range kept {
		if len(c.Value) >= redact.MinCookie { // the server may repeat a session
			call.AddSecret(c.Value)
		}
	}
	out := req.WithContext(req.Context())
	if out.Header = req.Header.Clone(); out.Header == nil {
		out.Header = make(http.Header)
	}
	for name := range out.Header {
		if strings.EqualFold(name, "Cookie") {
			delete(out.Header, name)
		}
	}
	out.Header["Cookie"] = []string{field}
	return out, nil
}

// keep stores what the answer sets.
func (k *keeper) keep(req *http.Request, resp *http.Response, call *exchange.Call, o origin.Origin) error {
	if len(resp.Header["Set-Cookie"]) == 0 {
		return nil
	}
	_, left := k.onTheWay(req)
	j, err := k.jars.of(o, call.Anonymous || left, true)
	if err != nil || j == nil {
		return err
	}
	j.store(req.URL, resp.Cookies())
	return nil
}

// callersCookies lists the name=value pairs of the caller's Cookie fields, as
// they are written.
func callersCookies(h http.Header) []string {
	var pairs []string
	for name, values := range h {
		if !strings.EqualFold(name, "Cookie") {
			continue
		}
		for _, v := range values {
			for pair := range strings.SplitSeq(v, ";") {
				if pair = strings.Trim(pair, " \t"); pair != "" {
					pairs = append(pairs, pair)
				}
			}
		}
	}
	return pairs
}

// maxHops bounds the walk along the responses that led to a request.
const maxHops = 100

// onTheWay looks at the redirects that led to req: it lists the names of the
// cookies that they have set, and says whether one of them came from outside
// the origin set, which under a foreign [http.Client] nothing else tells.
func (k *keeper) onTheWay(req *http.Request) (names map[string]bool, left bool) {
	for range maxHops {
		resp := req.Response
		if resp == nil {
			return names, left
		}
		if resp.Request == nil || resp.Request.URL == nil || !k.jars.set.HasURL(resp.Request.URL) {
			left = true
		}
		for _, c := range resp.Cookies() {
			if names == nil {
				names = map[string]bool{}
			}
			names[c.Name] = true
		}
		if req = resp.Request; req == nil {
			return names, true
		}
	}
	return names, true
}

// merge writes one Cookie field (RFC 6265 section 5.4): the caller's pairs but
// for those that were set anew, then the jar's whose names the caller has not
// used.
func merge(callers []string, jar []*http.Cookie, anew map[string]bool) string {
	var out []string
	used := map[string]bool{}
	for _, pair := range callers {
		if name, _, _ := strings.Cut(pair, "="); !anew[name] {
			used[name] = true
			out = append(out, pair)
		}
	}
	for _, c := range jar {
		if !used[c.Name] {
			out = append(out, nameValue(c))
		}
	}
	return strings.Join(out, "; ")
}

// nameValue writes a cookie the way net/http sends it.
func nameValue(c *http.Cookie) string {
	return (&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted}).String()
}
