package definition

import (
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/timeout"
	"github.com/godwit-go/godwit/secret"
)

// fullFile sets at least one of everything.
const fullFile = `version: 1
defaults:
  timeout: {total: 30s, header: 20s}
  headers: {accept: text/plain, X-Team: blue}
apis:
  github:
    base_url: ${env:GITHUB_URL}
    headers: {Accept: application/json, X-Key: "k-${env:HEADER_KEY}"}
    query: {per_page: "50"}
    secret_headers: [X-Key]
    user_agent: costs $${x}
    auth: {bearer: env:GITHUB_TOKEN}
    timeout: {connect: 5s, total: none}
    retry: {attempts: 4, statuses: [429, 503]}
    redirect: {limit: 5}
    decode: {max_body: 5MiB}
    cookie: {enabled: true}
    proxy: http://proxy.example.com:3128
    statuses: {403: "You do not have permission"}
    operations:
      user: GET /users/{login}
      create: {request: POST /users, idempotent: true, timeout: 2s}
  plain: {base_url: "http://localhost:8080"}
profiles:
  staging:
    apis:
      github: {base_url: "https://staging.example.com", timeout: {header: 1s}}
`

func load(t testing.TB, o Options, texts ...string) *Definition {
	t.Helper()
	if o.Environ == nil {
		o.Environ = testEnviron
	}
	paths := make([]string, len(texts))
	for i, text := range texts {
		paths[i] = write(t, "godwit.yaml", text)
	}
	d, err := o.Load(paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func config(t testing.TB, d *Definition, name string) godwit.Config {
	t.Helper()
	c, err := d.Config(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfig_EveryField(t *testing.T) {
	t.Parallel()
	got := config(t, load(t, Options{}, fullFile), "github")
	want := godwit.Config{
		Name:          "github",
		BaseURL:       "https://github.example.com",
		Headers:       map[string]string{"Accept": "application/json", "X-Team": "blue", "X-Key": "k-canary-header-key"},
		Query:         map[string]string{"per_page": "50"},
		SecretHeaders: []string{"X-Key"},
		UserAgent:     "costs ${x}",
		Auth:          auth.Bearer(secret.Env("GITHUB_TOKEN")),
		Timeout:       timeout.Config{Connect: 5 * time.Second, Header: 20 * time.Second, Total: timeout.None},
		Statuses:      map[int]string{403: "You do not have permission"},
		Operations: map[string]godwit.Operation{
			"user":   {Request: "GET /users/{login}"},
			"create": {Request: "POST /users", Idempotent: true, Timeout: 2 * time.Second},
		},
		SecretValues: []string{"canary-header-key", "k-canary-header-key"},
	}
	want.Retry.Attempts, want.Retry.Statuses = 4, []int{429, 503}
	want.Redirect.Limit = 5
	want.Decode.MaxBody = 5 << 20
	want.Cookie.Enabled = true
	want.Proxy.URL = "http://proxy.example.com:3128"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%#v\nwant\n%#v", got, want)
	}
}

// TestConfig_IsACopy changes what one caller got and asks again.
func TestConfig_IsACopy(t *testing.T) {
	t.Parallel()
	d := load(t, Options{}, fullFile)
	first := config(t, d, "github")
	first.Headers["Accept"] = "changed"
	first.Auth.Bearer.Scheme = "changed"
	first.Retry.Statuses[0] = 1
	second := config(t, d, "github")
	if second.Headers["Accept"] == "changed" || second.Auth.Bearer.Scheme == "changed" || second.Retry.Statuses[0] == 1 {
		t.Error("callers share a configuration")
	}
}

// TestLayers sets one value in more and more layers; each beats those before.
func TestLayers(t *testing.T) {
	t.Parallel()
	const base = "version: 1\napis:\n  a:\n    base_url: https://a.example.com\n"
	const later = "version: 1\napis: {a: {timeout: {total: 4s}}}\n"
	type layers struct {
		files []string
		o     Options
	}
	for _, c := range []struct {
		name string
		in   layers
		want time.Duration
		from string
	}{
		{"code", layers{files: []string{base}}, 0, "default"},
		{"defaults", layers{files: []string{base + "defaults: {timeout: {total: 1s}}\n"}}, time.Second, "godwit.yaml:5:29"},
		{"api", layers{files: []string{base + "    timeout: {total: 2s}\ndefaults: {timeout: {total: 1s}}\n"}}, 2 * time.Second, "godwit.yaml:5:22"},
		{"later file's defaults", layers{files: []string{base + "    timeout: {total: 2s}\n", "version: 1\ndefaults: {timeout: {total: 3s}}\n"}}, 2 * time.Second, "godwit.yaml:5:22"},
		{"later file", layers{files: []string{base + "    timeout: {total: 2s}\n", later}}, 4 * time.Second, "godwit.yaml:2:29"},
		{"profile", layers{files: []string{base + "profiles: {p: {apis: {a: {timeout: {total: 5s}}}}}\n", later}, o: Options{Profile: "p"}}, 5 * time.Second, "godwit.yaml:5:44"},
		{"other profile", layers{files: []string{base + "profiles: {p: {apis: {a: {timeout: {total: 5s}}}}, q: {}}\n", later}, o: Options{Profile: "q"}}, 4 * time.Second, "godwit.yaml:2:29"},
		{"environment", layers{
			files: []string{base + "profiles: {p: {apis: {a: {timeout: {total: 5s}}}}}\n", later},
			o:     Options{Profile: "p", Environ: []string{"GODWIT_API_A_TIMEOUT_TOTAL=6s"}},
		}, 6 * time.Second, "environment GODWIT_API_A_TIMEOUT_TOTAL"},
		{"override of all", layers{files: []string{base}, o: Options{
			Environ:   []string{"GODWIT_API_A_TIMEOUT_TOTAL=6s"},
			Overrides: map[string]map[string]string{"*": {"timeout.total": "7s"}}, OverrideSource: "flag",
		}}, 7 * time.Second, "flag timeout.total"},
		{"override of one", layers{files: []string{base}, o: Options{
			Overrides: map[string]map[string]string{"a": {"timeout.total": "8s"}, "*": {"timeout.total": "7s"}},
		}}, 8 * time.Second, "override timeout.total"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := load(t, c.in.o, c.in.files...)
			if got := config(t, d, "a").Timeout.Total; got != c.want {
				t.Errorf("total is %v, want %v", got, c.want)
			}
			s := setting(t, d, "a", "timeout.total")
			if !strings.HasSuffix(s.Source, c.from) || s.Default != (c.from == "default") {
				t.Errorf("%+v, want it from %s", s, c.from)
			}
		})
	}
}

func setting(t testing.TB, d *Definition, api, path string) Setting {
	t.Helper()
	all := d.Settings(api)
	i := slices.IndexFunc(all, func(s Setting) bool { return s.Path == path })
	if i < 0 {
		t.Fatalf("%s has no setting %s in %+v", api, path, all)
	}
	return all[i]
}

// TestLayers_MapsMergeListsReplace also covers header names in another letter
// case and the short form of structs.
func TestLayers_MapsMergeListsReplace(t *testing.T) {
	t.Parallel()
	d := load(t, Options{}, `version: 1
defaults:
  headers: {accept: a, X-One: "1"}
  query: {one: "1", both: low}
  retry: {statuses: [500, 503], attempts: 2}
  statuses: {404: low, 410: gone}
  proxy: http://low.example.com
apis:
  a:
    base_url: https://a.example.com
    headers: {ACCEPT: b, X-Two: "2"}
    query: {both: high}
    retry: {statuses: [429]}
    statuses: {404: high}
    proxy: {username: u}
    operations: {get: GET /x}
`, `version: 1
apis:
  a:
    operations: {get: {timeout: 5s}}
    proxy: http://high.example.com
`)
	c := config(t, d, "a")
	if want := map[string]string{"ACCEPT": "b", "X-One": "1", "X-Two": "2"}; !maps.Equal(c.Headers, want) {
		t.Errorf("headers %v, want %v", c.Headers, want)
	}
	if want := map[string]string{"one": "1", "both": "high"}; !maps.Equal(c.Query, want) {
		t.Errorf("query %v, want %v", c.Query, want)
	}
	if !slices.Equal(c.Retry.Statuses, []int{429}) || c.Retry.Attempts != 2 {
		t.Errorf("retry %+v", c.Retry)
	}
	if want := map[int]string{404: "high", 410: "gone"}; !maps.Equal(c.Statuses, want) {
		t.Errorf("statuses %v, want %v", c.Statuses, want)
	}
	if c.Proxy.URL != "http://high.example.com" || c.Proxy.Username != "u" {
		t.Errorf("proxy %+v", c.Proxy)
	}
	if op := c.Operations["get"]; op.Request != "GET /x" || op.Timeout != 5*time.Second {
		t.Errorf("operation %+v", op)
	}
}

// TestLayers_SchemeReplacesScheme shows that a higher layer's credential does
// not stand beside the lower one's, while its origins stay.
func TestLayers_SchemeReplacesScheme(t *testing.T) {
	t.Parallel()
	const low = "version: 1\napis: {a: {base_url: \"https://a.example.com\", auth: {bearer: {token: env:A, scheme: Token}, origins: [\"https://b.example.com\"]}}}\n"
	d := load(t, Options{}, low, "version: 1\napis: {a: {auth: {basic: {username: u, password: env:P}}}}\n")
	if c := config(t, d, "a"); c.Auth.Bearer != nil || c.Auth.Basic == nil || c.Auth.Basic.Username != "u" || len(c.Auth.Origins) != 1 {
		t.Errorf("auth %+v", c.Auth)
	}
	same := load(t, Options{Environ: []string{"GODWIT_API_A_AUTH_BEARER=env:B"}}, low)
	if c := config(t, same, "a"); c.Auth.Bearer.Token != secret.Env("B") || c.Auth.Bearer.Scheme != "Token" {
		t.Errorf("auth %+v", c.Auth.Bearer)
	}
	two := load(t, Options{Environ: []string{"GODWIT_API_A_AUTH_BASIC_USERNAME=u", "GODWIT_API_A_AUTH_QUERY_NAME=k"}}, low)
	if _, err := two.Config("a"); err == nil || !strings.Contains(err.Error(), "a second scheme") {
		t.Errorf("two schemes of one layer: %v", err)
	}
}

func TestPathsAreRelativeToTheirFile(t *testing.T) {
	t.Parallel()
	absolute := filepath.Join(t.TempDir(), "key.pem")
	name := write(t, "sub/godwit.yaml", `version: 1
apis:
  a:
    base_url: https://a.example.com
    tls: {ca: certs/ca.pem, cert: ../cert.pem, key: "`+filepath.ToSlash(absolute)+`"}
    auth: {bearer: file:token.txt}
`)
	d, err := Options{Environ: []string{"GODWIT_API_A_PROXY_PASSWORD=file:here.txt"}}.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	c, dir := config(t, d, "a"), filepath.Dir(name)
	if c.TLS.CA != filepath.Join(dir, "certs/ca.pem") || c.TLS.Cert != filepath.Join(dir, "../cert.pem") || c.TLS.Key != filepath.ToSlash(absolute) {
		t.Errorf("tls %+v", c.TLS)
	}
	if c.Auth.Bearer.Token != secret.File(filepath.Join(dir, "token.txt")) {
		t.Errorf("token %v", c.Auth.Bearer.Token)
	}
	if c.Proxy.Password != secret.File("here.txt") {
		t.Errorf("a path in a variable is relative to the working directory, got %v", c.Proxy.Password)
	}
	if s := setting(t, d, "a", "tls.ca"); s.Value != "certs/ca.pem" {
		t.Errorf("shown as %+v", s)
	}
}

// TestFS3_PlaceholdersAreReplacedOnce puts a placeholder into a variable, and
// into a variable that sets a field where placeholders are allowed.
func TestFS3_PlaceholdersAreReplacedOnce(t *testing.T) {
	t.Parallel()
	environ := []string{"A=${env:B}", "B=canary", "GODWIT_API_A_QUERY_TWO=${env:B}"}
	d := load(t, Options{Environ: environ, Overrides: map[string]map[string]string{"a": {"query.three": "${env:B}"}}}, `version: 1
apis: {a: {base_url: "https://a.example.com", query: {one: "${env:A}", four: "$${env:B}", five: "x${env:B}y${env:B}"}}}
`)
	want := map[string]string{"one": "${env:B}", "two": "${env:B}", "three": "${env:B}", "four": "${env:B}", "five": "xcanaryycanary"}
	if got := config(t, d, "a").Query; !maps.Equal(got, want) {
		t.Errorf("query %v, want %v", got, want)
	}
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	d := load(t, Options{}, fullFile)
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { _, err := d.Config("githib"); return err }, `there is no API "githib"; did you mean "github"?`},
		{func() error { _, err := d.Client("x"); return err }, `there is no API "x"; known: github, plain`},
		{func() error { _, err := Options{Profile: "stagin"}.Load(d.Files()...); return err }, `there is no profile "stagin"; did you mean "staging"?`},
		{func() error { _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); return err }, "cannot be read: "},
		{func() error { _, err := Load(t.TempDir()); return err }, "cannot be read: "},
		{func() error { _, err := Options{}.Load(); return err }, "no definition file was named"},
	} {
		err := c.do()
		if !errors.Is(err, godwit.ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if d.Settings("githib") != nil {
		t.Error("an unknown API has settings")
	}
	if got := d.APIs(); !slices.Equal(got, []string{"github", "plain"}) {
		t.Errorf("APIs %v", got)
	}
	if got := d.Profiles(); !slices.Equal(got, []string{"staging"}) {
		t.Errorf("profiles %v", got)
	}
}
