package definition

import (
	"errors"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
)

const storesFile = `version: 1
apis:
  plain: {base_url: "https://a.example.com"}
  fleet:
    base_url: https://a.example.com
    limit: {store: redis, quotas: [{name: core, limit: 5/s}]}
`

// The program supplies the drivers; the file only names one.
func TestStores(t *testing.T) {
	t.Parallel()
	lines, breakers := new(limit.Memory), new(breaker.Memory)
	var asked []string
	d, err := Options{Stores: func(kind, api string) (limit.Store, breaker.Store, error) {
		asked = append(asked, kind+" "+api)
		return lines, breakers, nil
	}}.Load(write(t, "godwit.yaml", storesFile))
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := d.Config("fleet")
	if err != nil || fleet.Limit.Store != limit.Store(lines) || fleet.Breaker.Store != breaker.Store(breakers) {
		t.Errorf("%v: %v, %v", err, fleet.Limit.Store, fleet.Breaker.Store)
	}
	plain, err := d.Config("plain")
	if err != nil || plain.Limit.Store != nil || plain.Breaker.Store != nil {
		t.Errorf("%v: %v, %v", err, plain.Limit.Store, plain.Breaker.Store)
	}
	if _, err := d.Client("fleet"); err != nil {
		t.Error(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	if got := strings.Join(asked, ", "); got != "redis fleet, redis fleet, redis fleet" {
		t.Errorf("asked for %s", got)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestStoresThatCannotBeHad(t *testing.T) {
	t.Parallel()
	name := write(t, "godwit.yaml", storesFile)
	for want, options := range map[string]Options{
		":6:20: apis.fleet.limit.store: there is no driver for redis here": {},
		":6:20: apis.fleet.limit.store: the store cannot be used: REDIS_URL is not set": {
			Stores: func(string, string) (limit.Store, breaker.Store, error) {
				return nil, nil, errors.New("REDIS_URL is not set")
			},
		},
		":6:20: apis.fleet.limit.store: there is no driver for redis": {
			Stores: func(string, string) (limit.Store, breaker.Store, error) { return nil, nil, nil },
		},
	} {
		d, err := options.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate: %v; want %s", err, want)
		}
		if _, err := d.Client("fleet"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Client: %v; want %s", err, want)
		}
		if _, err := d.Client("plain"); err != nil {
			t.Error(err)
		}
	}
}
