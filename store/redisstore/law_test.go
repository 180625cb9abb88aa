//go:build unix

package redisstore_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/internal/redistest"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/redisstore"
)

// history makes rounds like those of a fleet, and some that no process would send.
type history struct {
	*rand.Rand
	now  float64
	laws map[string]limit.Law
	tail map[string]float64 // of the line, as far as it was told
	n    int
}

func newHistory(seed uint64) *history {
	return &history{
		Rand: rand.New(rand.NewPCG(seed, 7)), now: 1.8e9 + float64(seed)*0.123457,
		laws: make(map[string]limit.Law), tail: make(map[string]float64),
	}
}

func (h *history) chance(p float64) bool { return h.Float64() < p }

// anyOf returns one of the values; num does with numbers.
func anyOf[T any](h *history, values ...T) T { return values[h.IntN(len(values))] }

func (h *history) num(values ...float64) float64 { return anyOf(h, values...) }

func (h *history) law() limit.Law {
	l := anyOf(h,
		line.Bucket(100, 100), line.Bucket(0.5, 3), line.Bucket(2000, 5000), line.Window(6000, 60), line.Window(5000, 3600), line.Window(20, 60),
		line.Window(100, 1), line.Log(2500, 3600), line.Concurrency(5), line.Concurrency(1), line.Unknown(), line.Open())
	l.Drain, l.Trust, l.Ban = h.chance(0.2), h.chance(0.2), h.chance(0.1)
	l.MaxFreeze, l.Lookahead = h.num(3600, 5), h.num(30, 2.0)
	return l
}

func (h *history) step() {
	h.now += h.num(0, 0.001, 0.02, 0.1, 0.3, 1, 1, 5, 15, 61) * h.ExpFloat64()
	switch {
	case h.chance(0.002):
		h.now += 4000
	case h.chance(0.05):
		h.now += 10.4 // what lapses after ten seconds does not wait for eleven
	}
}

func (h *history) round(origin string) limit.Round {
	h.n++
	r := limit.Round{ID: fmt.Sprint("r", h.n), Process: anyOf(h, "a", "b", "c"), Origin: origin}
	keys := []string{"core", "points", "in flight"}
	for _, i := range h.Perm(len(keys))[:h.IntN(len(keys)+1)] {
		r.Lines = append(r.Lines, h.ask(keys[i]))
	}
	return r
}

func (h *history) ask(k string) limit.Ask {
	if _, ok := h.laws[k]; !ok || h.chance(0.01) {
		h.laws[k] = h.law()
	}
	tail := h.tail[k]
	a := limit.Ask{
		Key: k, Law: h.laws[k], Health: h.num(1, 1, 1, 0.5, 0.125, 0, 1.5, -1), Recovered: h.chance(0.3), Lost: h.chance(0.02),
		Take: h.num(0, 1, 1, 3, 25, 0.5, 400), Want: h.num(1, 1, 2.5, 5, 50), Used: h.num(0, tail, tail-2, tail-0.25, tail+10),
		Own: h.num(0, 0, 0, 1, 2.5, -1, -7), Hold: h.num(0, 0, 1, 3, 7),
	}
	if h.chance(0.2) {
		a.Back = append(a.Back, limit.Span{From: tail - 1, To: tail}, limit.Span{From: tail - 2.5, To: tail - 1})
	}
	if h.chance(0.05) {
		a.Back = append(a.Back, limit.Span{From: tail, To: tail - 3})
	}
	for range anyOf(h, 0, 0, 1, 1, 2, 5) {
		a.Answers = append(a.Answers, h.answer(tail))
	}
	return a
}

func (h *history) answer(tail float64) limit.Answer {
	none := math.NaN()
	a := limit.Answer{
		Age: h.num(0.05, 0.3, 1, 4) * h.ExpFloat64(), Ticket: math.Max(0, tail-h.num(0, 1, 2, 8, 50)),
		Limit: -1, Remaining: -1, Refill: -1, ResetFrom: none, ResetIn: none, RetryIn: none,
	}
	switch {
	case h.chance(0.06):
		a.Refused = true
		a.RetryIn = h.num(none, 1, 30, 86400, -5, 0)
	case h.chance(0.05):
		a.Failed = true
	default:
		a.Success = h.chance(0.95)
	}
	if h.chance(0.7) {
		a.Limit = h.num(100, 100, 6000, 80, 20, 3, 0, 1e15)
		a.Remaining = h.num(0, 1, 10, 50, 99, 3000, 1e13) * h.Float64()
	}
	if h.chance(0.1) {
		a.Refill = h.num(0, 50, 100, 1e9)
	}
	if h.chance(0.5) {
		a.ResetIn = h.num(60, 60, 3600, 1, -3, 1e6) * h.Float64()
		if h.chance(0.7) {
			a.ResetFrom = a.ResetIn - h.num(1, 0.2, -1)
		}
	}
	return a
}

// differ names the first number in which two states differ by more than the
// rounding of different mathematical libraries.
func differ(names []string, got, want limit.State) string {
	if len(got) > len(want) {
		return fmt.Sprintf("%d numbers, want %d", len(got), len(want))
	}
	for i, g := range got {
		if w := want[i]; !(math.Abs(g-w) <= 1e-9*math.Max(1, math.Abs(w))) {
			return fmt.Sprintf("%s is %v, want %v", names[i], g, w)
		}
	}
	return ""
}

// stored reads the whole state of a line as the server has it.
func stored(t *testing.T, server *redistest.Server, origin, k string) limit.State {
	t.Helper()
	first, _, _ := strings.Cut(server.Do("GET", "godwit:{"+origin+"}:limit:"+k).(string), "\n")
	var s limit.State
	for _, word := range strings.Fields(first)[1+len(line.LawFields):] {
		x, err := strconv.ParseFloat(word, 64)
		if err != nil {
			t.Fatal(err)
		}
		s = append(s, x)
	}
	return s
}

// The script and the book in Go follow one law: random histories end every step
// in the same state, number by number.
func TestLuaAndGoLaws(t *testing.T) {
	t.Parallel()
	const histories, steps = 48, 150
	server := redistest.Start(t)
	names := line.StateFields()
	if len(names) <= line.SnapshotSize {
		t.Fatal(names)
	}
	for seed := range uint64(histories) {
		store, book, h, o := newStore(t, server), limit.NewBook(), newHistory(seed), fmt.Sprint("https://", seed)
		for i := range steps {
			h.step()
			r := h.round(o)
			want := book.Apply(h.now, &r)
			got, err := store.SyncAt(t.Context(), r, h.now)
			if err != nil {
				t.Fatalf("history %d, step %d: %v", seed, i, err)
			}
			if got.Processes != want.Processes {
				t.Fatalf("history %d, step %d: %d processes, want %d", seed, i, got.Processes, want.Processes)
			}
			for j, l := range r.Lines {
				at := fmt.Sprintf("history %d, step %d, %s %+v", seed, i, l.Key, l)
				g, w := got.Lines[j], want.Lines[j]
				if why := differ([]string{"from", "to"}, limit.State{g.Given.From, g.Given.To}, limit.State{w.Given.From, w.Given.To}); why != "" {
					t.Fatalf("%s: given: %s", at, why)
				}
				if len(g.State) < line.SnapshotSize {
					t.Fatalf("%s: a snapshot of %d numbers", at, len(g.State))
				}
				if why := differ(names, g.State, w.State); why != "" {
					t.Fatalf("%s: snapshot: %s", at, why)
				}
				whole := stored(t, server, o, l.Key)
				if len(whole) != len(names) {
					t.Fatalf("%s: %d numbers are stored, want %d", at, len(whole), len(names))
				}
				if why := differ(names, whole, w.State); why != "" {
					t.Fatalf("%s: stored: %s", at, why)
				}
				h.tail[l.Key] = w.State[3]
			}
		}
	}
}

var _ limit.Store = (*redisstore.Store)(nil)
