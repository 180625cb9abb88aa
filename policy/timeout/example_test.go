package timeout_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/timeout"
)

// slow starts a server that does not answer.
func slow() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
}

// The middlewares fit under any http.Client: New sets the deadline of the whole
// call, NewAttempt enforces it and the limits of each phase.
func ExampleNew() {
	server := slow()
	defer server.Close()
	config := timeout.Config{Total: 50 * time.Millisecond}
	total, err := timeout.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	attempt, err := timeout.NewAttempt(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: exchange.Chain(http.DefaultTransport, total, attempt)}

	_, err = client.Get(server.URL)
	fmt.Println(errors.Is(err, exchange.ErrTotalTimeout))
	// Output: true
}

// NewAttempt alone bounds the phases of each request.
func ExampleNewAttempt() {
	server := slow()
	defer server.Close()
	attempt, err := timeout.NewAttempt(timeout.Config{Header: 50 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: attempt(http.DefaultTransport)}

	_, err = client.Get(server.URL)
	fmt.Println(errors.Is(err, exchange.ErrHeaderTimeout), errors.Is(err, exchange.ErrTimeout))
	// Output: true true
}
