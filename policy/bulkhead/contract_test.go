package bulkhead_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/bulkhead"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]bulkhead.Config{
		"wide":   {MaxInFlight: 64},
		"narrow": {MaxInFlight: 1, MaxQueue: 1000},
		"off":    {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := bulkhead.New(config)
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
