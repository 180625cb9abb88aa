package limit

import "math"

// model is how a quota is counted.
type model uint8

const (
	bucket      model = iota // rate units a second, up to burst saved up
	window                   // q units, counted anew every w seconds
	concurrency              // q units at the same time
	open                     // no law of its own: only refusals hold it back
)

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

// law is how a quota is counted, and how the line obeys it.
type law struct {
	model     model
	rate      float64 // units per second; of a window, its mean
	burst     float64 // bucket: units that can be saved up
	q, w      float64 // window: units and seconds; concurrency: q units
	paced     bool    // a window kept as a bucket
	drain     bool    // spend a window early instead of evenly
	trust     bool    // the server may grant more than is declared
	ban       bool    // refusals are punished: obey every hint to the letter
	maxFreeze float64 // longest time that a refusal holds the line
}

// windowLaw is the law of q units in w seconds.
func windowLaw(q, w float64) law {
	l := law{model: window, q: q, w: w, rate: q / w}
	if w <= shortWindow {
		l.model, l.paced = bucket, true
		l.rate, l.burst = pace*q/w, pacedBurst(q)
	}
	return l
}

// pacedBurst keeps what any window of a paced line can see, burst + rate · w,
// at q or just above.
func pacedBurst(q float64) float64 {
	if q*(1-pace) < 1 {
		return 1
	}
	return 2
}

// most is the highest cost that the law can ever release at once.
func (l *law) most() float64 {
	switch l.model {
	case bucket:
		if l.paced {
			return l.q
		}
		return l.burst
	case open:
		return math.Inf(1)
	}
	return l.q
}

// reserve is what stays in a server's bucket: for arrivals that bunch up, and
// for the others that use the quota.
func (l *law) reserve(foreign float64) float64 {
	if l.paced {
		return 0
	}
	return math.Min(l.burst/2, math.Ceil(l.rate*jitter)+1+4*math.Sqrt(foreign*0.5))
}

// saved is how far the release of a bucket may run ahead of what was issued.
func (l *law) saved(foreign float64) float64 {
	return math.Max(1, l.burst-l.reserve(foreign))
}

// usable is the part of a window that this line plans to use, when others use
// the quota too.
func (l *law) usable(q, foreign float64) float64 {
	if l.drain || foreign <= 0 {
		return q
	}
	return math.Max(1, q-3*math.Sqrt(foreign*2))
}

// even is the slope that releases left units until end.
func even(left, now, end float64) float64 {
	return math.Max(0, left) / math.Max(end-now, 0.02)
}
