package main

import (
	"net/http"
	"slices"

	"github.com/godwit-go/godwit/bench/quota"
)

// The network, each way, in seconds.
const (
	netDelay  = 0.010
	netJitter = 0.004 // mean of what comes on top, exponential
)

// policy is how one process of the fleet calls the API.
type policy interface {
	// acquire runs send when the attempt may leave.
	acquire(p *process, j *job, send func())
	// result takes in what an attempt came to. It says whether to try again and
	// after how many seconds; a success is never tried again.
	result(p *process, j *job, a quota.Answer) (again bool, delay float64)
}

// job is one call of the caller's, with all its attempts.
type job struct {
	attempts int
	picked   float64 // when the worker took it up
	sent     float64 // when the last attempt left
	held     float64 // retry tokens that an AWS client holds for it
	charged  int     // attempts that godwit's retry counts
	refused  bool    // godwit's limit lets it wait at the front
}

// process is one process of the fleet.
type process struct {
	*run
	jobs int // not taken up yet
	policy
}

// run is one scenario with one fleet under one policy and one seed.
type run struct {
	*clock
	sc       quota.Scenario
	fleet    int
	report   float64 // seconds, at most, that reports of sends and answers come late to the store
	server   *quota.Server
	left     int // jobs without an end
	failed   int
	waits    []float64 // of each success, in seconds
	storeOps int
}

// maker returns how the processes of a run call the API. What it makes itself
// is shared by them.
type maker func(r *run) func() policy

// simulate runs the scenario to the end of its jobs, or of its time.
func simulate(sc quota.Scenario, fleet int, report float64, mk maker, seed uint64) quota.Result {
	c := newClock(seed)
	r := &run{
		clock: c, sc: sc, fleet: fleet, report: report, left: sc.Jobs,
		server: quota.NewServer(sc, c.rng), waits: make([]float64, 0, sc.Jobs),
	}
	r.startForeign()
	newPolicy := mk(r)
	for i := range fleet {
		p := &process{run: r, jobs: share(sc.Jobs, fleet, i), policy: newPolicy()}
		start := r.rng.Float64() * sc.Start
		for range quota.Workers(fleet) {
			r.at(start, p.work)
		}
	}
	for r.left > 0 && r.now < sc.Limit && r.step() {
	}
	return r.measure()
}

// share splits the backlog evenly.
func share(jobs, fleet, i int) int {
	n := jobs / fleet
	if i < jobs%fleet {
		n++
	}
	return n
}

func (r *run) startForeign() {
	if r.sc.Foreign == 0 {
		return
	}
	var tick func()
	tick = func() { r.after(r.server.Foreign(r.now), tick) }
	r.at(0, tick)
}

// work takes up a job and sees it through, then the next one.
func (p *process) work() {
	if p.jobs == 0 {
		return
	}
	p.jobs--
	p.try(&job{picked: p.now})
}

func (p *process) try(j *job) {
	p.acquire(p, j, func() {
		j.attempts++
		j.sent = p.now
		p.call(func(a quota.Answer) { p.answered(j, a) })
	})
}

// call carries a request to the server and the answer back.
func (r *run) call(answered func(quota.Answer)) {
	r.after(r.net(), func() {
		a := r.server.Serve(r.now)
		r.after(a.Service+r.net(), func() { answered(a) })
	})
}

func (r *run) net() float64 { return netDelay + r.rng.ExpFloat64()*netJitter }

func (p *process) answered(j *job, a quota.Answer) {
	again, delay := p.result(p, j, a)
	switch {
	case a.Status == http.StatusOK:
		p.waits = append(p.waits, p.now-j.picked)
	case !again:
		p.giveUp()
		return
	case delay > 0:
		p.after(delay, func() { p.try(j) })
		return
	default:
		p.try(j)
		return
	}
	p.left--
	p.work()
}

// giveUp ends a job without success.
func (p *process) giveUp() {
	p.failed++
	p.left--
	p.work()
}

// measure returns what the run came to.
func (r *run) measure() quota.Result {
	res := quota.Result{Scenario: r.sc.ID, Fleet: r.fleet, Runs: 1, Cut: r.left > 0}
	r.server.Measure(&res, r.now)
	res.FailedPct = 100 * float64(r.failed+r.left) / float64(r.sc.Jobs)
	if n := len(r.waits); n > 0 {
		slices.Sort(r.waits)
		res.P99Wait = r.waits[int(float64(n-1)*0.99)]
	}
	res.StoreOps = float64(r.storeOps) / max(1, float64(len(r.waits)))
	return res
}
