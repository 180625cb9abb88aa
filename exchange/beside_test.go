package exchange_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
)

// An attempt beside another one is none of the call's own until it has won; the
// one that yields keeps its own record.
func TestBeside(t *testing.T) {
	t.Parallel()
	slower := errors.New("the other one was faster")
	for _, wins := range []bool{true, false} {
		ctx, call := exchange.WithCall(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("x")), Request: r}, nil
		})
		var first, second *exchange.Live
		resp, err := exchange.Send(exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			first = exchange.LiveFrom(r.Context())
			if first.Source() != req {
				t.Error("the source is another request")
			}
			second = exchange.Beside(first.Source(), call)
			if got := call.LastAttempt(); got != first {
				t.Errorf("the last attempt is number %d before it has won", got.Number())
			}
			other, err := second.Run(answer)
			if err != nil {
				t.Fatal(err)
			}
			if !wins {
				second.Cancel(slower)
				if _, err := io.ReadAll(other.Body); err != nil && !errors.Is(err, slower) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				_ = other.Body.Close()
				return answer(r)
			}
			second.Win()
			first.Cancel(slower)
			if context.Cause(r.Context()) != slower {
				t.Errorf("the context ended with %v", context.Cause(r.Context()))
			}
			first.Yield(slower)
			return other, nil
		}), req, call, 0)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); string(b) != "x" || err != nil || resp.Request != req {
			t.Errorf("%q, %v", b, err)
		}
		_ = resp.Body.Close()
		all, last := call.Attempts(), first
		if wins {
			last = second
		}
		if len(all) != 2 || call.ChargedCount() != 1 || call.LastAttempt() != last || all[1].Status != 200 {
			t.Errorf("wins %v: %+v, %d charged, the last is number %d", wins, all, call.ChargedCount(), call.LastAttempt().Number())
		}
		if wins != (all[0].Status == 0) || wins != errors.Is(all[0].Err, slower) {
			t.Errorf("wins %v: the record of the first is %+v", wins, all[0])
		}
	}
}
