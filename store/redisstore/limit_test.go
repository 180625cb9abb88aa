//go:build unix

package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/internal/redistest"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/redisstore"
)

// round is one that takes a place.
func round(id string) limit.Round {
	law := line.Bucket(100, 100)
	law.Lookahead, law.MaxFreeze = 30, 3600
	return limit.Round{ID: id, Process: "p", Origin: origin, Lines: []limit.Ask{{Key: "core", Law: law, Health: 1, Take: 1, Want: 1}}}
}

func sync(t *testing.T, s *redisstore.Store, id string) (limit.Snapshot, error) {
	t.Helper()
	got, err := s.Sync(t.Context(), round(id))
	if err != nil {
		return limit.Snapshot{}, err
	}
	return got.Lines[0], nil
}

func place(t *testing.T, s *redisstore.Store, id string) float64 {
	t.Helper()
	got, err := sync(t, s, id)
	if err != nil {
		t.Fatal(err)
	}
	return got.Given.To
}

// What a server refuses leaves nothing behind: not a place, not a reply.
func TestFG10_RefusedRound(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server)
	if n := place(t, s, "1"); n != 1 {
		t.Fatal(n)
	}
	for name, change := range map[string][2]func(){"OOM": {server.Full, server.Room}, "READONLY": {server.Demote, server.Promote}} {
		before := server.Do("GET", "godwit:{"+origin+"}:limit:core")
		change[0]()
		if _, err := sync(t, s, "2"); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
		change[1]()
		if after := server.Do("GET", "godwit:{"+origin+"}:limit:core"); after != before {
			t.Errorf("%s: the line is now %v", name, after)
		}
	}
	server.FlushScripts()
	if n := place(t, s, "2"); n != 2 {
		t.Errorf("without its scripts: %v", n)
	}
	server.Restart()
	if n := place(t, s, "3"); n != 1 {
		t.Errorf("come back empty: %v", n)
	}
}

// A round that was given up happens once, however often it is sent.
func TestFG10_RoundIsAmbiguous(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server)
	place(t, s, "1")
	server.Stop()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := s.Sync(ctx, round("2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped: %v", err)
		}
		cancel()
	}
	server.Cont()
	if n := place(t, s, "2"); n != 2 {
		t.Errorf("asked again: %v", n)
	}
	if n := place(t, s, "3"); n != 3 {
		t.Errorf("the next place is %v", n)
	}
}

// A server whose clock is behind, after a failover or because it was set back,
// goes on from where the clock was.
func TestFC13_ServerClockSetBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server)
	first, err := sync(t, s, "1")
	if err != nil {
		t.Fatal(err)
	}
	// As if the server had been an hour ahead until now.
	seen := first.State[0] + 3600
	server.Do("SET", "godwit:{"+origin+"}:clock", fmt.Sprintf("%.17g 0", seen))
	last := 0.0
	for i := range 20 {
		got, err := sync(t, s, fmt.Sprint("after", i))
		if err != nil {
			t.Fatal(err)
		}
		now := got.State[0]
		if now < seen || now > seen+60 || now <= last && i > 1 {
			t.Fatalf("%v after %v, seen was %v", now, last, seen)
		}
		last = now
	}
}

// Every key goes by itself, and all are of one slot.
func TestKeys_OfLimits(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server)
	frozen := round("1")
	frozen.Lines[0].Answers = []limit.Answer{{
		Refused: true, Limit: -1, Remaining: -1, Refill: -1, ResetFrom: math.NaN(), ResetIn: math.NaN(), RetryIn: 1800,
	}}
	month := round("1").Lines[0]
	month.Key, month.Law = "month", line.Window(1e6, 30*86400)
	frozen.Lines = append(frozen.Lines, month)
	if _, err := s.Sync(t.Context(), frozen); err != nil {
		t.Fatal(err)
	}
	kept := make(map[string]time.Duration)
	for _, k := range server.Do("KEYS", "*").([]any) {
		name, ok := strings.CutPrefix(k.(string), "godwit:{"+origin+"}:")
		if !ok {
			t.Errorf("key %q", k)
		}
		kept[name] = time.Duration(server.Do("PTTL", k.(string)).(int64)) * time.Millisecond
	}
	for name, least := range map[string]time.Duration{
		"clock": 60 * 24 * time.Hour, "peers": 10 * time.Second, "reply:p": 15 * time.Second, "limit:core": time.Minute, "limit:month": 60 * 24 * time.Hour,
	} {
		if got := kept[name]; got < least-5*time.Second || got > 2*least+time.Minute {
			t.Errorf("%q is kept for %v, want about %v", name, got, least)
		}
		delete(kept, name)
	}
	if len(kept) > 0 {
		t.Errorf("other keys: %v", kept)
	}
}

// What is stored in another form counts as nothing.
func TestForeignLine(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server)
	place(t, s, "0")
	good := server.Do("GET", "godwit:{"+origin+"}:limit:core").(string)
	for i, raw := range []string{"", "x", "2 1 2 3", "1 ", "2" + good[1:], good + " 1", good[:len(good)-2]} {
		server.Do("SET", "godwit:{"+origin+"}:limit:core", raw)
		if n := place(t, s, fmt.Sprint(i+1)); n != 1 {
			t.Errorf("%.20q: %v", raw, n)
		}
	}
}

// An answer that makes no sense is an error, and asked for once.
func TestSnapshots_Nonsense(t *testing.T) {
	t.Parallel()
	for _, list := range [][]string{nil, {"1"}, {"1", "1 2 3", "1 2 3"}, {"x", "1 2 3"}, {"1", "1 2"}, {"1", "1 2 x"}} {
		client := &answers{list: list}
		if _, err := newStore(t, client).Sync(t.Context(), round("1")); err == nil || client.calls.Load() != 1 {
			t.Errorf("%q: %v, asked %d times", list, err, client.calls.Load())
		}
	}
}
