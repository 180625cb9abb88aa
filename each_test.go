package godwit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
)

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// TestC6_EachBoundsConcurrency: n run at once, never more, and an input is
// pulled when a worker is free.
func TestC6_EachBoundsConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most, pulled atomic.Int64
		inputs := func(yield func(int) bool) {
			for i := range 100 {
				pulled.Add(1)
				if !yield(i) {
					return
				}
			}
		}
		start := time.Now()
		seen := map[int]bool{}
		for r, err := range godwit.Each(t.Context(), 8, inputs, func(_ context.Context, i int) (int, error) {
			now := running.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			time.Sleep(time.Second)
			running.Add(-1)
			return i * i, nil
		}) {
			if err != nil || r.Output != r.Input*r.Input || r.Index != r.Input || seen[r.Index] {
				t.Fatalf("%+v, %v", r, err)
			}
			seen[r.Index] = true
			if ahead := pulled.Load() - int64(len(seen)); ahead > 16 {
				t.Fatalf("%d inputs were pulled ahead of the loop", ahead)
			}
		}
		if len(seen) != 100 || most.Load() != 8 {
			t.Errorf("%d results, at most %d at once", len(seen), most.Load())
		}
		if took := time.Since(start); took != 13*time.Second {
			t.Errorf("100 inputs of a second by 8 workers took %v, want 13s", took)
		}
	})
}

func TestC6_EachYieldsAsFinishedOrInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slowFirst := func(_ context.Context, i int) (int, error) {
			if i == 0 {
				time.Sleep(time.Minute)
			}
			time.Sleep(time.Duration(i) * time.Millisecond)
			return i, nil
		}
		order := func(opts ...godwit.BatchOption) (got []int) {
			for r := range godwit.Each(t.Context(), 4, upTo(40), slowFirst, opts...) {
				got = append(got, r.Index)
			}
			return got
		}
		if got := order(); got[len(got)-1] != 0 || len(got) != 40 {
			t.Errorf("as they finish: %v", got)
		}
		if got := order(godwit.InOrder()); !slices.IsSorted(got) || len(got) != 40 {
			t.Errorf("in order: %v", got)
		}
		// While the first is slow, no more than 2n are taken.
		var taken atomic.Int64
		next, stop := iter.Pull2(godwit.Each(t.Context(), 4, upTo(40), func(ctx context.Context, i int) (int, error) {
			taken.Add(1)
			return slowFirst(ctx, i)
		}, godwit.InOrder()))
		defer stop()
		if r, err, ok := next(); r.Index != 0 || err != nil || !ok {
			t.Fatalf("%+v, %v, %v", r, err, ok)
		}
		synctest.Wait()
		if n := taken.Load(); n > 9 {
			t.Errorf("%d inputs were taken while the first was under way", n)
		}
	})
}

// TestC6_EachStops: leaving the loop cancels what runs and waits for it;
// nothing is left behind (synctest would say so).
func TestC6_EachStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cancelled atomic.Int64
		for range godwit.Each(t.Context(), 4, upTo(100), func(ctx context.Context, i int) (int, error) {
			if i == 0 {
				return 0, nil
			}
			<-ctx.Done()
			cancelled.Add(1)
			return 0, ctx.Err()
		}) {
			synctest.Wait() // until the others are under way
			break
		}
		if cancelled.Load() == 0 || cancelled.Load() > 4 {
			t.Errorf("%d calls were cancelled, want those under way", cancelled.Load())
		}

		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		reason := errors.New("enough")
		var last godwit.Result[int, int]
		var lastErr error
		count := 0
		for r, err := range godwit.Each(ctx, 2, upTo(1000), func(context.Context, int) (int, error) { return 0, nil }) {
			if count++; count == 10 {
				cancel(reason)
			}
			last, lastErr = r, err
		}
		if last.Index != -1 || !errors.Is(lastErr, reason) || count >= 1000 {
			t.Errorf("a walk that was cut ended with %+v, %v after %d", last, lastErr, count)
		}
	})
}

func TestC6_EachRaisesPanicsInTheLoop(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(){
		"fn": func() {
			for range godwit.Each(context.Background(), 3, upTo(10), func(context.Context, int) (int, error) { panic("boom") }) {
			}
		},
		"inputs": func() {
			for range godwit.Each(context.Background(), 3, func(func(int) bool) { panic("boom") }, func(context.Context, int) (int, error) { return 0, nil }) {
			}
		},
		"goexit": func() {
			for range godwit.Each(context.Background(), 1, upTo(3), func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil }) {
			}
		},
	} {
		func() {
			defer func() {
				if r := recover(); r == nil {
					t.Errorf("%s: no panic reached the loop", name)
				}
			}()
			run()
		}()
	}
	for r, err := range godwit.Each(context.Background(), 0, upTo(3), func(context.Context, int) (int, error) { return 0, nil }) {
		if r.Index != -1 || !errors.Is(err, godwit.ErrRequest) {
			t.Errorf("no workers: %+v, %v", r, err)
		}
	}
}

func TestC6_Gather(t *testing.T) {
	t.Parallel()
	odd := errors.New("odd")
	work := func(_ context.Context, i int) (string, error) {
		if i%2 == 1 {
			return "half done", fmt.Errorf("%d: %w", i, odd)
		}
		return fmt.Sprint(i), nil
	}
	out, err := godwit.Gather(t.Context(), 3, upTo(6), work, godwit.CollectAll())
	if !slices.Equal(out, []string{"0", "", "2", "", "4", ""}) {
		t.Errorf("outputs %q", out)
	}
	var first *godwit.InputError
	if !errors.Is(err, odd) || !errors.As(err, &first) || first.Index != 1 {
		t.Errorf("errors %v", err)
	}
	if out, err := godwit.Gather(t.Context(), 1, upTo(6), work); out != nil || !errors.As(err, &first) || first.Index != 1 {
		t.Errorf("first error: %v, %v", out, err)
	}
	if out, err := godwit.Gather(t.Context(), 4, upTo(100), func(_ context.Context, i int) (int, error) { return -i, nil }); err != nil || len(out) != 100 || out[99] != -99 {
		t.Errorf("%v, %v", out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := godwit.Gather(ctx, 4, upTo(100), work); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

func ExampleEach() {
	squares := func(_ context.Context, i int) (int, error) { return i * i, nil }
	sum := 0
	for r, err := range godwit.Each(context.Background(), 4, slices.Values([]int{1, 2, 3}), squares) {
		if err != nil {
			fmt.Println(err)
			break
		}
		sum += r.Output
	}
	fmt.Println(sum)
	// Output: 14
}

func ExampleGather() {
	client, done := exampleClient()
	defer done()
	users, err := godwit.Gather(context.Background(), 2, slices.Values([]string{"ada", "a/b"}), func(ctx context.Context, login string) (user, error) {
		return godwit.Get[user](ctx, client, "/users/{login}", godwit.Path("login", login))
	})
	fmt.Println(len(users), users[0].Name, err)
	// Output: 2 Ada Lovelace <nil>
}

func ExampleInOrder() {
	double := func(_ context.Context, i int) (int, error) { return 2 * i, nil }
	for r := range godwit.Each(context.Background(), 3, slices.Values([]int{1, 2, 3}), double, godwit.InOrder()) {
		fmt.Println(r.Output)
	}
	// Output:
	// 2
	// 4
	// 6
}

func ExampleCollectAll() {
	check := func(_ context.Context, i int) (int, error) {
		if i == 2 {
			return 0, errors.New("two")
		}
		return i, nil
	}
	out, err := godwit.Gather(context.Background(), 2, slices.Values([]int{1, 2, 3}), check, godwit.CollectAll())
	fmt.Println(out, err)
	// Output: [1 0 3] input 1: two
}
