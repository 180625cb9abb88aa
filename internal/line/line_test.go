package line

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// reference is a quota as an exact server counts it, the calls arriving as they
// leave. It never refuses: it notes how far it was overdrawn.
type reference struct {
	Law
	offset float64 // of the windows
	tokens float64
	last   float64
	win    float64
	used   float64
	worst  float64 // most that was missing
}

func (r *reference) take(now, cost float64) (remaining, reset float64) {
	if r.w == 0 {
		r.tokens = math.Min(r.burst, r.tokens+(now-r.last)*r.rate)
		r.last = now
		r.tokens -= cost
		r.worst = math.Max(r.worst, -r.tokens)
		return math.Max(0, math.Floor(r.tokens)), (r.burst - r.tokens) / r.rate
	}
	win := math.Floor((now + r.offset) / r.w)
	if win != r.win {
		r.win, r.used = win, 0
	}
	r.used += cost
	r.worst = math.Max(r.worst, r.used-r.q)
	return math.Max(0, r.q-r.used), (win+1)*r.w - r.offset - now
}

// flight is a call under way.
type flight struct {
	sent, ticket, cost float64
	probe              bool
	answer             answer
}

// history drives a line through a random one: calls of random cost, answers in
// any order, time in leaps. honest says what the server answers.
func history(t *rapid.T, l *line, ref *reference, dearest float64, answerOf func(t *rapid.T, f *flight, now float64) answer) {
	now := 0.0
	var flights []flight
	for range rapid.IntRange(50, 400).Draw(t, "steps") {
		now += rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 0.05), rapid.Float64Range(0, 3), rapid.Float64Range(0, 200)).Draw(t, "dt")
		if len(flights) > 0 && rapid.Bool().Draw(t, "answer") {
			i := rapid.IntRange(0, len(flights)-1).Draw(t, "which")
			f := flights[i]
			flights = append(flights[:i], flights[i+1:]...)
			if f.probe {
				l.probing--
			}
			l.advance(now)
			l.learn(now, answerOf(t, &f, now))
			continue
		}
		cost := math.Round(rapid.Float64Range(1, dearest).Draw(t, "cost"))
		l.want = cost
		l.advance(now)
		for range rapid.IntRange(1, 30).Draw(t, "crowd") {
			if !l.ready(cost) {
				break
			}
			f := flight{sent: now, cost: cost}
			f.ticket, f.probe = l.take(cost)
			remaining, reset := ref.take(now, cost)
			f.answer = answer{sent: now, ticket: f.ticket, success: true, reading: noReading()}
			f.answer.remaining, f.answer.limit = remaining, ref.Size()
			if l.model == window {
				f.answer.resetFrom, f.answer.resetAt = math.Max(now, now+reset-0.5), now+reset
			}
			flights = append(flights, f)
			if l.issued > l.released+tiny {
				t.Fatalf("issued %v, released %v", l.issued, l.released)
			}
		}
	}
}

func honest(_ *rapid.T, f *flight, _ float64) answer { return f.answer }

// nonsense is what a server may say that has lost its mind.
func nonsense(t *rapid.T, f *flight, now float64) answer {
	a := f.answer
	wild := func(name string) float64 {
		return rapid.OneOf(rapid.Just(-1.0), rapid.Just(0.0), rapid.Float64Range(0, 10), rapid.Float64Range(0, 1e6), rapid.Just(1e300)).Draw(t, name)
	}
	a.remaining, a.limit, a.refill = wild("remaining"), wild("limit"), wild("refill")
	if rapid.Bool().Draw(t, "reset") {
		a.resetAt = now + rapid.OneOf(rapid.Float64Range(0, 1), rapid.Float64Range(0, 100), rapid.Just(4e7)).Draw(t, "in")
		a.resetFrom = a.resetAt - rapid.Float64Range(0, 2).Draw(t, "grain")
	}
	switch rapid.IntRange(0, 4).Draw(t, "status") {
	case 0:
		a.success, a.refused = false, true
		a.retryAt = rapid.OneOf(rapid.Just(math.NaN()), rapid.Float64Range(-100, 100), rapid.Just(3e7)).Draw(t, "retry") + now
	case 1:
		a.success, a.failed = false, true
	}
	return a
}

func bucketLaw(t *rapid.T) Law {
	return Law{
		model: bucket, rate: rapid.Float64Range(0.01, 200).Draw(t, "rate"), burst: math.Round(rapid.Float64Range(1, 300).Draw(t, "burst")),
		MaxFreeze: 3600, Ban: rapid.Bool().Draw(t, "ban"),
	}
}

// A bucket never gives more than is declared, whatever the server says.
func TestBucketNeverOverdrawn(t *testing.T) {
	t.Parallel()
	for name, answerOf := range map[string]func(*rapid.T, *flight, float64) answer{"honest": honest, "nonsense": nonsense} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				d := bucketLaw(t)
				l, ref := newLine(d, 0), &reference{Law: d, tokens: d.burst}
				history(t, l, ref, d.burst, answerOf)
				if ref.worst > 0.01 {
					t.Fatalf("overdrawn by %v", ref.worst)
				}
				if !eventually(l) {
					t.Fatalf("nothing leaves any more: %+v", l)
				}
			})
		})
	}
}

// A window never gives more than its quota in any window of an honest server,
// and no more than two quotas in the time of one if the server moves it about.
func TestWindowNeverOverdrawn(t *testing.T) {
	t.Parallel()
	draw := func(t *rapid.T) Law {
		d := Window(math.Round(rapid.Float64Range(1, 5000).Draw(t, "q")), rapid.Float64Range(11, 4000).Draw(t, "w"))
		d.Drain, d.MaxFreeze = rapid.Bool().Draw(t, "drain"), 3600
		return d
	}
	t.Run("honest", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			d := draw(t)
			l, ref := newLine(d, 0), &reference{Law: d, offset: rapid.Float64Range(0, d.w).Draw(t, "offset")}
			history(t, l, ref, math.Max(1, d.q/10), honest)
			if ref.worst > 0 {
				t.Fatalf("overdrawn by %v of %v", ref.worst, d.q)
			}
			if !eventually(l) {
				t.Fatalf("nothing leaves any more: %+v", l)
			}
		})
	})
	t.Run("nonsense", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			d := draw(t)
			l := newLine(d, 0)
			var times, costs []float64
			ref := &reference{Law: d}
			history(t, l, ref, math.Max(1, d.q/10), func(t *rapid.T, f *flight, now float64) answer {
				times, costs = append(times, f.sent), append(costs, f.cost)
				return nonsense(t, f, now)
			})
			span := d.w*(1-slack) - 3
			for _, from := range times {
				sum := 0.0
				for j, at := range times {
					if at >= from && at < from+span {
						sum += costs[j]
					}
				}
				if sum > 2*d.q+tiny {
					t.Fatalf("%v units of %v within %v s", sum, d.q, span)
				}
			}
			if !eventually(l) {
				t.Fatalf("nothing leaves any more: %+v", l)
			}
		})
	})
}

// eventually reports whether one more unit leaves when everything under way has
// come to nothing, at the time that the line tells; the estimate may be moved on
// a few times.
func eventually(l *line) bool {
	l.probing, l.want = 0, 1
	now := l.t
	for range 10 {
		l.advance(now)
		if l.ready(1) {
			return true
		}
		at := l.when(1)
		if !(at >= now) || math.IsInf(at, 1) {
			return false
		}
		now = at + tiny
	}
	return false
}

// The release law does not depend on how often somebody looks.
func TestLawIgnoresObservers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d Law
		if rapid.Bool().Draw(t, "window") {
			d = Window(math.Round(rapid.Float64Range(1, 5000).Draw(t, "q")), rapid.Float64Range(11, 4000).Draw(t, "w"))
			d.Drain = rapid.Bool().Draw(t, "drain")
		} else {
			d = bucketLaw(t)
		}
		start := func() *line {
			l := newLine(d, 0)
			l.cold, l.begun = false, true
			l.issued, l.released = 1, 1
			if d.model == window {
				l.phase, l.lo, l.hi = true, d.w*0.9, d.w*0.9+0.5
			}
			return l
		}
		seldom, often := start(), start()
		end := rapid.Float64Range(0, 3*d.w+100).Draw(t, "end")
		seldom.advance(end)
		for range rapid.IntRange(0, 50).Draw(t, "looks") {
			often.advance(rapid.Float64Range(0, end).Draw(t, "at"))
		}
		often.advance(end)
		if d := math.Abs(seldom.released - often.released); d > 1e-6*math.Max(1, seldom.released) {
			t.Fatalf("released %v, and %v if somebody looks", seldom.released, often.released)
		}
	})
}

// The estimate of a turn is when it comes, if nothing else happens.
func TestWhenIsRight(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]Law{
		"bucket":       {model: bucket, rate: 7, burst: 20},
		"window":       Window(600, 60),
		"drained":      func() Law { l := Window(600, 60); l.Drain = true; return l }(),
		"short window": Window(10, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, units := range []float64{1, 5, 30, 300, 700, 1900} {
				l := newLine(d, 0)
				l.cold, l.begun, l.issued, l.released = false, true, 1, 1
				if d.model == window {
					l.phase, l.lo, l.hi = true, 45, 45.2
				}
				l.advance(0)
				told, now := l.when(units), 0.0
				for range int(units) {
					l.advance(now)
					for !l.ready(1) {
						now = math.Max(now+1e-6, l.when(1))
						l.advance(now)
					}
					l.take(1)
				}
				if math.Abs(told-now) > 0.02*now+0.3 {
					t.Errorf("%v units: told %v s, came after %v s", units, told, now)
				}
			}
		})
	}
}

// A refusal freezes a bucket for a moment, a window to its end, and longer each
// time that it did not help; what a crowd is told counts once.
func TestFreeze(t *testing.T) {
	t.Parallel()
	refusal := func(sent, retryAt float64) answer {
		a := answer{sent: sent, reading: noReading()}
		a.refused, a.retryAt = true, retryAt
		return a
	}
	warm := func(d Law) *line {
		d.MaxFreeze = 3600
		l := newLine(d, 0)
		l.cold, l.begun, l.issued, l.released = false, true, 50, 60
		return l
	}
	for name, c := range map[string]struct {
		law  Law
		in   []answer // at 100 s
		want float64  // frozen until
	}{
		"bucket":              {Law{model: bucket, rate: 10, burst: 100}, []answer{refusal(99, 160)}, 105},
		"bucket, soon":        {Law{model: bucket, rate: 10, burst: 100}, []answer{refusal(99, 101)}, 101},
		"bucket, crowd":       {Law{model: bucket, rate: 10, burst: 100}, []answer{refusal(99, 160), refusal(99.5, 160), refusal(99.9, 160)}, 105},
		"bucket, again":       {Law{model: bucket, rate: 10, burst: 100}, []answer{refusal(99, 160), refusal(100, 160)}, 110},
		"bucket, ban":         {Law{model: bucket, rate: 10, burst: 100, Ban: true}, []answer{refusal(99, 160)}, 160},
		"bucket, no hint":     {Law{model: bucket, rate: 10, burst: 100}, []answer{refusal(99, math.NaN())}, 101},
		"bucket, a year":      {Law{model: bucket, rate: 10, burst: 100}, []answer{refusal(99, 3e7)}, 3700},
		"bucket, in the past": {Law{model: bucket, rate: 10, burst: 100}, []answer{refusal(99, -5)}, 101},
		"window, no phase":    {Window(600, 60), []answer{refusal(99, 130)}, 130},
		"open":                {Law{model: open}, []answer{refusal(99, 130)}, 130},
		"concurrency":         {Law{model: concurrency, q: 5}, []answer{refusal(99, 130)}, 130},
	} {
		l := warm(c.law)
		for _, a := range c.in {
			l.learn(100, a)
		}
		if math.Abs(l.frozenUntil-c.want) > 1e-9 {
			t.Errorf("%s: frozen until %v, want %v", name, l.frozenUntil, c.want)
		}
		if _, far := l.exhausted(); far != (name == "bucket, a year") {
			t.Errorf("%s: exhausted %v", name, far)
		}
		if l.ready(1) {
			t.Errorf("%s: lets calls through", name)
		}
	}
	l := warm(Window(600, 60))
	l.phase, l.lo, l.hi = true, 119, 120
	l.learn(100, refusal(99, 101))
	if l.frozenUntil < 119 || l.frozenUntil > 121 {
		t.Errorf("a window that is refused is frozen until %v", l.frozenUntil)
	}
	l.advance(120.5)
	if !l.ready(0.1) && l.when(1) > 121 {
		t.Errorf("in the next window the next call leaves at %v", l.when(1))
	}
}

// Time that goes back gives nothing, and takes nothing.
func TestTimeGoesBack(t *testing.T) {
	t.Parallel()
	l := newLine(Law{model: bucket, rate: 10, burst: 100}, 0)
	l.cold, l.issued = false, 1
	l.advance(5)
	released := l.released
	l.advance(1)
	l.advance(5)
	if l.released != released {
		t.Errorf("released %v, was %v", l.released, released)
	}
}
