package timeout_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/timeout"
)

// always answers without allocating more than the response.
type always struct{}

func (always) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}, nil
}

var allocURL = &url.URL{Scheme: "http", Host: "api.example", Path: "/"}

// A call that succeeds costs the attempt's one timer and its function.
func TestSuccessAllocations(t *testing.T) { // not parallel: it counts allocations
	sending := func(rt http.RoundTripper) http.RoundTripper {
		return exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			return exchange.Send(rt, req, exchange.CallFrom(req.Context()), 0)
		})
	}
	count := func(rt http.RoundTripper) float64 {
		return testing.AllocsPerRun(100, func() {
			ctx, _ := exchange.WithCall(context.Background())
			if _, err := rt.RoundTrip((&http.Request{Method: http.MethodGet, URL: allocURL}).WithContext(ctx)); err != nil {
				t.Fatal(err)
			}
		})
	}
	alone := count(sending(always{}))
	bounded := count(whole(t, timeout.Config{})(sending(attempt(t, timeout.Config{})(always{}))))
	if bounded > alone+2 {
		t.Errorf("%v allocations with the policy, %v for an attempt alone", bounded, alone)
	}
}
