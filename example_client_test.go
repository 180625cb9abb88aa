package godwit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

func ExampleClient_Call() {
	server := exampleAPI()
	defer server.Close()
	client, err := godwit.New(godwit.Config{BaseURL: server.URL, Operations: map[string]godwit.Operation{
		"echo": {Request: "POST /echo", Query: map[string]string{"page": "1", "size": "50"}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	resp, err := client.Call(context.Background(), "echo", godwit.QueryParam("page", "2"), godwit.Text("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := resp.Text()
	fmt.Println(text, err)
	_, err = client.Call(context.Background(), "ecco")
	if e, ok := errors.AsType[*godwit.Error](err); ok {
		fmt.Println(e.Err, "-", e.Hint)
	}
	// Output:
	// POST /echo?size=50&page=2 text/plain hello <nil>
	// the client has no operation "ecco" - operations: echo
}

func ExampleClient_Check() {
	client, err := godwit.New(godwit.Config{BaseURL: "https://api.example.com", Auth: auth.Bearer(secret.Env("NO_SUCH_TOKEN"))})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(client.Check(context.Background()))
	// Output: invalid configuration: auth.bearer.token: secret env:NO_SUCH_TOKEN: the environment variable is not set or empty
}

func ExampleClient_Chain() {
	client, err := godwit.New(godwit.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	names := client.Chain()
	fmt.Println(names[0], "…", names[len(names)-1])
	// Output: logging … transport
}

func ExamplePath() {
	client, err := godwit.New(godwit.Config{BaseURL: "https://api.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	ctx := context.Background()
	req, err := client.NewRequest(ctx, "GET", "/repos/{owner}/{repo}/issues/{n}", godwit.Path("owner", "a/b", "repo", "ünï", "n", 7))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(req.URL)
	_, err = client.NewRequest(ctx, "GET", "/users/{login}")
	fmt.Println(err)
	// Output:
	// https://api.example.com/repos/a%2Fb/%C3%BCn%C3%AF/issues/7
	// GET https://api.example.com/users/{login}: invalid request: path parameter "login" has no value
}

// The key is the same on each attempt, which makes it legal to repeat a POST
// where the API honours keys.
func ExampleIdempotencyKey() {
	client, done := exampleClient()
	defer done()
	var meta godwit.Meta
	text, err := godwit.Post[string](context.Background(), client, "/echo", "one coffee", godwit.IdempotencyKey("order-7"), godwit.Into(&meta))
	fmt.Println(text, len(meta.Attempts), err)
	// Output: POST /echo text/plain one coffee 1 <nil>
}

func ExampleTimeout() {
	client, done := exampleClient()
	defer done()
	_, err := godwit.Get[user](context.Background(), client, "/users/ada", godwit.Timeout(time.Nanosecond))
	fmt.Println(errors.Is(err, godwit.ErrTotalTimeout), errors.Is(err, godwit.ErrTimeout))
	// Output: true true
}

func ExampleResponse_Text() {
	client, done := exampleClient()
	defer done()
	resp, err := client.Do(context.Background(), "POST", "/echo", godwit.Text("Grüße"))
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := resp.Text() // reads and closes the body
	fmt.Println(text, err)
	latin, err := resp.TextAs("iso-8859-1")
	fmt.Println(latin, err)
	// Output:
	// POST /echo text/plain Grüße <nil>
	// POST /echo text/plain GrÃ¼ÃŸe <nil>
}
