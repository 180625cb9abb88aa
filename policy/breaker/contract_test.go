package breaker_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/breaker"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func() breaker.Config{
		"default": func() breaker.Config { return breaker.Config{} },
		"wait":    func() breaker.Config { return breaker.Config{WhenOpen: "wait"} },
		"off":     func() breaker.Config { return breaker.Config{WhenOpen: "off"} },
		"paced":   func() breaker.Config { return breaker.Config{Paced: true} },
		"fleet":   func() breaker.Config { return breaker.Config{Store: new(breaker.Memory)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := breaker.New(config())
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
