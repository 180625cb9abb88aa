package limit

import (
	"context"
	"testing"
)

func wide(tb testing.TB) *Limiter {
	tb.Helper()
	l, err := NewLimiter(Config{Quotas: []Quota{
		{Name: "core", Limit: "1e9/s", Burst: 1e9}, {Name: "hour", Model: "window", Limit: "1e12/h"}, {Name: "open", Model: "concurrency", Limit: "100"},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	for range 3 { // not cold any more
		g, err := l.Acquire(context.Background(), core)
		if err != nil {
			tb.Fatal(err)
		}
		g.Done(Outcome{Status: 200, Readings: nil})
		g.End()
	}
	return l
}

var core = Op{Origin: "https://api.example", Method: "GET", Class: Batch}

// A call that need not wait costs no memory.
func TestAcquireAllocations(t *testing.T) { // not parallel: it counts allocations
	l, ctx := wide(t), context.Background()
	n := testing.AllocsPerRun(1000, func() {
		g, err := l.Acquire(ctx, core)
		if err != nil {
			t.Fatal(err)
		}
		g.Done(Outcome{Status: 200})
		g.End()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAcquire(b *testing.B) {
	l, ctx := wide(b), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		g, err := l.Acquire(ctx, core)
		if err != nil {
			b.Fatal(err)
		}
		g.Done(Outcome{Status: 200})
		g.End()
	}
}
