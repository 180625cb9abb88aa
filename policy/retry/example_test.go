package retry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/godwit-go/godwit/policy/retry"
)

// The middleware fits under any http.Client.
func ExampleNew() {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()

	middleware, err := retry.New(retry.Config{Base: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: middleware(http.DefaultTransport)}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status, "after", requests.Load(), "requests")
	// Output: 200 OK after 3 requests
}

// A policy that sends again by itself, such as a hedge, asks for its share of
// the budget first.
func ExampleRetry_Spend() {
	policy, err := retry.NewRetry(retry.Config{Budget: retry.BudgetConfig{MinPerSecond: 1, Window: 2 * time.Second}})
	if err != nil {
		fmt.Println(err)
		return
	}
	upstream := &url.URL{Scheme: "https", Host: "api.example.com"}
	fmt.Println(policy.Spend(upstream), policy.Spend(upstream), policy.Spend(upstream))
	// Output: true true false
}

// An API that answers 409 while somebody else holds the object.
func ExampleConfig_when() {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) < 3 {
			w.WriteHeader(http.StatusConflict)
		}
	}))
	defer server.Close()

	policy, err := retry.NewRetry(retry.Config{
		Base: time.Millisecond,
		When: func(o retry.Outcome) retry.Decision {
			if o.Response != nil && o.Response.StatusCode == http.StatusConflict {
				return retry.Again
			}
			return retry.Default
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: policy.Wrap(http.DefaultTransport)}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status, "after", requests.Load(), "requests")
	// Output: 200 OK after 3 requests
}
