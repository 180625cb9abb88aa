package auth_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

const (
	apiOrigin = "https://api.example.com"
	canary    = "canary-7f3d9a51c2e84b06"
)

func bound(c auth.Config, origins ...string) auth.Config {
	c.Origins = append([]string{apiOrigin}, origins...)
	return c
}

func TestCR5_NoOriginSet(t *testing.T) {
	t.Parallel()
	token := secret.Value(canary)
	for name, c := range map[string]auth.Config{
		"bearer": auth.Bearer(token), "basic": auth.Basic("u", token), "header": auth.Header("X-Api-Key", token),
		"query": auth.Query("key", token), "custom": {Custom: func(context.Context, *http.Request) error { return nil }},
	} {
		m, err := auth.New(c)
		if m != nil || !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), "auth.origins:") {
			t.Errorf("%s without an origin set: %v", name, err)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	token := secret.Value(canary)
	key := func(name string) *auth.KeyConfig { return &auth.KeyConfig{Name: name, Value: token} }
	cases := []struct {
		field string
		c     auth.Config
	}{
		{"auth", auth.Config{Bearer: &auth.BearerConfig{Token: token}, Query: key("k")}},
		{"auth", auth.Config{Header: key("X-Key"), Custom: func(context.Context, *http.Request) error { return nil }}},
		{"auth.bearer.token", auth.Config{Bearer: &auth.BearerConfig{}}},
		{"auth.bearer.scheme", auth.Config{Bearer: &auth.BearerConfig{Token: token, Scheme: "two words"}}},
		{"auth.basic", auth.Config{Basic: &auth.BasicConfig{}}},
		{"auth.basic.username", auth.Basic("a:b", token)},
		{"auth.basic.username", auth.Basic("a\r\nb", token)},
		{"auth.basic.username", auth.Basic("a\xff", token)},
		{"auth.header.name", auth.Header("", token)},
		{"auth.header.name", auth.Header("X Key", token)},
		{"auth.header.name", auth.Header("X-Key\r\nX-Evil", token)},
		{"auth.header.name", auth.Header("content-length", token)},
		{"auth.header.name", auth.Header("Host", token)},
		{"auth.header.value", auth.Header("X-Key", secret.Secret{})},
		{"auth.query.name", auth.Query("", token)},
		{"auth.query.name", auth.Query("a\nb", token)},
		{"auth.query.value", auth.Query("k", secret.Secret{})},
	}
	for _, c := range cases {
		_, err := auth.New(bound(c.c))
		if !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), c.field+": ") || strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", c.field, err)
		}
	}
	for _, o := range []string{"api.example.com", "https://*.example.com", "https://u:" + canary + "@h", "https://h/path", "ftp://h", "https://", "https://h?x=" + canary, "%zz" + canary} {
		_, err := auth.New(bound(auth.Bearer(token), o))
		if !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), "auth.origins: ") || strings.Contains(err.Error(), canary) {
			t.Errorf("origin %q: %v", o, err)
		}
	}
	if m, err := auth.New(auth.Config{Origins: []string{apiOrigin}}); m != nil || err != nil {
		t.Errorf("no credential gives %v, %v", m != nil, err)
	}
	c := bound(auth.Bearer(token))
	c.SecretHeaders = []string{"no name"}
	if _, err := auth.New(c); !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), "secret_headers: ") {
		t.Errorf("secret header: %v", err)
	}
}

func TestPreview(t *testing.T) {
	t.Parallel()
	env := secret.Env("SOME_TOKEN")
	cases := []struct {
		c               auth.Config
		in, name, value string
		headers, query  []string
	}{
		{auth.Config{}, "", "", "", nil, nil},
		{auth.Bearer(env), "header", "Authorization", "Bearer env:SOME_TOKEN", []string{"Authorization"}, nil},
		{auth.Config{Bearer: &auth.BearerConfig{Token: env, Scheme: "Token"}}, "header", "Authorization", "Token env:SOME_TOKEN", []string{"Authorization"}, nil},
		{auth.Basic("ann", env), "header", "Authorization", "Basic ann:env:SOME_TOKEN", []string{"Authorization"}, nil},
		{auth.Header("x-api-KEY", secret.Value(canary)), "header", "X-Api-Key", "***", []string{"X-Api-Key"}, nil},
		{auth.Query("key", secret.File("/run/key")), "query", "key", "file:/run/key", nil, []string{"key"}},
		{auth.Config{Custom: func(context.Context, *http.Request) error { return nil }}, "custom", "", "", nil, nil},
		{auth.Config{Bearer: &auth.BearerConfig{}}, "", "", "", nil, nil},
	}
	for _, c := range cases {
		if in, name, value := c.c.Preview(); in != c.in || name != c.name || value != c.value {
			t.Errorf("preview %q %q %q, want %q %q %q", in, name, value, c.in, c.name, c.value)
		}
		if headers, query := c.c.SecretNames(); !slices.Equal(headers, c.headers) || !slices.Equal(query, c.query) {
			t.Errorf("secret names %v %v, want %v %v", headers, query, c.headers, c.query)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	token := secret.Value(canary)
	if got := bound(auth.Bearer(token), "http://127.0.0.1:80", "http://localhost:8080", "http://[::1]").Warnings(); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}
	got := bound(auth.Query("key", token), "http://plain.example").Warnings()
	if len(got) != 2 || !strings.HasPrefix(got[0], "auth.query: ") || !strings.HasPrefix(got[1], "auth.origins: http://plain.example ") {
		t.Errorf("warnings %q", got)
	}
	if got := (auth.Config{Origins: []string{"http://plain.example"}}).Warnings(); len(got) != 0 {
		t.Errorf("without a credential: %q", got)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) secret.Secret {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return secret.File(path)
	}
	t.Setenv("GODWIT_TEST_TOKEN", canary)
	t.Setenv("GODWIT_TEST_EMPTY", "")
	for _, c := range []auth.Config{
		{},
		auth.Bearer(secret.Env("GODWIT_TEST_TOKEN")), auth.Bearer(file("token", canary+"\n")), auth.Basic("u", secret.Secret{}),
		{Custom: func(context.Context, *http.Request) error { return errors.New("not called") }},
	} {
		if err := c.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		c     auth.Config
		texts []string
	}{
		{auth.Bearer(secret.Env("GODWIT_TEST_EMPTY")), []string{"auth.bearer.token", "env:GODWIT_TEST_EMPTY"}},
		{auth.Bearer(secret.Env("GODWIT_TEST_MISSING")), []string{"auth.bearer.token", "env:GODWIT_TEST_MISSING"}},
		{auth.Header("X-Key", secret.File(filepath.Join(dir, "gone"))), []string{"auth.header.value", "file:"}},
		{auth.Query("key", file("empty", "\n")), []string{"auth.query.value", "empty"}},
		{auth.Bearer(file("words", canary+" and more")), []string{"auth.bearer.token", "words", "RFC 6750"}},
		{auth.Config{Bearer: &auth.BearerConfig{}}, []string{"auth.bearer.token"}},
	} {
		err := c.c.Check(t.Context())
		if !errors.Is(err, exchange.ErrConfig) || strings.Contains(err.Error(), canary) {
			t.Errorf("%v: %v", c.texts, err)
			continue
		}
		for _, text := range c.texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%v does not name %s", err, text)
			}
		}
	}
}
