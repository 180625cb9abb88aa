package cookie_test

import (
	"fmt"
	"net/http"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/cookie"
)

// A session cookie is kept for its origin.
func ExampleNew() {
	keep, err := cookie.New(cookie.Config{Enabled: true, Origins: []string{"https://api.example.com"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	script := godwittest.Script(godwittest.Status(200).With("Set-Cookie", "sid=42; Secure"), godwittest.Status(200))
	client := &http.Client{Transport: exchange.Chain(script, keep)}
	for _, path := range []string{"/login", "/orders"} {
		resp, err := client.Get("https://api.example.com" + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
	}
	fmt.Println(script.Requests()[1].Header.Get("Cookie"))
	// Output: sid=42
}
