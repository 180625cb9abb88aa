package decode_test

import (
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/decode"
)

func TestContract(t *testing.T) {
	t.Parallel()
	godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware { return policy(t, decode.Config{MaxBody: 1 << 20}) })
}
