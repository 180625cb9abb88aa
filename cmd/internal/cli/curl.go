package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/cmd/internal/cli/item"
	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redact"
)

// newRequest builds the request that would be sent, without sending it.
func (c *plan) newRequest(ctx context.Context) (*http.Request, error) {
	if c.operation != "" {
		return c.client.NewOperationRequest(ctx, c.operation, c.options...)
	}
	return c.client.NewRequest(ctx, c.method, c.path, c.options...)
}

// printOffline prints the request and sends nothing.
func (p *program) printOffline(ctx context.Context, o *options, c *plan) error {
	req, err := c.newRequest(ctx)
	if err != nil {
		return err
	}
	w := p.stdout()
	var b strings.Builder
	if o.print == "" || strings.Contains(o.print, "H") {
		c.requestHead(&b, req, "HTTP/1.1")
	}
	withBody := o.print == "" || strings.Contains(o.print, "B")
	if withBody && b.Len() > 0 {
		b.WriteByte('\n')
	}
	if _, err := io.WriteString(w, b.String()); err != nil || !withBody {
		return err
	}
	return c.requestBody(w, req, p.outTerminal)
}

// printCurl prints the call as a curl command that can be run: secrets are
// references that the shell resolves.
func (p *program) printCurl(ctx context.Context, c *plan) error {
	req, err := c.newRequest(ctx)
	if err != nil {
		return err
	}
	args, err := c.curl(req)
	if err != nil {
		return err
	}
	if c.follows(req) && c.hasSecret(req) {
		p.note("--location is left out: with it curl would take the credential to any host that a redirect names")
	}
	text := strings.Join(args, " \\\n  ") + "\n"
	if p.outTerminal {
		var b strings.Builder
		t := output.NewTerminal(&b)
		_, _ = io.WriteString(t, text) // a Builder takes everything
		text = b.String()
	}
	_, err = io.WriteString(p.stdout(), text)
	return err
}

// follows reports whether curl would repeat the request the way godwit does.
func (c *plan) follows(req *http.Request) bool {
	return c.config.Redirect.Follow != "never" && (req.Method == http.MethodGet || req.Method == http.MethodHead)
}

// hasSecret reports whether the request carries what must not leave its origin.
func (c *plan) hasSecret(req *http.Request) bool {
	mask := c.redactor(req)
	return !c.config.Auth.IsZero() && !c.noAuth || len(c.secrets) > 0 || slices.ContainsFunc(c.fields(req), func(f field) bool {
		return f.shown == redact.Mask || mask.Text(f.value) != f.value
	})
}

// curl lists the arguments, each quoted for a POSIX shell.
func (c *plan) curl(req *http.Request) ([]string, error) {
	first := "curl"
	switch {
	case req.Method == http.MethodHead:
		first += " --head"
	case req.Method != http.MethodGet:
		first += " -X " + quoteShell(req.Method)
	}
	args := []string{first + " " + c.shell(req, req.URL.String())}
	if q := c.config.Auth.Query; q != nil {
		args = append(args, "--url-query "+doubleQuoted(q.Name+"=")+reference(q.Value.String())+`"`)
	}
	args = append(args, c.curlHeaders(req)...)
	args = append(args, c.curlConnection(req)...)
	body, err := c.curlBody(req)
	return append(args, body...), err
}

// doubleQuoted opens a double-quoted word; the caller closes it.
func doubleQuoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)
}

// reference is what a shell resolves a secret reference with, inside double
// quotes.
func reference(ref string) string {
	kind, name, _ := strings.Cut(ref, ":")
	switch kind {
	case "env":
		return "${" + name + "}"
	case "file":
		if strings.HasPrefix(name, "-") && name != "-" {
			name = "./" + name
		}
		return "$(cat " + quoteShell(name) + ")"
	}
	return "${SECRET}" // a literal: whoever runs the command sets it
}

// shell quotes a text for the shell; secrets that came from variables become
// references to them, other known secrets ${SECRET}.
func (c *plan) shell(req *http.Request, s string) string {
	mask := c.redactor(req)
	if mask.Text(s) == s {
		return quoteShell(s)
	}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if len(value) < 4 || !slices.Contains(c.config.SecretValues, value) || !strings.Contains(s, value) {
			continue
		}
		before, after, _ := strings.Cut(s, value)
		if mask.Text(before+after) == before+after {
			return doubleQuoted(before) + "${" + name + "}" + doubleQuoted(after)[1:] + `"`
		}
	}
	return strings.ReplaceAll(doubleQuoted(mask.Text(s))+`"`, redact.Mask, "${SECRET}")
}

func (c *plan) curlHeaders(req *http.Request) []string {
	var args []string
	id := "" // of this call only
	if state := exchange.CallFrom(req.Context()); state != nil {
		id = state.RequestID
	}
	for _, f := range c.fields(req) {
		switch {
		case f.name == "Host" && f.value == req.URL.Host || f.name == "Content-Length" || f.name == "Transfer-Encoding" || id != "" && f.value == id:
		case strings.HasPrefix(f.prefix, "Basic"):
			args = append(args, "--user "+doubleQuoted(c.config.Auth.Basic.Username+":")+reference(f.source)+`"`)
		case f.source != "":
			args = append(args, "-H "+doubleQuoted(f.name+": "+f.prefix)+reference(f.source)+`"`)
		case f.name == "Content-Type" && c.body.kind == "multipart":
		case f.name == "Accept-Encoding" && f.value == "": // --compressed
		case f.value == "":
			args = append(args, "-H "+quoteShell(f.name+";"))
		case f.shown == redact.Mask && c.redactor(req).Text(f.value) == f.value:
			args = append(args, "-H "+doubleQuoted(f.name+": ")+`${SECRET}"`)
		default:
			args = append(args, "-H "+c.shell(req, f.name+": "+f.value))
		}
	}
	if agent, ok := req.Header["User-Agent"]; ok && agent[0] == "" {
		args = append(args, "-H User-Agent:") // curl has one of its own, as of the next
	}
	if c.body.kind != "" && req.Header.Get("Content-Type") == "" {
		args = append(args, "-H Content-Type:")
	}
	return args
}

// curlConnection are the settings that decide whether the call arrives.
func (c *plan) curlConnection(req *http.Request) []string {
	var args []string
	add := func(flag, value string) {
		if value != "" {
			args = append(args, flag+" "+quoteShell(value))
		}
	}
	if c.follows(req) && !c.hasSecret(req) {
		limit := c.config.Redirect.Limit
		if limit == 0 {
			limit = 10
		}
		args = append(args, "--location --max-redirs "+strconv.Itoa(limit))
	}
	add("--cacert", c.config.TLS.CA)
	add("--cert", c.config.TLS.Cert)
	add("--key", c.config.TLS.Key)
	if c.config.TLS.Insecure {
		args = append(args, "--insecure")
	}
	switch u := c.config.Proxy.URL; u {
	case "", "environment":
	case "none":
		add("--noproxy", "*")
	default:
		add("--proxy", u)
		add("--noproxy", strings.Join(c.config.Proxy.NoProxy, ","))
	}
	if name := c.config.Proxy.Username; name != "" {
		args = append(args, "--proxy-user "+doubleQuoted(name+":")+reference(c.config.Proxy.Password.String())+`"`)
	}
	if d := c.config.Timeout.Attempt; d > 0 {
		add("--max-time", fmt.Sprintf("%g", d.Seconds()))
	}
	if d := c.config.Timeout.Connect; d > 0 {
		add("--connect-timeout", fmt.Sprintf("%g", d.Seconds()))
	}
	if c.acceptEncoding(req) != "" {
		args = append(args, "--compressed")
	}
	return args
}

func (c *plan) curlBody(req *http.Request) ([]string, error) {
	switch c.body.kind {
	case "":
		return nil, nil
	case "multipart":
		return c.curlForm(), nil
	case "file":
		return []string{"--data-binary " + quoteShell("@"+c.body.source)}, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return []string{"--data-raw " + c.shell(req, string(data))}, body.Close()
}

// curlForm are the parts of a multipart form, each with its type: curl guesses
// differently.
func (c *plan) curlForm() []string {
	quote := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	var args []string
	for _, i := range c.body.items {
		var value string
		switch {
		case i.Kind == item.File:
			value = "@" + quote(i.Value)
		case i.FromFile:
			value = "<" + quote(i.Value)
		case i.Kind == item.JSON:
			value = quote(i.Value)
		default:
			args = append(args, "--form-string "+quoteShell(i.Name+"="+i.Value))
			continue
		}
		if i.Type != "" {
			value += ";type=" + i.Type
		}
		args = append(args, "--form "+quoteShell(i.Name+"="+value))
	}
	return args
}

// quoteShell quotes a word for a POSIX shell where it needs to be.
func quoteShell(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:@%+,", r)
	})
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
