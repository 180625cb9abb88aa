package auth

import (
	"context"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/net/http/httpguts"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/secret"
)

// Where a credential goes.
const (
	inHeader = "header"
	inQuery  = "query"
)

// scheme is one way to show who calls. It knows no request.
type scheme interface {
	// place says where the credential goes.
	place() place
	// resolve reads the secret. The error names the field and the reference,
	// never the value.
	resolve(ctx context.Context) (*credential, error)
	// preview is the value with references in place of secrets.
	preview() string
}

// place is a header field (name in canonical form) or a query parameter.
type place struct{ in, name string }

// credential is what goes onto the wire.
type credential struct {
	value   string   // the field's or parameter's value
	secrets []string // what must never be shown: the value and what it is made of
}

// memo keeps the last credential, which rarely changes from attempt to attempt.
type memo struct{ last atomic.Pointer[remembered] }

type remembered struct {
	of string // the secret that it was made from
	credential
}

// get returns the credential for a secret, made anew if the secret is another
// one.
func (m *memo) get(of string, render func(string) credential) *credential {
	if r := m.last.Load(); r != nil && r.of == of {
		return &r.credential
	}
	r := &remembered{of: of, credential: render(of)}
	m.last.Store(r)
	return &r.credential
}

// reveal reads the secret that field refers to.
func reveal(ctx context.Context, field string, s secret.Secret) (string, error) {
	v, err := s.Reveal(ctx)
	if err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	return v, nil
}

// valueError is an error about a secret's value that names its reference alone.
func valueError(field string, s secret.Secret, problem string) error {
	return fmt.Errorf("%s: secret %s: %s", field, s, problem)
}

// fieldValue reports whether a header field may have the value v: RFC 9110
// section 5.5 without CR, LF, NUL, DEL and other control characters, and
// without the blanks around it that net/http would cut off.
func fieldValue(v string) bool {
	return httpguts.ValidHeaderFieldValue(v) && strings.Trim(v, " \t") == v
}

// framing names the fields that belong to the connection and the message, not
// to a credential.
var framing = []string{
	"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// checkHeaderName refuses what is no field name, or not one for a credential.
func checkHeaderName(field, name string) error {
	if name == "" {
		return exchange.ConfigErrorf("%s: the name is missing; write it like X-Api-Key", field)
	}
	if !httpguts.ValidHeaderFieldName(name) {
		return exchange.ConfigErrorf("%s: %.64q is not a header field name; write it like X-Api-Key", field, name)
	}
	if slices.Contains(framing, canonical(name)) {
		return exchange.ConfigErrorf("%s: %s cannot carry a credential; name another header field", field, canonical(name))
	}
	return nil
}

func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }
