package redirect

import (
	"io"
	"net/http"
	"strings"

	"github.com/godwit-go/godwit/exchange"
)

// send passes one request on. A 417 to Expect: 100-continue says that somebody
// on the way does not know expectations, and that the request was not
// processed: it is sent once more without the field (RFC 9110 section 10.1.1).
// A body that cannot be opened again leaves the 417.
func (f *follower) send(req *http.Request, call *exchange.Call) (*http.Response, error) {
	resp, err := f.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusExpectationFailed || !expectsContinue(req.Header) {
		return resp, err
	}
	again := req.WithContext(req.Context())
	again.Header = req.Header.Clone()
	deleteExpect(again.Header)
	if err := carryBody(req, again, req.Body != nil && req.Body != http.NoBody); err != nil {
		call.SetStop("the server does not accept Expect, and "+errNotRewindable.Error(), nil)
		return resp, nil
	}
	discard(resp, io.Discard)
	if again.Context().Err() != nil {
		exchange.CloseBody(again)
		return nil, call.ContextError(again.Context(), policyName, again)
	}
	call.Emit(again, exchange.Event{
		Name: exchange.EventRetryResent, Live: call.LastAttempt(), Status: resp.StatusCode, Reason: "without Expect, which the server does not accept",
	})
	return f.next.RoundTrip(again)
}

// expectsContinue reports whether the only expectation is 100-continue. What
// another one means, and whether it may be dropped, its author must know.
func expectsContinue(h http.Header) bool {
	found := false
	for k, values := range h {
		if !strings.EqualFold(k, "Expect") {
			continue
		}
		for _, v := range values {
			if found = strings.EqualFold(strings.TrimSpace(v), "100-continue"); !found {
				return false
			}
		}
	}
	return found
}

func deleteExpect(h http.Header) {
	for k := range h {
		if strings.EqualFold(k, "Expect") {
			delete(h, k)
		}
	}
}
