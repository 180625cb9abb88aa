package line

import "math"

// steer is the law of processes that share a quota and can share nothing else:
// each steers its rate by what the server says is left to all of them. Whether
// all together are too fast shows in the slope of that number, so this is a
// controller of that slope, and of the distance to a reference: 30 % of a bucket;
// of a window, the straight line to its end.
type steer struct {
	rate  float64 // units a second
	seen  bool
	left  float64 // the last distance to the reference, as a part of the limit
	over  float64 // by what part of the sustainable rate all are too fast, smoothed
	at    float64 // when that was
	cutAt float64 // when a refusal last cut the rate
	late  float64 // part of a freeze that this process adds, so that not all thaw at once
}

// Tuning of the steering.
const (
	soloFirst = 1.0  // units a second at first
	soloLeast = 0.02 // and at least
	soloRef   = 0.3  // of a bucket that stays in it
	soloCut   = 0.7  // of the rate, after a refusal
	soloPause = 0.5  // between two cuts, s
	soloGain  = 0.15 // of the distance, near the reference of a bucket
	soloDamp  = 0.8  // of the slope
)

func newSteer(late float64) steer {
	return steer{rate: soloFirst, cutAt: math.Inf(-1), late: late}
}

// learnSolo steers by an answer.
func (l *line) learnSolo(a answer) (c change) {
	s := &l.solo
	dt := math.Min(l.t-s.at, 1)
	s.at = l.t
	if a.refused {
		if l.t-s.cutAt > soloPause {
			s.rate, s.cutAt = math.Max(soloLeast, soloCut*s.rate), l.t
		}
		l.released = math.Min(l.released, l.issued)
		at := a.retryAt
		if !(at > l.t) {
			at = l.t + 1
		}
		c.frozen = l.stop(at + s.late*math.Min(1, at-l.t))
		return c
	}
	if !a.success {
		return c
	}
	if l.paced || a.limit < 1 || a.remaining < 0 { // nothing to steer by: slowly up, quickly down
		s.rate = math.Min(l.rate, s.rate+(0.01*s.rate+0.005)*dt)
		return c
	}
	tau, ref := l.burst/l.rate, soloRef
	if l.model == window {
		tau = l.w
		if !math.IsNaN(a.resetAt) {
			ref = 0.02 + 0.98*math.Max(0, a.resetAt-l.t)/l.w
		}
	}
	left := a.remaining/a.limit - ref
	if s.seen && dt > 0 {
		if math.Abs(left-s.left) < 0.5 { // else the quota was renewed in between
			fast := math.Max(-1, math.Min(1, -tau*(left-s.left)/dt))
			s.over += math.Min(1, dt/0.5) * (fast - s.over)
		}
		gain := soloGain
		if l.model == window || left > 0.45 {
			gain = 1
		}
		s.rate *= math.Exp((gain*math.Max(-1, math.Min(1, 3*left)) - soloDamp*s.over) * dt)
	}
	s.seen, s.left = true, left
	s.rate = math.Min(math.Max(s.rate, soloLeast), 1.2*l.rate)
	return c
}
