package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/policy/limit"
)

// Limit tests a [limit.Store]. open returns one that is empty, and one with the
// state of the first when it is called again in the same test.
func Limit(t *testing.T, open func(t *testing.T) limit.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, func(*testing.T) limit.Store)
	}{
		{"Law", limitLaw},
		{"Places", limitPlaces},
		{"Replay", limitReplay},
		{"Lines", limitLines},
		{"Processes", limitProcesses},
		{"Concurrency", limitConcurrency},
		{"Redeclared", limitRedeclared},
		{"Round", limitRound},
		{"Clock", limitClock},
		{"Context", limitContext},
		{"Race", limitRace},
		{"View", limitView},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open)
		})
	}
}

// teller tells a store things and fails the test when it does not answer.
type teller struct {
	*testing.T
	store   limit.Store
	process string
	rounds  int
}

func (c *teller) sync(lines ...limit.Ask) limit.Snapshots {
	c.Helper()
	c.rounds++
	return c.send(limit.Round{ID: fmt.Sprintf("%s-%d", c.process, c.rounds), Process: c.process, Origin: origin, Lines: lines})
}

func (c *teller) send(r limit.Round) limit.Snapshots {
	c.Helper()
	s, err := c.store.Sync(c.Context(), r)
	if err != nil {
		c.Fatalf("%+v: %v", r, err)
	}
	if len(s.Lines) != len(r.Lines) || s.Processes < 1 {
		c.Fatalf("%+v: %+v", r, s)
	}
	for _, l := range s.Lines {
		if len(l.State) < line.SnapshotSize {
			c.Fatalf("%+v: a snapshot of %d numbers", r, len(l.State))
		}
	}
	return s
}

// number returns one of the numbers of a snapshot by its name.
func number(t *testing.T, s limit.Snapshot, name string) float64 {
	t.Helper()
	i := slices.Index(line.StateFields()[:line.SnapshotSize], name)
	if i < 0 {
		t.Fatalf("no number is called %q", name)
	}
	return s.State[i]
}

func want(units float64) limit.Ask {
	law := line.Bucket(100, 100)
	law.Lookahead, law.MaxFreeze = 30, 3600
	return limit.Ask{Key: "core", Law: law, Health: 1, Take: units, Want: 1}
}

func told(ticket, remaining float64) limit.Answer {
	none := math.NaN()
	return limit.Answer{
		Age: 0.05, Ticket: ticket, Success: true, Limit: 100, Remaining: remaining, Refill: -1,
		ResetFrom: none, ResetIn: none, RetryIn: none,
	}
}

// limitLaw goes through the life of some lines and holds every answer against
// the law of all stores, at the moment that the store says it answered.
func limitLaw(t *testing.T, open func(*testing.T) limit.Store) {
	c, book := &teller{T: t, store: open(t), process: "p"}, limit.NewBook()
	names := line.StateFields()
	step := func(a limit.Ask) {
		t.Helper()
		got := c.sync(a).Lines[0]
		want := book.Apply(got.State[0], &limit.Round{Process: "p", Lines: []limit.Ask{a}}).Lines[0]
		if got.Given != want.Given {
			t.Errorf("step %d: given %+v, want %+v", c.rounds, got.Given, want.Given)
		}
		for i, x := range got.State {
			if math.Abs(x-want.State[i]) > 1e-9*math.Max(1, math.Abs(want.State[i])) {
				t.Errorf("step %d: %s is %v, want %v", c.rounds, names[i], x, want.State[i])
			}
		}
	}
	for i, law := range []limit.Law{line.Bucket(100, 100), line.Window(6000, 60), line.Window(100, 1), line.Log(2500, 3600), line.Unknown(), line.Concurrency(3)} {
		law.Lookahead, law.MaxFreeze = 30, 3600
		a := limit.Ask{Key: fmt.Sprint(i), Law: law, Health: 1, Take: 40, Want: 1}
		step(a)
		a.Used, a.Answers = 1, []limit.Answer{told(1, 99)}
		a.Answers[0].ResetFrom, a.Answers[0].ResetIn = 30, 31
		step(a)
		a.Take, a.Used, a.Answers = 0, 5, []limit.Answer{told(4, 90), told(5, 60)}
		step(a)
		a.Own, a.Health, a.Back, a.Answers = 1.5, 0.5, []limit.Span{{From: 41, To: 80}}, nil
		step(a)
		refusal := told(5, 0)
		refusal.Success, refusal.Refused, refusal.RetryIn = false, true, 0.01
		a.Take, a.Own, a.Back, a.Answers = 3, 0, nil, []limit.Answer{refusal}
		step(a)
		a.Answers, a.Lost, a.Hold = nil, true, 2
		step(a)
	}
}

// limitPlaces hands out each place once, and only one call leaves a cold line.
func limitPlaces(t *testing.T, open func(*testing.T) limit.Store) {
	two := [2]*teller{{T: t, store: open(t), process: "p"}, {T: t, store: open(t), process: "q"}}
	end := 0.0
	for i := range 10 {
		s := two[i%2].sync(want(2)).Lines[0]
		if s.Given.From != end || s.Given.To != end+2 {
			t.Fatalf("places %v after %v", s.Given, end)
		}
		end = s.Given.To
		if r := number(t, s, "released"); r > 1 {
			t.Errorf("%v are released of a cold line", r)
		}
	}
	a := want(1)
	a.Used, a.Answers = 1, []limit.Answer{told(1, 50)}
	s := two[1].sync(a).Lines[0]
	if s.Given != (limit.Span{From: 20, To: 21}) || number(t, s, "released") < 20 || number(t, s, "cold") != 0 {
		t.Errorf("after an answer: %+v", s)
	}
	if s := two[0].sync(want(0)).Lines[0]; s.Given.To != s.Given.From || number(t, s, "tail") != 21 {
		t.Errorf("nothing was wanted: %+v", s)
	}
}

// limitReplay sends a round again, and an old one after it.
func limitReplay(t *testing.T, open func(*testing.T) limit.Store) {
	two := [2]*teller{{T: t, store: open(t), process: "p"}, {T: t, store: open(t), process: "p"}}
	r := limit.Round{ID: "1", Process: "p", Origin: origin, Lines: []limit.Ask{want(5), want(2)}}
	r.Lines[1].Key = "other"
	first := two[0].send(r)
	for i := range 4 {
		r.Lines[0].Answers = []limit.Answer{told(1, 50)} // ages, and so on: the id counts
		if again := two[i%2].send(r); !reflect.DeepEqual(again, first) {
			t.Errorf("again: %+v, want %+v", again, first)
		}
	}
	r.ID, r.Lines[0].Answers = "2", nil
	if s := two[0].send(r); s.Lines[0].Given != (limit.Span{From: 5, To: 10}) || s.Lines[1].Given != (limit.Span{From: 2, To: 4}) {
		t.Errorf("the next one: %+v", s)
	}
}

// limitLines keeps lines apart, by key and by origin, and answers in order.
func limitLines(t *testing.T, open func(*testing.T) limit.Store) {
	c := &teller{T: t, store: open(t), process: "p"}
	keys := []string{"a", "A", "a b", "a/b", "{a}", "ä", "", "a\x00"}
	var asks []limit.Ask
	for i, k := range keys {
		a := want(float64(i + 1))
		a.Key = k
		asks = append(asks, a)
	}
	for range 2 {
		c.sync(asks...)
	}
	slices.Reverse(asks)
	for i, s := range c.sync(asks...).Lines {
		if n := float64(len(keys) - i); s.Given != (limit.Span{From: 2 * n, To: 3 * n}) {
			t.Errorf("%q: %+v", asks[i].Key, s.Given)
		}
	}
	other := c.send(limit.Round{ID: "o", Process: "p", Origin: "https://other.example.com", Lines: asks[:1]})
	if other.Lines[0].Given.From != 0 {
		t.Errorf("another origin: %+v", other.Lines[0].Given)
	}
	twice := c.sync(want(1), want(1))
	if twice.Lines[0].Given.To != twice.Lines[1].Given.From {
		t.Errorf("one line twice: %+v", twice)
	}
}

// limitProcesses counts who asks, with and without lines.
func limitProcesses(t *testing.T, open func(*testing.T) limit.Store) {
	for i, p := range []string{"a", "b", "a b", "b", "ä\n1"} {
		c := &teller{T: t, store: open(t), process: p, rounds: i}
		var s limit.Snapshots
		if i%2 == 0 {
			s = c.sync(want(1))
		} else {
			s = c.sync()
		}
		if n := []int{1, 2, 3, 3, 4}[i]; s.Processes != n {
			t.Errorf("%d processes, want %d", s.Processes, n)
		}
	}
}

// limitConcurrency lends no more than there is, and takes back what is free.
func limitConcurrency(t *testing.T, open func(*testing.T) limit.Store) {
	p, q := &teller{T: t, store: open(t), process: "p"}, &teller{T: t, store: open(t), process: "q 1"}
	units := func(c *teller, hold, take float64) float64 {
		t.Helper()
		return c.sync(limit.Ask{Key: "n", Law: line.Concurrency(4), Health: 1, Hold: hold, Take: take, Want: 1}).Lines[0].Given.To
	}
	for i, step := range []struct {
		c                *teller
		hold, take, want float64
	}{
		{p, 0, 3, 3}, {q, 0, 3, 1}, {p, 3, 1, 0}, {q, 1, 2, 0}, {p, 1, 0, 0}, {q, 1, 2, 2}, {p, 0, 4, 1}, {q, 0, 0, 0}, {p, 1, 4, 3},
	} {
		if got := units(step.c, step.hold, step.take); got != step.want {
			t.Errorf("step %d: %v units, want %v", i, got, step.want)
		}
	}
}

// limitRedeclared changes a quota: its numbers count from now on, its kind makes
// another line of it.
func limitRedeclared(t *testing.T, open func(*testing.T) limit.Store) {
	c := &teller{T: t, store: open(t), process: "p"}
	first := c.sync(want(5)).Lines[0]
	a := want(1)
	law := line.Bucket(7, 30)
	law.Lookahead, law.MaxFreeze = a.Law.Lookahead, a.Law.MaxFreeze
	a.Law = law
	s := c.sync(a).Lines[0]
	if s.Given.From != 5 || number(t, s, "rate") != 7 || number(t, s, "burst") != 30 || number(t, s, "epoch") != number(t, first, "epoch") {
		t.Errorf("other numbers: %+v", s)
	}
	a.Law = line.Window(6000, 60)
	a.Law.Lookahead = 30
	s = c.sync(a).Lines[0]
	if s.Given.From != 0 || number(t, s, "q") != 6000 || number(t, s, "epoch") < number(t, first, "epoch") {
		t.Errorf("another kind: %+v", s)
	}
}

// limitRound leaves the round as it is.
func limitRound(t *testing.T, open func(*testing.T) limit.Store) {
	c := &teller{T: t, store: open(t), process: "p"}
	a := want(2)
	a.Back, a.Answers = []limit.Span{{From: 1, To: 2}}, []limit.Answer{told(1, 50)}
	a.Answers[0].ResetFrom, a.Answers[0].ResetIn, a.Answers[0].RetryIn = 1, 2, 3 // NaN equals nothing
	copied := a
	copied.Back, copied.Answers = slices.Clone(a.Back), slices.Clone(a.Answers)
	r := limit.Round{ID: "1", Process: "p", Origin: origin, Lines: []limit.Ask{a}}
	c.send(r)
	if !reflect.DeepEqual(r, limit.Round{ID: "1", Process: "p", Origin: origin, Lines: []limit.Ask{copied}}) {
		t.Errorf("the round is now %+v", r)
	}
}

// limitClock wants a clock that goes on and never back, and one epoch.
func limitClock(t *testing.T, open func(*testing.T) limit.Store) {
	two := [2]*teller{{T: t, store: open(t), process: "p"}, {T: t, store: open(t), process: "q"}}
	first := two[0].sync(want(1)).Lines[0]
	last := first.State[0]
	for i := range 30 {
		s := two[i%2].sync(want(0)).Lines[0]
		if s.State[0] < last || number(t, s, "epoch") != number(t, first, "epoch") {
			t.Fatalf("%v after %v, epoch %v", s.State[0], last, number(t, s, "epoch"))
		}
		last = s.State[0]
	}
	await(t, "the clock stands still", func() bool { return two[0].sync(want(0)).Lines[0].State[0] > first.State[0] })
}

// limitContext wants a store to look at its context.
func limitContext(t *testing.T, open func(*testing.T) limit.Store) {
	store := open(t)
	r := limit.Round{ID: "1", Process: "p", Origin: origin, Lines: []limit.Ask{want(1)}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Sync(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	late, end := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer end()
	if _, err := store.Sync(late, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too late: %v", err)
	}
}

// limitRace takes places with many goroutines over several handles: no place is
// given twice, and none is left out.
func limitRace(t *testing.T, open func(*testing.T) limit.Store) {
	const handles, goroutines, each = 3, 4, 12
	var mu sync.Mutex
	var given []limit.Span
	var wg sync.WaitGroup
	for h := range handles {
		store := open(t)
		for g := range goroutines {
			wg.Go(func() {
				for i := range each {
					p := fmt.Sprintf("%d.%d", h, g)
					s, err := store.Sync(t.Context(), limit.Round{ID: fmt.Sprint(p, i), Process: p, Origin: origin, Lines: []limit.Ask{want(1)}})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					given = append(given, s.Lines[0].Given)
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	slices.SortFunc(given, func(a, b limit.Span) int { return int(a.From - b.From) })
	for i, s := range given {
		if s.From != float64(i) || s.To != float64(i+1) {
			t.Fatalf("place %d is %+v", i, s)
		}
	}
	if len(given) != handles*goroutines*each {
		t.Errorf("%d places", len(given))
	}
}
