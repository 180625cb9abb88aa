package main

import (
	"math"
	"net/http"

	"github.com/godwit-go/godwit/bench/quota"
)

// The peers are models of what popular clients do by default: enough of each to
// say what load it makes and how much of the quota becomes successes.

// fullJitter draws the wait after n attempts.
func (c *clock) fullJitter(n int, base, most float64) float64 {
	return c.rng.Float64() * math.Min(most, base*math.Pow(2, float64(n-1)))
}

// free lets every attempt leave at once.
type free struct{}

func (free) acquire(_ *process, _ *job, send func()) { send() }

// immediate tries again at once, for ever.
type immediate struct{ free }

func (immediate) result(*process, *job, quota.Answer) (bool, float64) { return true, 0 }

// schedule waits fixed times between attempts and gives up after the last.
type schedule struct {
	free
	delays     []float64
	retryAfter bool // the header goes before the schedule
}

func (s schedule) result(_ *process, j *job, a quota.Answer) (bool, float64) {
	switch {
	case j.attempts > len(s.delays):
		return false, 0
	case s.retryAfter && a.RetryAfter > 0:
		return true, float64(a.RetryAfter)
	}
	return true, s.delays[j.attempts-1]
}

// obedient waits as long as Retry-After says, for ever; without the header it
// backs off with full jitter.
type obedient struct {
	free
	jitter bool // up to as much again
}

func (o obedient) result(p *process, j *job, a quota.Answer) (bool, float64) {
	if a.RetryAfter == 0 {
		return true, p.fullJitter(j.attempts, 1, 30)
	}
	d := float64(a.RetryAfter)
	if o.jitter {
		d *= 1 + p.rng.Float64()
	}
	return true, d
}

// localBucket is a token bucket in each process with a guessed share of the
// quota; waiters queue up in order.
type localBucket struct {
	obedient
	rate, burst, tokens, last float64
}

func newLocalBucket(rate float64) *localBucket {
	burst := math.Max(1, rate)
	return &localBucket{obedient: obedient{jitter: true}, rate: rate, burst: burst, tokens: burst}
}

func (b *localBucket) acquire(p *process, _ *job, send func()) {
	b.tokens = math.Min(b.burst, b.tokens+(p.now-b.last)*b.rate) - 1
	b.last = p.now
	if b.tokens >= 0 {
		send()
		return
	}
	p.after(-b.tokens/b.rate, send)
}

// slidingLog lets each process send the whole quota in each window of its own.
type slidingLog struct {
	schedule
	most   int
	window float64
	log    []float64
}

func newSlidingLog(l quota.Law) *slidingLog {
	window := l.Window
	if window == 0 {
		window = 60
	}
	return &slidingLog{schedule: schedule{delays: []float64{1, 2}}, most: int(l.PerSecond() * window), window: window}
}

// instant is what keeps a wait from ending just before its time.
const instant = 1e-6

func (s *slidingLog) acquire(p *process, j *job, send func()) {
	for len(s.log) > 0 && s.log[0] <= p.now-s.window {
		s.log = s.log[1:]
	}
	if len(s.log) < s.most {
		s.log = append(s.log, p.now)
		send()
		return
	}
	p.at(s.log[0]+s.window+instant, func() { s.acquire(p, j, send) })
}

// headerPace spreads what the headers say is left evenly over the time to the
// reset, in each process by itself.
type headerPace struct {
	remaining, resetAt, next float64
	known                    bool // headers have been seen
	probing                  int
}

const (
	probePoll  = 0.05 // seconds between two looks for the first answer
	resetScare = 0.1  // seconds over which waiters spread after a reset
)

func (h *headerPace) acquire(p *process, j *job, send func()) {
	again := func() { h.acquire(p, j, send) }
	switch {
	case !h.known && h.probing > 0:
		p.after(probePoll, again)
		return
	case !h.known:
		h.probing++
		send()
		return
	case h.remaining < 1 && p.now < h.resetAt:
		p.after(h.resetAt-p.now+p.rng.Float64()*resetScare, again)
		return
	}
	leave, interval := math.Max(p.now, h.next), 0.0
	if h.remaining >= 1 {
		interval = math.Max(h.resetAt-p.now, 0) / h.remaining
	}
	h.next = leave + interval
	h.remaining--
	if leave <= p.now {
		send()
		return
	}
	p.at(leave, send)
}

func (h *headerPace) result(p *process, j *job, a quota.Answer) (bool, float64) {
	if j.attempts == 1 && h.probing > 0 {
		h.probing--
	}
	if a.Reset >= 0 {
		h.known, h.remaining, h.resetAt = true, float64(a.Remaining), p.now+float64(a.Reset)
	}
	if a.Status == http.StatusTooManyRequests {
		h.remaining, h.resetAt = 0, p.now+float64(a.RetryAfter)
		return true, float64(a.RetryAfter)
	}
	return true, p.fullJitter(j.attempts, 1, 30)
}

// trip is the way to a shared store, each way, in seconds.
const trip = 0.0002

// sharedBucket asks a store that the fleet shares before each attempt; refused,
// it comes back when the store says. The store is a GCRA: tat is when the next
// unit is due.
type sharedBucket struct {
	interval, burst float64
	tat             float64
}

func newSharedBucket(l quota.Law) *sharedBucket {
	b := &sharedBucket{interval: 1 / l.PerSecond(), burst: l.Burst}
	if l.Window > 0 {
		b.burst = l.PerSecond()
	}
	return b
}

type sharedCaller struct {
	obedient
	store *sharedBucket
}

func (s sharedCaller) acquire(p *process, j *job, send func()) {
	p.storeOps++
	p.after(trip, func() {
		b := s.store
		tat := math.Max(b.tat, p.now) + b.interval
		if early := tat - b.interval*b.burst - p.now; early > 0 {
			p.after(trip+early, func() { s.acquire(p, j, send) })
			return
		}
		b.tat = tat
		p.after(trip, send)
	})
}
