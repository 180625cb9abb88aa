package signal_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

func dated(t time.Time) http.Header {
	return http.Header{"Date": {t.UTC().Format(http.TimeFormat)}}
}

func TestLM7_ClockOfOneAnswer(t *testing.T) {
	t.Parallel()
	var c signal.Clock
	if lo, hi, ok := c.Offset(); ok || lo != 0 || hi != 0 {
		t.Errorf("the zero clock knows %v..%v", lo, hi)
	}
	c.Observe(dated(serverNow), sent, received)
	lo, hi, ok := c.Offset()
	// [Date - received, Date + 1s - sent]
	if want := 3 * time.Hour; !ok || lo != want-500*time.Millisecond || hi != want+700*time.Millisecond {
		t.Errorf("offset %v..%v, %v", lo, hi, ok)
	}
}

// TestLM7_ClockShrinks observes a server whose clock is ahead by a fixed time,
// over answers that arrive at random moments: the bounds always hold the truth
// and end up no wider than a slow round trip.
func TestLM7_ClockShrinks(t *testing.T) {
	t.Parallel()
	const ahead, trip = 7*time.Minute + 123456*time.Microsecond, 40 * time.Millisecond
	random := rand.New(rand.NewPCG(1, 2))
	var c signal.Clock
	now := time.Date(2026, time.May, 23, 12, 0, 0, 0, time.UTC)
	for range 300 {
		now = now.Add(time.Duration(random.Int64N(int64(3 * time.Second))))
		up, down := time.Duration(random.Int64N(int64(trip/2))), time.Duration(random.Int64N(int64(trip/2)))
		c.Observe(dated(now.Add(up+ahead).Truncate(time.Second)), now, now.Add(up+down))
		now = now.Add(up + down)
		if lo, hi, ok := c.Offset(); !ok || lo > ahead || hi < ahead {
			t.Fatalf("offset %v..%v, %v does not hold %v", lo, hi, ok, ahead)
		}
	}
	if lo, hi, _ := c.Offset(); hi-lo > 2*trip {
		t.Errorf("offset %v..%v after 300 answers", lo, hi)
	}
}

func TestLM7_ClockThatWasSet(t *testing.T) {
	t.Parallel()
	var c signal.Clock
	c.Observe(dated(serverNow), sent, received)
	later := received.Add(time.Minute)
	c.Observe(dated(serverNow.Add(time.Hour)), later, later)
	if lo, hi, _ := c.Offset(); lo > 4*time.Hour-time.Minute || hi < 4*time.Hour-time.Minute-500*time.Millisecond {
		t.Errorf("offset %v..%v, the last Date wins", lo, hi)
	}
}

func TestLM7_ClockIgnores(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.Header{
		"no date":     {},
		"garbage":     {"Date": {"yesterday"}},
		"a cache":     {"Date": {serverNow.Format(http.TimeFormat)}, "Age": {"1"}},
		"the year 1":  {"Date": {"Mon, 01 Jan 0001 00:00:00 GMT"}},
		"far away":    {"Date": {"Fri, 31 Dec 9999 23:59:59 GMT"}},
		"empty field": {"Date": {}},
	} {
		var c signal.Clock
		c.Observe(h, sent, received)
		if lo, hi, ok := c.Offset(); ok {
			t.Errorf("%s: offset %v..%v", name, lo, hi)
		}
	}
	var c signal.Clock
	c.Observe(dated(serverNow), time.Time{}, received)
	if lo, hi, ok := c.Offset(); !ok || hi-lo != time.Second {
		t.Errorf("without the time of sending: %v..%v, %v", lo, hi, ok)
	}
	c = signal.Clock{}
	c.Observe(dated(serverNow), received.Add(time.Second), received)
	if lo, hi, ok := c.Offset(); !ok || hi-lo != time.Second {
		t.Errorf("sent after it was received: %v..%v, %v", lo, hi, ok)
	}
}

// TestLM7_ResetBounds: an absolute time is counted from the server's Date, and
// the better the clock is known, the tighter the bounds are.
func TestLM7_ResetBounds(t *testing.T) {
	t.Parallel()
	a := row{status: 200, header: "X-RateLimit-Reset: " + epoch(time.Minute)}.answer()
	if got, want := show(signal.Parse(signal.Guess, a)), `"" window=58.8s..1m0s [x-ratelimit-*]`; got != want {
		t.Errorf("one Date: %s, want %s", got, want)
	}
	// An answer 0.9 s earlier with the same Date: the second had just begun.
	a.Clock.Observe(dated(serverNow), received.Add(-950*time.Millisecond), received.Add(-900*time.Millisecond))
	if got, want := show(signal.Parse(signal.Guess, a)), `"" window=58.8s..59.10009s [x-ratelimit-*]`; got != want {
		t.Errorf("two Dates: %s, want %s", got, want)
	}
	a.Header.Del("Date")
	if got := signal.Parse(signal.Guess, a)[0]; got.ResetAt.Sub(received) != 59100*time.Millisecond {
		t.Errorf("the clock without a Date: %s", show([]signal.Record{got}))
	}
	a.Clock = signal.Clock{}
	if got, want := show(signal.Parse(signal.Guess, a)), `"" window=3h0m59.5s..3h0m59.5s [x-ratelimit-*]`; got != want {
		t.Errorf("no Date at all: %s, want %s by the local clock", got, want)
	}
}

func ExampleClock() {
	now := time.Date(2026, time.May, 23, 12, 0, 0, 0, time.UTC)
	var c signal.Clock
	for _, later := range []time.Duration{50 * time.Millisecond, 950 * time.Millisecond} {
		at := now.Add(later) // the server is 10 s ahead, and cuts its Date to a second
		c.Observe(http.Header{"Date": {at.Add(10 * time.Second).Format(http.TimeFormat)}}, at.Add(-time.Millisecond), at)
		lo, hi, _ := c.Offset()
		fmt.Println((hi - lo).Round(time.Millisecond), lo <= 10*time.Second && hi >= 10*time.Second)
	}
	// Output:
	// 1.001s true
	// 101ms true
}
