package storetest_test

import (
	"testing"

	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/storetest"
)

func TestBreaker_Memory(t *testing.T) {
	t.Parallel()
	stores := storetest.PerTest(func(*testing.T) *breaker.Memory { return new(breaker.Memory) })
	storetest.Breaker(t, func(t *testing.T) breaker.Store { return stores(t) })
}

func TestLimit_Memory(t *testing.T) {
	t.Parallel()
	stores := storetest.PerTest(func(*testing.T) *limit.Memory { return new(limit.Memory) })
	storetest.Limit(t, func(t *testing.T) limit.Store { return stores(t) })
}
