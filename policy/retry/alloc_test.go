package retry

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/godwit-go/godwit/exchange"
)

// always answers without allocating more than the response.
type always struct{}

func (always) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}, nil
}

var allocURL = &url.URL{Scheme: "http", Host: "api.example", Path: "/"}

// A call that succeeds costs no allocation beyond its attempt.
func TestSuccessAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	count := func(send func(*http.Request, *exchange.Call) (*http.Response, error)) float64 {
		return testing.AllocsPerRun(100, func() {
			ctx, call := exchange.WithCall(context.Background())
			req := (&http.Request{Method: http.MethodGet, URL: allocURL}).WithContext(ctx)
			if _, err := send(req, call); err != nil {
				t.Fatal(err)
			}
		})
	}
	rt := wrap(t, Config{}, always{})
	attempt := count(func(req *http.Request, call *exchange.Call) (*http.Response, error) {
		return exchange.Send(always{}, req, call, 0)
	})
	policy := count(func(req *http.Request, _ *exchange.Call) (*http.Response, error) { return rt.RoundTrip(req) })
	if policy > attempt {
		t.Errorf("%v allocations with the policy, %v for an attempt alone", policy, attempt)
	}
}
