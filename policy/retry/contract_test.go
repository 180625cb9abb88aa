package retry_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/retry"
)

func TestContract(t *testing.T) {
	for name, config := range map[string]retry.Config{
		"default":    {},
		"off":        {Attempts: 1},
		"everything": {Attempts: 5, Methods: []string{"GET", "HEAD", "POST", "PUT", "DELETE"}},
	} {
		t.Run(name, func(t *testing.T) {
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := retry.New(config)
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
