package redirect_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/redirect"
)

// FC9: only a 417 to Expect: 100-continue has the request sent again, once, with
// the same body and without the field.
func TestFC9_OnceMoreWithoutExpect(t *testing.T) {
	t.Parallel()
	refusal, ok := godwittest.Status(417), godwittest.Status(200)
	field := strings.ToLower("Expect") // a spelling that http.Header does not look for
	for name, c := range map[string]struct {
		expect  []string
		replies []godwittest.Reply
		status  int
	}{
		"refused":                {[]string{"100-continue"}, []godwittest.Reply{refusal, ok}, 200},
		"other case, repeated":   {[]string{"100-Continue", " 100-continue"}, []godwittest.Reply{refusal, ok}, 200},
		"refused again":          {[]string{"100-continue"}, []godwittest.Reply{refusal, refusal}, 417},
		"accepted":               {[]string{"100-continue"}, []godwittest.Reply{ok}, 200},
		"nothing expected":       {nil, []godwittest.Reply{refusal}, 417},
		"another expectation":    {[]string{"tea"}, []godwittest.Reply{refusal}, 417},
		"beside one of its kind": {[]string{"100-continue", "tea"}, []godwittest.Reply{refusal}, 417},
		"after a redirect":       {[]string{"100-continue"}, []godwittest.Reply{godwittest.Redirect(307, "/next"), refusal, ok}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := godwittest.Script(c.replies...)
			req, _ := newRequest(t, "POST", start, "payload")
			req.Header[field] = c.expect
			resp, err := around(t, redirect.Config{}, script).RoundTrip(req)
			if err != nil || resp.StatusCode != c.status {
				t.Fatalf("%v, %v", resp, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			script.Verify(t)
			for i, r := range script.Requests() {
				after := i > 0 && c.replies[i-1].Status == 417
				if r.Method != "POST" || string(r.Body) != "payload" || after != (r.Header[field] == nil && c.expect != nil) {
					t.Errorf("request %d: %s %q, header %v", i, r.Method, r.Body, r.Header)
				}
			}
			if len(req.Header[field]) != len(c.expect) {
				t.Error("the caller's request was changed")
			}
		})
	}
}

// FC9: the 417 stays where the body cannot be sent a second time.
func TestFC9_BodyThatCannotBeRewound(t *testing.T) {
	t.Parallel()
	for name, getBody := range map[string]func() (io.ReadCloser, error){
		"no factory":      nil,
		"failing factory": func() (io.ReadCloser, error) { return nil, errors.New("gone") },
	} {
		script := godwittest.Script(godwittest.Status(417))
		req, call := newRequest(t, "POST", start, "payload")
		req.Header.Set("Expect", "100-continue")
		req.GetBody = getBody
		resp, err := around(t, redirect.Config{Follow: "never"}, script).RoundTrip(req)
		if err != nil || resp.StatusCode != 417 || !strings.Contains(call.StopReason(), "cannot be sent a second time") {
			t.Fatalf("%s: %v, %v, reason %q", name, resp, err, call.StopReason())
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		script.Verify(t)
	}
}

// FC9: nothing is sent for a caller who has gone; the answer in hand is closed.
func TestFC9_CallerGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	script := godwittest.Script(godwittest.Func(func(*godwittest.Request) godwittest.Reply {
		cancel()
		return godwittest.Status(417)
	}))
	req, _ := newRequest(t, http.MethodPut, start, "payload")
	req = req.WithContext(ctx)
	req.Header.Set("Expect", "100-continue")
	resp, err := around(t, redirect.Config{}, exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		return script.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	})).RoundTrip(req)
	if resp != nil || !errors.Is(err, context.Canceled) || script.Count() != 1 || script.OpenBodies() != 0 {
		t.Errorf("%v, %v, %d requests, %d open bodies", resp, err, script.Count(), script.OpenBodies())
	}
}
