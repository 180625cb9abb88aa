package hedge_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/hedge"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]hedge.Config{
		"at once": {After: "1ns", Budget: 0.5},
		"later":   {After: "p95"},
		"off":     {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := hedge.New(config)
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
