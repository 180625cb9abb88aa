package backoff_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/backoff"
)

func TestBoundDoublesToTheCap(t *testing.T) {
	t.Parallel()
	b := backoff.Backoff{Base: 500 * time.Millisecond, Cap: 5 * time.Second}
	for n, want := range map[int]time.Duration{
		-1: 500 * time.Millisecond, 0: 500 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second,
		3: 2 * time.Second, 4: 4 * time.Second, 5: 5 * time.Second, 6: 5 * time.Second, math.MaxInt: 5 * time.Second,
	} {
		if got := b.Bound(n); got != want {
			t.Errorf("Bound(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestBoundDoesNotOverflow(t *testing.T) {
	t.Parallel()
	b := backoff.Backoff{Base: 3, Cap: math.MaxInt64 - 1}
	last := time.Duration(0)
	for n := 1; n < 200; n++ {
		got := b.Bound(n)
		if got < last || got > b.Cap {
			t.Fatalf("Bound(%d) = %v after %v", n, got, last)
		}
		last = got
	}
	if last != b.Cap {
		t.Errorf("bound stays at %v", last)
	}
}

func TestBoundBelowBase(t *testing.T) {
	t.Parallel()
	b := backoff.Backoff{Base: time.Second, Cap: time.Millisecond}
	if got := b.Bound(1); got != time.Millisecond {
		t.Errorf("Bound(1) = %v, want the cap", got)
	}
	if got := (backoff.Backoff{}).Draw(3); got != 0 {
		t.Errorf("zero Backoff draws %v", got)
	}
}

func TestDrawUsesTheWholeRange(t *testing.T) {
	t.Parallel()
	var asked int64
	low := backoff.Backoff{Base: 100, Cap: 1000, Rand: func(n int64) int64 { asked = n; return 0 }}
	if got := low.Draw(2); got != 0 || asked != 201 {
		t.Errorf("Draw = %v from %d values, want 0 from 201", got, asked)
	}
	high := backoff.Backoff{Base: 100, Cap: 1000, Rand: func(n int64) int64 { return n - 1 }}
	if got := high.Draw(2); got != 200 {
		t.Errorf("Draw = %v, want the bound 200", got)
	}
}

func TestDrawIsEven(t *testing.T) {
	t.Parallel()
	b := backoff.Backoff{Base: time.Second, Cap: time.Second}
	const draws, buckets = 40_000, 10
	var count [buckets]int
	for range draws {
		d := b.Draw(1)
		if d < 0 || d > time.Second {
			t.Fatalf("draw %v out of bounds", d)
		}
		count[min(int(d*buckets/time.Second), buckets-1)]++
	}
	for i, n := range count { // the standard deviation is 60
		if n < draws/buckets-600 || n > draws/buckets+600 {
			t.Errorf("tenth %d has %d of %d draws", i, n, draws)
		}
	}
}

func ExampleBackoff() {
	b := backoff.Backoff{Base: 500 * time.Millisecond, Cap: 5 * time.Second}
	for n := 1; n <= 5; n++ {
		fmt.Println(b.Bound(n))
	}
	// Output:
	// 500ms
	// 1s
	// 2s
	// 4s
	// 5s
}
