package exchange_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

func TestClassComesFromTheContext(t *testing.T) {
	t.Parallel()
	if _, call := exchange.WithCall(t.Context()); call.Class != exchange.ClassNormal {
		t.Errorf("class %d without a word", call.Class)
	}
	ctx := exchange.WithClass(t.Context(), exchange.ClassBatch)
	ctx, call := exchange.WithCall(ctx)
	if call.Class != exchange.ClassBatch {
		t.Errorf("class %d, want batch", call.Class)
	}
	if _, inner := exchange.WithCall(ctx); inner.Class != exchange.ClassBatch {
		t.Errorf("a call that a call makes has class %d, want batch", inner.Class)
	}
}

// A refused attempt that is free counts as an attempt and is not charged.
func TestChargedCount(t *testing.T) {
	t.Parallel()
	ctx, call := exchange.WithCall(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	rt := exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 429, Body: http.NoBody}, nil
	})
	for i := range 3 {
		if _, err := exchange.Send(rt, req, call, 0); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			call.LastAttempt().Note(exchange.FactFree)
			call.MarkRefused()
		}
	}
	if call.AttemptCount() != 3 || call.ChargedCount() != 1 || call.Refusals() != 2 {
		t.Errorf("%d attempts, %d charged, %d refusals", call.AttemptCount(), call.ChargedCount(), call.Refusals())
	}
}

// The latency begins with the connection where the attempt knows it.
func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, tc := range map[string]struct {
			reach bool
			want  time.Duration
		}{"with a connection": {true, 3 * time.Second}, "without": {false, 5 * time.Second}} {
			ctx, call := exchange.WithCall(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			rt := exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				live := exchange.LiveFrom(r.Context())
				time.Sleep(2 * time.Second) // in a queue
				if tc.reach {
					live.Reach(exchange.MarkConn, exchange.PhaseExchange)
				}
				if live.Latency() != 0 {
					t.Errorf("%s: a latency of %v without an answer", name, live.Latency())
				}
				time.Sleep(3 * time.Second)
				return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
			})
			if _, err := exchange.Send(rt, req, call, 0); err != nil {
				t.Fatal(err)
			}
			if got := call.LastAttempt().Latency(); got != tc.want {
				t.Errorf("%s: latency %v, want %v", name, got, tc.want)
			}
		}
	})
}
