package godwit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/decode"
	"github.com/godwit-go/godwit/policy/retry"
	"github.com/godwit-go/godwit/policy/timeout"
	"github.com/godwit-go/godwit/secret"
)

// exampleAPI is a small API: it knows two users and echoes what it is sent.
func exampleAPI() *httptest.Server {
	mux := http.NewServeMux()
	users := map[string]string{"ada": `{"login":"ada","name":"Ada Lovelace"}`, "a/b": `{"login":"a/b","name":"Slash"}`}
	mux.HandleFunc("GET /users/{login}", func(w http.ResponseWriter, r *http.Request) {
		user, ok := users[r.PathValue("login")]
		if !ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			user = `{"title":"No such user"}`
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(w, user)
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL.RequestURI(), media, body)
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q", r.Header.Get("X-Team"), r.Header.Get("Authorization"))
	})
	return httptest.NewServer(mux)
}

type user struct {
	Login string `json:"login"`
	Name  string `json:"name"`
}

// exampleClient returns a client for exampleAPI.
func exampleClient() (*godwit.Client, func()) {
	server := exampleAPI()
	client, err := godwit.New(godwit.Config{BaseURL: server.URL})
	if err != nil {
		panic(err)
	}
	return client, func() {
		_ = client.Close()
		server.Close()
	}
}

func Example() {
	server := exampleAPI()
	defer server.Close()
	client, err := godwit.New(godwit.Config{
		BaseURL: server.URL,
		Timeout: timeout.Config{Total: 10 * time.Second},
		Retry:   retry.Config{Attempts: 4},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	u, err := godwit.Get[user](context.Background(), client, "/users/{login}", godwit.Path("login", "ada"))
	fmt.Println(u.Name, err)
	// Output: Ada Lovelace <nil>
}

func ExampleNew() {
	_, err := godwit.New(godwit.Config{Auth: auth.Bearer(secret.Env("TOKEN"))})
	fmt.Println(errors.Is(err, godwit.ErrConfig), err)
	// Output: true invalid configuration: auth: it has no origin to go to; set base_url or auth.origins
}

func ExampleGet() {
	client, done := exampleClient()
	defer done()
	_, err := godwit.Get[user](context.Background(), client, "/users/{login}", godwit.Path("login", "bob"))
	if e, ok := errors.AsType[*godwit.Error](err); ok && errors.Is(err, godwit.ErrNotFound) {
		fmt.Println(e.Status, e.Problem.Title)
	}
	// Output: 404 No such user
}

func ExamplePost() {
	client, done := exampleClient()
	defer done()
	text, err := godwit.Post[string](context.Background(), client, "/echo", user{Login: "bob"})
	fmt.Println(text, err)
	// Output: POST /echo application/json {"login":"bob","name":""} <nil>
}

func ExamplePut() {
	client, done := exampleClient()
	defer done()
	text, err := godwit.Put[string](context.Background(), client, "/echo", url.Values{"a": {"1"}})
	fmt.Println(text, err)
	// Output: PUT /echo application/x-www-form-urlencoded a=1 <nil>
}

func ExamplePatch() {
	client, done := exampleClient()
	defer done()
	text, err := godwit.Patch[string](context.Background(), client, "/echo", nil, godwit.MergePatch(map[string]any{"name": nil}))
	fmt.Println(text, err)
	// Output: PATCH /echo application/merge-patch+json {"name":null} <nil>
}

func ExampleDelete() {
	client, done := exampleClient()
	defer done()
	_, err := godwit.Delete[godwit.None](context.Background(), client, "/echo")
	fmt.Println(err)
	// Output: <nil>
}

func ExampleHead() {
	client, done := exampleClient()
	defer done()
	meta, err := godwit.Head(context.Background(), client, "/users/ada")
	fmt.Println(meta.Status, meta.Header.Get("Content-Type"), err)
	// Output: 200 application/json <nil>
}

func ExampleDo() {
	client, done := exampleClient()
	defer done()
	text, err := godwit.Do[string](context.Background(), client, "PURGE", "/echo", godwit.QueryParam("soft", "1"))
	fmt.Println(text, err)
	// Output: PURGE /echo?soft=1   <nil>
}

func ExampleCall() {
	server := exampleAPI()
	defer server.Close()
	client, err := godwit.New(godwit.Config{BaseURL: server.URL, Operations: map[string]godwit.Operation{"user": {Request: "GET /users/{login}"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	u, err := godwit.Call[user](context.Background(), client, "user", godwit.Path("login", "ada"))
	fmt.Println(u.Name, err)
	// Output: Ada Lovelace <nil>
}

func ExampleClient_Do() {
	client, done := exampleClient()
	defer done()
	resp, err := client.Do(context.Background(), "GET", "/echo", godwit.AnyStatus())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	fmt.Println(resp.Status, n, len(resp.Attempts()), err)
	// Output: 200 11 1 <nil>
}

func ExampleClient_Transport() {
	server := exampleAPI()
	defer server.Close()
	client, err := godwit.New(godwit.Config{BaseURL: server.URL, Headers: map[string]string{"X-Team": "blue"}, Auth: auth.Bearer(secret.Value("s3cret"))})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	sdk := &http.Client{Transport: client.Transport()} // what an SDK would be given
	resp, err := sdk.Get(server.URL + "/header")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(os.Stdout, resp.Body)
	// Output: "blue" "Bearer s3cret"
}

func ExampleCallContext() {
	client, done := exampleClient()
	defer done()
	ctx := godwit.CallContext(context.Background(), godwit.Timeout(5*time.Second), godwit.Idempotent())
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, client.Config().BaseURL+"/echo", strings.NewReader("x"))
	resp, err := (&http.Client{Transport: client.Transport()}).Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output: 200
}

func ExampleClient_With() {
	client, done := exampleClient()
	defer done()
	patient, err := client.With(func(c *godwit.Config) { c.Timeout.Total = time.Hour })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer patient.Close()
	fmt.Println(patient.Config().Timeout.Total, client.Config().Timeout.Total)
	// Output: 1h0m0s 0s
}

func ExampleClient_NewRequest() {
	client, err := godwit.New(godwit.Config{BaseURL: "https://api.example.com/v1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	req, err := client.NewRequest(context.Background(), "GET", "/files/{name}", godwit.Path("name", "a/b"), godwit.Query([]godwit.Pair{{Name: "v", Value: "1"}}))
	fmt.Println(req.Method, req.URL, err)
	// Output: GET https://api.example.com/v1/files/a%2Fb?v=1 <nil>
}

func ExampleQuery() {
	client, done := exampleClient()
	defer done()
	type list struct {
		Sort  string   `url:"sort,omitempty"`
		Tags  []string `url:"tag"`
		Since *string  `url:"since"`
	}
	text, err := godwit.Get[string](context.Background(), client, "/echo", godwit.Query(list{Sort: "new", Tags: []string{"a", "b"}}))
	fmt.Println(text, err)
	// Output: GET /echo?sort=new&tag=a&tag=b   <nil>
}

func ExampleMultipart() {
	client, done := exampleClient()
	defer done()
	text, err := godwit.Do[string](context.Background(), client, "POST", "/echo",
		godwit.Multipart(godwit.Field("title", "T"), godwit.FileBytes("photo", "p.png", []byte("PNG"))))
	fmt.Println(strings.Contains(text, `name="photo"; filename="p.png"`), err)
	// Output: true <nil>
}

func ExampleReader() {
	client, done := exampleClient()
	defer done()
	text, err := godwit.Do[string](context.Background(), client, "PUT", "/echo", godwit.Reader("text/csv", strings.NewReader("a,b")))
	fmt.Println(text, err)
	// Output: PUT /echo text/csv a,b <nil>
}

func ExampleMaxBody() {
	client, done := exampleClient()
	defer done()
	_, err := godwit.Get[string](context.Background(), client, "/echo", godwit.MaxBody(4))
	fmt.Println(errors.Is(err, godwit.ErrBodyTooLarge))
	_, err = godwit.Get[string](context.Background(), client, "/echo", godwit.MaxBody(decode.Unlimited))
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleInto() {
	client, done := exampleClient()
	defer done()
	var meta godwit.Meta
	_, err := godwit.Get[user](context.Background(), client, "/users/ada", godwit.Into(&meta))
	fmt.Println(meta.Status, len(meta.Attempts), meta.Timings.Total > 0, err)
	// Output: 200 1 true <nil>
}

func ExampleResponse_Record() {
	client, done := exampleClient()
	defer done()
	resp, err := client.Do(context.Background(), "GET", "/users/{login}", godwit.Path("login", "ada"), godwit.QueryParam("token", "s3cret"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := resp.Bytes(); err != nil {
		fmt.Println(err)
		return
	}
	record := resp.Record()
	fmt.Println(record.Status, string(record.Body), strings.HasSuffix(record.URL, "/users/***?token=***"))
	// Output: 200 {"login":"ada","name":"Ada Lovelace"} true
}

func ExampleResponse_JSON() {
	client, done := exampleClient()
	defer done()
	resp, err := client.Do(context.Background(), "GET", "/users/ada")
	if err != nil {
		fmt.Println(err)
		return
	}
	var u user
	err = resp.JSON(&u)
	fmt.Println(u.Login, err)
	// Output: ada <nil>
}

// What each option puts on the wire.
func Example_options() {
	client, done := exampleClient()
	defer done()
	ctx := context.Background()
	show := func(opts ...godwit.CallOption) {
		text, err := godwit.Do[string](ctx, client, "POST", "/echo", opts...)
		fmt.Println(text, err)
	}
	show(godwit.Body([]int{1, 2}))
	show(godwit.JSON("x"))
	show(godwit.JSONPatch([]map[string]string{{"op": "remove", "path": "/a"}}))
	show(godwit.XML(struct {
		XMLName struct{} `xml:"a"`
	}{}))
	show(godwit.Form(map[string]string{"a": "b c"}))
	show(godwit.Bytes("image/png", []byte("PNG")))
	show(godwit.Text("hello"))
	show(godwit.Text("once more"), godwit.Idempotent(), godwit.IdempotencyKey("order-7"), godwit.AttemptTimeout(time.Second), godwit.RequestID("r1"))
	// Output:
	// POST /echo application/json [1,2] <nil>
	// POST /echo application/json "x" <nil>
	// POST /echo application/json-patch+json [{"op":"remove","path":"/a"}] <nil>
	// POST /echo application/xml <?xml version="1.0" encoding="UTF-8"?>
	// <a></a> <nil>
	// POST /echo application/x-www-form-urlencoded a=b+c <nil>
	// POST /echo image/png PNG <nil>
	// POST /echo text/plain hello <nil>
	// POST /echo text/plain once more <nil>
}

func ExampleHeader() {
	client, done := exampleClient()
	defer done()
	text, err := godwit.Get[string](context.Background(), client, "/header", godwit.Header("X-Team", "blue"), godwit.RemoveHeader("User-Agent"))
	fmt.Println(text, err)
	// Output: "blue" "" <nil>
}

func ExampleNoAuth() {
	server := exampleAPI()
	defer server.Close()
	client, err := godwit.New(godwit.Config{BaseURL: server.URL, Auth: auth.Basic("ada", secret.Value("s3cret"))})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	text, err := godwit.Get[string](context.Background(), client, "/header", godwit.NoAuth())
	fmt.Println(text, err)
	// Output: "" "" <nil>
}

func ExampleOKStatus() {
	client, done := exampleClient()
	defer done()
	resp, err := client.Do(context.Background(), "GET", "/users/nobody", godwit.OKStatus(404))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Close()
	fmt.Println(resp.Status)
	// Output: 404
}

func ExampleFile() {
	client, done := exampleClient()
	defer done()
	// A file that is not there is found before anything is sent.
	_, err := client.Do(context.Background(), "POST", "/echo", godwit.Multipart(godwit.File("f", "no-such-file")))
	fmt.Println(errors.Is(err, godwit.ErrRequest))
	// Output: true
}

func ExampleFileReader() {
	client, done := exampleClient()
	defer done()
	text, err := godwit.Do[string](context.Background(), client, "POST", "/echo", godwit.Multipart(godwit.FileReader("log", "a.log", strings.NewReader("line"))))
	fmt.Println(strings.Contains(text, "line"), err)
	// Output: true <nil>
}

func ExampleStrict() {
	client, done := exampleClient()
	defer done()
	type login struct {
		Login string `json:"login"`
	}
	_, err := godwit.Get[login](context.Background(), client, "/users/ada", godwit.Strict())
	fmt.Println(errors.Is(err, godwit.ErrDecode))
	// Output: true
}

func ExampleAssumeJSON() {
	client, done := exampleClient()
	defer done()
	_, err := godwit.Get[user](context.Background(), client, "/echo", godwit.AssumeJSON()) // text/plain that is no JSON
	fmt.Println(errors.Is(err, godwit.ErrDecode))
	// Output: true
}

func ExampleChain() {
	stamp := func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			fmt.Println("stamped", r.Method)
			return next.RoundTrip(r)
		})
	}
	rt := godwit.Chain(roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
	}), stamp)
	req, _ := http.NewRequest(http.MethodGet, "https://api.example.com", nil)
	resp, err := rt.RoundTrip(req)
	fmt.Println(resp.StatusCode, err)
	// Output:
	// stamped GET
	// 204 <nil>
}
