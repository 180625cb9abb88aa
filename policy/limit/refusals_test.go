package limit_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/limit"
)

// Without quotas nothing is held back, not even while there is no answer yet,
// until one answer speaks of a limit: then all are, whichever middleware around
// the same lines they go through.
func TestC2_FreeUntilRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sends := 0
		s := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			sends++
			n := sends
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			switch {
			case n <= 10:
				return reply(req, 404, "not here"), nil
			case n <= 20:
				return reply(req, 429, "no", "Retry-After", "30"), nil
			}
			return reply(req, 200, "yes"), nil
		})
		config := limit.Config{}
		lines, err := limit.NewLimiter(config)
		if err != nil {
			t.Fatal(err)
		}
		first, err := limit.Wrap(lines, config)
		if err != nil {
			t.Fatal(err)
		}
		second, err := limit.Wrap(lines, config)
		if err != nil {
			t.Fatal(err)
		}
		crowd := func(rt http.RoundTripper) {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					resp, err := get(t, rt, nil)
					if err != nil {
						t.Error(err)
						return
					}
					_ = resp.Body.Close()
				})
			}
			all.Wait()
		}
		start := time.Now()
		crowd(first(s))
		crowd(first(s)) // all of them are in flight when the first refusal comes
		if took := time.Since(start); took != 200*time.Millisecond || sends != 20 {
			t.Errorf("%d sends took %v", sends, took)
		}
		start = time.Now()
		resp, err := get(t, second(s), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if took := time.Since(start); took != 30*time.Second+100*time.Millisecond {
			t.Errorf("the next call took %v", took)
		}
		start = time.Now()
		crowd(second(s))
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("the crowd after it took %v", took)
		}
	})
}

// The refusal of a call that went past the line is told like any other, and its
// body is still whole.
func TestC2_FirstRefusalIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rt := middleware(t, limit.Config{})(exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			return reply(req, 429, strings.Repeat("no", 100_000), "Retry-After", "7200"), nil
		}))
		var seen events
		resp, err := get(t, rt, &seen)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Body.Close(); got != nil {
			t.Error(got)
		}
		if !strings.Contains(seen.names(), "limit.refused limit.frozen") {
			t.Errorf("events %q", seen.names())
		}
		if _, err = get(t, rt, nil); !errors.Is(err, exchange.ErrRateLimited) {
			t.Errorf("after a refusal for two hours: %v", err)
		}
	})
}
