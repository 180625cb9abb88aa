package circuit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// middle is the draw that moves nothing.
func middle() float64 { return 0.5 }

func newMachine() *Machine {
	r := Default()
	r.Rand = middle
	return &Machine{Rules: &r}
}

// reference is the breaker in the words of its description: it keeps every
// outcome and counts when it is asked.
type reference struct {
	Rules
	state    State
	period   uint64
	outcomes []bool // of this period, oldest first; true: a Failure
	opened   time.Duration
	probes   []time.Duration // when each probe of this outage was let through
	ramp     time.Duration
}

func (r *reference) last() (fails, of int) {
	window := r.outcomes[max(0, len(r.outcomes)-r.Outcomes):]
	for _, failed := range window {
		if failed {
			fails++
		}
	}
	return fails, len(window)
}

// due returns when the next probe may go: after first, then twice as long each
// time, up to the cap.
func (r *reference) due() time.Duration {
	at, gap := r.opened, r.ProbeFirst
	for i := 0; ; i++ {
		at += gap
		if i == len(r.probes) {
			return at
		}
		at = r.probes[i]
		gap = min(r.ProbeCap, 2*gap)
	}
}

func (r *reference) advance(now time.Duration) {
	if r.state == HalfOpen && now >= r.ramp+r.SlowStart {
		r.state = Closed
	}
}

func (r *reference) open(now time.Duration) {
	r.state, r.opened, r.probes, r.outcomes = Open, now, nil, nil
	r.period++
}

func (r *reference) settle(period uint64, o Outcome, now time.Duration) {
	r.advance(now)
	switch {
	case period != r.period || o == Neutral:
	case r.state == Open:
		if o == Success {
			r.state, r.ramp, r.outcomes = HalfOpen, now, []bool{false}
			r.period++
		}
	default:
		r.outcomes = append(r.outcomes, o == Failure)
		fails, of := r.last()
		halfFailed := r.state == HalfOpen && fails*2 >= of
		tooMany := r.state == Closed && of >= r.MinOutcomes && float64(fails)/float64(of) >= r.OpenAt-1e-12
		if o == Failure && (halfFailed || tooMany) {
			r.open(now)
		}
	}
}

func (r *reference) health(now time.Duration) float64 {
	r.advance(now)
	switch r.state {
	case Open:
		return 0
	case HalfOpen:
		switch at := now - r.ramp; {
		case 3*at < r.SlowStart:
			return 1. / 8
		case 3*at < 2*r.SlowStart:
			return 1. / 4
		}
		return 1. / 2
	}
	fails, _ := r.last()
	return min(1, 2*(1-float64(fails)/float64(r.Outcomes)))
}

// Random histories against the reference: outcomes of this period and of past
// ones, probes that come back late or never, time that passes.
func TestMachineAgainstReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := Rules{
			OpenAt:   rapid.SampledFrom([]float64{0.3, 0.5, 0.55, 0.7, 0.8, 1}).Draw(t, "open_at"),
			Outcomes: rapid.SampledFrom([]int{1, 2, 5, 20, 64, 65, 130, MostOutcomes}).Draw(t, "outcomes"),
			Rand:     middle,
		}
		c.MinOutcomes = rapid.IntRange(1, c.Outcomes).Draw(t, "min_outcomes")
		c.ProbeFirst = time.Duration(rapid.IntRange(1, 20).Draw(t, "probe_first")) * 100 * time.Millisecond
		c.ProbeCap = c.ProbeFirst * time.Duration(rapid.IntRange(1, 8).Draw(t, "probe_cap"))
		c.SlowStart = time.Duration(rapid.IntRange(1, 50).Draw(t, "slow_start")) * 100 * time.Millisecond
		m, ref, now := &Machine{Rules: &c}, &reference{Rules: c}, time.Duration(0)
		var flying []Ticket
		settle := func(t *rapid.T, o Outcome) {
			if len(flying) == 0 {
				t.Skip("nothing is in flight")
			}
			i := rapid.IntRange(0, len(flying)-1).Draw(t, "which call")
			tick := flying[i]
			flying = append(flying[:i], flying[i+1:]...)
			m.Settle(tick, o, now)
			ref.settle(tick.Period, o, now)
		}
		t.Repeat(map[string]func(*rapid.T){
			"send": func(t *rapid.T) {
				m.Advance(now)
				ref.advance(now)
				if m.State == Open {
					claimed, due := m.Claim(now), ref.due()
					if claimed != (now >= due) {
						t.Fatalf("at %v the probe is let through: %v, it is due at %v", now, claimed, due)
					}
					if !claimed {
						return
					}
					ref.probes = append(ref.probes, now)
					flying = append(flying, Ticket{m.Period, true})
					return
				}
				for range rapid.IntRange(1, 30).Draw(t, "calls") {
					flying = append(flying, Ticket{m.Period, false})
				}
			},
			"success": func(t *rapid.T) { settle(t, Success) },
			"failure": func(t *rapid.T) { settle(t, Failure) },
			"again":   func(t *rapid.T) { settle(t, Failure) },
			"neutral": func(t *rapid.T) { settle(t, Neutral) },
			"time":    func(t *rapid.T) { now += time.Duration(rapid.IntRange(1, 1500).Draw(t, "ms")) * time.Millisecond },
			"": func(t *rapid.T) {
				h, want := m.Health(now), ref.health(now)
				if m.State != ref.state || m.Period != ref.period {
					t.Fatalf("%v in period %d, want %v in %d", m.State, m.Period, ref.state, ref.period)
				}
				if diff := h - want; diff > 1e-9 || diff < -1e-9 {
					t.Fatalf("%v: health %v, want %v", m.State, h, want)
				}
				if (h == 0) != (m.State == Open) {
					t.Fatalf("%v: health %v", m.State, h)
				}
			},
		})
	})
}

// The numbers of the description, with the defaults.
func TestOpening(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		seen string // s Success, f Failure, n Neutral
		want State
	}{
		{"too few", "ffffffffffffff", Closed},
		{"15 of 15", "fffffffffffffff", Open},
		{"15 of 20", "sssssfffffffffffffff", Closed},
		{"16 of 20", "ssssffffffffffffffff", Open},
		{"16 of the last 20", "ssssssssssssssssssssssssssssffffffffffffffff", Open},
		{"12 of 15", "sssffffffffffff", Open},
		{"a third of them", "ffsffsffsffsffsffsffsffsffsffsffsffsffsffsffsffs", Closed},
		{"neutral ones do not count", "ffffffffffffffnnnnnnnnnnnnnn", Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine()
			for _, o := range c.seen {
				m.Settle(Ticket{Period: 0}, map[rune]Outcome{'s': Success, 'f': Failure, 'n': Neutral}[o], 0)
			}
			if m.State != c.want {
				t.Errorf("%v, want %v", m.State, c.want)
			}
		})
	}
}

// Probes at 0.5, 1, 2, 2 … s after one another, moved by up to a quarter.
func TestProbeTimes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ draw, share float64 }{"early": {0, 0.75}, "middle": {0.5, 1}, "late": {1, 1.25}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine()
			m.Rand = func() float64 { return c.draw }
			now := time.Hour
			m.open(now)
			for i, gap := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second} {
				now += time.Duration(c.share * float64(gap))
				if m.Claim(now - 1) {
					t.Fatalf("probe %d goes before its time", i+1)
				}
				if !m.Claim(now) {
					t.Fatalf("probe %d does not go at its time", i+1)
				}
				if m.Claim(now) {
					t.Fatalf("probe %d goes twice", i+1)
				}
				m.Settle(Ticket{m.Period, true}, Failure, now)
			}
		})
	}
}

func TestSlowStart(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.open(0)
	m.Claim(time.Second)
	m.Settle(Ticket{m.Period, true}, Success, 2*time.Second)
	for at, want := range map[time.Duration]float64{0: 0.125, 999 * time.Millisecond: 0.125, time.Second: 0.25, 2 * time.Second: 0.5, 2999 * time.Millisecond: 0.5} {
		c := *m
		if h := c.Health(2*time.Second + at); h != want || c.State != HalfOpen {
			t.Errorf("%v after the probe: health %v, %v; want %v", at, h, c.State, want)
		}
		if next := c.NextStep(2*time.Second + at); next <= 2*time.Second+at {
			t.Errorf("the step after %v is at %v", at, next)
		}
	}
	if h := m.Health(5 * time.Second); h != 1 || m.State != Closed {
		t.Errorf("at the end: health %v, %v", h, m.State)
	}
}
