package cli

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/policy/decode"
)

// colourWanted obeys NO_COLOR (https://no-color.org) and dumb terminals.
func colourWanted() bool { return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" }

// redactor knows the secrets of a call.
func (c *plan) redactor(req *http.Request) *redact.Redactor {
	if state := exchange.CallFrom(req.Context()); state != nil {
		return state.Redactor
	}
	return nil
}

// requestHead writes the request line and the header fields as they are sent,
// secrets masked.
func (c *plan) requestHead(b *strings.Builder, req *http.Request, protocol string) {
	uri := c.shownURL(req)
	b.WriteString(req.Method + " " + requestURI(uri) + " " + protocol + "\n")
	for _, f := range c.fields(req) {
		b.WriteString(f.name + ": " + f.shown + "\n")
	}
}

// requestURI is the part of a shown URL behind its host.
func requestURI(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		if rest[i] == '?' {
			return "/" + rest[i:]
		}
		return rest[i:]
	}
	return "/"
}

// field is a header field of the request.
type field struct {
	name   string
	value  string // raw; empty if it is known at sending only
	shown  string // fit to be printed
	source string // reference of a secret: env:NAME, file:PATH
	prefix string // text before the secret, such as "Bearer "
}

// fields lists the header fields of a request with the credential that auth
// will add, Host first.
func (c *plan) fields(req *http.Request) []field {
	mask := c.redactor(req)
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	out := []field{{name: "Host", value: host, shown: output.Escape(host)}}
	if accept := c.acceptEncoding(req); accept != "" {
		out = append(out, field{name: "Accept-Encoding", shown: accept})
	}
	added := c.credentialField()
	if c.noAuth || !c.home(req) {
		added = nil
	}
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		if added != nil && http.CanonicalHeaderKey(added.name) == name {
			added = nil // the caller's own takes its place
		}
		for _, v := range req.Header[name] {
			if v != "" || name != "User-Agent" { // an empty one is how it is left out
				out = append(out, c.field(mask, name, v))
			}
		}
	}
	if added != nil {
		out = append(out, *added)
	}
	if req.ContentLength > 0 {
		out = append(out, field{name: "Content-Length", shown: itoa(req.ContentLength)})
	} else if req.ContentLength < 0 && req.Body != nil {
		out = append(out, field{name: "Transfer-Encoding", shown: "chunked"})
	}
	return out
}

// acceptEncoding is what the decode policy adds to a request; empty for nothing.
// The policy itself is asked.
func (c *plan) acceptEncoding(req *http.Request) string {
	policy, err := decode.New(c.config.Decode)
	if err != nil {
		return "" // the client reports it
	}
	ask := &http.Request{Method: req.Method, URL: req.URL, Header: req.Header.Clone()}
	added := ""
	resp, err := policy(roundTrip(func(sent *http.Request) (*http.Response, error) {
		if len(ask.Header["Accept-Encoding"]) == 0 {
			added = sent.Header.Get("Accept-Encoding")
		}
		return &http.Response{StatusCode: http.StatusNoContent, Header: make(http.Header), Body: http.NoBody, Request: sent}, nil
	})).RoundTrip(ask)
	if err != nil {
		return ""
	}
	_ = resp.Body.Close() // there is none
	return added
}

// roundTrip is a transport of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// field decides what may be shown of one header field.
func (c *plan) field(mask *redact.Redactor, name, v string) field {
	f := field{name: name, value: v, shown: output.Escape(mask.Text(v))}
	for _, s := range c.secrets {
		if s.name == name && s.file != "" {
			f.source, f.shown = "file:"+s.file, redact.Mask+" (file:"+s.file+")"
			return f
		}
	}
	if credential(name, c.config) || secretName(name) {
		f.shown = redact.Mask
	}
	return f
}

// credentialField is the field that the auth policy adds; nil for none.
func (c *plan) credentialField() *field {
	a := c.config.Auth
	switch {
	case a.Bearer != nil:
		scheme := a.Bearer.Scheme
		if scheme == "" {
			scheme = "Bearer"
		}
		return &field{name: "Authorization", prefix: scheme + " ", source: a.Bearer.Token.String(), shown: scheme + " " + a.Bearer.Token.String()}
	case a.Basic != nil:
		return &field{name: "Authorization", prefix: "Basic ", source: a.Basic.Password.String(), shown: "Basic " + output.Escape(a.Basic.Username) + ":" + a.Basic.Password.String()}
	case a.Header != nil:
		return &field{name: a.Header.Name, source: a.Header.Value.String(), shown: a.Header.Value.String()}
	}
	return nil
}

// home reports whether a request goes where the credential belongs: a redirect
// may have led away.
func (c *plan) home(req *http.Request) bool {
	var all []origin.Origin
	if u, err := url.Parse(c.config.BaseURL); err == nil { // New has refused what is none, here and below
		if o, err := origin.Of(u); err == nil {
			all = append(all, o)
		}
	}
	for _, s := range c.config.Auth.Origins {
		if o, err := origin.Parse(s); err == nil {
			all = append(all, o)
		}
	}
	set := origin.NewSet(all...)
	return set.HasURL(req.URL) && !set.Left(req)
}

// secretName reports whether a header or query parameter of this name usually
// holds a credential.
func secretName(name string) bool {
	plain := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	for _, part := range []string{"token", "secret", "passw", "credential", "apikey", "accesskey", "authorization", "cookie", "session", "signature"} {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return plain == "key" || plain == "sig" || plain == "auth"
}

// shownURL is the URL of a request with its query, secrets masked, and the key
// that auth adds as its reference. Unlike in errors, query values that the user
// has typed are shown to the user.
func (c *plan) shownURL(req *http.Request) string {
	mask := c.redactor(req)
	u := *req.URL
	u.User = nil
	query := shownQuery(mask, u.RawQuery)
	u.RawQuery = ""
	if q := c.config.Auth.Query; q != nil && c.home(req) {
		query = joinQuery(query, url.QueryEscape(q.Name)+"="+q.Value.String())
	}
	text := output.Escape(mask.Text(u.String()))
	if query != "" {
		text += "?" + query
	}
	return text
}

func shownQuery(mask *redact.Redactor, raw string) string {
	if raw == "" {
		return ""
	}
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		if name, _, ok := strings.Cut(part, "="); ok && secretName(name) {
			parts[i] = name + "=" + redact.Mask
		}
	}
	return output.Escape(mask.Text(strings.Join(parts, "&")))
}

func joinQuery(a, b string) string {
	if a == "" {
		return b
	}
	return a + "&" + b
}

// requestBody writes the body of a request, if it can be read without being
// used up.
func (c *plan) requestBody(w io.Writer, req *http.Request, terminal bool) error {
	if req.GetBody == nil {
		if req.Body == nil || req.Body == http.NoBody {
			return nil
		}
		_, err := io.WriteString(w, "(a body that can be read once only)\n")
		return err
	}
	body, err := req.GetBody()
	if err != nil {
		return failuref(exitUsage, "the body: %w", err)
	}
	defer body.Close() // only read
	if !terminal {
		return copyBody(w, body)
	}
	r := bufio.NewReader(body)
	head, _ := r.Peek(sniffed) // the error comes again with the first read
	switch {
	case len(head) == 0:
		return nil
	case output.Binary(head, false):
		_, err := io.WriteString(w, "(binary)\n")
		return err
	case jsonType(media(req.Header)):
		pretty := output.NewPretty(w, colourWanted())
		if err := copyBody(pretty, r); err != nil {
			return err
		}
		return pretty.Close()
	}
	var text bytes.Buffer
	t := output.NewTerminal(&text)
	if err := copyBody(t, io.LimitReader(r, maxExcerpt)); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(w, strings.TrimRight(text.String(), "\n")+"\n")
	return err
}

func media(h http.Header) string {
	m, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(m)
}
