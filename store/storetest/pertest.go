package storetest

import (
	"sync"
	"testing"
)

// PerTest calls start once for each test that asks, so that all the stores which
// one test opens have their state in common: a folder, a server.
func PerTest[V any](start func(*testing.T) V) func(*testing.T) V {
	var mu sync.Mutex
	made := make(map[*testing.T]V)
	return func(t *testing.T) V {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		v, ok := made[t]
		if !ok {
			v = start(t)
			made[t] = v
		}
		return v
	}
}
