package cli

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/item"
)

// addFields turns header and query items into options.
func (p *program) addFields(ctx context.Context, items []item.Item, c *plan) error {
	for _, i := range items {
		switch i.Kind {
		case item.Remove:
			if err := checkRemoval(i); err != nil {
				return err
			}
			c.options = append(c.options, godwit.RemoveHeader(i.Name))
			if f := c.credentialField(); f != nil && strings.EqualFold(f.name, i.Name) {
				c.noAuth = true
				c.options = append(c.options, godwit.NoAuth())
			}
		case item.Query:
			v, err := p.line(ctx, i)
			if err != nil {
				return err
			}
			c.options = append(c.options, godwit.QueryParam(i.Name, v))
		case item.Header:
			if err := p.addHeader(ctx, i, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *program) addHeader(ctx context.Context, i item.Item, c *plan) error {
	v, err := p.line(ctx, i)
	if err != nil {
		return err
	}
	if bad := fieldError(i.Name, v); bad != "" {
		return i.Errorf("%s", bad)
	}
	if framing(i.Name) {
		return i.Errorf("the body decides it; it cannot be set")
	}
	if v == "" && (i.FromFile && credential(i.Name, c.config) || strings.EqualFold(i.Name, "Host")) {
		return i.Errorf("its value is empty")
	}
	if i.FromFile || credential(i.Name, c.config) {
		hidden := secretHeader{name: http.CanonicalHeaderKey(i.Name)}
		if i.FromFile {
			hidden.file = i.Value
		}
		c.secrets = append(c.secrets, hidden)
		c.config.SecretHeaders = append(slices.Clone(c.config.SecretHeaders), i.Name)
		c.config.SecretValues = append(c.config.SecretValues, v)
		if _, rest, ok := strings.Cut(v, " "); ok {
			c.config.SecretValues = append(c.config.SecretValues, rest) // the token without Bearer
		}
	}
	c.options = append(c.options, godwit.Header(i.Name, v))
	return nil
}

// framing reports fields that net/http writes by itself, whatever the caller
// has set.
func framing(name string) bool {
	return slices.Contains([]string{"Content-Length", "Transfer-Encoding", "Trailer"}, http.CanonicalHeaderKey(name))
}

// checkRemoval refuses to leave out what is sent all the same.
func checkRemoval(i item.Item) error {
	switch {
	case framing(i.Name):
		return i.Errorf("the body decides it; it cannot be left out")
	case strings.EqualFold(i.Name, "Host"):
		return i.Errorf("every request has one")
	case strings.EqualFold(i.Name, "Accept-Encoding"):
		return withHint(i.Errorf("it is always sent"), "Accept-Encoding:identity asks for an answer without content coding")
	}
	return nil
}

// fieldError says why a header field cannot be sent (RFC 9110 section 5.5).
func fieldError(name, value string) string {
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return "it is no header field name; write \\ before a separator that belongs to the name"
		}
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return "its value holds a line break or another control character that no header may carry"
	}
	return ""
}

// credential reports whether a header field is known to be one.
func credential(name string, config godwit.Config) bool {
	known := append([]string{"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key"}, config.SecretHeaders...)
	if config.Auth.Header != nil {
		known = append(known, config.Auth.Header.Name)
	}
	return slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
}

// refuseSecrets refuses credentials that are arguments: every user of the
// machine and the shell's history can read them.
func refuseSecrets(o *options, items []item.Item, config godwit.Config) error {
	for _, i := range items {
		if i.Kind == item.Header && !i.FromFile && i.Value != "" && !o.allowSecret && credential(i.Name, config) {
			return withHint(i.Errorf("a credential in an argument can be seen by others"),
				i.Name+":@FILE, or --auth bearer=env:NAME; --allow-secret-argument takes it all the same")
		}
	}
	return nil
}
