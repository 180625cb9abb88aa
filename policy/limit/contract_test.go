package limit_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/limit"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]limit.Config{
		"off":         {},
		"dialect":     {Dialect: "github"},
		"bucket":      {Quotas: []limit.Quota{{Name: "core", Limit: "1_000_000/s"}}},
		"window":      {Quotas: []limit.Quota{{Name: "core", Model: "window", Limit: "1000000000/m"}}},
		"concurrency": {Quotas: []limit.Quota{{Name: "open", Model: "concurrency", Limit: "64"}}},
		"several": {Quotas: []limit.Quota{
			{Name: "core", Limit: "1000000/s"}, {Name: "open", Model: "concurrency", Limit: "64"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := limit.New(config)
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
