package godwit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/logging"
	"github.com/godwit-go/godwit/policy/redirect"
	"github.com/godwit-go/godwit/policy/retry"
	"github.com/godwit-go/godwit/secret"
)

// quiet keeps tests from logging.
var quiet = logging.Config{Logger: slog.New(slog.DiscardHandler)}

// serve starts a server and a client for it.
func serve(t *testing.T, h http.HandlerFunc, change func(*godwit.Config)) (*godwit.Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	config := godwit.Config{Name: "test", BaseURL: server.URL + "/api", Retry: retry.Config{Attempts: 1}, Logging: quiet}
	if change != nil {
		change(&config)
	}
	client, err := godwit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client, server
}

func reply(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body) // a test's client may leave early
	}
}

// echo answers what the server saw.
type echo struct {
	Method string
	URI    string
	Host   string
	Header http.Header
	Body   string
	Length int64
}

func echoHandler(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(echo{r.Method, r.RequestURI, r.Host, r.Header, string(body), r.ContentLength})
}

func TestDefaultsAndOverrides(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, echoHandler, func(c *godwit.Config) {
		c.Headers = map[string]string{"X-Team": "blue", "Accept": "application/vnd.x+json"}
		c.Query = map[string]string{"v": "2", "per_page": "50"}
		c.UserAgent = "tester/1"
	})
	ctx := context.Background()
	got, err := godwit.Get[echo](ctx, client, "/users/{id}", godwit.Path("id", 7), godwit.Query(map[string]any{"v": 3, "none": nil}), godwit.Header("X-Call", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if got.URI != "/api/users/7?per_page=50&v=3" {
		t.Errorf("URI %s", got.URI)
	}
	for name, want := range map[string]string{"X-Team": "blue", "Accept": "application/vnd.x+json", "User-Agent": "tester/1", "X-Call": "1"} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if id := got.Header.Get("X-Request-Id"); len(id) != 32 {
		t.Errorf("request id %q is not 128 bits in hexadecimal", id)
	}
	second, err := godwit.Get[echo](ctx, client, "/", godwit.Header("X-Team", "red"), godwit.RemoveHeader("User-Agent"), godwit.RequestID("mine"))
	if err != nil {
		t.Fatal(err)
	}
	if second.Header.Get("X-Team") != "red" || second.Header.Get("X-Request-Id") != "mine" {
		t.Errorf("overrides: %v", second.Header)
	}
	if agent, ok := second.Header["User-Agent"]; ok {
		t.Errorf("a removed User-Agent was sent as %q", agent)
	}
	if got.Header.Get("X-Request-Id") == second.Header.Get("X-Request-Id") {
		t.Error("two calls have the same request id")
	}
}

func TestVerbs(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, echoHandler, nil)
	ctx := context.Background()
	type in struct{ A int }
	calls := map[string]func() (echo, error){
		"GET":     func() (echo, error) { return godwit.Get[echo](ctx, client, "/x") },
		"POST":    func() (echo, error) { return godwit.Post[echo](ctx, client, "/x", in{1}) },
		"PUT":     func() (echo, error) { return godwit.Put[echo](ctx, client, "/x", in{1}) },
		"PATCH":   func() (echo, error) { return godwit.Patch[echo](ctx, client, "/x", in{1}) },
		"DELETE":  func() (echo, error) { return godwit.Delete[echo](ctx, client, "/x") },
		"OPTIONS": func() (echo, error) { return godwit.Do[echo](ctx, client, http.MethodOptions, "/x") },
		"PURGE":   func() (echo, error) { return godwit.Do[echo](ctx, client, "PURGE", "/x") },
	}
	for method, call := range calls {
		got, err := call()
		if err != nil {
			t.Errorf("%s: %v", method, err)
			continue
		}
		wantBody := map[string]string{"POST": `{"A":1}`, "PUT": `{"A":1}`, "PATCH": `{"A":1}`}[method]
		if got.Method != method || got.Body != wantBody || got.Length != int64(len(wantBody)) {
			t.Errorf("%s: the server saw %+v", method, got)
		}
	}
	meta, err := godwit.Head(ctx, client, "/x")
	if err != nil || meta.Status != 200 || meta.Header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %+v, %v", meta, err)
	}
	if len(meta.Attempts) != 1 || meta.Attempts[0].Sent.String() != "yes" {
		t.Errorf("HEAD: attempts %+v", meta.Attempts)
	}
}

func TestStatusErrors(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/api/status/%d", &status); err != nil {
			status = 400
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		if status != 304 && status != 204 {
			fmt.Fprintf(w, `{"type":"https://example.com/p","title":"It failed","detail":"because","code":%d}`, status)
		}
	}, func(c *godwit.Config) {
		c.Statuses = map[int]string{403: "You do not have permission"}
	})
	for status, kind := range map[int]error{
		400: godwit.ErrStatus, 401: godwit.ErrUnauthenticated, 403: godwit.ErrForbidden, 404: godwit.ErrNotFound, 410: godwit.ErrNotFound,
		409: godwit.ErrConflict, 412: godwit.ErrConflict, 418: godwit.ErrStatus, 429: godwit.ErrRateLimited, 500: godwit.ErrServer, 503: godwit.ErrServer, 304: godwit.ErrStatus,
	} {
		_, err := godwit.Get[map[string]any](context.Background(), client, fmt.Sprintf("/status/%d", status))
		e, ok := errors.AsType[*godwit.Error](err)
		if !ok || !errors.Is(err, kind) || e.Status != status {
			t.Errorf("%d: %v, want kind %v", status, err, kind)
			continue
		}
		if status == 304 {
			continue
		}
		if e.Problem == nil || e.Problem.Title != "It failed" || e.Problem.Detail != "because" {
			t.Errorf("%d: problem %+v", status, e.Problem)
		}
		var detail struct{ Code int }
		if err := e.Decode(&detail); err != nil || detail.Code != status {
			t.Errorf("%d: Decode: %v, %+v", status, err, detail)
		}
		if e.RequestID == "" || len(e.Attempts) != 1 || e.Sent.String() != "yes" {
			t.Errorf("%d: %+v", status, e)
		}
	}
	_, err := client.Do(context.Background(), "GET", "/status/403")
	if err == nil || !strings.Contains(err.Error(), "You do not have permission") {
		t.Errorf("the meaning is missing: %v", err)
	}
	resp, err := client.Do(context.Background(), "GET", "/status/404", godwit.OKStatus(404))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Close(); err != nil || resp.Status != 404 {
		t.Errorf("OKStatus: %d, %v", resp.Status, err)
	}
	resp, err = client.Do(context.Background(), "GET", "/status/500", godwit.AnyStatus())
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Close(); err != nil || resp.Status != 500 {
		t.Errorf("AnyStatus: %d, %v", resp.Status, err)
	}
}

// TestLG1_LG2_ErrorsShowNoSecret: canaries in query, path parameter, header,
// userinfo and the server's echo of the credential.
func TestLG1_LG2_ErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "CANARY-9f8e7d6c"
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, "bad credential %s", r.Header.Get("Authorization"))
	}, func(c *godwit.Config) {
		c.Auth = auth.Bearer(secret.Value(canary + "-token"))
	})
	ctx := context.Background()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	gone, err := godwit.New(godwit.Config{BaseURL: dead.URL, Retry: retry.Config{Attempts: 1}, Logging: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	free, err := godwit.New(godwit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()

	failing := map[string]func() error{
		"status": func() error {
			_, err := client.Do(ctx, "GET", "/u/{id}", godwit.Path("id", canary+"/x"), godwit.QueryParam("q", canary), godwit.Header("X-Secret", canary))
			return err
		},
		"connect": func() error {
			_, err := gone.Do(ctx, "GET", "/u/{id}", godwit.Path("id", canary), godwit.QueryParam("q", canary))
			return err
		},
		"userinfo": func() error { _, err := free.Do(ctx, "GET", "http://u:"+canary+"@127.0.0.1/x"); return err },
		"userinfo without scheme": func() error {
			_, err := free.Do(ctx, "GET", "u:"+canary+"@127.0.0.1/x")
			return err
		},
		"bad header": func() error { _, err := client.Do(ctx, "GET", "/", godwit.Header("X", canary+"\n")); return err },
		"bad query":  func() error { _, err := client.Do(ctx, "GET", "/?a="+canary+"\n"); return err },
		"other host": func() error { _, err := client.Do(ctx, "GET", "http://example.com/x?k="+canary); return err },
		"drop-in": func() error {
			_, err := (&http.Client{Transport: gone.Transport()}).Get(dead.URL + "/x")
			return err
		},
	}
	for name, call := range failing {
		err := call()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, text := range everyLevel(err) {
			if strings.Contains(text, canary) {
				t.Errorf("%s: an error shows the canary: %s", name, text)
			}
		}
		if e, ok := errors.AsType[*godwit.Error](err); !ok || e.Kind == nil {
			t.Errorf("%s: %T is no *godwit.Error with a kind", name, err)
		}
	}
}

// everyLevel prints err in several ways, and all that it wraps.
func everyLevel(err error) []string {
	texts := []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%v", err)}
	var buf bytes.Buffer
	slog.New(slog.NewJSONHandler(&buf, nil)).Error("x", "err", err)
	texts = append(texts, buf.String())
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		if inner := u.Unwrap(); inner != nil {
			texts = append(texts, everyLevel(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			texts = append(texts, everyLevel(inner)...)
		}
	}
	return texts
}

func TestWithSharesConnections(t *testing.T) {
	t.Parallel()
	dialled := make(map[string]bool)
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		dialled[r.RemoteAddr] = true
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "1")
	}, nil)
	derived, err := client.With(func(c *godwit.Config) {
		c.Headers = map[string]string{"X-New": "1"}
		c.Redirect = redirect.Config{Follow: "never"}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*godwit.Client{client, derived, client} {
		if _, err := godwit.Get[int](context.Background(), c, "/"); err != nil {
			t.Fatal(err)
		}
	}
	if len(dialled) != 1 {
		t.Errorf("%d connections, want 1", len(dialled))
	}
	if len(client.Config().Headers) != 0 {
		t.Error("With changed the client it was called on")
	}
	if err := derived.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := derived.With(func(*godwit.Config) {}); !errors.Is(err, godwit.ErrConfig) {
		t.Errorf("With of a closed client: %v", err)
	}
	if _, err := client.With(func(c *godwit.Config) { c.Redirect.Limit = -1 }); !errors.Is(err, godwit.ErrConfig) {
		t.Errorf("With of a bad value: %v", err)
	}
	if _, err := godwit.Get[int](context.Background(), derived, "/"); !errors.Is(err, godwit.ErrRequest) {
		t.Errorf("a closed client: %v", err)
	}
	if _, err := godwit.Get[int](context.Background(), client, "/"); err != nil {
		t.Errorf("closing a derived client broke its parent: %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	token := secret.Value("token-1234")
	for field, c := range map[string]godwit.Config{
		"base_url":           {BaseURL: "ftp://x"},
		"base_url:":          {BaseURL: "https://u:hush@x"},
		"base_url: it":       {BaseURL: "https://x/?a=b"},
		"headers":            {Headers: map[string]string{"X": "a\nb"}},
		"request_id_header":  {RequestIDHeader: "a b"},
		"user_agent":         {UserAgent: "a\r\nb"},
		"auth":               {Auth: auth.Bearer(token)},
		"auth.origins":       {BaseURL: "https://x", Auth: auth.Config{Origins: []string{"*.x"}}},
		"auth.origins: user": {BaseURL: "https://x", Auth: auth.Config{Bearer: &auth.BearerConfig{Token: token}, Origins: []string{"https://u:hush@x"}}},
		"retry":              {Retry: retry.Config{Attempts: -1}},
		"redirect.limit":     {BaseURL: "https://x", Redirect: redirect.Config{Limit: -1}},
	} {
		_, err := godwit.New(c)
		if !errors.Is(err, godwit.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", field, err)
			continue
		}
		if !strings.Contains(err.Error(), field) {
			t.Errorf("the error does not name %s: %v", field, err)
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error shows a password: %v", field, err)
		}
	}
}

func TestMiddlewareAndObservers(t *testing.T) {
	t.Parallel()
	var order []string
	note := func(name string) godwit.Middleware {
		return func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				order = append(order, name)
				return next.RoundTrip(r)
			})
		}
	}
	var events []string
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Signed") == "" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		reply("application/json", "1")(w, r)
	}, func(c *godwit.Config) {
		c.Middleware = []godwit.Middleware{note("outer"), note("inner")}
		c.AttemptMiddleware = []godwit.Middleware{note("attempt"), func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.Header.Set("X-Signed", "1")
				return next.RoundTrip(r)
			})
		}}
		c.Observers = []godwit.Observer{observer(func(e godwit.Event) { events = append(events, e.Name) })}
	})
	if _, err := godwit.Get[int](context.Background(), client, "/"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "outer inner attempt" {
		t.Errorf("order %s", got)
	}
	got := strings.Join(events, " ")
	if !strings.Contains(got, "attempt.start attempt.done") || !strings.Contains(got, "call.body") {
		t.Errorf("events %s", got)
	}
	failing, _ := serve(t, echoHandler, func(c *godwit.Config) {
		c.Middleware = []godwit.Middleware{func(http.RoundTripper) http.RoundTripper {
			return roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no") })
		}}
	})
	if _, err := godwit.Get[int](context.Background(), failing, "/"); !errors.Is(err, godwit.ErrMiddleware) {
		t.Errorf("a failing middleware: %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type observer func(godwit.Event)

func (f observer) Observe(_ context.Context, e godwit.Event) { f(e) }

func TestCancelledCall(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil)
	reason := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := client.Do(ctx, "GET", "/")
		done <- err
	}()
	cancel(reason)
	err := <-done
	if !errors.Is(err, godwit.ErrCanceled) || !errors.Is(err, reason) {
		t.Errorf("%v, want ErrCanceled with the cause", err)
	}
}

// FC9 on the wire: the server refuses the expectation before it has seen the
// body. Both attempts are in the history, and a POST is not retried otherwise.
func TestFC9_ExpectationRefused(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Expect") != "" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		_, _ = io.Copy(w, r.Body)
	}, nil)
	resp, err := client.Do(t.Context(), "POST", "/x", godwit.Header("Expect", "100-continue"), godwit.Text("payload"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := resp.Text()
	if attempts := resp.Attempts(); err != nil || body != "payload" || len(attempts) != 2 || attempts[0].Status != 417 || attempts[1].Status != 200 {
		t.Errorf("%q, %v, %+v", body, err, attempts)
	}
	_, err = client.Do(t.Context(), "POST", "/x", godwit.Header("Expect", "100-continue"), godwit.Reader("text/plain", io.MultiReader(strings.NewReader("once"))))
	if e, ok := errors.AsType[*godwit.Error](err); !ok || e.Status != 417 || !strings.Contains(e.Hint, "cannot be sent a second time") {
		t.Errorf("%v", err)
	}
}
