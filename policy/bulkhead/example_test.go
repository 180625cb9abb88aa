package bulkhead_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/bulkhead"
)

// A slot ends with the body, so the first answer must be closed before the
// second call can go.
func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()

	middleware, err := bulkhead.New(bulkhead.Config{MaxInFlight: 1, MaxQueue: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: middleware(http.DefaultTransport)}
	first, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Get(server.URL)
	fmt.Println("held back:", errors.Is(err, exchange.ErrRateLimited))

	first.Body.Close()
	second, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer second.Body.Close()
	fmt.Println(second.Status)
	// Output:
	// held back: true
	// 200 OK
}
