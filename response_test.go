package godwit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/decode"
	"github.com/godwit-go/godwit/policy/retry"
	"github.com/godwit-go/godwit/secret"
)

// TestFC10_FC11_Decode: a value or an error, never an empty value with a nil
// error, and nothing is changed silently.
func TestFC10_FC11_Decode(t *testing.T) {
	t.Parallel()
	type doc struct{ N json.Number }
	tests := []struct {
		name, contentType, body string
		fails                   bool
		want                    string
	}{
		{"plain", "application/json", `{"N":1}`, false, "{1}"},
		{"problem suffix", "application/vnd.x+json; charset=utf-8", `{"N":2}`, false, "{2}"},
		{"no type", "", `{"N":3}`, false, "{3}"},
		{"byte order mark", "application/json", "\xef\xbb\xbf{\"N\":4}", false, "{4}"},
		{"20 digits", "application/json", `{"N":12345678901234567890}`, false, "{12345678901234567890}"},
		{"html", "text/html", "<html>\x1b[31m login</html>", true, ""},
		{"text", "text/plain", `{"N":1}`, true, ""},
		{"empty", "application/json", "", true, ""},
		{"blank", "application/json", " \n", true, ""},
		{"utf-16", "application/json", "\xff\xfe{\x00}\x00", true, ""},
		{"bad utf-8", "application/json", "{\"N\":\"\xff\"}", true, ""},
		{"deep", "application/json", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), true, ""},
		{"513 deep in a field", "application/json", `{"X":` + strings.Repeat("[", 513) + strings.Repeat("]", 513) + `}`, true, ""},
		{"trailing", "application/json", `{"N":1}{"N":2}`, true, ""},
		{"cut", "application/json", `{"N":`, true, ""},
		{"wrong type", "application/json", `[1]`, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Type"] = nil
				reply(tt.contentType, tt.body)(w, r)
			}, nil)
			got, err := godwit.Get[doc](context.Background(), client, "/")
			if !tt.fails {
				if err != nil || fmt.Sprint(got) != tt.want {
					t.Fatalf("%v, %v; want %s", got, err, tt.want)
				}
				return
			}
			e, ok := errors.AsType[*godwit.Error](err)
			if !ok || !errors.Is(err, godwit.ErrDecode) {
				t.Fatalf("%v, want ErrDecode", err)
			}
			if strings.ContainsAny(err.Error()+e.Body, "\x1b\n") || len(err.Error()) > 2000 {
				t.Errorf("the error is not printable: %q", err)
			}
			if tt.name == "html" && !strings.Contains(e.Body, "login") {
				t.Errorf("no excerpt: %q", e.Body)
			}
		})
	}
}

func TestExactNumbersInAny(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, reply("application/json", `{"n":12345678901234567890,"f":1e400}`), nil)
	got, err := godwit.Get[map[string]any](context.Background(), client, "/")
	if err != nil {
		t.Fatal(err)
	}
	if got["n"] != json.Number("12345678901234567890") || got["f"] != json.Number("1e400") {
		t.Errorf("%#v", got)
	}
	if _, err := godwit.Get[struct{ N int64 }](context.Background(), client, "/"); !errors.Is(err, godwit.ErrDecode) {
		t.Errorf("an integer that does not fit: %v", err)
	}
}

func TestResultTypes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	latin, _ := serve(t, reply("text/plain; charset=iso-8859-1", "Gr\xfc\xdfe"), nil)
	if got, err := godwit.Get[string](ctx, latin, "/"); err != nil || got != "Grüße" {
		t.Errorf("declared charset: %q, %v", got, err)
	}
	if got, err := godwit.Get[[]byte](ctx, latin, "/"); err != nil || string(got) != "Gr\xfc\xdfe" {
		t.Errorf("bytes: %q, %v", got, err)
	}
	if _, err := godwit.Delete[godwit.None](ctx, latin, "/"); err != nil {
		t.Errorf("None: %v", err)
	}
	resp, err := latin.Do(ctx, "GET", "/")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := resp.TextAs("windows-1251"); err != nil || got != "GrьЯe" {
		t.Errorf("overridden charset: %q, %v", got, err)
	}
	if _, err := resp.TextAs("no-such"); !errors.Is(err, godwit.ErrDecode) {
		t.Errorf("unknown charset: %v", err)
	}
	utf16, _ := serve(t, reply("text/plain", "\xff\xfeh\x00i\x00"), nil)
	if got, err := godwit.Get[string](ctx, utf16, "/"); err != nil || got != "hi" {
		t.Errorf("detected charset: %q, %v", got, err)
	}
	type item struct {
		Name string `xml:"name"`
	}
	xmlServer, _ := serve(t, reply("application/xml", "<item><name>ada</name></item>"), nil)
	if got, err := godwit.Get[item](ctx, xmlServer, "/"); err != nil || got.Name != "ada" {
		t.Errorf("xml: %+v, %v", got, err)
	}
	plain, _ := serve(t, reply("text/plain", `{"Name":"x","Extra":1}`), nil)
	if got, err := godwit.Get[item](ctx, plain, "/", godwit.AssumeJSON()); err != nil || got.Name != "x" {
		t.Errorf("AssumeJSON: %+v, %v", got, err)
	}
	if _, err := godwit.Get[item](ctx, plain, "/", godwit.AssumeJSON(), godwit.Strict()); !errors.Is(err, godwit.ErrDecode) {
		t.Errorf("Strict: %v", err)
	}
}

func TestResponseFacts(t *testing.T) {
	t.Parallel()
	client, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/old" {
			http.Redirect(w, r, "/api/new?token=xyzzy", http.StatusFound)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "v"})
		w.Header().Set("X-Odd", "secretish")
		reply("application/json", `{"ok":true}`)(w, r)
	}, nil)
	var meta godwit.Meta
	resp, err := client.Do(context.Background(), "GET", "/old", godwit.QueryParam("q", "hidden"), godwit.Into(&meta))
	if err != nil {
		t.Fatal(err)
	}
	if resp.URL.Path != "/api/new" || resp.Protocol != "HTTP/1.1" || resp.Reason != "OK" || resp.RequestID == "" || resp.Cookies()[0].Name != "c" {
		t.Errorf("%+v", resp)
	}
	if hops := resp.Redirects(); len(hops) != 1 || hops[0].Status != 302 || hops[0].From.Path != "/api/old" {
		t.Errorf("redirects %+v", hops)
	}
	if meta.Status != 200 || len(meta.Attempts) != 2 || meta.Elapsed <= 0 {
		t.Errorf("meta %+v", meta)
	}
	if timings := resp.Attempts()[0].Timings; timings.Connect <= 0 || timings.FirstByte <= 0 {
		t.Errorf("timings of the first attempt: %+v", timings)
	}
	if _, err := resp.Bytes(); err != nil {
		t.Fatal(err)
	}
	if resp.Timings().Total <= 0 {
		t.Error("no total time after the end of the body")
	}
	out, err := json.Marshal(resp.Record())
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(back["body"]) != "map[ok:true]" || back["url"] != server.URL+"/api/new?token=***" {
		t.Errorf("record %s", out)
	}
	for _, hidden := range []string{"secretish", "xyzzy", "hidden"} {
		if bytes.Contains(out, []byte(hidden)) {
			t.Errorf("the record shows %q: %s", hidden, out)
		}
	}
}

// TestFC11_Null: null is no value where a struct or a number is asked for, and
// one where the type has a nil.
func TestFC11_Null(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client := scripted(t, godwittest.Always(godwittest.JSON(200, nil)), nil)
	type doc struct{ N int }
	_, structErr := godwit.Get[doc](ctx, client, "/")
	_, intErr := godwit.Get[int](ctx, client, "/")
	for _, err := range []error{structErr, intErr} {
		if !errors.Is(err, godwit.ErrDecode) {
			t.Errorf("an empty value with the error %v", err)
		}
	}
	_, ptrErr := godwit.Get[*doc](ctx, client, "/")
	_, listErr := godwit.Get[[]doc](ctx, client, "/")
	_, anyErr := godwit.Get[any](ctx, client, "/")
	raw, rawErr := godwit.Get[json.RawMessage](ctx, client, "/")
	if err := errors.Join(ptrErr, listErr, anyErr, rawErr); err != nil || string(raw) != "null" {
		t.Errorf("%s, %v", raw, err)
	}
}

// The charset is not guessed from the first KiB alone.
func TestLateUTF8(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a", 2000) + "é"
	client := scripted(t, godwittest.Always(godwittest.Reply{Header: http.Header{"Content-Type": {"text/csv"}}, Body: text}), nil)
	if got, err := godwit.Get[string](t.Context(), client, "/"); err != nil || got != text {
		t.Errorf("…%q, %v", got[max(0, len(got)-4):], err)
	}
	latin := scripted(t, godwittest.Always(godwittest.Reply{Header: http.Header{"Content-Type": {"text/csv"}}, Body: strings.Repeat("a", 2000) + "\xe9"}), nil)
	if got, err := godwit.Get[string](t.Context(), latin, "/"); err != nil || got != text {
		t.Errorf("not UTF-8: …%q, %v", got[max(0, len(got)-4):], err)
	}
}

// TestLM3_BytesLimit: MaxBody and decode.max_body say how much Bytes reads, for
// typed calls and for an open response alike.
func TestLM3_BytesLimit(t *testing.T) {
	t.Parallel()
	const size = 32<<20 + 1 // one byte more than the default
	reply := godwittest.Always(godwittest.Reply{Body: strings.Repeat("x", size)})
	plain := scripted(t, reply, nil)
	unlimited := scripted(t, reply, func(c *godwit.Config) { c.Decode.MaxBody = decode.Unlimited })
	for name, tt := range map[string]struct {
		client *godwit.Client
		opts   []godwit.CallOption
		want   int
	}{
		"default":            {plain, nil, 0},
		"raised":             {plain, []godwit.CallOption{godwit.MaxBody(size)}, size},
		"lowered":            {unlimited, []godwit.CallOption{godwit.MaxBody(10)}, 0},
		"none":               {unlimited, nil, size},
		"as large as can be": {plain, []godwit.CallOption{godwit.MaxBody(math.MaxInt64)}, size},
	} {
		resp, err := tt.client.Do(t.Context(), "GET", "/", tt.opts...)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := resp.Bytes(); len(data) != tt.want || (tt.want == 0) != errors.Is(err, godwit.ErrBodyTooLarge) {
			t.Errorf("%s: response of %d bytes, %v", name, len(data), err)
		}
		if name == "raised" || name == "lowered" {
			if data, err := godwit.Get[[]byte](t.Context(), tt.client, "/", tt.opts...); len(data) != tt.want || (tt.want == 0) != errors.Is(err, godwit.ErrBodyTooLarge) {
				t.Errorf("%s: typed, %d bytes, %v", name, len(data), err)
			}
		}
	}
}

// A body longer than an Error keeps says so, in place of a JSON error.
func TestLongErrorBody(t *testing.T) {
	t.Parallel()
	body := `{"a":"` + strings.Repeat("x", 64<<10) + `"}`
	for _, status := range []int{400, 200} { // 200: it is no number
		client := scripted(t, godwittest.Always(godwittest.Reply{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}), nil)
		_, err := godwit.Get[int](t.Context(), client, "/")
		e, ok := errors.AsType[*godwit.Error](err)
		if !ok {
			t.Fatal(err)
		}
		if err := e.Decode(new(any)); err == nil || !strings.Contains(err.Error(), "64 KiB") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestLG1_EchoedCredential: a server repeats what the call has put into its
// header by itself.
func TestLG1_EchoedCredential(t *testing.T) {
	t.Parallel()
	canary := godwittest.NewCanary(t)
	for _, status := range []int{400, 200} { // 200: it is no JSON
		client := scripted(t, godwittest.Always(godwittest.Func(func(r *godwittest.Request) godwittest.Reply {
			return godwittest.Text(status, fmt.Sprint("you sent ", r.Header))
		})), func(c *godwit.Config) {
			c.SecretHeaders = []string{"X-Mine"}
			c.Headers = map[string]string{"X-Api-Key": canary.Secret() + "-default"}
			c.Operations = map[string]godwit.Operation{"op": {Request: "GET /", Headers: map[string]string{"X-Mine": canary.Secret() + "-op"}}}
		})
		for name, value := range map[string]string{"Authorization": "Bearer " + canary.Secret(), "Cookie": "a=1; s=" + canary.Secret(), "X-Mine": canary.Secret()} {
			_, err := godwit.Get[int](t.Context(), client, "/", godwit.Header(name, value))
			if err == nil {
				t.Fatal("no error")
			}
			canary.RecordError(name, err)
		}
		_, err := godwit.Call[int](t.Context(), client, "op")
		canary.RecordError("operation", err)
		session := scripted(t, godwittest.Always(godwittest.Func(func(r *godwittest.Request) godwittest.Reply {
			if r.Number == 1 {
				return godwittest.Status(204).With("Set-Cookie", "sid="+canary.Secret())
			}
			return godwittest.Text(status, fmt.Sprint("you sent ", r.Header))
		})), func(c *godwit.Config) { c.Cookie.Enabled = true })
		if _, err := godwit.Post[godwit.None](t.Context(), session, "/login", nil); err != nil {
			t.Fatal(err)
		}
		_, err = godwit.Get[int](t.Context(), session, "/")
		if e, ok := errors.AsType[*godwit.Error](err); !ok || !strings.Contains(e.Body, "Cookie") {
			t.Errorf("the session was not repeated: %v", err)
		}
		canary.RecordError("session", err)
		lost := scripted(t, godwittest.Always(godwittest.Func(func(r *godwittest.Request) godwittest.Reply {
			reply := godwittest.Redirect(302, "ftp://x")
			reply.Body = fmt.Sprint("you sent ", r.Header)
			return reply
		})), nil)
		_, err = lost.Do(t.Context(), "GET", "/", godwit.Header("Authorization", "Bearer "+canary.Secret()))
		canary.RecordError("redirect", err)
		if e, ok := errors.AsType[*godwit.Error](err); ok {
			canary.Record("redirect", []byte(e.Body))
		}
		stripe := scripted(t, godwittest.Always(godwittest.Text(401, "no such key: "+canary.Secret())), func(c *godwit.Config) {
			c.Auth = auth.Basic(canary.Secret(), secret.Secret{}) // the key as the user
		})
		_, err = godwit.Get[int](t.Context(), stripe, "/")
		canary.RecordError("key as user", err)
		in, name, value := stripe.Config().Auth.Preview()
		canary.Record("preview", []byte(in+name+value))
		if e, ok := errors.AsType[*godwit.Error](err); ok {
			canary.Record("hint", []byte(e.Hint))
		}
	}
	canary.Assert()
}

// What a middleware of the program makes up is no reason to panic.
func TestOddMiddleware(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]*http.Response{
		"nothing": nil, "no body": {StatusCode: 500}, "no body, success": {StatusCode: 204}, "odd status line": {StatusCode: 404, Status: "Not Found"},
	} {
		client := scripted(t, godwittest.Always(godwittest.Reply{}), func(c *godwit.Config) {
			c.Middleware = []godwit.Middleware{func(http.RoundTripper) http.RoundTripper {
				return roundTrip(func(*http.Request) (*http.Response, error) { return answer, nil })
			}}
		})
		resp, err := client.Do(t.Context(), "GET", "/", godwit.AnyStatus())
		if answer == nil {
			if !errors.Is(err, godwit.ErrMiddleware) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || resp.Reason != "" {
			t.Errorf("%s: reason %q, %v", name, resp.Reason, err)
		}
		if data, err := resp.Bytes(); err != nil || len(data) != 0 {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		resp.Record()
	}
}

// Into holds nothing of an earlier call, and as much of a failed one as there is.
func TestInto(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, reply("application/json", `{}`), nil)
	var meta godwit.Meta
	if _, err := godwit.Get[map[string]any](t.Context(), client, "/", godwit.Into(&meta)); err != nil {
		t.Fatal(err)
	}
	if meta.Timings.Total <= 0 || meta.Elapsed < meta.Timings.Total || meta.Attempts[0].Timings.Total != meta.Timings.Total {
		t.Errorf("%+v", meta)
	}
	if _, err := client.Do(t.Context(), "GET", "no slash", godwit.Into(&meta)); err == nil || meta.Status != 0 || meta.Header != nil {
		t.Errorf("%v; what was not sent has the answer of the call before: %+v", err, meta)
	}
	cut := scripted(t, godwittest.Always(godwittest.Reply{Fault: godwittest.FaultEmpty}), nil)
	if _, err := cut.Do(t.Context(), "GET", "/", godwit.Into(&meta)); err == nil || len(meta.Attempts) != 1 || meta.RequestID == "" || meta.Elapsed <= 0 {
		t.Errorf("%v: %+v", err, meta)
	}
	if _, err := client.Do(t.Context(), "GET", "/", godwit.Into(nil)); !errors.Is(err, godwit.ErrRequest) {
		t.Errorf("Into(nil): %v", err)
	}
}

// TestHints: what a person can do is said where something is known.
func TestHints(t *testing.T) {
	t.Parallel()
	plain := func(*godwit.Config) {}
	bearer := func(c *godwit.Config) { c.Auth = auth.Bearer(secret.Value("token-1234")) }
	once := godwit.Reader("text/plain", io.MultiReader(strings.NewReader("x")))
	for name, tt := range map[string]struct {
		replies []godwittest.Reply
		config  func(*godwit.Config)
		opts    []godwit.CallOption
		want    string
	}{
		"401, no auth":           {[]godwittest.Reply{godwittest.Status(401)}, plain, nil, "set auth"},
		"401, caller's own":      {[]godwittest.Reply{godwittest.Status(401)}, plain, []godwit.CallOption{godwit.Header("Authorization", "Bearer x")}, ""},
		"401, refused":           {[]godwittest.Reply{godwittest.Status(401)}, bearer, nil, "refused the credential auth.bearer ***"},
		"401, NoAuth":            {[]godwittest.Reply{godwittest.Status(401)}, bearer, []godwit.CallOption{godwit.NoAuth()}, "no credential was sent"},
		"401, left behind":       {[]godwittest.Reply{godwittest.Redirect(302, "https://b.test/"), godwittest.Status(401)}, bearer, nil, "auth.origins"},
		"404":                    {[]godwittest.Reply{godwittest.Status(404)}, bearer, nil, ""},
		"a web page":             {[]godwittest.Reply{{Header: http.Header{"Content-Type": {"Text/HTML; charset=utf-8"}}, Body: "<html>"}}, plain, nil, "base_url"},
		"nothing":                {[]godwittest.Reply{{Status: 204}}, plain, nil, "None"},
		"reader read, 503":       {[]godwittest.Reply{godwittest.Status(503)}, func(c *godwit.Config) { c.Retry = retry.Config{} }, []godwit.CallOption{once, godwit.Idempotent()}, "body cannot be sent a second time"},
		"POST not repeated, 503": {[]godwittest.Reply{godwittest.Status(503)}, func(c *godwit.Config) { c.Retry = retry.Config{} }, []godwit.CallOption{godwit.Text("x")}, "not declared idempotent"},
	} {
		client := scripted(t, godwittest.Script(tt.replies...), tt.config)
		_, err := godwit.Do[map[string]any](t.Context(), client, "POST", "/", tt.opts...)
		e, ok := errors.AsType[*godwit.Error](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if tt.want == "" && e.Hint != "" || !strings.Contains(e.Hint, tt.want) {
			t.Errorf("%s: %v: hint %q, want %q", name, err, e.Hint, tt.want)
		}
		if logged := e.LogValue().String(); !strings.Contains(logged, e.Hint) {
			t.Errorf("%s: the log lacks the hint: %s", name, logged)
		}
	}
	client := scripted(t, godwittest.Script(), nil)
	_, err := client.Do(t.Context(), "GET", "https://b.test/x")
	if e, ok := errors.AsType[*godwit.Error](err); !ok || !errors.Is(err, godwit.ErrOriginNotAllowed) || !strings.Contains(e.Hint, "base_url") {
		t.Errorf("another origin: %v", err)
	}
}

// LM2: bytes in a coding that was left on them are no value, even if they look
// like one. They can be had as they came.
func TestLM2_UnknownCodingIsNoValue(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "sdch")
		_, _ = io.WriteString(w, `{"a":1}`)
	}, nil)
	get := func() *godwit.Response {
		t.Helper()
		resp, err := client.Do(t.Context(), "GET", "/x")
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for name, read := range map[string]func() error{
		"typed":  func() error { _, err := godwit.Get[map[string]int](t.Context(), client, "/x"); return err },
		"string": func() error { _, err := godwit.Get[string](t.Context(), client, "/x"); return err },
		"JSON":   func() error { var v any; return get().JSON(&v) },
		"text":   func() error { _, err := get().TextAs("latin1"); return err },
	} {
		if err := read(); !errors.Is(err, godwit.ErrDecode) || !strings.Contains(err.Error(), `content coding "sdch"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw, err := godwit.Get[[]byte](t.Context(), client, "/x")
	if err != nil || string(raw) != `{"a":1}` {
		t.Errorf("bytes: %q, %v", raw, err)
	}
}
