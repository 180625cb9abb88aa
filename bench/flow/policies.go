package main

import (
	"slices"

	"github.com/godwit-go/godwit/bench/quota"
)

// entry is a row of the table: a policy by name.
type entry struct {
	name   string
	make   maker
	godwit bool
	ours   bool // held to the targets
	// What never waits makes millions of events and no news: it is cut off after
	// so many seconds and runs in the scenarios named here, with more than one
	// process, only. 0 and empty: all of it.
	patience  float64
	scenarios string
}

// runs reports whether the policy is run in a scenario.
func (e entry) runs(sc quota.Scenario, fleet int) bool {
	return e.scenarios == "" || fleet > 1 && slices.Contains([]byte(e.scenarios), sc.ID[0])
}

// each makes a policy of its own for every process.
func each(mk func(r *run) policy) maker {
	return func(r *run) func() policy { return func() policy { return mk(r) } }
}

// same is for policies without state.
func same(p policy) maker { return each(func(*run) policy { return p }) }

func policies() []entry {
	return []entry{
		{name: "immediate retry", make: same(immediate{}), patience: 330, scenarios: "AEFG"},
		{name: "exponential backoff, no jitter, 5 retries", make: same(schedule{delays: []float64{1, 2, 4, 8, 16}})},
		{name: "tenacity 1..10 s, 3 attempts", make: same(schedule{delays: []float64{1, 2}})},
		{name: "AWS SDK Go v2, standard", make: each(func(*run) policy { return newAWS(false) })},
		{name: "AWS SDK Go v2, adaptive", make: each(func(*run) policy { return newAWS(true) })},
		{name: "go-retryablehttp, defaults", make: same(schedule{delays: []float64{1, 2, 4, 8}, retryAfter: true})},
		{name: "Retry-After only", make: same(obedient{})},
		{name: "Retry-After + jitter", make: same(obedient{jitter: true})},
		{name: "local bucket, fixed share Q/10", make: each(func(r *run) policy { return newLocalBucket(r.sc.Law.PerSecond() / 10) })},
		{name: "sliding log, full quota per process", make: each(func(r *run) policy { return newSlidingLog(r.sc.Law) })},
		{name: "remaining/reset pacing per process", make: each(func(*run) policy { return &headerPace{} })},
		{name: "shared GCRA, asked per call", make: func(r *run) func() policy {
			store := newSharedBucket(r.sc.Law)
			return func() policy { return sharedCaller{obedient{jitter: true}, store} }
		}},
		{name: "godwit solo, no store", godwit: true, make: newGodwit(mode{solo: true})},
		{name: "godwit line", godwit: true, make: newGodwit(mode{}), ours: true},
		{name: "godwit line, drain", godwit: true, make: newGodwit(mode{drain: true})},
	}
}
