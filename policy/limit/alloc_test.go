package limit

import (
	"context"
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/exchange"
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

// whole runs f inside an attempt, over a policy without quotas whose answers say
// nothing about limits.
func whole(tb testing.TB, f func(send func())) {
	tb.Helper()
	m, err := New(Config{})
	if err != nil {
		tb.Fatal(err)
	}
	resp := &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{
		"Content-Type": {"application/json"}, "Content-Length": {"2"}, "Date": {"Fri, 02 Jan 2026 15:04:05 GMT"}, "Server": {"x"}, "Cache-Control": {"no-store"},
	}}
	rt := m(exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) { return resp, nil }))
	ctx, call := exchange.WithCall(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/x", nil)
	if err != nil {
		tb.Fatal(err)
	}
	attempt := exchange.RoundTripFunc(func(in *http.Request) (*http.Response, error) {
		f(func() {
			if _, err := rt.RoundTrip(in); err != nil {
				tb.Fatal(err)
			}
		})
		return resp, nil
	})
	if _, err := exchange.Send(attempt, req, call, 0); err != nil {
		tb.Fatal(err)
	}
}

// What is on by default costs no memory while nothing speaks of limits.
func TestSilentAllocations(t *testing.T) { // not parallel: it counts allocations
	whole(t, func(send func()) {
		if n := testing.AllocsPerRun(1000, send); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkSilent(b *testing.B) {
	whole(b, func(send func()) {
		b.ReportAllocs()
		for b.Loop() {
			send()
		}
	})
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
