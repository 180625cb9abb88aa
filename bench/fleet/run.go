package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/godwit-go/godwit/bench/cpu"
	"github.com/godwit-go/godwit/bench/quota"
)

// row is what one run has shown. All of it is seen at the server but the waits
// and the failed jobs, which the workers report, and the store operations, which
// Redis counts.
type row struct {
	quota.Result
	Scale          float64 `json:"scale"` // of the scenario's times
	Jobs           int     `json:"jobs"`
	Received       int     `json:"received"`
	Accepted       int     `json:"accepted"`
	Refused        int     `json:"refused"`
	Arrivals       []int   `json:"arrivals_per_second"`
	Served         []int   `json:"successes_per_second"`
	P50Wait        float64 `json:"p50_wait_s"`
	KeylessRepeats *int    `json:"keyless_repeats,omitempty"` // POSTs without a key that were received again

	FleetCPUPct  float64 `json:"fleet_cpu_pct"`          // of one core, all workers together
	ServerCPUPct float64 `json:"server_cpu_pct"`         // of one core; with what runs beside it
	StoreCPUPct  float64 `json:"store_cpu_pct"`          // of one core
	MachinePct   float64 `json:"machine_cpu_pct"`        // of all cores, whoever used them
	LateP99      float64 `json:"late_p99_ms"`            // of the server's own wakings
	MachineBound bool    `json:"machine_bound"`          // the figures say more about the machine
	WorkerError  string  `json:"worker_error,omitempty"` // the last one
}

// run measures one policy in one scenario with n processes, which begin when
// ready returns.
func run(ctx context.Context, t trial, p policy, n int, seed uint64, ready func()) (r row, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a seed makes runs alike
	api, err := serve(ctx, t.Scenario, seed)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, api.close()) }()
	var store *redisServer
	addr := ""
	if p.redis {
		if store, err = startRedis(ctx); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, store.close()) }()
		addr = store.addr
	}
	workers, err := hire(ctx, t.orders(p, n, api.base, addr, rng.Float64))
	if err != nil {
		cancel()
		workers.dismiss()
		_, _, ended := workers.collect(ctx.Done())
		return r, errors.Join(err, ended)
	}
	ready()
	r = row{Scale: t.scale, Jobs: t.Jobs, Result: quota.Result{Scenario: t.ID, Policy: p.name, Fleet: n, Runs: 1}}
	return r, r.measure(ctx, t, api, store, workers, p.targets && t.judged)
}

// measure lets the workers go and fills in what comes of it.
func (r *row) measure(ctx context.Context, t trial, api *server, store *redisServer, workers *crew, judged bool) error {
	watch, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	meter := newMeter(watch)
	downtime := make(chan error, 1)
	go func() { downtime <- storeDown(watch, t.StoreDown, store) }()

	limit, stopLimit := context.WithTimeout(ctx, seconds(t.Limit))
	defer stopLimit()
	launched := workers.launch()
	if launched != nil {
		stopLimit()
	}
	results, used, err := workers.collect(limit.Done())
	r.Cut = limit.Err() != nil
	stopWatch()
	if err := errors.Join(launched, err, <-downtime, ctx.Err()); err != nil {
		return err
	}
	if store != nil {
		u, err := store.usage(ctx)
		if err != nil {
			return err
		}
		r.StoreOps = float64(u.scripts)
		r.StoreCPUPct = u.cpu.Seconds()
	}
	r.seen(t, api)
	r.reported(results)
	meter.read(r, used)
	if judged {
		t.Judge(&r.Result, overHTTP)
	}
	return nil
}

// overHTTP is how many points of the quota may be missing here that the
// simulator does not miss.
const overHTTP = 0.5

// seen fills in what the server saw.
func (r *row) seen(t trial, api *server) {
	repeats := api.repeats()
	api.mu.Lock()
	defer api.mu.Unlock()
	end := api.end
	if r.Cut {
		end = t.Limit
	}
	api.law.Measure(&r.Result, end)
	for _, n := range api.statuses {
		r.Received += n
	}
	r.Accepted, r.Refused = api.statuses[200], api.statuses[429]
	r.Arrivals, r.Served = api.arrivals, api.served
	r.StoreOps /= max(1, float64(r.Accepted))
	if t.method == "POST" {
		r.KeylessRepeats = &repeats
	}
}

// reported fills in what the workers say. Jobs that were not done count as
// failed.
func (r *row) reported(results []result) {
	var waits []int64
	succeeded := 0
	for _, w := range results {
		succeeded += w.Succeeded
		waits = append(waits, w.Waits...)
		if w.Error != "" {
			r.WorkerError = w.Error
		}
	}
	slices.Sort(waits)
	r.FailedPct = 100 * float64(r.Jobs-succeeded) / float64(r.Jobs)
	r.P50Wait, r.P99Wait = float64(percentile(waits, 50))/1e6, float64(percentile(waits, 99))/1e6
}

// storeDown keeps the store from answering, as the scenario says.
func storeDown(ctx context.Context, spans []quota.Span, store *redisServer) error {
	if store == nil {
		return nil
	}
	begin := time.Now()
	for _, s := range spans {
		if sleep(ctx, time.Until(begin.Add(seconds(s.From)))) != nil {
			return nil // the run is over
		}
		if err := store.freeze(ctx, seconds(s.To-s.From)); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the store cannot be stopped: %w", err)
		}
	}
	return nil
}

// meter measures what a run asks of the machine.
type meter struct {
	begin     time.Time
	own       time.Duration
	busy, all float64
	late      chan time.Duration
}

// newMeter measures until ctx ends.
func newMeter(ctx context.Context) *meter {
	m := &meter{begin: time.Now(), late: make(chan time.Duration, 1)}
	m.own, _ = cpu.Used() // 0 where the system does not say
	m.busy, m.all, _ = ticks()
	go func() { m.late <- lateness(ctx) }()
	return m
}

// read fills in what was used since then; used is what the workers used.
func (m *meter) read(r *row, used time.Duration) {
	percent := 100 / time.Since(m.begin).Seconds()
	late := <-m.late
	own, _ := cpu.Used()
	r.FleetCPUPct, r.ServerCPUPct, r.StoreCPUPct = used.Seconds()*percent, (own-m.own).Seconds()*percent, r.StoreCPUPct*percent
	r.MachinePct = (r.FleetCPUPct + r.ServerCPUPct + r.StoreCPUPct) / float64(runtime.NumCPU())
	if busy, all, ok := ticks(); ok && all > m.all {
		r.MachinePct = 100 * (busy - m.busy) / (all - m.all)
	}
	r.LateP99 = float64(late.Microseconds()) / 1000
	r.MachineBound = late > maxLate || r.MachinePct > 100*maxBusy
}
