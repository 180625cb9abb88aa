package line

import "math"

// model is how a quota is counted.
type model uint8

const (
	bucket      model = iota // rate units a second, up to burst saved up
	window                   // q units, counted anew every w seconds
	concurrency              // q units at the same time
	open                     // no law of its own: only refusals hold it back
	unknown                  // nothing is known: the rate is felt out
)

// MaxUnits bounds every number of units: beyond it a float64 no longer tells
// single ones apart over a long life.
const MaxUnits = 1e12

// Tuning of the laws, in seconds and shares.
const (
	shortWindow = 10    // windows up to this are paced: no field tells their phase well enough
	pace        = 0.993 // of the mean rate, when paced
	guard       = 0.060 // what a request may need to the server, at the 99.9th percentile
	slack       = 0.03  // of a window that is left unused at its end by an even release
	drainRate   = 10    // times the mean rate, when a window is drained
	jitter      = 0.030 // by which arrivals of one line may bunch up
	leastShare  = 0.05  // of the rate that foreign use never takes away
)

// Law is how a quota is counted, and how the line obeys it.
type Law struct {
	model model
	rate  float64 // units per second; of a window, its mean
	burst float64 // bucket: units that can be saved up
	q, w  float64 // window: units and seconds; concurrency: q units
	paced bool    // a quota of q in w kept as a bucket

	Solo      bool    // steer by what is left, as everybody else does; no store
	Drain     bool    // spend a window early instead of evenly
	Trust     bool    // the server may grant more than is declared
	Ban       bool    // refusals are punished: obey every hint to the letter
	MaxFreeze float64 // longest time that a refusal holds the line, s
	Lookahead float64 // for how long places may be taken ahead of their turn, s; lines of a fleet
}

// Bucket is the law of a bucket that holds burst units and fills by rate units
// a second.
func Bucket(rate, burst float64) Law { return Law{model: bucket, rate: rate, burst: burst} }

// Window is the law of q units that are counted anew every w seconds. The
// phase of a short one cannot be read off any field, so it is paced.
func Window(q, w float64) Law {
	l := Law{model: window, q: q, w: w, rate: q / w}
	if w <= shortWindow {
		return Log(q, w)
	}
	return l
}

// Log is the law of q units in any w seconds. What is sent in a burst comes back
// in a burst, one window later: so it is kept even.
func Log(q, w float64) Law {
	return Law{model: bucket, q: q, w: w, rate: pace * q / w, burst: pacedBurst(q), paced: true}
}

// Concurrency is the law of q units at the same time.
func Concurrency(q float64) Law { return Law{model: concurrency, q: q} }

// Open is the law of a quota that is obeyed only when the server refuses.
func Open() Law { return Law{model: open} }

// Unknown is the law of a quota of which nothing is known: one call, twice as
// many each second, until a refusal or a field tells more.
func Unknown() Law { return Law{model: unknown, rate: firstRate, burst: 1} }

// pacedBurst keeps what any window of a paced line can see, burst + rate · w,
// at q or just above.
func pacedBurst(q float64) float64 {
	if q*(1-pace) < 1 {
		return 1
	}
	return 2
}

// Saves reports whether the law has a burst that can be set.
func (l *Law) Saves() bool { return l.model == bucket && !l.paced }

// SetBurst sets how many units a bucket can save up.
func (l *Law) SetBurst(units float64) { l.burst = units }

// Most is the highest cost that the law can ever release at once.
func (l *Law) Most() float64 {
	switch {
	case l.model == open, l.model == unknown:
		return math.Inf(1)
	case l.model == bucket && !l.paced:
		return l.burst
	}
	return l.q
}

// Size is the number that a server states as the limit.
func (l *Law) Size() float64 {
	switch {
	case l.model == unknown:
		return MaxUnits
	case l.model == bucket && !l.paced:
		return l.burst
	}
	return l.q
}

// reserve is what stays in a server's bucket: for arrivals that bunch up, and
// for the others that use the quota.
func (l *Law) reserve(foreign float64) float64 {
	if l.paced || l.model == unknown {
		return 0
	}
	return math.Min(l.burst/2, math.Ceil(l.rate*jitter)+1+4*math.Sqrt(foreign*0.5))
}

// saved is how far the release of a bucket may run ahead of what was issued.
func (l *Law) saved(foreign float64) float64 {
	return math.Max(1, l.burst-l.reserve(foreign))
}

// usable is the part of a window that this line plans to use, when others use
// the quota too.
func (l *Law) usable(q, foreign float64) float64 {
	if l.Drain || foreign <= 0 {
		return q
	}
	return math.Max(1, q-3*math.Sqrt(foreign*2))
}

// share is the law of one of n that cannot agree and want to keep together
// within part of the quota.
func (l Law) share(part, n float64) Law {
	part /= math.Max(1, n)
	l.rate *= part
	l.q = math.Max(1, math.Floor(l.q*part))
	if l.model == bucket {
		l.burst = math.Max(1, math.Floor(l.burst*part))
	}
	return l
}

// even is the slope that releases left units until end.
func even(left, now, end float64) float64 {
	return math.Max(0, left) / math.Max(end-now, 0.02)
}

// Tuning of the unknown law.
const (
	firstRate = 1    // units a second at first
	topRate   = 1e6  // and at most
	backOff   = 0.7  // of the rate, after a refusal
	cubic     = 0.4  // growth towards the rate of the last refusal, as CUBIC has it (RFC 9438 section 5.1)
	probeBy   = 0.01 // growth per second beyond it
)

// feel returns the rate that follows after dt seconds in which a line of the
// unknown law was in use, since seconds after the refusal at the rate top; top 0
// for none.
func feel(rate, top, since, dt float64) float64 {
	if top == 0 {
		return math.Min(topRate, rate*math.Exp2(math.Min(dt, 60)))
	}
	k := math.Cbrt((1 - backOff) * top / cubic)
	if x := since - k; x < 0 {
		return math.Min(topRate, math.Max(rate, top*0.95+math.Min(0, cubic*x*x*x)))
	}
	return math.Min(topRate, rate*math.Exp(probeBy*dt))
}
