package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/godwit-go/godwit/bench/quota"
)

// plan says what to simulate.
type plan struct {
	letters string // of the scenarios; empty: all
	policy  string // part of the names
	fleets  []int
	late    []float64 // seconds that reports to the store are late
	seeds   int       // of godwit's runs
	jobs    float64   // multiple of the scenarios' jobs
}

// cell is one row of the table.
type cell struct {
	entry
	sc     quota.Scenario
	fleet  int
	seeds  int
	report float64
}

// title is the policy's name in the table.
func (c cell) title() string {
	if c.report > 0 {
		return fmt.Sprintf("%s, reports %g s late", c.name, c.report)
	}
	return c.name
}

// cells returns the rows in the order of the table.
func (p plan) cells() ([]cell, error) {
	var out []cell
	if p.seeds < 1 || !(p.jobs > 0) {
		return nil, fmt.Errorf("-seeds %d, -jobs %g: must be above 0", p.seeds, p.jobs)
	}
	for _, sc := range quota.Scenarios() {
		if p.letters != "" && !strings.Contains(p.letters, sc.ID) {
			continue
		}
		sc.Jobs = max(1, int(float64(sc.Jobs)*p.jobs))
		for _, e := range policies() {
			if !strings.Contains(e.name, p.policy) {
				continue
			}
			for _, n := range p.fleets {
				out = append(out, p.reported(cell{entry: e, sc: sc, fleet: n})...)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no scenario of %q has a policy with %q in its name", p.letters, p.policy)
	}
	return out, nil
}

// reported returns the rows of one policy and fleet: if it is held to the
// targets, one for each delay of its reports.
func (p plan) reported(c cell) (out []cell) {
	if c.fleet < 1 || !c.runs(c.sc, c.fleet) {
		return nil
	}
	if c.patience > 0 {
		c.sc.Limit = min(c.sc.Limit, c.patience)
	}
	c.seeds = 1
	if c.godwit {
		c.seeds = p.seeds
	}
	if !c.ours {
		return []cell{c}
	}
	for _, c.report = range p.late {
		out = append(out, c)
	}
	return out
}

// run simulates every cell. Each run has a clock and a source of randomness of
// its own, so it does not matter how many go on at a time.
func (p plan) run(cells []cell) []quota.Result {
	runs := make([][]quota.Result, len(cells))
	type task struct{ cell, seed int }
	tasks := make(chan task)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for t := range tasks {
				c := cells[t.cell]
				runs[t.cell][t.seed] = simulate(c.sc, c.fleet, c.report, c.make, uint64(t.seed+1))
			}
		})
	}
	for i, c := range cells {
		runs[i] = make([]quota.Result, c.seeds)
		for seed := range c.seeds {
			tasks <- task{i, seed}
		}
	}
	close(tasks)
	workers.Wait()
	out := make([]quota.Result, len(cells))
	for i, c := range cells {
		r := quota.Mean(runs[i])
		r.Policy, r.Report = c.name, c.report
		if c.ours {
			c.sc.Judge(&r, 0)
		}
		out[i] = r
	}
	return out
}
