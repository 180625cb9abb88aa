package storetest

import (
	"context"
	"math"
	"testing"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/policy/limit"
)

// viewer is a store whose lines people can look at.
type viewer interface {
	Lines(ctx context.Context, origin string) ([]limit.Line, error)
}

// limitView: what a store shows of its lines is what happened to them, by
// whichever client it is asked, and looking changes nothing. It is of no concern
// to stores that show nothing.
func limitView(t *testing.T, open func(t *testing.T) limit.Store) {
	first, second := &teller{T: t, store: open(t), process: "first"}, &teller{T: t, store: open(t), process: "second"}
	shows, ok := second.store.(viewer)
	if !ok {
		return
	}
	look := func(where string) []limit.Line {
		t.Helper()
		lines, err := shows.Lines(t.Context(), where)
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	if got := look(origin); len(got) != 0 {
		t.Fatalf("an empty store shows %+v", got)
	}
	none := math.NaN()
	law, slots := line.Bucket(1, 10), line.Concurrency(3)
	law.Lookahead, law.MaxFreeze = 30, 3600
	core := limit.Ask{Key: "core/1f2e//", Law: law, Health: 1, Take: 4, Want: 1}
	given := first.sync(core, limit.Ask{Key: "slots///", Law: slots, Health: 1, Take: 2}).Lines[0].Given
	core.Take, core.Used = 0, given.From+1
	core.Answers = []limit.Answer{{Ticket: given.From + 1, Success: true, Limit: -1, Remaining: -1, Refill: -1, ResetFrom: none, ResetIn: none, RetryIn: none}}
	first.sync(core)
	core.Used, core.Answers = 0, []limit.Answer{{Ticket: given.From + 1, Refused: true, Limit: -1, Remaining: -1, Refill: -1, ResetFrom: none, ResetIn: none, RetryIn: 4}}
	second.sync(core)

	for range 2 {
		got := look(origin)
		if len(got) != 2 {
			t.Fatalf("%d lines, want 2: %+v", len(got), got)
		}
		c, s := got[0], got[1]
		if c.Quota != "core" || c.Credential != "1f2e" || c.Origin != origin || c.Model != "bucket" || c.Limit != 10 || c.Rate < 0.9 || c.Rate > 1 { // a refusal slows it down
			t.Errorf("the line is %+v", c)
		}
		if c.Issued != 1 || c.Queue != 3 || c.Refused != 1 || c.Frozen <= 3 || c.Frozen > 4 || c.ETA < c.Frozen || c.Processes != 2 {
			t.Errorf("what happened to the line: %+v", c)
		}
		if s.Quota != "slots" || s.Credential != "" || s.Model != "concurrency" || s.Limit != 3 || s.InFlight != 2 || s.Left != 1 {
			t.Errorf("the slots are %+v", s)
		}
	}
	if got := look("https://other.example"); len(got) != 0 {
		t.Errorf("another origin has %+v", got)
	}
}
