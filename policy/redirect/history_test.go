package redirect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/redirect"
)

func TestReturnedAsTheyAre(t *testing.T) {
	t.Parallel()
	to := "/x"
	cases := []struct {
		name   string
		config redirect.Config
		reply  godwittest.Reply
	}{
		{"never", redirect.Config{Follow: "never"}, godwittest.Redirect(302, to)},
		{"300", redirect.Config{}, godwittest.Redirect(300, to)},
		{"304", redirect.Config{}, godwittest.Redirect(304, to)},
		{"305", redirect.Config{}, godwittest.Redirect(305, to)},
		{"306", redirect.Config{}, godwittest.Redirect(306, to)},
		{"201", redirect.Config{}, godwittest.Redirect(201, to)},
		{"no Location", redirect.Config{}, godwittest.Status(302)},
		{"empty Location", redirect.Config{}, godwittest.Redirect(302, "")},
	}
	for _, c := range cases {
		script := godwittest.Script(c.reply)
		req, call := newRequest(t, "GET", start, "")
		resp, err := around(t, c.config, script).RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if resp.StatusCode != c.reply.Status || resp.Request != req || len(call.Redirects()) != 0 {
			t.Errorf("%s: status %d, request %v, hops %v", c.name, resp.StatusCode, resp.Request == req, call.Redirects())
		}
		_ = resp.Body.Close()
		script.Verify(t)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	script := godwittest.Script(godwittest.Redirect(301, "/b"), godwittest.Redirect(307, "https://c.example/c#frag"), godwittest.Text(200, "done"))
	req, call := newRequest(t, "GET", start+"#own", "")
	var reasons []string
	call.Observe(exchange.ObserverFunc(func(_ context.Context, e exchange.Event) {
		if e.Name == exchange.EventRedirect {
			reasons = append(reasons, fmt.Sprint(e.Status, " ", e.URL()))
		}
	}))
	resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if b, err := io.ReadAll(resp.Body); string(b) != "done" || err != nil {
		t.Errorf("body %q, %v", b, err)
	}
	var got []string
	for _, h := range call.Redirects() {
		got = append(got, fmt.Sprint(h.Status, " ", h.From, " ", h.To))
	}
	want := []string{"301 https://api.example.com/start#own https://api.example.com/b#own", "307 https://api.example.com/b#own https://c.example/c#frag"}
	if !slices.Equal(got, want) {
		t.Errorf("history %q, want %q", got, want)
	}
	if wantEvents := []string{"301 https://api.example.com/b", "307 https://c.example/c"}; !slices.Equal(reasons, wantEvents) {
		t.Errorf("events %q, want %q", reasons, wantEvents)
	}
	if u := resp.Request.URL.String(); u != "https://c.example/c#frag" {
		t.Errorf("final URL %s", u)
	}
	if prev := resp.Request.Response; prev == nil || prev.StatusCode != 307 || prev.Request.Response.Request != req {
		t.Error("the responses do not lead back to the first request")
	}
}

func TestDataChosenHosts(t *testing.T) {
	t.Parallel()
	hops := []string{"https://b.example/", "https://api.example.com:99/", "https://named.example/", "https://PRIVATE.example./", "https://[::1]/", "https://10.0.0.1/"}
	want := []bool{false, true, false, false, false, false, true}
	var got []bool
	n := 0
	rt := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		got = append(got, exchange.CallFrom(r.Context()).DataChosen)
		resp := &http.Response{StatusCode: 302, Header: http.Header{}, Body: http.NoBody, Request: r}
		if n < len(hops) {
			resp.Header.Set("Location", hops[n])
		}
		n++
		return resp, nil
	})
	c := redirect.Config{PrivateHosts: []string{"private.example", "::1"}, Origins: []string{"https://named.example"}}
	req, _ := newRequest(t, "GET", start, "")
	if _, err := around(t, c, rt).RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("data-chosen %v, want %v", got, want)
	}
}

func TestCanceledBetweenHops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	rt := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		n++
		cancel()
		return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"/x"}}, Body: http.NoBody, Request: r}, nil
	})
	second := &countedBody{Reader: strings.NewReader("again")}
	req, _ := newRequest(t, "POST", start, "body")
	req = req.WithContext(ctx)
	req.GetBody = func() (io.ReadCloser, error) { return second, nil }
	resp, err := around(t, redirect.Config{}, rt).RoundTrip(req)
	wantError(t, resp, err, exchange.ErrCanceled)
	if n != 1 || second.closed != 1 {
		t.Errorf("%d requests; second body closed %d times", n, second.closed)
	}
}

// TestRD8_UnderAForeignClient: that client never sees a redirect.
func TestRD8_UnderAForeignClient(t *testing.T) {
	t.Parallel()
	script := godwittest.Script(godwittest.Redirect(302, "https://b.example/"), godwittest.Redirect(302, start), godwittest.Status(200))
	client := &http.Client{
		Transport:     around(t, redirect.Config{}, script),
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the client follows") },
	}
	req, _ := newRequest(t, "GET", start, "")
	req.Header.Set("X-Api-Key", "canary")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for _, r := range script.Requests()[1:] {
		if r.Header.Get("X-Api-Key") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("RD7: to %s: %v", r.URL, r.Header)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for field, c := range map[string]redirect.Config{
		"redirect.follow":            {Follow: "sometimes"},
		"redirect.limit":             {Limit: -1},
		"redirect.cross_origin_body": {CrossOriginBody: "yes"},
		"redirect.downgrade":         {Downgrade: "yes"},
		"redirect.private_hosts":     {PrivateHosts: []string{"*.example"}},
		"auth.origins":               {Origins: []string{"api.example.com"}},
	} {
		m, err := redirect.New(c)
		if m != nil || !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, host := range []string{"", "http://h", "h:80", "a b", "h/x", "u@h"} {
		if _, err := redirect.New(redirect.Config{PrivateHosts: []string{host}}); !errors.Is(err, exchange.ErrConfig) {
			t.Errorf("private host %q: %v", host, err)
		}
	}
	for _, host := range []string{"fe80::1%eth0", "localhost", "::1", "[::1]", "10.0.0.1", "intranet.example."} {
		if _, err := redirect.New(redirect.Config{PrivateHosts: []string{host}}); err != nil {
			t.Errorf("private host %q: %v", host, err)
		}
	}
}
