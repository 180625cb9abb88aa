package godwit_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/godwittest"
)

func TestOperations(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, echoHandler, func(c *godwit.Config) {
		c.Operations = map[string]godwit.Operation{"user": {Request: "GET /users/{login}", Query: map[string]string{"full": "1"}, Headers: map[string]string{"X-Op": "user"}}}
	})
	got, err := godwit.Call[echo](context.Background(), client, "user", godwit.Path("login", "ada"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != "GET" || got.URI != "/api/users/ada?full=1" || got.Header.Get("X-Op") != "user" {
		t.Errorf("%+v", got)
	}
	if _, err := client.Call(context.Background(), "nope"); !errors.Is(err, godwit.ErrRequest) {
		t.Errorf("unknown operation: %v", err)
	}
	if _, err := godwit.New(godwit.Config{Operations: map[string]godwit.Operation{"bad": {Request: "/users"}}}); !errors.Is(err, godwit.ErrConfig) {
		t.Errorf("operation without a method: %v", err)
	}
}

// What the definition says of an operation is a default: the call replaces it,
// never adds to it.
func TestOperationDefaults(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, echoHandler, func(c *godwit.Config) {
		c.Headers = map[string]string{"X-A": "client", "X-B": "client"}
		c.Query = map[string]string{"a": "client", "b": "client", "c": "client"}
		c.Operations = map[string]godwit.Operation{"op": {
			Request: "POST /x", Headers: map[string]string{"x-b": "op", "X-C": "op", "Content-Type": "application/vnd.x+json"}, Query: map[string]string{"b": "op", "c": "op"},
		}}
	})
	got, err := godwit.Call[echo](t.Context(), client, "op", godwit.JSON(1), godwit.Header("X-C", "call"), godwit.QueryParam("c", "call"))
	if err != nil {
		t.Fatal(err)
	}
	if got.URI != "/api/x?a=client&b=op&c=call" {
		t.Errorf("URI %s", got.URI)
	}
	for name, want := range map[string]string{"X-A": "client", "X-B": "op", "X-C": "call", "Content-Type": "application/vnd.x+json"} {
		if values := got.Header[name]; len(values) != 1 || values[0] != want {
			t.Errorf("%s: %q, want %s", name, values, want)
		}
	}
	got, err = godwit.Call[echo](t.Context(), client, "op", godwit.RemoveHeader("X-C"))
	if err != nil || got.Header.Get("X-C") != "" {
		t.Errorf("RemoveHeader: %v, %v", got.Header, err)
	}
}

// A definition that cannot be used is refused when it is read, not when it is
// called.
func TestOperationErrors(t *testing.T) {
	t.Parallel()
	for want, op := range map[string]godwit.Operation{
		"operations.op.request: ":                 {Request: "/users"},
		"operations.op.request: the path":         {Request: "GET //evil.test/x"},
		"operations.op.request: the path \"/{a\"": {Request: "GET /{a"},
		"operations.op.request: the path \"/a}\"": {Request: "GET /a}"},
		"operations.op.request: the path \"/{}\"": {Request: "GET /{}"},
		"operations.op.headers: ":                 {Request: "GET /", Headers: map[string]string{"X": "a\nb"}},
		"operations.op.timeout: ":                 {Request: "GET /", Timeout: -time.Second},
	} {
		_, err := godwit.New(godwit.Config{BaseURL: "https://a.test", Operations: map[string]godwit.Operation{"op": op}})
		if !errors.Is(err, godwit.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", op, err, want)
		}
	}
	client := scripted(t, godwittest.Always(godwittest.Reply{}), func(c *godwit.Config) {
		c.Operations = map[string]godwit.Operation{"users": {Request: "GET /{a}/{a}?x=y"}}
	})
	_, err := client.Call(t.Context(), "user")
	if e, ok := errors.AsType[*godwit.Error](err); !ok || !strings.Contains(e.Hint, "users") {
		t.Errorf("an unknown operation: %v; the hint does not list those that are known", err)
	}
}

// closer is a reader that can be read once and notes that it was closed.
type closer struct {
	io.Reader
	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

// A reader that was given to a call is closed, whatever becomes of the call.
func TestReadersAreClosed(t *testing.T) {
	t.Parallel()
	refused := godwittest.Always(godwittest.Reply{Fault: godwittest.FaultDial})
	client := scripted(t, refused, nil)
	closedClient := scripted(t, refused, nil)
	if err := closedClient.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for name, call := range map[string]func(r io.Reader) error{
		"not connected": func(r io.Reader) error { _, err := client.Do(ctx, "PUT", "/", godwit.Reader("", r)); return err },
		"bad option before": func(r io.Reader) error {
			_, err := client.Do(ctx, "PUT", "/", godwit.Header("a b", ""), godwit.Reader("", r))
			return err
		},
		"bad option behind": func(r io.Reader) error {
			_, err := client.Do(ctx, "PUT", "/", godwit.Reader("", r), godwit.Header("a b", ""))
			return err
		},
		"bad path":          func(r io.Reader) error { _, err := client.Do(ctx, "PUT", "x", godwit.Reader("", r)); return err },
		"bad method":        func(r io.Reader) error { _, err := client.Do(ctx, "P T", "/", godwit.Reader("", r)); return err },
		"unknown operation": func(r io.Reader) error { _, err := client.Call(ctx, "none", godwit.Reader("", r)); return err },
		"closed client":     func(r io.Reader) error { _, err := closedClient.Do(ctx, "PUT", "/", godwit.Reader("", r)); return err },
		"second body": func(r io.Reader) error {
			_, err := client.Do(ctx, "PUT", "/", godwit.Text("a"), godwit.Reader("", r))
			return err
		},
		"typed": func(r io.Reader) error { _, err := godwit.Post[string](ctx, client, "x", r); return err },
		"part": func(r io.Reader) error {
			_, err := client.Do(ctx, "PUT", "/", godwit.Multipart(godwit.Field("a", "b"), godwit.FileReader("f", "f", r)))
			return err
		},
		"part beside a bad one": func(r io.Reader) error {
			_, err := client.Do(ctx, "PUT", "/", godwit.Multipart(godwit.FileReader("f", "f", r), godwit.File("g", "no-such-file")))
			return err
		},
		"part of a bad call": func(r io.Reader) error {
			_, err := client.Do(ctx, "PUT", "x", godwit.Multipart(godwit.FileReader("f", "f", r)))
			return err
		},
	} {
		c := &closer{Reader: strings.NewReader("x")}
		if err := call(c); err == nil {
			t.Errorf("%s: no error", name)
		}
		if c.closed != 1 {
			t.Errorf("%s: closed %d times", name, c.closed)
		}
	}
}

// What is missing is an error or nothing, never a panic.
func TestNothingGiven(t *testing.T) {
	t.Parallel()
	script := godwittest.Always(godwittest.Text(200, "ok"))
	client := scripted(t, script, func(c *godwit.Config) {
		c.Observers = []godwit.Observer{nil}
		c.Middleware, c.AttemptMiddleware = []godwit.Middleware{nil}, []godwit.Middleware{nil, nil}
	})
	var none context.Context
	if _, err := client.Do(none, "GET", "/"); !errors.Is(err, godwit.ErrRequest) {
		t.Errorf("a nil context: %v", err)
	}
	if text, err := godwit.Get[string](t.Context(), client, "/", nil, godwit.Text("x"), nil); err != nil || text != "ok" {
		t.Errorf("nil options: %q, %v", text, err)
	}
	if _, err := client.Do(t.Context(), "", "/"); !errors.Is(err, godwit.ErrRequest) {
		t.Errorf("no method: %v", err)
	}
	if text, err := godwit.Post[string](t.Context(), client, "", nil); err != nil || text != "ok" {
		t.Errorf("no path and no body: %q, %v", text, err)
	}
}

// One list of options serves many calls at once.
func TestOptionsServeManyCalls(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, echoHandler, nil)
	opts := []godwit.CallOption{
		godwit.Path("id", 7), godwit.QueryParam("q", "1"), godwit.Header("X-A", "1"), godwit.Reader("text/plain", strings.NewReader("body")),
		godwit.IdempotencyKey(""), godwit.Timeout(time.Minute),
	}
	keys := make(chan string, 20)
	var group sync.WaitGroup
	for range cap(keys) {
		group.Go(func() {
			got, err := godwit.Do[echo](t.Context(), client, "POST", "/{id}", opts...)
			if err != nil || got.URI != "/api/7?q=1" || got.Body != "body" || len(got.Header["X-A"]) != 1 {
				t.Errorf("%+v, %v", got, err)
			}
			keys <- got.Header.Get("Idempotency-Key")
		})
	}
	group.Wait()
	close(keys)
	seen := map[string]bool{}
	for k := range keys {
		if seen[k] {
			t.Errorf("two calls have the key %q", k)
		}
		seen[k] = true
	}
}
