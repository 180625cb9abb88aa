package definition

import (
	"slices"
	"strings"
	"testing"

	"github.com/godwit-go/godwit"
)

// TestLG1_SettingsShowNoSecret puts a canary wherever a value can come from.
func TestLG1_SettingsShowNoSecret(t *testing.T) {
	t.Parallel()
	d := load(t, Options{
		Environ: []string{
			"TOKEN=canary-1", "HOST=api.example.com",
			"GODWIT_API_A_HEADERS_X_ENV=canary-2", "GODWIT_API_A_QUERY_ENV=canary-3",
		},
		Overrides: map[string]map[string]string{"a": {"query.access_token": "canary-4", "query.page": "2"}},
	}, `version: 1
apis:
  a:
    base_url: https://${env:HOST}/v1
    headers:
      Authorization: Bearer ${env:TOKEN}
      X-Api-Key: canary-5${env:TOKEN}
      X-Plain: shown
      X-Mixed: a ${env:TOKEN} b
      X-Session-Id: canary-6
    query: {api_key: canary-7, per_page: "50", q: "${env:TOKEN}"}
    auth: {origins: ["https://b.example.com", "https://c.example.com"], basic: {username: u, password: env:PASSWORD}}
    proxy: http://user:canary-8@proxy.example.com
    timeout: {total: none}
    statuses: {404: Not here}
`)
	got := make(map[string]Setting)
	for _, s := range d.Settings("a") {
		got[s.Path] = s
		if strings.Contains(s.Value+s.Source+s.Path, "canary") {
			t.Errorf("the secret is shown: %+v", s)
		}
	}
	for path, want := range map[string]string{
		"base_url":              "https://api.example.com/v1",
		"headers.Authorization": "Bearer ${env:TOKEN}",
		"headers.X-Api-Key":     "***",
		"headers.X-Plain":       "shown",
		"headers.X-Mixed":       "a ${env:TOKEN} b",
		"headers.X-Session-Id":  "***",
		"headers.X-Env":         "***",
		"query.api_key":         "***",
		"query.env":             "***",
		"query.access_token":    "***",
		"query.page":            "2",
		"query.per_page":        "50",
		"query.q":               "${env:TOKEN}",
		"auth.basic.username":   "u",
		"auth.basic.password":   "env:PASSWORD",
		"auth.origins":          "https://b.example.com, https://c.example.com",
		"proxy.url":             "http://***@proxy.example.com",
		"timeout.total":         "none",
		"timeout.connect":       "10s",
		"retry.attempts":        "3",
		"redirect.follow":       "always",
		"statuses.404":          "Not here",
		"request_id_header":     "X-Request-ID",
	} {
		s, ok := got[path]
		if !ok || s.Value != want {
			t.Errorf("%s: %+v, want %q", path, s, want)
		}
		if s.Default != (s.Source == "default") || s.Source == "" {
			t.Errorf("%s: source %q, default %v", path, s.Source, s.Default)
		}
	}
	if s, ok := got["auth.bearer.token"]; ok {
		t.Errorf("a scheme that is not in use is listed: %+v", s)
	}
}

// TestSettings_OfABrokenAPI shows what can be read and hides what cannot.
func TestSettings_OfABrokenAPI(t *testing.T) {
	t.Parallel()
	d := load(t, Options{}, `version: 1
apis:
  a:
    base_url: "${env:NOWHERE}"
    auth: {bearer: canary, basic: [canary], header: {name: {x: canary}, value: 5}}
    timeout: {total: 5s, conect: canary}
    headers: {A: [canary]}
`)
	shown := d.Settings("a")
	for _, s := range shown {
		if strings.Contains(s.Value, "canary") {
			t.Errorf("%+v", s)
		}
	}
	if !slices.ContainsFunc(shown, func(s Setting) bool { return s.Path == "timeout.total" && s.Value == "5s" }) {
		t.Errorf("timeout.total is missing in %+v", shown)
	}
}

// TestFS4_References lists all that a file reaches, without reading any of it.
func TestFS4_References(t *testing.T) {
	t.Parallel()
	d := load(t, Options{Environ: []string{"GODWIT_API_A_BASE_URL=https://environment.example.com"}}, `version: 1
defaults: {proxy: {url: "http://proxy.example.com", password: file:proxy.txt}}
apis:
  a:
    base_url: https://${env:HOST}/v1
    headers: {X-Stolen: "${env:AWS_SECRET_ACCESS_KEY} ${env:TWO}"}
    auth: {bearer: env:TOKEN, origins: ["https://b.example.com"]}
    tls: {ca: ca.pem, key: /etc/key.pem}
    redirect: {private_hosts: [10.0.0.1]}
    operations: {x: {request: GET /, query: {k: "${env:IN_OPERATION}"}}}
profiles:
  evil: {apis: {a: {base_url: "https://evil.example.com", auth: {bearer: canary}}}}
gateway: {listen: ["0.0.0.0:80"]}
redis: {url: "rediss://cache.example.com:7000/1", username: u, password: file:redis.txt, tls: {ca: redis.pem}}
`)
	var got []string
	for _, r := range d.References() {
		got = append(got, r.Kind+" "+r.Value+" "+r.Path)
		if !strings.Contains(r.String(), "godwit.yaml:") {
			t.Errorf("%v has no place", r)
		}
	}
	want := []string{
		"proxy http://proxy.example.com defaults.proxy.url",
		"secret file:proxy.txt defaults.proxy.password",
		"origin https://${env:HOST}/v1 apis.a.base_url",
		"secret env:HOST apis.a.base_url",
		"secret env:AWS_SECRET_ACCESS_KEY apis.a.headers.X-Stolen",
		"secret env:TWO apis.a.headers.X-Stolen",
		"secret env:IN_OPERATION apis.a.operations.x.query.k",
		"secret env:TOKEN apis.a.auth.bearer.token",
		"origin https://b.example.com apis.a.auth.origins[0]",
		"host 10.0.0.1 apis.a.redirect.private_hosts[0]",
		"file ca.pem apis.a.tls.ca",
		"file /etc/key.pem apis.a.tls.key",
		"origin https://evil.example.com profiles.evil.apis.a.base_url",
		"listen 0.0.0.0:80 gateway.listen[0]",
		"store rediss://cache.example.com:7000/1 redis.url",
		"secret file:redis.txt redis.password",
		"file redis.pem redis.tls.ca",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTL6_Warnings(t *testing.T) {
	t.Parallel()
	d := load(t, Options{}, `version: 1
apis:
  a:
    base_url: http://a.example.com
    tls: {insecure: true}
    auth: {query: {name: key, value: env:KEY}, origins: ["http://b.example.com"]}
    query: {api_key: x}
  b: {base_url: "http://127.0.0.1:1", auth: {bearer: env:T}}
  c: {base_url: "http://localhost", headers: {Authorization: "${env:GITHUB_URL}"}}
  d: {base_url: "http://d.example.com", headers: {Authorization: "${env:GITHUB_URL}"}}
  e: {base_url: "http://e.example.com"}
  broken: {base_url: nowhere}
`)
	got := strings.Join(d.Warnings(), "\n")
	for _, want := range []string{
		"godwit.yaml:4:15: apis.a.base_url: credentials go over http in clear; use https",
		"godwit.yaml:5:21: apis.a.tls.insecure: certificates are not verified: ",
		"godwit.yaml:6:19: apis.a.auth.query: servers and proxies log URLs, ",
		"godwit.yaml:6:57: apis.a.auth.origins: http://b.example.com gets the credential in clear; use https",
		"godwit.yaml:7:22: apis.a.query.api_key: servers and proxies log URLs, ",
		"apis.d.base_url: credentials go over http in clear",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != 6 {
		t.Errorf("%d warnings, want 6:\n%s", n, got)
	}
	if w := d.Warnings("b", "c", "e", "broken"); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

// TestSecretValuesAreRedacted has an error of a client with a value that came
// from the environment.
func TestSecretValuesAreRedacted(t *testing.T) {
	t.Parallel()
	d := load(t, Options{}, fullFile)
	c := config(t, d, "github")
	if !slices.Contains(c.SecretValues, "canary-header-key") || slices.Contains(c.SecretValues, "https://github.example.com") {
		t.Errorf("secret values %q", c.SecretValues)
	}
	client, err := godwit.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}
