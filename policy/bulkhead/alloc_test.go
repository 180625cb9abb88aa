//go:build !race

package bulkhead

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
)

// always answers with the same response, so that it costs nothing itself.
type always struct{ resp *http.Response }

func (a always) RoundTrip(*http.Request) (*http.Response, error) { return a.resp, nil }

func plainRequest() *http.Request {
	ctx, _ := exchange.WithCall(context.Background())
	u := &url.URL{Scheme: "https", Host: "api.example", Path: "/"}
	return (&http.Request{Method: http.MethodGet, URL: u}).WithContext(ctx)
}

// Without anybody else, a call costs the wrapper of its body and nothing more.
func TestUncontendedAllocations(t *testing.T) { // not parallel: it counts allocations
	for _, c := range []struct {
		name string
		body io.ReadCloser
		want float64
	}{
		{"no body", http.NoBody, 0},
		{"body", io.NopCloser(strings.NewReader("hello")), 1},
	} {
		resp := &http.Response{StatusCode: 200}
		rt, req := wrap(t, Config{MaxInFlight: 1}, always{resp}), plainRequest()
		n := testing.AllocsPerRun(100, func() {
			resp.Body = c.body
			if _, err := rt.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close() // a NopCloser
		})
		if n > c.want {
			t.Errorf("%s: %v allocations, want %v", c.name, n, c.want)
		}
	}
}

func BenchmarkUncontended(b *testing.B) {
	rt, req := wrap(b, Config{MaxInFlight: 1}, always{&http.Response{StatusCode: 200, Body: http.NoBody}}), plainRequest()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rt.RoundTrip(req); err != nil {
			b.Fatal(err)
		}
	}
}
