package breaker_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/breaker"
)

// down is a server that counts what it must refuse.
func down(requests *atomic.Int32) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
}

// An upstream that is down is left alone.
func ExampleNew() {
	var requests atomic.Int32
	server := down(&requests)
	defer server.Close()
	middleware, err := breaker.New(breaker.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: middleware(http.DefaultTransport)}
	for range 100 {
		resp, err := client.Get(server.URL)
		if errors.Is(err, exchange.ErrCircuitOpen) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
	}
	fmt.Println(requests.Load(), "requests reached the server")
	// Output: 15 requests reached the server
}

// Clients of one process can share what they know; the health is for whoever
// decides how much to send.
func ExampleNewBreaker() {
	var requests atomic.Int32
	server := down(&requests)
	defer server.Close()
	b, err := breaker.NewBreaker(breaker.Config{Store: new(breaker.Memory), Outcomes: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	target, err := url.Parse(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: b.Wrap(http.DefaultTransport)}
	for range 3 {
		fmt.Println("health", b.Health(target))
		if resp, err := client.Get(server.URL); err == nil {
			resp.Body.Close()
		}
	}
	fmt.Println("health", b.Health(target))
	// Output:
	// health 1
	// health 1
	// health 1
	// health 0
}
