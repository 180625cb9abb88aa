package definition_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/definition"
)

// example loads testdata/godwit.yaml with an environment of its own.
func example() *definition.Definition {
	def, err := definition.Options{Environ: []string{"GITHUB_URL=https://api.github.com"}}.Load("testdata/godwit.yaml")
	if err != nil {
		log.Fatal(err)
	}
	return def
}

func Example() {
	def := example()
	defer func() {
		if err := def.Close(); err != nil {
			log.Print(err)
		}
	}()
	github, err := def.Client("github")
	if err != nil {
		log.Fatal(err)
	}
	req, err := github.NewRequest(context.Background(), "GET", "/users/{login}", godwit.Path("login", "octocat"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(req.Method, req.URL)
	fmt.Println(req.Header.Get("Accept"))
	// Output:
	// GET https://api.github.com/users/octocat
	// application/vnd.github+json
}

func ExampleLoad() {
	def, err := definition.Load("testdata/godwit.yaml")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(def.APIs(), def.Profiles(), def.Files())
	fmt.Println(def.Close())
	// Output:
	// [github local] [staging] [testdata/godwit.yaml]
	// <nil>
}

// What was hashed is what was parsed, whatever happens to the file meanwhile.
func ExampleOptions_Read() {
	file, err := os.Open("testdata/godwit.yaml")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	hash := sha256.New()
	def, err := definition.Options{Environ: []string{"GITHUB_URL=https://api.github.com"}}.Read(file.Name(), io.TeeReader(file, hash))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(def.APIs(), def.Files(), len(hash.Sum(nil)))
	fmt.Println(def.Close())
	// Output:
	// [github local] [testdata/godwit.yaml] 32
	// <nil>
}

func ExampleLoad_mistakes() {
	def, err := definition.Load("testdata/broken.yaml")
	if err != nil {
		log.Fatal(err)
	}
	err = def.Validate()
	if all, ok := errors.AsType[definition.Errors](err); ok {
		for _, e := range all {
			fmt.Println(e)
		}
	}
	fmt.Println(errors.Is(err, godwit.ErrConfig))
	// Output:
	// testdata/broken.yaml:4:5: apis.github.base_ulr: unknown key; did you mean "base_url"?
	// testdata/broken.yaml:5:22: apis.github.timeout.total: want a duration such as 30s, got a number
	// true
}

func ExampleOptions_Load() {
	def, err := definition.Options{
		Profile:        "staging",
		Environ:        []string{"GODWIT_API_GITHUB_TIMEOUT_TOTAL=5s"},
		Overrides:      map[string]map[string]string{"*": {"retry.attempts": "1"}},
		OverrideSource: "flag",
	}.Load("testdata/godwit.yaml")
	if err != nil {
		log.Fatal(err)
	}
	c, err := def.Config("github")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.BaseURL, c.Timeout.Total, c.Retry.Attempts)
	// Output: https://staging.example.com 5s 1
}

func ExampleDefinition_Config() {
	c, err := example().Config("github")
	fmt.Println(c.BaseURL, c.Auth.Bearer.Token, c.Timeout.Total, err)
	_, err = example().Config("githib")
	fmt.Println(err)
	// Output:
	// https://api.github.com env:GITHUB_TOKEN 30s <nil>
	// testdata/godwit.yaml: there is no API "githib"; did you mean "github"?
}

func ExampleDefinition_Client() {
	def := example()
	first, err := def.Client("local")
	if err != nil {
		log.Fatal(err)
	}
	second, err := def.Client("local")
	fmt.Println(first == second, err, def.Close())
	// Output: true <nil> <nil>
}

func ExampleDefinition_Settings() {
	for _, s := range example().Settings("github") {
		if s.Path == "auth.bearer.token" || s.Path == "timeout.connect" || s.Path == "timeout.tls" {
			fmt.Printf("%-18s %-17s %s\n", s.Path, s.Value, s.Source)
		}
	}
	// Output:
	// auth.bearer.token  env:GITHUB_TOKEN  testdata/godwit.yaml:8:20
	// timeout.connect    5s                testdata/godwit.yaml:9:24
	// timeout.tls        10s               default
}

func ExampleDefinition_References() {
	for _, r := range example().References() {
		fmt.Println(r)
	}
	// Output:
	// origin ${env:GITHUB_URL} (testdata/godwit.yaml:6:15)
	// secret env:GITHUB_URL (testdata/godwit.yaml:6:15)
	// secret env:GITHUB_TOKEN (testdata/godwit.yaml:8:20)
	// origin http://127.0.0.1:9 (testdata/godwit.yaml:13:15)
	// origin https://staging.example.com (testdata/godwit.yaml:18:26)
}

func ExampleDefinition_Warnings() {
	for _, w := range example().Warnings("github", "local") {
		fmt.Println(w)
	}
	// Output: testdata/godwit.yaml:14:21: apis.local.tls.insecure: certificates are not verified: anybody on the way can read and change everything; use tls.ca for a private authority
}

func ExampleDefinition_Validate() {
	fmt.Println(example().Validate())
	// Output: <nil>
}

func ExampleDefinition_Check() {
	def, err := definition.Options{
		Overrides: map[string]map[string]string{"github": {"auth.bearer": "env:GODWIT_EXAMPLE_NOT_SET", "base_url": "https://api.github.com"}},
	}.Load("testdata/godwit.yaml")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(def.Check(context.Background()))
	// Output: override auth.bearer: apis.github.auth.bearer.token: secret env:GODWIT_EXAMPLE_NOT_SET: the environment variable is not set or empty
}

func ExampleDefinition_Gateway() {
	g, err := example().Gateway()
	fmt.Println(g.Listen, g.Grace, err)
	// Output: [127.0.0.1:8080] 10s <nil>
}

func ExampleSchema() {
	text, err := definition.Schema()
	if err != nil {
		log.Fatal(err)
	}
	var schema struct {
		Schema   string `json:"$schema"`
		Required []string
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		log.Fatal(err)
	}
	fmt.Println(schema.Schema, schema.Required)
	// Output: https://json-schema.org/draft/2020-12/schema [version]
}

func ExampleDescribe() {
	fmt.Println(definition.Describe("gateway.grace"))
	// Output: grace is the longest that calls in flight may take to finish once the gateway was told to stop. Default 30s.
}

// A program with a Redis client of its own learns from the file where the server
// is.
func ExampleDefinition_Redis() {
	def, err := definition.Options{}.Read("godwit.yaml", strings.NewReader(`version: 1
apis: {github: {base_url: "https://api.github.com"}}
redis: {url: "rediss://cache.example.com/2", password: env:REDIS_PASSWORD}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer def.Close()
	c, err := def.Redis()
	if err != nil {
		fmt.Println(err)
		return
	}
	address, err := c.Address()
	fmt.Println(address.Address, address.TLS, address.Database, c.Password, err)
	// Output: cache.example.com:6379 true 2 env:REDIS_PASSWORD <nil>
}
