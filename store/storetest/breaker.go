// Package storetest is the conformance suite of the drivers of shared state: a
// driver that passes it can stand in for any other.
//
//	func TestStore(t *testing.T) {
//		storetest.Breaker(t, func(t *testing.T) breaker.Store { return open(t) })
//	}
//
// Limits: it can be run over real servers, so what needs hours, such as that a
// record outlives its keeping time by little, is not in it.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/godwit-go/godwit/policy/breaker"
)

const (
	origin  = "https://api.example.com"
	forLong = time.Hour // a record put for this long is there for the rest of the test
)

// Breaker tests a [breaker.Store]. open returns one that is empty, and one with
// the state of the first when it is called again in the same test.
func Breaker(t *testing.T, open func(t *testing.T) breaker.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, func(*testing.T) breaker.Store)
	}{
		{"Swap", breakerSwap},
		{"Bytes", breakerBytes},
		{"Origins", breakerOrigins},
		{"Forgets", breakerForgets},
		{"Clock", breakerClock},
		{"Context", breakerContext},
		{"Race", breakerRace},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open)
		})
	}
}

// asker asks a store and fails the test when it does not answer.
type asker struct {
	*testing.T
	store breaker.Store
}

// swap takes "-" for no record.
func (a asker) swap(origin, prev, next string, keep time.Duration) breaker.Answer {
	a.Helper()
	got, err := a.store.Swap(a.Context(), origin, record(prev), record(next), keep)
	if err != nil {
		a.Fatalf("%s from %q to %q: %v", origin, prev, next, err)
	}
	return got
}

func (a asker) want(got breaker.Answer, rec string, put bool) {
	a.Helper()
	if !bytes.Equal(got.Record, record(rec)) || (got.Record == nil) != (rec == "-") || got.Put != put {
		a.Errorf("got %q (nil: %v), put %v; want %q, %v", got.Record, got.Record == nil, got.Put, rec, put)
	}
}

func record(s string) []byte {
	if s == "-" {
		return nil
	}
	return []byte(s)
}

// breakerSwap is the contract, one step at a time, over two handles.
func breakerSwap(t *testing.T, open func(*testing.T) breaker.Store) {
	two := [2]asker{{t, open(t)}, {t, open(t)}}
	for i, step := range []struct {
		prev, next, want string
		put              bool
	}{
		{"-", "-", "-", false},
		{"x", "-", "-", false},
		{"x", "y", "-", false}, // there is none, so it is not x
		{"", "y", "-", false},  // an empty record is not none
		{"-", "1", "1", true},
		{"-", "2", "1", false},
		{"2", "3", "1", false},
		{"-", "-", "1", false},
		{"2", "-", "1", false},
		{"1", "1", "1", false}, // nothing to put
		{"2", "2", "1", false},
		{"1", "2", "2", true},
		{"1", "3", "2", false},
		{"2", "", "", true},
		{"-", "4", "", false},
		{"", "", "", false},
		{"", "4", "4", true},
	} {
		a := two[i%2]
		a.want(a.swap(origin, step.prev, step.next, forLong), step.want, step.put)
	}
}

// breakerBytes puts records that are no text, and one that is long.
func breakerBytes(t *testing.T, open func(*testing.T) breaker.Store) {
	a := asker{t, open(t)}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	prev := "-"
	for _, next := range []string{string(every), "\x00", "\r\n", "-\xff", "*1\r\n$3\r\nfoo", string(bytes.Repeat(every, 64))} {
		a.want(a.swap(origin, prev, next, forLong), next, true)
		a.want(a.swap(origin, "-", "-", forLong), next, false)
		prev = next
	}
	// What is handed in and out belongs to the caller.
	in := []byte("mine")
	if _, err := a.store.Swap(t.Context(), origin, []byte(prev), in, forLong); err != nil {
		t.Fatal(err)
	}
	in[0] = 'f'
	out := a.swap(origin, "-", "-", forLong)
	a.want(out, "mine", false)
	out.Record[0] = 'f'
	a.want(a.swap(origin, "-", "-", forLong), "mine", false)
}

// breakerOrigins keeps origins apart, also those that look alike.
func breakerOrigins(t *testing.T, open func(*testing.T) breaker.Store) {
	a := asker{t, open(t)}
	origins := []string{
		"https://a.example", "https://a.example:8443", "http://a.example", "https://A.example", "https://a.example.", "https://[::1]:80",
		"a{b}c", "a{b}d", "{}", "../x", "..", "a/b", "a b", "a\x00b", "ä", "",
	}
	for i, o := range origins {
		a.want(a.swap(o, "-", strconv.Itoa(i), forLong), strconv.Itoa(i), true)
	}
	for i, o := range origins {
		a.want(a.swap(o, "-", "-", forLong), strconv.Itoa(i), false)
	}
}

// breakerForgets waits until a record has gone, and shows that others stay.
func breakerForgets(t *testing.T, open func(*testing.T) breaker.Store) {
	a := asker{t, open(t)}
	a.want(a.swap("stays", "-", "s", forLong), "s", true)
	a.want(a.swap("changes", "-", "1", time.Millisecond), "1", true)
	if got := a.swap("changes", "1", "2", forLong); !got.Put && got.Record != nil {
		t.Errorf("got %q", got.Record)
	}
	a.swap("changes", "-", "2", forLong) // whether or not it had gone
	a.want(a.swap("goes", "-", "g", 20*time.Millisecond), "g", true)
	await(t, "a record is kept for 20 ms and does not go", func() bool {
		return a.swap("goes", "g", "-", forLong).Record == nil // reading does not keep it
	})
	a.want(a.swap("goes", "g", "h", forLong), "-", false)
	a.want(a.swap("goes", "-", "h", forLong), "h", true)
	a.want(a.swap("stays", "-", "-", forLong), "s", false)
	a.want(a.swap("changes", "-", "-", forLong), "2", false)
}

// await asks until ok, for as long as a slow machine may need.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(what)
		}
	}
}

// breakerClock wants one clock that goes on and never back.
func breakerClock(t *testing.T, open func(*testing.T) breaker.Store) {
	two := [2]asker{{t, open(t)}, {t, open(t)}}
	first := two[0].swap(origin, "-", "1", forLong).Clock
	last := first
	for i := range 50 {
		now := two[i%2].swap("another", "-", "-", forLong).Clock
		if now.Before(last) {
			t.Fatalf("%v comes after %v", now, last)
		}
		last = now
	}
	await(t, "the clock stands still", func() bool { return two[0].swap(origin, "-", "-", forLong).Clock.After(first) })
}

// breakerContext wants a store to look at its context.
func breakerContext(t *testing.T, open func(*testing.T) breaker.Store) {
	a := asker{t, open(t)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.store.Swap(ctx, origin, nil, []byte("1"), forLong); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	late, end := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer end()
	if _, err := a.store.Swap(late, origin, nil, []byte("1"), forLong); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too late: %v", err)
	}
}

// breakerRace counts with many goroutines over several handles. A Swap that says
// it put something is the only one that did.
func breakerRace(t *testing.T, open func(*testing.T) breaker.Store) {
	const handles, goroutines, each = 3, 4, 15
	var wg sync.WaitGroup
	for range handles {
		store := open(t)
		for range goroutines {
			wg.Go(func() {
				for range each {
					if err := increment(t.Context(), store); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	a := asker{t, open(t)}
	a.want(a.swap(origin, "-", "-", forLong), strconv.Itoa(handles*goroutines*each), false)
}

func increment(ctx context.Context, store breaker.Store) error {
	var prev []byte
	for {
		n := 0
		if prev != nil {
			if _, err := fmt.Sscan(string(prev), &n); err != nil {
				return err
			}
		}
		a, err := store.Swap(ctx, origin, prev, []byte(strconv.Itoa(n+1)), forLong)
		if err != nil || a.Put {
			return err
		}
		prev = a.Record
	}
}
