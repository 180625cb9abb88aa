package definition

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/secret"
)

const twoAPIs = `version: 1
apis:
  my-api:
    base_url: https://a.example.com
    headers: {x-tenant-id: low}
    query: {PerPage: "1"}
    operations: {get-one: GET /x, repos.get/v2: GET /y}
  other: {base_url: "https://b.example.com"}
gateway: {listen: ["127.0.0.1:1"]}
`

func TestEnvironment_EveryKind(t *testing.T) {
	t.Parallel()
	d := load(t, Options{Environ: []string{
		"GODWIT_API_MY_API_BASE_URL=https://c.example.com",
		"GODWIT_API_MY_API_TIMEOUT_TOTAL=none",
		"GODWIT_API_MY_API_RETRY_ATTEMPTS=7",
		"GODWIT_API_MY_API_RETRY_STATUSES=429, 503",
		"GODWIT_API_MY_API_RETRY_METHODS=GET",
		"GODWIT_API_MY_API_COOKIE_ENABLED=true",
		"GODWIT_API_MY_API_DECODE_MAX_BODY=1MiB",
		"GODWIT_API_MY_API_AUTH_BEARER=env:TOKEN",
		"GODWIT_API_MY_API_AUTH_BEARER_SCHEME=Token",
		"GODWIT_API_MY_API_PROXY=none",
		"GODWIT_API_MY_API_HEADERS_X_TENANT_ID=high",
		"GODWIT_API_MY_API_HEADERS_X_NEW_ONE=new",
		"GODWIT_API_MY_API_QUERY_PERPAGE=2",
		"GODWIT_API_MY_API_QUERY_PAGE_SIZE=3",
		"GODWIT_API_MY_API_STATUSES_404=not here",
		"GODWIT_API_MY_API_OPERATIONS_GET_ONE_TIMEOUT=3s",
		"GODWIT_API_MY_API_OPERATIONS_GET_ONE=GET /y",
		"GODWIT_API_MY_API_OPERATIONS_GET_ONE_HEADERS_X_A=b",
		"GODWIT_GATEWAY_LISTEN=127.0.0.1:2,127.0.0.1:3",
		"GODWIT_GATEWAY_DRAIN_DELAY=0s",
		"GODWIT_GATEWAY_APIS_MY_API_PASS_THROUGH=true",
		"GODWIT_OTHER=left alone",
	}}, twoAPIs)
	c := config(t, d, "my-api")
	got := fmt.Sprintln(c.BaseURL, c.Timeout.Total, c.Retry.Attempts, c.Retry.Statuses, c.Retry.Methods, c.Cookie.Enabled, int(c.Decode.MaxBody), c.Auth.Bearer.Scheme, c.Proxy.URL, c.Statuses, c.Operations["get-one"].Timeout, c.Operations["get-one"].Request, c.Operations["get-one"].Headers)
	want := fmt.Sprintln("https://c.example.com", time.Duration(-1), 7, []int{429, 503}, []string{"GET"}, true, 1<<20, "Token", "none", "map[404:not here]", 3*time.Second, "GET /y", "map[X-A:b]")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c.Auth.Bearer.Token != secret.Env("TOKEN") {
		t.Errorf("token %v", c.Auth.Bearer.Token)
	}
	if want := map[string]string{"x-tenant-id": "high", "X-New-One": "new"}; !maps.Equal(c.Headers, want) {
		t.Errorf("headers %v, want %v", c.Headers, want)
	}
	if want := map[string]string{"PerPage": "2", "page_size": "3"}; !maps.Equal(c.Query, want) {
		t.Errorf("query %v, want %v", c.Query, want)
	}
	g, err := d.Gateway()
	if err != nil || !slices.Equal(g.Listen, []string{"127.0.0.1:2", "127.0.0.1:3"}) || g.Grace != 30*time.Second || !g.APIs["my-api"].PassThrough {
		t.Errorf("gateway %+v, %v", g, err)
	}
	if w := d.Warnings("other"); len(w) != 0 {
		t.Errorf("warnings %v", w)
	}
}

func TestEnvironment_Mistakes(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		"GODWIT_API_MY_API_TIMEOUT_TOTLA=5s":     `environment GODWIT_API_MY_API_TIMEOUT_TOTLA: no setting of API "my-api" has this name; did you mean GODWIT_API_MY_API_TIMEOUT_TOTAL?`,
		"GODWIT_API_OTHER_FROBNICATE=1":          `environment GODWIT_API_OTHER_FROBNICATE: no setting of API "other" has this name`,
		"GODWIT_API_OTHER_OPERATIONS_NEW=GET /x": `environment GODWIT_API_OTHER_OPERATIONS_NEW: no setting of API "other" has this name`,
		"GODWIT_API_OTHER_TIMEOUT=5s":            `environment GODWIT_API_OTHER_TIMEOUT: no setting of API "other" has this name`,
		"GODWIT_API_OTHER_TIMEOUT_TOTAL=5":       `environment GODWIT_API_OTHER_TIMEOUT_TOTAL: apis.other.timeout.total: "5" is not a duration; write a number and a unit, such as 500ms, 30s, 5m or 1h30m`,
		"GODWIT_API_OTHER_RETRY_ATTEMPTS=many":   `environment GODWIT_API_OTHER_RETRY_ATTEMPTS: apis.other.retry.attempts: "many" is not a whole number in range`,
		"GODWIT_API_OTHER_COOKIE_ENABLED=yes":    `environment GODWIT_API_OTHER_COOKIE_ENABLED: apis.other.cookie.enabled: want true or false`,
		"GODWIT_API_OTHER_AUTH_BEARER=canary":    `environment GODWIT_API_OTHER_AUTH_BEARER: apis.other.auth.bearer: a secret must be a reference`,
		"GODWIT_API_OTHER_BASE_URL=canary":       `environment GODWIT_API_OTHER_BASE_URL: apis.other.base_url: scheme "" is neither http nor https; write it like https://api.example.com/v2`,
		"GODWIT_GATEWAY_LISTN=127.0.0.1:80":      `environment GODWIT_GATEWAY_LISTN: no setting of the gateway has this name; did you mean GODWIT_GATEWAY_LISTEN?`,
		"GODWIT_REDIS_ULR=redis://h":             `environment GODWIT_REDIS_ULR: no setting of redis has this name; did you mean GODWIT_REDIS_URL?`,
		"GODWIT_REDIS_URL=canary":                `environment GODWIT_REDIS_URL: redis.url: it is no URL such as redis://127.0.0.1:6379`,
		"GODWIT_GATEWAY_LISTEN=80":               `environment GODWIT_GATEWAY_LISTEN: gateway.listen[0]: "80" is not an address; write host:port, such as 127.0.0.1:8080`,
	} {
		name := write(t, "godwit.yaml", twoAPIs)
		d, err := Options{Environ: []string{variable}}.Load(name)
		if err == nil {
			err = d.Validate()
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", variable, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the value is shown: %v", variable, err)
		}
	}
}

// TestEnvironment_NamesThatOverlap has APIs whose variables begin alike.
func TestEnvironment_NamesThatOverlap(t *testing.T) {
	t.Parallel()
	text := "version: 1\napis:\n"
	for _, name := range []string{"a", "a-b", "a_timeout", "c-d", "c_d"} {
		text += "  " + name + ": {base_url: \"https://" + strings.NewReplacer("_", "-").Replace(name) + ".example.com\"}\n"
	}
	d := load(t, Options{Environ: []string{"GODWIT_API_A_B_USER_AGENT=two", "GODWIT_API_A_TIMEOUT_TOTAL=1s", "GODWIT_API_A_TIMEOUT_USER_AGENT=three"}}, text)
	if a, b, c := config(t, d, "a"), config(t, d, "a-b"), config(t, d, "a_timeout"); a.UserAgent != "" || b.UserAgent != "two" || a.Timeout.Total != time.Second || c.UserAgent != "three" {
		t.Errorf("%v %v %v", a, b, c)
	}
	_, err := Options{Environ: []string{"GODWIT_API_C_D_USER_AGENT=x"}}.Load(d.Files()...)
	if err == nil || !strings.Contains(err.Error(), `the name fits the APIs "c-d" and "c_d"`) {
		t.Errorf("two APIs with one variable: %v", err)
	}
	const dotted = "version: 1\napis: {a: {base_url: \"https://a.example.com\", operations: {repos/get: GET /x, repos.get-all: GET /y%s}}}\n"
	for more, want := range map[string]string{"": "", ", repos.get: GET /z": "no setting of API"} {
		d, err := Options{Environ: []string{"GODWIT_API_A_OPERATIONS_REPOS_GET_TIMEOUT=4s"}}.Load(write(t, "godwit.yaml", fmt.Sprintf(dotted, more)))
		if want == "" && (err != nil || config(t, d, "a").Operations["repos/get"].Timeout != 4*time.Second) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("operations with one variable%s: %v", more, err)
		}
	}
	other := load(t, Options{Environ: []string{"GODWIT_API_ELSEWHERE_USER_AGENT=x"}}, text)
	if w := other.Warnings(); len(w) != 1 || !strings.Contains(w[0], "GODWIT_API_ELSEWHERE_USER_AGENT: it fits no API") {
		t.Errorf("warnings %q", w)
	}
}

// TestEnvironment_NamesAreUnique guards the Config structs: two settings whose
// variables have one name could not be told apart.
func TestEnvironment_NamesAreUnique(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, l := range leavesOf(configType) {
		path := strings.Join(l.path, ".")
		form := variableForm(strings.ReplaceAll(path, "*", "any"))
		if other, ok := seen[form]; ok {
			t.Errorf("%s and %s are both %s", path, other, form)
		}
		seen[form] = path
	}
	for _, want := range []string{"base_url", "auth.bearer", "auth.bearer.token", "headers.*", "operations.*.headers.*", "timeout.total", "tls.ca", "proxy", "proxy.url"} {
		if !slices.Contains(slices.Collect(maps.Values(seen)), want) {
			t.Errorf("%s cannot be set by a text", want)
		}
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	d := load(t, Options{Overrides: map[string]map[string]string{
		"my-api": {"headers.X.Y": "dots", "operations.get-one.timeout": "2s", "operations.repos.get/v2.timeout": "3s", "auth.bearer": "env:T", "retry.statuses": "500"},
		"*":      {"tls.insecure": "true"},
	}}, twoAPIs)
	c := config(t, d, "my-api")
	if c.Headers["X.Y"] != "dots" || c.Operations["get-one"].Timeout != 2*time.Second || c.Operations["repos.get/v2"].Timeout != 3*time.Second || c.Auth.Bearer == nil || !c.TLS.Insecure || !slices.Equal(c.Retry.Statuses, []int{500}) {
		t.Errorf("%+v", c)
	}
	if !config(t, d, "other").TLS.Insecure {
		t.Error("an override of every API left one out")
	}
	for _, c := range []struct {
		api, path, value, want string
	}{
		{"my-apy", "timeout.total", "5s", `flag: there is no API "my-apy"; did you mean "my-api"?`},
		{"my-api", "timeout.totl", "5s", `flag timeout.totl: there is no setting "timeout.totl"; did you mean "timeout.total"?`},
		{"*", "timeout", "5s", `flag timeout: there is no setting "timeout"`},
		{"*", "headers.", "5s", `flag headers.: there is no setting "headers."`},
		{"other", "timeout.total", "soon", `flag timeout.total: apis.other.timeout.total: "soon" is not a duration`},
		{"other", "auth.bearer", "canary", `flag auth.bearer: apis.other.auth.bearer: a secret must be a reference`},
		{"other", "headers.Authorization", "canary", `flag headers.Authorization: apis.other.headers.Authorization: a credential must not be written out here`},
	} {
		d, err := Options{Overrides: map[string]map[string]string{c.api: {c.path: c.value}}, OverrideSource: "flag"}.Load(d.Files()...)
		if err == nil {
			_, err = d.Config("other")
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s %s=%s:\ngot  %v\nwant %s", c.api, c.path, c.value, err, c.want)
		}
	}
}
