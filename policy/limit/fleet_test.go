package limit_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/policy/limit"
)

// distant is a store with a way to it.
type distant struct {
	limit.Memory
	ops atomic.Int64
}

func (d *distant) Sync(ctx context.Context, r limit.Round) (limit.Snapshots, error) {
	d.ops.Add(1)
	time.Sleep(200 * time.Microsecond)
	defer time.Sleep(200 * time.Microsecond)
	return d.Memory.Sync(ctx, r)
}

// A fleet uses the whole quota too, and next to nothing is refused.
func TestFleet(t *testing.T) {
	t.Parallel()
	bucket := limit.Quota{Name: "core", Model: "bucket", Limit: "100/s", Burst: 100}
	minute := limit.Quota{Name: "core", Model: "window", Limit: "6000/m"}
	for name, mk := range map[string]func() scenario{
		"A bucket": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100}, quota: bucket, jobs: 8000, used: 98.5, refusals: 0.05}
		},
		"B window of a minute": func() scenario {
			return scenario{server: &server{q: 6000, w: 60}, quota: minute, jobs: 12500, used: 99, refusals: 0.05}
		},
		"B drained": func() scenario {
			return scenario{server: &server{q: 6000, w: 60}, quota: minute, mode: "drain", jobs: 12500, used: 99, refusals: 0.05}
		},
		"C window of a second": func() scenario {
			return scenario{server: &server{q: 100, w: 1}, quota: limit.Quota{Name: "core", Model: "window", Limit: "100/s"}, jobs: 6000, used: 98, refusals: 0.05}
		},
		"E refusals drain the bucket": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100, drains: true}, quota: bucket, jobs: 8000, used: 98.5, refusals: 0.05}
		},
		"H another tenant": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100, foreign: 20}, quota: bucket, jobs: 6000, used: 98, refusals: 0.05}
		},
		"J no fields": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100, silent: true}, quota: bucket, jobs: 8000, used: 98, refusals: 0.05}
		},
	} {
		for _, fleet := range []int{1, 10} {
			if fleet == 1 && name[:1] != "A" {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d processes", name, fleet), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					sc, store := mk(), new(distant)
					sc.workers, sc.spread, sc.fleet, sc.store = max(4, 200/(5*fleet)), 5*time.Second, fleet, store
					used, refusals := run(t, sc, 1)
					t.Logf("%.2f %% of the quota, %.3f refusals per 100, %.2f store operations per call", used, refusals, float64(store.ops.Load())/float64(sc.jobs))
					if used < sc.used {
						t.Errorf("%.2f %% of the quota, want %v", used, sc.used)
					}
					if refusals > sc.refusals {
						t.Errorf("%.3f refusals per 100 successes, want at most %v", refusals, sc.refusals)
					}
				})
			})
		}
	}
}
