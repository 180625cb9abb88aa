package godwit_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/bulkhead"
	"github.com/godwit-go/godwit/policy/limit"
)

// flaky answers 503 while it is down, and counts.
type flaky struct {
	down atomic.Bool
	n    atomic.Int64
}

func (f *flaky) RoundTrip(req *http.Request) (*http.Response, error) {
	f.n.Add(1)
	status := http.StatusOK
	if f.down.Load() {
		status = http.StatusServiceUnavailable
	}
	time.Sleep(20 * time.Millisecond)
	return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// An outage that begins while everybody waits in line, or for a slot, ends by
// itself: somebody finds out that the upstream is back, and every patient call
// succeeds.
func TestOutageWhileAllWait(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]godwit.Config{
		"limit":    {Limit: limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: "20/s", Burst: 20}}}},
		"bulkhead": {Bulkhead: bulkhead.Config{MaxInFlight: 2, MaxQueue: 1000}},
		"both":     {Limit: limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: "20/s", Burst: 20}}}, Bulkhead: bulkhead.Config{MaxInFlight: 2, MaxQueue: 1000}},
		"fleet":    {Limit: limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: "20/s", Burst: 20}}, Store: new(limit.Memory)}, Breaker: breaker.Config{Store: new(breaker.Memory)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				upstream := new(flaky)
				config.Timeout.Total = 10 * time.Minute
				config.BaseURL, config.Transport = "https://api.example", upstream
				client, err := godwit.New(config)
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					time.Sleep(2 * time.Second) // the last reports to a store
					if err := client.Close(); err != nil {
						t.Error(err)
					}
				}()
				ctx := exchange.WithClass(context.Background(), exchange.ClassBatch)
				var failed atomic.Int64
				var wg sync.WaitGroup
				for range 300 {
					wg.Go(func() {
						resp, err := client.Do(ctx, http.MethodGet, "/x")
						if err != nil {
							failed.Add(1)
							t.Log(err)
							return
						}
						_ = resp.Close()
					})
				}
				time.Sleep(2 * time.Second)
				upstream.down.Store(true)
				time.Sleep(10 * time.Second)
				during := upstream.n.Load()
				time.Sleep(30 * time.Second)
				if n := upstream.n.Load() - during; n > 25 {
					t.Errorf("%d calls in 30 s of an outage", n)
				}
				upstream.down.Store(false)
				wg.Wait()
				if failed.Load() > 0 {
					t.Errorf("%d of 300 patient calls failed", failed.Load())
				}
			})
		})
	}
}
