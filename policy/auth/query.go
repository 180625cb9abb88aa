package auth

import (
	"context"
	"net/url"
	"strings"
	"unicode"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/secret"
)

// Query returns the Config of an API key as a query parameter.
func Query(name string, value secret.Secret) Config {
	return Config{Query: &KeyConfig{Name: name, Value: value}}
}

type queryKey struct {
	name string
	key  secret.Secret
	memo memo
}

func newQueryKey(c KeyConfig) (scheme, error) {
	if !queryName(c.Name) {
		return nil, exchange.ConfigErrorf("auth.query.name: it is missing or holds a control character")
	}
	if c.Value.IsZero() {
		return nil, exchange.ConfigErrorf("auth.query.value: it is missing; refer to it as env:NAME or file:PATH")
	}
	return &queryKey{name: c.Name, key: c.Value}, nil
}

func (q *queryKey) place() place    { return place{inQuery, q.name} }
func (q *queryKey) preview() string { return q.key.String() }

func (q *queryKey) resolve(ctx context.Context) (*credential, error) {
	const field = "auth.query.value"
	key, err := reveal(ctx, field, q.key)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(key, unicode.IsControl) {
		return nil, valueError(field, q.key, "it holds a control character")
	}
	return q.memo.get(key, plainCredential), nil
}

// withParam returns a copy of u with one more query parameter at the end, in
// place of one of that name without a value; the others keep their order and
// spelling.
func withParam(u *url.URL, name, value string) *url.URL {
	out := *u
	var pairs []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if key, _, _ := strings.Cut(pair, "="); pair != "" && unescaped(key) != name {
			pairs = append(pairs, pair)
		}
	}
	out.RawQuery = strings.Join(append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
	return &out
}

// hasParam reports whether the query has a parameter of that name with a value.
func hasParam(rawQuery, name string) bool {
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if key, value, _ := strings.Cut(pair, "="); value != "" && unescaped(key) == name {
			return true
		}
	}
	return false
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// withoutSecrets returns rawQuery without the parameters called name (in any
// letter case; empty: none) and without those that hold a known secret, also
// when it is escaped again: the page that a login form returns to carries the
// whole URL of the request before.
func withoutSecrets(rawQuery, name string, known *redact.Redactor) string {
	var kept []string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if name != "" && strings.EqualFold(unescaped(key), name) || holdsSecret(pair, known) {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}

// holdsSecret looks for a known secret in s, and below up to three layers of
// escaping.
func holdsSecret(s string, known *redact.Redactor) bool {
	for range 4 {
		if known.Text(s) != s {
			return true
		}
		plain, err := url.QueryUnescape(s)
		if err != nil || plain == s {
			return false
		}
		s = plain
	}
	return false
}
