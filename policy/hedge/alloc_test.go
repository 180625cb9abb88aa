//go:build !race

package hedge

import (
	"context"
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/exchange"
)

// A call that is fast enough costs the timer of its second send and what that
// looks at.
func TestFastEnoughAllocations(t *testing.T) { // not parallel: it counts allocations
	for after, want := range map[string]float64{"1h": 4, "p95": 0} {
		m, err := New(Config{After: after})
		if err != nil {
			t.Fatal(err)
		}
		resp := &http.Response{StatusCode: 200, Body: http.NoBody}
		rt := m(exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) { return resp, nil }))
		ctx, call := exchange.WithCall(context.Background())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.example/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		call.Idempotent = after == "1h"
		attempt := exchange.RoundTripFunc(func(in *http.Request) (*http.Response, error) {
			for range 2 * maxSamples { // all that is learnt is in its place
				if _, err := rt.RoundTrip(in); err != nil {
					t.Fatal(err)
				}
			}
			n := testing.AllocsPerRun(1000, func() {
				if _, err := rt.RoundTrip(in); err != nil {
					t.Fatal(err)
				}
			})
			if n > want {
				t.Errorf("after %s: %v allocations, want %v", after, n, want)
			}
			return resp, nil
		})
		if _, err := exchange.Send(attempt, req, call, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// What is kept of an origin is bounded.
func TestOperationsAreBounded(t *testing.T) {
	t.Parallel()
	var o origin
	for i := range 10 * maxOperations {
		o.observe(operation{"GET", string(rune(i))}, 1, 95)
	}
	if n := len(o.operations); n != maxOperations {
		t.Errorf("%d operations", n)
	}
}
