package redirect_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/redirect"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]redirect.Config{
		"default": {},
		"allow":   {CrossOriginBody: "allow", Downgrade: "allow", Limit: 3},
		"never":   {Follow: "never"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := redirect.New(c)
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
