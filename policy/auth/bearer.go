package auth

import (
	"context"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/secret"
)

// BearerConfig is a bearer token.
type BearerConfig struct {
	// Token refers to the token.
	Token secret.Secret `yaml:"token" shorthand:"true"`
	// Scheme is the word before the token. Default Bearer.
	Scheme string `yaml:"scheme"`
}

// Bearer returns the Config of a bearer token.
func Bearer(token secret.Secret) Config { return Config{Bearer: &BearerConfig{Token: token}} }

type bearer struct {
	word  string
	token secret.Secret
	memo  memo
}

func newBearer(c BearerConfig) (scheme, error) {
	b := &bearer{word: c.Scheme, token: c.Token}
	if b.word == "" {
		b.word = "Bearer"
	}
	if c.Token.IsZero() {
		return nil, exchange.ConfigErrorf("auth.bearer.token: it is missing; refer to it as env:NAME or file:PATH")
	}
	if !httpguts.ValidHeaderFieldName(b.word) { // auth-scheme is a token, RFC 9110 section 11.1
		return nil, exchange.ConfigErrorf("auth.bearer.scheme: %.64q is not one word; write it like Bearer", c.Scheme)
	}
	return b, nil
}

func (b *bearer) place() place    { return place{inHeader, "Authorization"} }
func (b *bearer) preview() string { return b.word + " " + b.token.String() }

func (b *bearer) resolve(ctx context.Context) (*credential, error) {
	const field = "auth.bearer.token"
	token, err := reveal(ctx, field, b.token)
	if err != nil {
		return nil, err
	}
	if !b64token(token) {
		return nil, valueError(field, b.token, "it is not a bearer token: letters, digits and -._~+/ with = at the end (RFC 6750)")
	}
	return b.memo.get(token, func(t string) credential {
		return credential{value: b.word + " " + t, secrets: []string{t}}
	}), nil
}

// b64token reports whether s matches b64token of RFC 6750 section 2.1.
func b64token(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		switch c := body[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return body != ""
}
