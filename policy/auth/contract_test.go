package auth_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

func TestContract(t *testing.T) {
	t.Parallel()
	token := secret.Value("contract-token")
	for name, c := range map[string]auth.Config{
		"none":   {},
		"bearer": auth.Bearer(token),
		"basic":  auth.Basic("user", token),
		"header": auth.Header("X-Api-Key", token),
		"query":  auth.Query("key", token),
		"custom": {Custom: func(_ context.Context, req *http.Request) error {
			req.Header.Set("Authorization", "Custom x")
			return nil
		}},
	} {
		c.Origins = []string{godwittest.ContractURL[:len("https://api.example.com")]}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				m, err := auth.New(c)
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
