package limit_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/limit"
)

// one is a call from its turn to its end.
func one(t *testing.T, l *limit.Limiter) (waited time.Duration) {
	t.Helper()
	start := time.Now()
	g, err := l.Acquire(t.Context(), limit.Op{Origin: "https://api.example", Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	waited = time.Since(start)
	g.Done(limit.Outcome{Status: 200})
	g.End()
	return waited
}

func member(t *testing.T, store limit.Store, quotas ...limit.Quota) *limit.Limiter {
	t.Helper()
	l, err := limit.NewLimiter(limit.Config{StoreKind: "file", Store: store, Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A process that ends right after its answer, as commands do, tells the store of
// it: the line is not cold for the next one, what it used is known, and a place
// of a concurrency is free again. Without the last word the next process would
// have to wait until the call of the first is given up.
func TestC3_Flush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(limit.Memory)
		quotas := []limit.Quota{{Name: "core", Limit: "10/s", Burst: 20}, {Name: "slots", Model: "concurrency", Limit: "1"}}
		for i := range 5 {
			process := &mortal{Store: store}
			l := member(t, process, quotas...)
			if waited := one(t, l); waited > 100*time.Millisecond { // a line that begins has nothing saved up
				t.Errorf("process %d waited for %v", i, waited)
			}
			l.Flush(t.Context())
			process.dead.Store(true)
		}
		last := member(t, store, quotas...)
		one(t, last)
		for _, v := range last.Lines() {
			if v.Quota == "core" && (v.Issued < 5 || v.Cold) {
				t.Errorf("the last process knows of %+v", v)
			}
		}
		last.Flush(t.Context())
	})
}

// mortal is the way of a process to its store. Nothing comes from a dead one.
type mortal struct {
	limit.Store
	dead atomic.Bool
}

func (m *mortal) Sync(ctx context.Context, r limit.Round) (limit.Snapshots, error) {
	if m.dead.Load() {
		return limit.Snapshots{}, errors.New("the process has ended")
	}
	return m.Store.Sync(ctx, r)
}

// Nothing to tell, nobody to tell it to: Flush does nothing.
func TestC3_FlushOfNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alone, err := limit.NewLimiter(limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: "10/s"}}})
		if err != nil {
			t.Fatal(err)
		}
		one(t, alone)
		alone.Flush(t.Context())
		store := new(distant)
		idle := member(t, store, limit.Quota{Name: "core", Limit: "10/s"})
		idle.Flush(t.Context())
		if n := store.ops.Load(); n != 0 {
			t.Errorf("the store was asked %d times", n)
		}
	})
}

// failing is a store that fails from some moment on.
type failing struct {
	limit.Memory
	err   error
	hangs bool
}

func (f *failing) Sync(ctx context.Context, r limit.Round) (limit.Snapshots, error) {
	if f.hangs {
		<-ctx.Done()
		return limit.Snapshots{}, ctx.Err()
	}
	if f.err != nil {
		return limit.Snapshots{}, f.err
	}
	return f.Memory.Sync(ctx, r)
}

// A store that is gone does not keep a process from ending.
func TestC3_FlushWithoutAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, breakIt := range map[string]func(*failing){
			"it fails": func(f *failing) { f.err = errors.New("gone") },
			"it hangs": func(f *failing) { f.hangs = true },
		} {
			store := new(failing)
			l := member(t, store, limit.Quota{Name: "core", Limit: "10/s"})
			one(t, l)
			breakIt(store)
			start := time.Now()
			l.Flush(t.Context())
			if took := time.Since(start); took > time.Second {
				t.Errorf("%s: Flush took %v", name, took)
			}
			one(t, l)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			l.Flush(ctx)
			cancel()
		}
		time.Sleep(time.Minute) // whatever is under way ends by itself
	})
}

// A process that has just begun and whose turn is too far away hears of it with
// the first answer of the store.
func TestC3_TooLateAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(distant)
		quota := limit.Quota{Name: "core", Limit: "2/h", Burst: 2}
		first := member(t, store, quota)
		one(t, first)
		first.Flush(t.Context())
		start := time.Now()
		if _, err := member(t, store, quota).Acquire(t.Context(), limit.Op{Origin: "https://api.example", Method: "GET"}); !errors.Is(err, exchange.ErrWouldMissDeadline) {
			t.Error(err)
		}
		if took := time.Since(start); took > 10*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		// Its place goes back, so that those who ask in vain use nothing up.
		for range 10 {
			time.Sleep(time.Minute)
			l := member(t, store, quota)
			if _, err := l.Acquire(t.Context(), limit.Op{Origin: "https://api.example", Method: "GET"}); !errors.Is(err, exchange.ErrWouldMissDeadline) {
				t.Error(err)
			}
			l.Flush(t.Context())
		}
		if time.Sleep(20*time.Minute - time.Second); one(t, member(t, store, quota)) > 2*time.Second {
			t.Error("the turn has moved")
		}
	})
}
