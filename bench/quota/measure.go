package quota

import (
	"fmt"
	"math"
)

// Result is one row of the table and of results.json: a policy in a scenario.
type Result struct {
	Scenario string  `json:"scenario"`
	Policy   string  `json:"policy"`
	Fleet    int     `json:"fleet"`          // processes
	Runs     int     `json:"runs"`           // that the figures are the mean of
	Report   float64 `json:"report_delay_s"` // of reports to a shared store, at most
	Cut      bool    `json:"cut"`            // a run was cut off before its jobs were done
	Seconds  float64 `json:"seconds"`

	QuotaUsedPct   float64 `json:"quota_used_pct"`
	RefusalsPer100 float64 `json:"refusals_per_100"` // successes
	FailedPct      float64 `json:"failed_pct"`       // of the jobs
	P99Wait        float64 `json:"p99_wait_s"`       // from taking a job up to its success
	PeakLoad       float64 `json:"peak_load"`        // busiest second, as a multiple of the quota
	StoreOps       float64 `json:"store_ops_per_call"`

	// In scenarios with an outage only.
	Outage *Outage `json:"outage,omitempty"`

	// Missed names the targets that were not met; null for a policy that has none.
	Missed []string `json:"missed"`
}

// Outage is the load around an outage, as a multiple of the quota.
type Outage struct {
	Load         float64 `json:"load"`            // on average during it, its first second left out
	RecoveryPeak float64 `json:"recovery_peak"`   // busiest of the ten seconds after it
	RecoveryTime float64 `json:"recovery_time_s"` // until 95 % of the quota is used again; negative: never
}

// Successes returns how many calls were answered with success.
func (s *Server) Successes() int { return s.successes }

// Measure fills in what the server saw of a run that ended at a moment.
func (s *Server) Measure(r *Result, end float64) {
	rate := s.sc.Law.PerSecond()
	r.Seconds = end
	r.QuotaUsedPct = s.used(end)
	r.RefusalsPer100 = 100 * float64(s.refused) / math.Max(1, float64(s.successes))
	for _, n := range s.load {
		r.PeakLoad = math.Max(r.PeakLoad, float64(n)/rate)
	}
	if len(s.sc.Outages) > 0 {
		r.Outage = s.outage(s.sc.Outages[0], end)
	}
}

// used returns the share of the quota that became successes, in %: of what the
// server could have granted in the run, less the other tenant's share and the
// outages. Of windows only whole ones count.
func (s *Server) used(end float64) float64 {
	l := s.sc.Law
	if l.Window == 0 {
		could := l.Burst + (l.Rate-s.sc.Foreign)*end - l.Rate*overlap(s.sc.Outages, end)
		return 100 * float64(s.successes) / could
	}
	whole := max(1, int64(end/l.Window)) // 1: the run was over before its first window
	granted := 0
	for w := range whole {
		granted += s.granted[w]
	}
	return 100 * float64(granted) / (float64(whole) * (float64(l.Units) - s.sc.Foreign*l.Window))
}

// overlap returns how much of [0, end] lies in the spans.
func overlap(spans []Span, end float64) (t float64) {
	for _, s := range spans {
		t += math.Max(0, math.Min(end, s.To)-s.From)
	}
	return t
}

const (
	recoveryLook  = 10   // seconds after an outage in which the peak is looked for
	recoveryShare = 0.95 // of the quota, used again
	recoveryMean  = 3    // seconds over which that is taken
)

func (s *Server) outage(o Span, end float64) *Outage {
	rate := s.sc.Law.PerSecond()
	out := &Outage{RecoveryTime: -1}
	calls := 0
	for t := int(o.From) + 1; t < int(o.To); t++ {
		calls += at(s.load, t)
	}
	out.Load = float64(calls) / (o.To - o.From - 1) / rate
	for t := int(o.To); t < int(o.To)+recoveryLook; t++ {
		out.RecoveryPeak = math.Max(out.RecoveryPeak, float64(at(s.load, t))/rate)
	}
	for t := int(o.To); t < int(end)-recoveryMean; t++ {
		n := 0
		for i := range recoveryMean {
			n += at(s.done, t+i)
		}
		if float64(n)/recoveryMean >= recoveryShare*rate {
			out.RecoveryTime = float64(t) - o.To
			break
		}
	}
	return out
}

// Mean returns the mean of the runs of one policy.
func Mean(runs []Result) Result {
	m := runs[0]
	n := float64(len(runs))
	mean := func(of func(*Result) *float64) {
		sum := 0.0
		for i := range runs {
			sum += *of(&runs[i])
		}
		*of(&m) = sum / n
	}
	if m.Outage != nil {
		o := *m.Outage
		m.Outage = &o
	}
	mean(func(r *Result) *float64 { return &r.Seconds })
	mean(func(r *Result) *float64 { return &r.QuotaUsedPct })
	mean(func(r *Result) *float64 { return &r.RefusalsPer100 })
	mean(func(r *Result) *float64 { return &r.FailedPct })
	mean(func(r *Result) *float64 { return &r.P99Wait })
	mean(func(r *Result) *float64 { return &r.PeakLoad })
	mean(func(r *Result) *float64 { return &r.StoreOps })
	m.Runs = len(runs)
	for _, r := range runs {
		m.Cut = m.Cut || r.Cut
	}
	if m.Outage == nil {
		return m
	}
	mean(func(r *Result) *float64 { return &r.Outage.Load })
	mean(func(r *Result) *float64 { return &r.Outage.RecoveryPeak })
	mean(func(r *Result) *float64 { return &r.Outage.RecoveryTime })
	for _, r := range runs {
		if r.Outage.RecoveryTime < 0 {
			m.Outage.RecoveryTime = -1
		}
	}
	return m
}

// smallFleet is what a single process may fall short of the quota, in points.
const smallFleet = 0.5

// Judge sets what the result misses of the scenario's targets. slack is how many
// points of the quota may be missing besides.
func (sc Scenario) Judge(r *Result, slack float64) {
	t := sc.Targets
	r.Missed = []string{}
	miss := func(missed bool, format string, a ...any) {
		if missed {
			r.Missed = append(r.Missed, fmt.Sprintf(format, a...))
		}
	}
	if r.Fleet == 1 {
		slack += smallFleet
	}
	least := t.Used - slack
	miss(r.QuotaUsedPct < least, "%.2f %% of the quota, not %.1f", r.QuotaUsedPct, least)
	miss(t.UsedMost > 0 && r.QuotaUsedPct > t.UsedMost, "%.2f %% of the quota, above %.1f", r.QuotaUsedPct, t.UsedMost)
	miss(r.RefusalsPer100 > t.Refusals, "%.3f refusals per 100, above %.2f", r.RefusalsPer100, t.Refusals)
	miss(r.FailedPct > 0, "%.2f %% of the jobs failed", r.FailedPct)
	miss(r.Cut, "cut off at %.0f s", sc.Limit)
	if t.StoreOps > 0 {
		miss(r.StoreOps > t.StoreOps, "%.2f store operations per call, above %.0f", r.StoreOps, t.StoreOps)
	} else {
		ops := r.StoreOps * float64(sc.Jobs) / (r.Seconds * float64(r.Fleet))
		miss(ops > 1, "%.2f store operations per process and second, above 1", ops)
	}
	if o := r.Outage; o != nil {
		miss(o.Load > t.OutageLoad, "load %.3f in the outage, above %.2f", o.Load, t.OutageLoad)
		miss(o.RecoveryPeak > t.RecoveryPeak, "peak %.3f after the outage, above %.2f", o.RecoveryPeak, t.RecoveryPeak)
		miss(o.RecoveryTime < 0 || o.RecoveryTime > t.RecoveryTime, "back after %.1f s, not %.0f", o.RecoveryTime, t.RecoveryTime)
	}
}
