package quota

import "math"

// Span is a stretch of time, in seconds since the start; To is outside.
type Span struct{ From, To float64 }

func inSpans(spans []Span, now float64) bool {
	for _, s := range spans {
		if now >= s.From && now < s.To {
			return true
		}
	}
	return false
}

// Scenario is one server, what befalls it, and the jobs of the fleet.
type Scenario struct {
	ID    string // one letter
	Title string
	Law   Law
	Jobs  int     // of the whole fleet
	Start float64 // processes start evenly within so many seconds
	Limit float64 // seconds after which the run is cut off

	Outages   []Span  // every call is answered 503 without Retry-After
	BrownOuts []Span  // slow, and a part fails with 500
	Foreign   float64 // units per second that another tenant takes
	Silent    bool    // no quota headers
	StoreDown []Span  // the fleet's shared store does not answer
	Declared  float64 // the declared quota as a multiple of the true one; 0: 1

	Targets Targets
}

// Targets are what the ticket line must reach, at fleets of 10 and 100.
type Targets struct {
	Used     float64 // least % of the quota turned into successes
	UsedMost float64 // most; 0: any
	Refusals float64 // most refusals per 100 successes
	StoreOps float64 // most store operations per call; 0: one per process and second

	OutageLoad   float64 // most load in an outage, as a multiple of the quota
	RecoveryPeak float64 // most load of a second in the ten seconds after it; 0: any
	RecoveryTime float64 // most seconds until 95 % of the quota is used again; 0: any
}

// DeclaredLaw is the quota that the API's definition declares.
func (sc Scenario) DeclaredLaw() Law {
	if sc.Declared == 0 {
		return sc.Law
	}
	return sc.Law.Scaled(sc.Declared)
}

// StoreIsDown reports whether the shared store is unreachable.
func (sc Scenario) StoreIsDown(now float64) bool { return inSpans(sc.StoreDown, now) }

// Ideal returns the seconds that a fleet needs that wastes nothing.
func (sc Scenario) Ideal() float64 {
	lost := overlap(sc.Outages, math.Inf(1))
	if sc.Law.Window > 0 {
		mine := float64(sc.Law.Units) - sc.Foreign*sc.Law.Window
		return (math.Ceil(float64(sc.Jobs)/mine)-1)*sc.Law.Window + lost
	}
	return math.Max(0, float64(sc.Jobs)-sc.Law.Burst)/(sc.Law.Rate-sc.Foreign) + lost
}

// Workers returns how many jobs one process of a fleet of n has under way.
func Workers(n int) int { return max(4, 200/n) }

// Scenarios is the table: what everything is measured by.
func Scenarios() []Scenario {
	var (
		bucket = Law{Rate: 100, Burst: 100}
		minute = Law{Units: 6000, Window: 60}
		outage = []Span{{60, 120}}
		usual  = Targets{Used: 99.5, Refusals: 0.02, StoreOps: 5}
		wild   = Targets{Used: 99.5, Refusals: 0.05, StoreOps: 5} // others on the quota, or a wrong declaration
	)
	drains := bucket
	drains.Drains = true
	shared := wild
	shared.UsedMost = 101
	return []Scenario{
		{ID: "A", Title: "bucket 100/s, burst 100", Law: bucket, Jobs: 30000, Start: 5, Limit: 1500, Targets: usual},
		{ID: "B", Title: "window 6,000/60 s", Law: minute, Jobs: 33000, Start: 5, Limit: 1800, Targets: usual},
		{
			ID: "C", Title: "window 100/1 s", Law: Law{Units: 100, Window: 1}, Jobs: 30000, Start: 5, Limit: 1500,
			Targets: Targets{Used: 99, Refusals: 0.05, StoreOps: 5},
		},
		{
			ID: "D", Title: "window 5,000/3,600 s", Law: Law{Units: 5000, Window: 3600}, Jobs: 16000, Start: 60, Limit: 6 * 3600,
			Targets: Targets{Used: 99.5, Refusals: 0.02},
		},
		{ID: "E", Title: "A; a refusal takes a unit, down to -100", Law: drains, Jobs: 30000, Start: 5, Limit: 1500, Targets: usual},
		{
			ID: "F", Title: "window 1,200/300 s; more than 20 refusals in one: all refused for 300 s",
			Law: Law{Units: 1200, Window: 300, BanAfter: 20, BanFor: 300}, Jobs: 6600, Start: 5, Limit: 4 * 3600,
			Targets: Targets{Used: 99.5, Refusals: 0.02},
		},
		{
			ID: "G", Title: "A; 503 at 60..120 s; 180..210 s latency x 8 and 30 % 500", Law: bucket, Jobs: 30000, Start: 5, Limit: 1500,
			Outages: outage, BrownOuts: []Span{{180, 210}},
			// 97 is the ceiling: the brown-out fails 900 granted calls.
			Targets: Targets{Used: 95, Refusals: 0.02, StoreOps: 7, OutageLoad: 0.01, RecoveryPeak: 1.05, RecoveryTime: 6},
		},
		{ID: "H", Title: "A; another tenant takes 20/s", Law: bucket, Jobs: 24000, Start: 5, Limit: 1500, Foreign: 20, Targets: wild},
		{ID: "I", Title: "B; another tenant takes 20/s", Law: minute, Jobs: 26400, Start: 5, Limit: 1800, Foreign: 20, Targets: shared},
		{ID: "J", Title: "A; no quota headers", Law: bucket, Jobs: 30000, Start: 5, Limit: 1500, Silent: true, Targets: usual},
		{
			ID: "K", Title: "A; shared store down at 60..120 s", Law: bucket, Jobs: 30000, Start: 5, Limit: 1500, StoreDown: outage,
			Targets: Targets{Used: 97, Refusals: 0.15, StoreOps: 5},
		},
		{ID: "L", Title: "A; quota declared 1.5 x too big", Law: bucket, Jobs: 30000, Start: 5, Limit: 1500, Declared: 1.5, Targets: wild},
		{
			ID: "M", Title: "L without quota headers", Law: bucket, Jobs: 30000, Start: 5, Limit: 1500, Declared: 1.5, Silent: true,
			Targets: Targets{Used: 99.5, Refusals: 2.5, StoreOps: 7},
		},
		{ID: "N", Title: "B; quota declared 1.5 x too big", Law: minute, Jobs: 33000, Start: 5, Limit: 1500, Declared: 1.5, Targets: wild},
	}
}
