//go:build !race

package breaker

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/godwit-go/godwit/exchange"
)

// always answers with the same response, so that it costs nothing itself.
type always struct{ resp *http.Response }

func (a always) RoundTrip(*http.Request) (*http.Response, error) { return a.resp, nil }

// inAttempt runs f with a request that belongs to an attempt, as in a chain.
func inAttempt(tb testing.TB, status int, f func(http.RoundTripper, *http.Request)) {
	tb.Helper()
	rt := breakerOf(tb, Config{}).Wrap(always{&http.Response{StatusCode: status, Body: http.NoBody}})
	ctx, call := exchange.WithCall(context.Background())
	u := &url.URL{Scheme: "https", Host: "api.example", Path: "/"}
	req := (&http.Request{Method: http.MethodGet, URL: u}).WithContext(ctx)
	inner := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		f(rt, req)
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})
	if _, err := exchange.Send(inner, req, call, 0); err != nil {
		tb.Fatal(err)
	}
}

// A closed breaker costs no allocation, whatever comes back.
func TestClosedAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	for _, status := range []int{200, 429} {
		inAttempt(t, status, func(rt http.RoundTripper, req *http.Request) {
			n := testing.AllocsPerRun(100, func() {
				if _, err := rt.RoundTrip(req); err != nil {
					t.Fatal(err)
				}
			})
			if n > 0 {
				t.Errorf("status %d: %v allocations", status, n)
			}
		})
	}
}

func BenchmarkClosed(b *testing.B) {
	inAttempt(b, 200, func(rt http.RoundTripper, req *http.Request) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rt.RoundTrip(req); err != nil {
				b.Fatal(err)
			}
		}
	})
}
