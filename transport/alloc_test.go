//go:build !race

package transport_test

import (
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/transport"
)

// maxAllocs is what Wrap adds to an attempt without a body.
const maxAllocs = 0

func TestWrapAllocations(t *testing.T) { // counts allocations: not parallel, not under -race
	ctx, _ := exchange.WithCall(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/v1/x?a=b", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	stub := exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) { return resp, nil })
	count := func(rt http.RoundTripper) float64 {
		return testing.AllocsPerRun(200, func() {
			_, call := exchange.WithCall(ctx)
			if _, err := exchange.Send(rt, req, call, 0); err != nil {
				t.Fatal(err)
			}
		})
	}
	if added := count(transport.Wrap(stub)) - count(stub); added > maxAllocs {
		t.Errorf("%v allocations", added)
	}
}
