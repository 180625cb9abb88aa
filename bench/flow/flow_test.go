package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/bench/quota"
)

// output returns the table and the results that the arguments give.
func output(t *testing.T, args ...string) (table, results string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "results.json")
	var out bytes.Buffer
	if err := command(append(args, "-o", file), &out); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), string(b)
}

// one returns the result of one policy, with the scenario cut down to a part of
// its jobs.
func one(t *testing.T, policy, scenario string, fleet int, jobs float64) quota.Result {
	t.Helper()
	p := plan{letters: scenario, policy: policy, fleets: []int{fleet}, late: []float64{0}, seeds: 1, jobs: jobs}
	cells, err := p.cells()
	if err != nil {
		t.Fatal(err)
	}
	cells = slices.DeleteFunc(cells, func(c cell) bool { return c.name != policy })
	if len(cells) != 1 {
		t.Fatalf("%q in %s: %d rows, want 1", policy, scenario, len(cells))
	}
	return p.run(cells)[0]
}

// The same seeds give the same table and the same file, byte by byte, however
// many runs go on at a time.
func TestSameSeedsSameResults(t *testing.T) {
	t.Parallel()
	args := []string{"-sc", "AFGK", "-n", "5", "-seeds", "2", "-jobs", "0.03"}
	table, results := output(t, args...)
	again, resultsAgain := output(t, args...)
	if table != again || results != resultsAgain {
		t.Errorf("two runs differ:\n%s\n%s", table, again)
	}
	var rows []quota.Result
	if err := json.Unmarshal([]byte(results), &rows); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, e := range policies() {
		for _, sc := range quota.Scenarios() {
			if strings.Contains(args[1], sc.ID) && e.runs(sc, 5) {
				want++
				if e.ours {
					want++ // with a late store too
				}
			}
		}
	}
	if len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	for _, r := range rows {
		if !strings.Contains(table, r.Policy) || r.QuotaUsedPct == 0 {
			t.Errorf("row %+v is not right, or not in the table", r)
		}
	}
}

func TestOtherSeedsOtherResults(t *testing.T) {
	t.Parallel()
	sc := quota.Scenarios()[0]
	sc.Jobs = 500
	a, b := simulate(sc, 5, 0, newGodwit(mode{}), 1), simulate(sc, 5, 0, newGodwit(mode{}), 2)
	if a.Seconds == b.Seconds || a.P99Wait == b.P99Wait {
		t.Errorf("two seeds, one result: %+v", a)
	}
}

// The models of the peers give the figures that are published for them.
func TestPeersInTheCollapse(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]struct{ used, refusals, failed float64 }{
		"exponential backoff, no jitter, 5 retries": {31.3, 245, 19.1},
		"tenacity 1..10 s, 3 attempts":              {0.7, 57765, 99.5},
		"AWS SDK Go v2, standard":                   {2.9, 25706, 99.5},
		"AWS SDK Go v2, adaptive":                   {45.6, 118, 22.4},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			r := one(t, policy, "E", 100, 1)
			if math.Abs(r.QuotaUsedPct-want.used) > 0.05 || math.Abs(r.RefusalsPer100-want.refusals) > 0.5 || math.Abs(r.FailedPct-want.failed) > 0.05 {
				t.Errorf("%.2f %% of the quota, %.1f refusals, %.2f %% failed; want %+v", r.QuotaUsedPct, r.RefusalsPer100, r.FailedPct, want)
			}
			if r.Missed != nil {
				t.Error("a peer has no targets")
			}
		})
	}
}

// A store that is asked for each call keeps the quota, at its price.
func TestSharedBucketIsAskedPerCall(t *testing.T) {
	t.Parallel()
	r := one(t, "shared GCRA, asked per call", "A", 10, 0.1)
	if r.QuotaUsedPct < 98 || r.FailedPct != 0 || r.StoreOps < 20 {
		t.Errorf("%+v", r)
	}
}

// The line collapses nowhere: E is where the peers do.
func TestLineDoesNotCollapse(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"A", "B", "C", "E", "H", "J", "L"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r := one(t, "godwit line", id, 10, 0.4)
			if r.QuotaUsedPct < 98 || r.RefusalsPer100 > 0.1 || r.FailedPct > 0 || r.Cut {
				t.Errorf("%+v", r)
			}
		})
	}
}

// In an outage one probe at a time asks, and the load comes back step by step.
func TestOutage(t *testing.T) {
	t.Parallel()
	r := one(t, "godwit line", "G", 1, 0.5)
	o := r.Outage
	if r.FailedPct > 0 || o == nil || o.Load == 0 || o.Load > 0.01 || o.RecoveryPeak > 1.1 || o.RecoveryTime < 0 || o.RecoveryTime > 8 {
		t.Errorf("%+v, outage %+v", r, o)
	}
}

// Without its store a fleet goes on, and comes back without a storm.
func TestStoreLost(t *testing.T) {
	t.Parallel()
	r := one(t, "godwit line", "K", 10, 0.5)
	if r.QuotaUsedPct < 93 || r.RefusalsPer100 > 0.5 || r.FailedPct > 0 || r.PeakLoad > 2.5 {
		t.Errorf("%+v", r)
	}
}

func TestClockRunsInOrder(t *testing.T) {
	t.Parallel()
	c := newClock(1)
	var got []string
	c.after(2, func() { got = append(got, "c") })
	c.after(1, func() {
		got = append(got, "a")
		c.at(0.5, func() { got = append(got, "b") }) // past: now
	})
	c.after(2, func() { got = append(got, "d") })
	var moments []float64
	for c.step() {
		moments = append(moments, c.now)
	}
	if !slices.Equal(got, []string{"a", "b", "c", "d"}) || !slices.Equal(moments, []float64{1, 1, 2, 2}) {
		t.Errorf("%q at %v", got, moments)
	}
}

func TestTimerRingsOnce(t *testing.T) {
	t.Parallel()
	c := newClock(1)
	rings := 0
	timer := lineClock{c}.Timer(func() { rings++ })
	if timer.Stop() || timer.Reset(2e9) || !timer.Reset(1e9) {
		t.Error("a timer is on from its setting on")
	}
	for c.step() {
	}
	if rings != 1 || timer.Stop() {
		t.Errorf("%d rings, want that of the last setting alone", rings)
	}
	timer.Reset(1e9)
	if !timer.Stop() {
		t.Error("it was on")
	}
	for c.step() {
	}
	if rings != 1 {
		t.Error("a stopped timer rings")
	}
}

func TestBacklogIsSplitEvenly(t *testing.T) {
	t.Parallel()
	sum := 0
	for i := range 7 {
		n := share(100, 7, i)
		if sum += n; n < 14 || n > 15 {
			t.Errorf("process %d has %d of 100 jobs", i, n)
		}
	}
	if sum != 100 {
		t.Errorf("%d jobs, want 100", sum)
	}
}

func TestChart(t *testing.T) {
	t.Parallel()
	svg := chart(quota.Scenarios()[4], []quota.Result{
		{Policy: "a < b", QuotaUsedPct: 0.1, FailedPct: 99.5, RefusalsPer100: 235_008},
		{Policy: "godwit line", QuotaUsedPct: 99.9, Missed: []string{}},
	})
	dec := xml.NewDecoder(strings.NewReader(svg))
	var text []string
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		if data, ok := tok.(xml.CharData); ok {
			text = append(text, string(data))
		}
	}
	ours, peer := slices.Index(text, "godwit line"), slices.Index(text, "a < b")
	if ours < 0 || peer < ours {
		t.Errorf("the best comes first: %q", text)
	}
	for _, want := range []string{"2,350", "99.5 %", "99.9", "none"} {
		if !slices.Contains(text, want) {
			t.Errorf("%q is not in the chart", want)
		}
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"-n":          {"-n", "ten"},
		"-report":     {"-report", "-1"},
		"-seeds":      {"-seeds", "0"},
		"no scenario": {"-sc", "Z"},
		"in its name": {"-pol", "nobody"},
	} {
		err := command(args, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want one that says %q", args, err, want)
		}
	}
}
