package auth_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

// The credential goes to its origins; a request to any other is not sent.
func ExampleNew() {
	c := auth.Bearer(secret.Value("t0ken"))
	c.Origins = []string{"https://api.example.com"}
	guard, err := auth.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	script := godwittest.Script(godwittest.Status(200))
	client := &http.Client{Transport: exchange.Chain(script, guard)}
	resp, err := client.Get("https://api.example.com/me")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	fmt.Println(script.Requests()[0].Header.Get("Authorization"))

	_, err = client.Get("https://api.example.net/me")
	var refused *exchange.Error
	if errors.As(err, &refused) {
		fmt.Println(refused)
		fmt.Println(refused.Hint)
	}
	// Output:
	// Bearer t0ken
	// GET https://api.example.net/me: auth: origin not allowed: https://api.example.net is not in the credential's origin set
	// if https://api.example.net may receive the credential, add it to auth.origins
}

// A scheme of the program's own, under the same guard.
func ExampleConfig() {
	key := []byte("signing key")
	c := auth.Config{
		Origins: []string{"https://api.example.com"},
		Custom: func(_ context.Context, req *http.Request) error {
			mac := hmac.New(sha256.New, key)
			fmt.Fprintf(mac, "%s %s", req.Method, req.URL.RequestURI())
			req.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil))[:16])
			return nil
		},
	}
	guard, err := auth.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	script := godwittest.Script(godwittest.Status(200))
	resp, err := (&http.Client{Transport: exchange.Chain(script, guard)}).Get("https://api.example.com/me")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	fmt.Println(script.Requests()[0].Header.Get("X-Signature"))
	// Output: 3c07f62d0da4c91c
}

func ExampleBearer() {
	fmt.Println(auth.Bearer(secret.Env("GITHUB_TOKEN")).Preview())
	// Output: header Authorization Bearer env:GITHUB_TOKEN
}

func ExampleBasic() {
	fmt.Println(auth.Basic("ann", secret.File("/run/secrets/password")).Preview())
	// Output: header Authorization Basic ann:file:/run/secrets/password
}

func ExampleHeader() {
	fmt.Println(auth.Header("x-api-key", secret.Env("API_KEY")).Preview())
	// Output: header X-Api-Key env:API_KEY
}

func ExampleQuery() {
	fmt.Println(auth.Query("key", secret.Env("API_KEY")).Preview())
	// Output: query key env:API_KEY
}

func ExampleConfig_Check() {
	err := auth.Bearer(secret.Env("GODWIT_EXAMPLE_NOT_SET")).Check(context.Background())
	fmt.Println(err)
	fmt.Println(errors.Is(err, exchange.ErrConfig))
	// Output:
	// auth.bearer.token: secret env:GODWIT_EXAMPLE_NOT_SET: the environment variable is not set or empty
	// true
}

func ExampleConfig_SecretNames() {
	headers, query := auth.Query("key", secret.Env("API_KEY")).SecretNames()
	fmt.Println(len(headers), query)
	// Output: 0 [key]
}

func ExampleConfig_Warnings() {
	for _, w := range auth.Query("key", secret.Env("API_KEY")).Warnings() {
		fmt.Println(w)
	}
	// Output: auth.query: servers and proxies log URLs, and with them the key; use auth.header if the API can
}
