package decode_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/decode"
)

func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 5000))
	}))
	defer server.Close()

	limit, err := decode.New(decode.Config{MaxBody: 4 << 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: limit(http.DefaultTransport)}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	fmt.Println(errors.Is(err, exchange.ErrBodyTooLarge))
	// Output: true
}

func ExampleParseSize() {
	size, err := decode.ParseSize("32MiB")
	fmt.Println(int64(size), size, err)
	// Output: 33554432 32MiB <nil>
}
