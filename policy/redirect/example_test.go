package redirect_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/redirect"
)

// A redirect to another host is followed without the caller's key.
func ExampleNew() {
	follow, err := redirect.New(redirect.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	script := godwittest.Script(godwittest.Redirect(302, "https://files.example.net/report"), godwittest.Text(200, "report"))
	req, err := http.NewRequest(http.MethodGet, "https://api.example.com/report", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("X-Api-Key", "key")
	req.Header.Set("Accept", "text/plain")
	resp, err := exchange.Chain(script, follow).RoundTrip(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.Request.URL)
	fmt.Println(script.Requests()[1].Header)
	// Output:
	// https://files.example.net/report
	// map[Accept:[text/plain]]
}

// A body goes to no other origin unless the Config allows it.
func ExampleConfig() {
	follow, err := redirect.New(redirect.Config{CrossOriginBody: "refuse"})
	if err != nil {
		fmt.Println(err)
		return
	}
	script := godwittest.Script(godwittest.Redirect(307, "https://elsewhere.example.net/"))
	client := &http.Client{Transport: exchange.Chain(script, follow)}
	_, err = client.Post("https://api.example.com/orders", "application/json", strings.NewReader(`{"n":1}`))
	var refused *exchange.Error
	if errors.As(err, &refused) {
		fmt.Println(refused)
		fmt.Println(refused.Hint)
	}
	// Output:
	// POST https://api.example.com/orders: redirect: redirect refused: 307 Temporary Redirect: it would send the request body to another origin, https://elsewhere.example.net
	// set redirect.cross_origin_body to allow if that origin may receive it
}
