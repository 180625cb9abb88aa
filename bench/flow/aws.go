package main

import (
	"math"
	"net/http"

	"github.com/godwit-go/godwit/bench/quota"
)

// aws is the retryer of AWS SDK for Go v2: three attempts, and retries paid
// from a bucket of tokens in each process.
type aws struct {
	tokens float64
	rate   *awsRate // of the adaptive mode; nil in the standard one
}

const (
	awsTokens   = 500 // at first, and at most
	awsRetry    = 5   // price of a retry, returned when it succeeds
	awsAttempts = 3
	awsMostWait = 20 // seconds
)

func newAWS(adaptive bool) *aws {
	a := &aws{tokens: awsTokens}
	if adaptive {
		a.rate = &awsRate{}
	}
	return a
}

func (a *aws) acquire(p *process, j *job, send func()) {
	if a.rate != nil {
		if wait := a.rate.take(p.now); wait > 0 {
			p.after(wait, func() { a.acquire(p, j, send) })
			return
		}
	}
	send()
}

func (a *aws) result(p *process, j *job, ans quota.Answer) (bool, float64) {
	if a.rate != nil {
		a.rate.update(p.now, ans.Status == http.StatusTooManyRequests)
	}
	if ans.Status == http.StatusOK {
		a.tokens = math.Min(awsTokens, a.tokens+math.Max(1, j.held))
		return false, 0
	}
	if j.attempts >= awsAttempts || a.tokens < awsRetry {
		return false, 0
	}
	a.tokens -= awsRetry
	j.held = awsRetry
	return true, p.rng.Float64() * math.Min(awsMostWait, math.Pow(2, float64(j.attempts)))
}

// awsRate is the adaptive mode's own rate: CUBIC, with the SDK's constants.
type awsRate struct {
	on                             bool // a call has been throttled
	fill, most, tokens, refilled   float64
	measured, count, measuredUntil float64
	lastMax, lastThrottle          float64
}

const (
	cubicScale  = 0.4
	cubicBeta   = 0.7
	awsSmooth   = 0.8
	awsPerSlice = 2.0 // slices of a second in which the rate is measured
	awsLeast    = 0.5 // calls per second
)

func (r *awsRate) refill(now float64) {
	r.tokens = math.Min(r.most, r.tokens+(now-r.refilled)*r.fill)
	r.refilled = now
}

// take returns how long to wait before asking again; 0: go.
func (r *awsRate) take(now float64) float64 {
	if !r.on {
		return 0
	}
	r.refill(now)
	if r.tokens >= 1 {
		r.tokens--
		return 0
	}
	return (1-r.tokens)/r.fill + instant
}

func (r *awsRate) update(now float64, throttled bool) {
	r.measure(now)
	rate := 0.0
	if throttled {
		r.lastMax = r.measured
		if r.on {
			r.lastMax = math.Min(r.measured, r.fill)
		}
		r.lastThrottle, r.on = now, true
		rate = r.lastMax * cubicBeta
	} else {
		window := math.Cbrt(r.lastMax * (1 - cubicBeta) / cubicScale)
		rate = cubicScale*math.Pow(now-r.lastThrottle-window, 3) + r.lastMax
	}
	rate = math.Min(rate, 2*r.measured)
	r.refill(now)
	r.fill = math.Max(rate, awsLeast)
	r.most = math.Max(rate, 1)
	r.tokens = math.Min(r.tokens, r.most)
}

func (r *awsRate) measure(now float64) {
	slice := math.Floor(now*awsPerSlice) / awsPerSlice
	r.count++
	if slice > r.measuredUntil {
		r.measured = r.count/(slice-r.measuredUntil)*awsSmooth + r.measured*(1-awsSmooth)
		r.count, r.measuredUntil = 0, slice
	}
}
