package definition

import (
	"strings"
	"testing"

	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/redisstore"
)

const redisFile = `version: 1
apis:
  alone: {base_url: "https://a.example.com"}
  fleet:
    base_url: https://a.example.com
    limit: {store: redis, quotas: [{name: core, limit: 5/s}]}
redis: {url: "redis://cache.example.com", username: godwit, password: env:REDIS_CANARY}
`

// A later file beats an earlier one key by key, and a variable beats both.
func TestRedis_Layers(t *testing.T) {
	t.Parallel()
	first := write(t, "godwit.yaml", redisFile)
	second := write(t, "local.yaml", "version: 1\nredis: redis://127.0.0.1:7000/2\n")
	for _, c := range []struct {
		environ []string
		files   []string
		want    string
	}{
		{nil, []string{first}, "redis://cache.example.com"},
		{nil, []string{first, second}, "redis://127.0.0.1:7000/2"},
		{[]string{"GODWIT_REDIS_URL=redis://[::1]"}, []string{first, second}, "redis://[::1]"},
	} {
		d, err := Options{Environ: append(c.environ, "X=y")}.Load(c.files...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Redis()
		if err != nil || got.URL != c.want || got.Username != "godwit" || got.Password.String() != "env:REDIS_CANARY" {
			t.Errorf("%v: %+v, %v", c.environ, got, err)
		}
	}
	d := load(t, Options{}, "version: 1\napis: {a: {base_url: \"https://a.example.com\"}}\n")
	if got, err := d.Redis(); err != nil || got.URL != "" {
		t.Errorf("no section: %+v, %v", got, err)
	}
}

// Whoever shares limits is told where; whoever does not is not.
func TestRedis_Settings(t *testing.T) {
	t.Parallel()
	d := load(t, Options{}, redisFile)
	shown := func(api string) string {
		var b strings.Builder
		for _, s := range d.Settings(api) {
			if strings.HasPrefix(s.Path, "redis.") && !s.Default {
				b.WriteString(s.Path + "=" + s.Value + " " + s.Source[strings.LastIndexByte(s.Source, '/')+1:] + "\n")
			}
		}
		return b.String()
	}
	const want = "redis.url=redis://cache.example.com godwit.yaml:7:14\n" +
		"redis.username=godwit godwit.yaml:7:53\nredis.password=env:REDIS_CANARY godwit.yaml:7:71\n"
	if got := shown("fleet"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := shown("alone"); got != "" {
		t.Errorf("an API that shares nothing shows\n%s", got)
	}
	if got := Describe("redis.url"); !strings.HasPrefix(got, "url is redis://") {
		t.Errorf("redis.url: %q", got)
	}
}

// Check reads the password once; a mistake in the section is told where it is
// written, and once, also when an API asks for the store.
func TestRedis_Check(t *testing.T) {
	t.Parallel()
	stores := func(d **Definition) func(string, string) (limit.Store, breaker.Store, error) {
		return func(string, string) (limit.Store, breaker.Store, error) {
			if _, err := (*d).Redis(); err != nil {
				return nil, nil, err
			}
			return new(limit.Memory), nil, nil
		}
	}
	var d *Definition
	var err error
	if d, err = (Options{Environ: []string{"X=y"}, Stores: stores(&d)}).Load(write(t, "godwit.yaml", redisFile)); err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	if err := d.Check(t.Context()); err == nil || !strings.Contains(err.Error(), ":7:71: redis.password: ") || strings.Count(err.Error(), "\n") != 0 {
		t.Errorf("no password: %v", err)
	}
	wrong := strings.Replace(redisFile, "redis://cache", "redis://user:canary@cache", 1)
	if d, err = (Options{Environ: []string{"X=y"}, Stores: stores(&d)}).Load(write(t, "godwit.yaml", wrong)); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"Validate": d.Validate(), "Client": second(d.Client("fleet"))} {
		if err == nil || !strings.Contains(err.Error(), ":7:14: redis.url: a user or a password") || strings.Count(err.Error(), "\n") != 0 || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.Client("alone"); err != nil {
		t.Error(err)
	}
	var zero redisstore.Config
	if got, err := d.Redis(); err == nil || got == zero {
		t.Errorf("%+v, %v", got, err)
	}
}

func second[T any](_ T, err error) error { return err }
