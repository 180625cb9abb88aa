package auth

import (
	"context"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/secret"
)

// KeyConfig is an API key.
type KeyConfig struct {
	// Name is the header field or query parameter.
	Name string `yaml:"name"`
	// Value refers to the key.
	Value secret.Secret `yaml:"value"`
}

// Header returns the Config of an API key in a header field.
func Header(name string, value secret.Secret) Config {
	return Config{Header: &KeyConfig{Name: name, Value: value}}
}

type headerKey struct {
	name string
	key  secret.Secret
	memo memo
}

func newHeaderKey(c KeyConfig) (scheme, error) {
	if err := checkHeaderName("auth.header.name", c.Name); err != nil {
		return nil, err
	}
	if c.Value.IsZero() {
		return nil, exchange.ConfigErrorf("auth.header.value: it is missing; refer to it as env:NAME or file:PATH")
	}
	return &headerKey{name: http.CanonicalHeaderKey(c.Name), key: c.Value}, nil
}

func (h *headerKey) place() place    { return place{inHeader, h.name} }
func (h *headerKey) preview() string { return h.key.String() }

func (h *headerKey) resolve(ctx context.Context) (*credential, error) {
	const field = "auth.header.value"
	key, err := reveal(ctx, field, h.key)
	if err != nil {
		return nil, err
	}
	if !fieldValue(key) {
		return nil, valueError(field, h.key, "it holds a character that no header may carry, or blanks around it")
	}
	return h.memo.get(key, plainCredential), nil
}

func plainCredential(key string) credential { return credential{value: key, secrets: []string{key}} }

// queryName reports whether name can be that of a query parameter.
func queryName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}
