package timeout_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/timeout"
)

func TestContract(t *testing.T) {
	for name, mk := range map[string]func(timeout.Config) (exchange.Middleware, error){"whole": timeout.New, "attempt": timeout.NewAttempt} {
		t.Run(name, func(t *testing.T) {
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := mk(timeout.Config{})
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
