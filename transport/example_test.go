package transport_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/transport"
)

func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()

	t, err := transport.New(transport.Config{
		ConnectTimeout: 5 * time.Second,
		Pool:           transport.Pool{MaxConnsPerHost: 8},
		Proxy:          transport.Proxy{URL: "none"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	resp, err := (&http.Client{Transport: t}).Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output: 200
}

func ExampleNew_mistake() {
	_, err := transport.New(transport.Config{TLS: transport.TLS{Cert: "client.pem"}})
	fmt.Println(err, errors.Is(err, exchange.ErrConfig))
	// Output: tls.cert: needs tls.key as well true
}

func ExampleWrap() {
	scripted := exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("the cable is out")
	})
	req, err := http.NewRequest(http.MethodPost, "https://api.example.com/orders?token=secret", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = transport.Wrap(scripted).RoundTrip(req)
	if e, ok := errors.AsType[*exchange.Error](err); ok {
		fmt.Println(e)
		fmt.Println("sent:", e.Sent)
	}
	// Output:
	// POST https://api.example.com/orders?token=***: connect: the cable is out
	// sent: maybe
}
