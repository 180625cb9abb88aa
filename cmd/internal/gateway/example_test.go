package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/gateway"
)

func Example() {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Method, r.URL.Path)
	}))
	defer upstream.Close()
	client, err := godwit.New(godwit.Config{BaseURL: upstream.URL + "/v2"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	g, err := gateway.New(gateway.Config{
		APIs:   []gateway.API{{Name: "crm", Client: client}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error)
	go func() { served <- g.Serve(ctx, nil, l) }()

	for _, path := range []string{"/crm/contacts/7", "/erp/x", "/-/readyz"} {
		resp, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Print(resp.StatusCode, " ", resp.Header.Get("Proxy-Status"))
		if resp.StatusCode == 200 {
			fmt.Print(string(body))
		} else {
			fmt.Println()
		}
	}
	stop()
	fmt.Println(<-served)
	// Output:
	// 200 GET /v2/contacts/7
	// 404 godwit;error=http_request_denied;details="no route"
	// 200 ready
	// <nil>
}
