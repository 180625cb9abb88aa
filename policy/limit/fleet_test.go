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
	for name, mk := range scenarios() {
		for _, fleet := range []int{1, 10} {
			if fleet == 1 && name[:1] != "A" {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d processes", name, fleet), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					sc, store := mk(), new(distant)
					sc.workers, sc.spread, sc.fleet, sc.store = max(4, 200/(5*fleet)), 5*time.Second, fleet, store
					sc.hold(t)
					t.Logf("%.2f store operations per call", float64(store.ops.Load())/float64(sc.jobs))
				})
			})
		}
	}
}
