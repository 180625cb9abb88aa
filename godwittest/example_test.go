package godwittest_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/godwittest"
)

// Each reply is one line; what a server can do wrong has a function too.
func ExampleReply() {
	script := godwittest.Script(
		godwittest.Redirect(302, "/new"),
		godwittest.Text(503, "later").With("Retry-After", "1"),
		godwittest.Fail(errors.New("connection reset")),
	)
	for range 3 {
		req, err := http.NewRequest(http.MethodGet, "https://api.example.com/old", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp, err := script.RoundTrip(req)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(resp.StatusCode, resp.Header.Get("Location")+resp.Header.Get("Retry-After"))
		_ = resp.Body.Close()
	}
	// Output:
	// 302 /new
	// 503 1
	// connection reset
}

func ExampleCanaryFor() {
	_ = func(t *testing.T) {
		canary := godwittest.CanaryFor(t, "pass word/+42") // found as pass%20word%2F%2B42 too
		canary.Record("log", []byte("GET https://api.example.com/?key=***"))
		canary.Assert()
	}
}

// Over a Listener the real net/http client and server talk in memory, on the
// virtual clock of a synctest bubble.
func ExampleListen() {
	l := godwittest.Listen()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	tr := &http.Transport{DialContext: l.Dial}
	resp, err := (&http.Client{Transport: tr}).Get("http://anywhere.example/")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, resp.ContentLength)
	_ = resp.Body.Close()
	tr.CloseIdleConnections()
	fmt.Println(server.Close(), errors.Is(<-done, http.ErrServerClosed))
	// Output:
	// 200 5
	// <nil> true
}

func ExampleRawOn() {
	_ = func(t *testing.T) {
		l, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Fatal(err)
		}
		s := godwittest.RawOn(t, l, func(c *godwittest.Conn) { c.Reset() })
		if _, err := http.Get(s.URL()); err == nil {
			t.Error("a reset was an answer")
		}
	}
}
