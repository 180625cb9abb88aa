package cookie_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/cookie"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]cookie.Config{
		"off":     {},
		"shared":  {Enabled: true, Origins: []string{"https://api.example.com"}},
		"foreign": {Enabled: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := cookie.New(c)
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
