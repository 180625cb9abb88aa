package auth

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/secret"
)

// BasicConfig is a user and a password.
type BasicConfig struct {
	// Username is the user; a colon in it is refused.
	Username string `yaml:"username"`
	// Password refers to the password; none means an empty one.
	Password secret.Secret `yaml:"password"`
}

// Basic returns the Config of a user and a password, sent as UTF-8.
func Basic(username string, password secret.Secret) Config {
	return Config{Basic: &BasicConfig{Username: username, Password: password}}
}

type basic struct {
	username string
	password secret.Secret
	memo     memo
}

// newBasic refuses what RFC 7617 section 2 does: a colon in the user, control
// characters.
func newBasic(c BasicConfig) (scheme, error) {
	switch {
	case c.Username == "" && c.Password.IsZero():
		return nil, exchange.ConfigErrorf("auth.basic: user and password are both missing; give at least one")
	case strings.Contains(c.Username, ":"):
		return nil, exchange.ConfigErrorf("auth.basic.username: a colon cannot be part of it: it ends the user on the wire")
	case !utf8.ValidString(c.Username), strings.ContainsFunc(c.Username, unicode.IsControl):
		return nil, exchange.ConfigErrorf("auth.basic.username: it holds a control character or is not UTF-8")
	}
	return &basic{username: c.Username, password: c.Password}, nil
}

func (b *basic) place() place { return place{inHeader, "Authorization"} }

// preview hides a user without a password: it is the key of an API then.
func (b *basic) preview() string {
	if b.password.IsZero() {
		return "Basic " + redact.Mask
	}
	return "Basic " + b.username + ":" + b.password.String()
}

func (b *basic) resolve(ctx context.Context) (*credential, error) {
	const field = "auth.basic.password"
	password := ""
	if !b.password.IsZero() {
		var err error
		if password, err = reveal(ctx, field, b.password); err != nil {
			return nil, err
		}
	}
	if strings.ContainsFunc(password, unicode.IsControl) {
		return nil, valueError(field, b.password, "it holds a control character")
	}
	return b.memo.get(password, b.render), nil
}

func (b *basic) render(password string) credential {
	pair := b.username + ":" + password
	coded := base64.StdEncoding.EncodeToString([]byte(pair))
	if password == "" {
		// Some APIs take their key as the user.
		return credential{value: "Basic " + coded, secrets: []string{b.username, coded}}
	}
	return credential{value: "Basic " + coded, secrets: []string{password, pair, coded}}
}
