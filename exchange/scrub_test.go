package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/internal/redact"
)

const leak = "Zk3Lq8Wv1Rt6Yp0X"

// levels returns every text of err, at every level of Unwrap.
func levels(err error) []string {
	if err == nil {
		return nil
	}
	out := []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), fmt.Sprintf("%d", err)}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			out = append(out, levels(inner)...)
		}
	case interface{ Unwrap() error }:
		out = append(out, levels(e.Unwrap())...)
	}
	return out
}

func parseError(t *testing.T, raw string) error {
	t.Helper()
	_, err := url.Parse(raw)
	if err == nil {
		t.Fatalf("%q can be parsed", raw)
	}
	return err
}

// TestLG2_NoLevelLeaks puts a secret where the errors of net/http, net/url and
// middlewares carry one. It is unknown to the redactor unless the case says so.
func TestLG2_NoLevelLeaks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		known bool
		cause error
	}{
		{"query in url.Error", false, &url.Error{Op: "Get", URL: "https://h/p?token=" + leak, Err: io.EOF}},
		{"userinfo in url.Error", false, &url.Error{Op: "Get", URL: "https://u:" + leak + "@h/p", Err: io.EOF}},
		{"wrapped url.Error", false, fmt.Errorf("login: %w", &url.Error{Op: "Get", URL: "https://h/p?token=" + leak, Err: io.EOF})},
		{"joined url.Error", false, errors.Join(io.EOF, &url.Error{Op: "Get", URL: "https://h/p?token=" + leak, Err: io.EOF})},
		{"url.Error in url.Error", false, &url.Error{Op: "Get", URL: "x", Err: &url.Error{Op: "parse", URL: "https://u:" + leak, Err: io.EOF}}},
		{"url.Error without a cause", false, &url.Error{Op: "Get", URL: leak}},
		{"password with a slash", false, parseError(t, "https://user:"+leak+"/x@h/")},
		{"password with a hash", false, parseError(t, "https://user:"+leak+"#x@h/")},
		{"percent in the host", false, parseError(t, "https://"+leak+"%zz/")},
		{"space in the host", false, parseError(t, "https://"+leak+" x/")},
		{"escape", true, url.EscapeError(leak)},
		{"invalid host", true, url.InvalidHostError(leak)},
		{"proxy address", false, fmt.Errorf("invalid proxy address %q: %v", "http://u:"+leak+"@proxy", io.EOF)},
		{"location", false, fmt.Errorf("failed to parse Location header %q: %w", "http://h/cb?code="+leak, io.EOF)},
		{"header echoed", true, errors.New("invalid header value " + leak)},
		{"header quoted", true, fmt.Errorf("invalid value %q", leak)},
		{"known, deep", true, fmt.Errorf("a: %w", fmt.Errorf("b: %w", errors.New(leak)))},
		{"known, joined", true, fmt.Errorf("a: %w", errors.Join(io.EOF, errors.New(leak)))},
		{"known, in base64", true, errors.New("Basic WmszTHE4V3YxUnQ2WXAwWA==")},
		{"known, long text", true, errors.New(strings.Repeat("x", maxCause-8) + leak)},
		{"in an OpError", true, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New(leak)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.cause == nil {
				t.Fatal("the case has no cause")
			}
			ctx, call := WithCall(context.Background())
			call.Redactor = &redact.Redactor{}
			if c.known {
				call.Redactor.Add(leak)
			}
			req, err := http.NewRequestWithContext(ctx, "GET", "https://u:"+leak+"@h/items/"+leak+"?token="+leak+"#"+leak, nil)
			if err != nil {
				t.Fatal(err)
			}
			call.PathValues = []string{leak}
			req.Header.Set("Authorization", leak)
			e := call.NewError(ErrConnect, "retry", req, c.cause)
			for _, text := range levels(fmt.Errorf("outer: %w", e)) {
				for i := 0; i+4 <= len(leak); i++ {
					if strings.Contains(text, leak[i:i+4]) {
						t.Fatalf("%q shows %q", text, leak[i:i+4])
					}
				}
				if strings.ContainsAny(text, "\n\r") || len(text) > 2000 {
					t.Errorf("not one short line: %q", text)
				}
			}
			if !errors.Is(e, c.cause) && !strings.Contains(fmt.Sprintf("%T", c.cause), "joinError") {
				t.Error("errors.Is does not find the original cause")
			}
			if e.Method != "GET" || e.URL != "https://h/items/***?token=***" {
				t.Errorf("method %q, URL %q", e.Method, e.URL)
			}
		})
	}
}

func TestLG2_HarmlessCausesStay(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{io.EOF, context.Canceled, ErrDNS, &net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}, fmt.Errorf("x: %w", io.EOF), &Error{Kind: ErrDecode}} {
		if e := (*Call)(nil).NewError(ErrConnect, "", nil, cause); e.Err != cause {
			t.Errorf("%v was replaced by %v", cause, e.Err)
		}
	}
	if e := (*Call)(nil).NewError(ErrConnect, "retry", nil, nil); e.Err != nil || e.Error() != "retry: connect" {
		t.Errorf("without a cause: %v", e)
	}
}

func TestLG4_Method(t *testing.T) {
	t.Parallel()
	req := &http.Request{Method: "GET\r\nX-Evil: 1" + strings.Repeat("x", 100), URL: &url.URL{Scheme: "http", Host: "h"}}
	if e := (*Call)(nil).NewError(ErrRequest, "", req, nil); strings.ContainsAny(e.Method, "\r\n") || len(e.Method) > maxMethod+len("…") {
		t.Errorf("Method = %q", e.Method)
	}
}

func TestLG1_PathParameters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		template string
		values   []string
		url      string
		want     string
	}{
		{"", nil, "https://h/a/b", "https://h/a/b"},
		{"/users/{id}", []string{"7"}, "https://h/v2/users/7", "https://h/v2/users/***"},
		{"/users/{id}", []string{"users"}, "https://h/users/users", "https://h/***/***"},
		{"/users/{id}.json", []string{"7"}, "https://h/v2/users/7.json", "https://h/v2/users/***"},
		{"/v{v}/x", []string{"2"}, "https://h/v2/x", "https://h/***/x"},
		{"/files/{name}", []string{"a/b c"}, "https://h/files/a%2Fb%20c", "https://h/files/***"},
		{"/{a}/{b}?x=1", []string{"1", "2"}, "https://h/base/1/2?x=1", "https://h/base/***/***?x=***"},
		{"https://h/{a}/end", []string{"1"}, "https://h/1/end", "https://h/***/end"},
		{"/not escaped/{a}", []string{"1"}, "https://h/not%20escaped/1", "https://h/not%20escaped/***"},
		{"/users/{id}", []string{"alice"}, "https://h/elsewhere/alice-1/x", "https://h/elsewhere/***/x"},
		{"/users/{id}", []string{"7"}, "https://h/short", "https://h/short"},
		{"/users/{id}", []string{"7"}, "https://h", "https://h"},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		before := u.String()
		call := &Call{Template: c.template, PathValues: c.values}
		if got := call.RedactURL(u); got != c.want {
			t.Errorf("RedactURL(%s) with template %s = %s, want %s", c.url, c.template, got, c.want)
		}
		if u.String() != before {
			t.Errorf("the URL was changed to %s", u)
		}
	}
	if got := (*Call)(nil).RedactURL(nil); got != "(none)" {
		t.Errorf("RedactURL of nothing = %q", got)
	}
}
