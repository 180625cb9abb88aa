package quota_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/bench/quota"
)

func scenario(t *testing.T, id string) quota.Scenario {
	t.Helper()
	all := quota.Scenarios()
	i := slices.IndexFunc(all, func(sc quota.Scenario) bool { return sc.ID == id })
	if i < 0 {
		t.Fatalf("no scenario %s", id)
	}
	return all[i]
}

func newServer(sc quota.Scenario) *quota.Server {
	return quota.NewServer(sc, rand.New(rand.NewPCG(1, 2)))
}

// take asks n times at one moment and returns how many were granted.
func take(c *quota.Counter, now float64, n int) (granted int) {
	for range n {
		if c.Take(now).OK {
			granted++
		}
	}
	return granted
}

func TestBucket(t *testing.T) {
	t.Parallel()
	c := quota.NewCounter(quota.Law{Rate: 100, Burst: 100})
	if n := take(c, 0, 150); n != 100 {
		t.Errorf("%d granted at once, want the burst", n)
	}
	if n := take(c, 0.5, 100); n != 50 {
		t.Errorf("%d granted after half a second, want 50", n)
	}
	if n := take(c, 60, 150); n != 100 {
		t.Errorf("%d granted after a minute, want no more than the burst", n)
	}
	g := c.Take(60)
	if g.OK || g.Remaining != 0 || math.Abs(g.RetryAfter-0.01) > 1e-9 || math.Abs(g.Reset-1) > 1e-9 {
		t.Errorf("empty: %+v, want the next unit in 10 ms and all of them in 1 s", g)
	}
}

func TestBucketThatRefusalsDrain(t *testing.T) {
	t.Parallel()
	c := quota.NewCounter(quota.Law{Rate: 100, Burst: 100, Drains: true})
	take(c, 0, 1000)
	if g := c.Take(0); math.Abs(g.RetryAfter-1.01) > 1e-9 {
		t.Errorf("in debt as deep as it gets: next unit in %v s, want 1.01", g.RetryAfter)
	}
	if n := take(c, 1, 10); n != 0 {
		t.Errorf("%d granted while in debt", n)
	}
	if n := take(c, 2, 300); n != 90 { // 100 for the second since, less the ten refusals
		t.Errorf("%d granted, want 90", n)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	c := quota.NewCounter(quota.Law{Units: 60, Window: 60})
	if n := take(c, 59.5, 100); n != 60 {
		t.Errorf("%d granted in the first window, want 60", n)
	}
	if g := c.Take(59.75); g.OK || g.Reset != 0.25 || g.RetryAfter != 0.25 {
		t.Errorf("%+v, want the reset in 0.25 s", g)
	}
	if g := c.Take(60); !g.OK || g.Remaining != 59 || g.Reset != 60 {
		t.Errorf("%+v, want a new window", g)
	}
}

func TestBan(t *testing.T) {
	t.Parallel()
	c := quota.NewCounter(quota.Law{Units: 10, Window: 300, BanAfter: 20, BanFor: 300})
	take(c, 100, 30)
	if g := c.Take(100); g.OK || g.RetryAfter != 300 {
		t.Errorf("refusal 21: %+v, want 300 s", g)
	}
	if g := c.Take(399); g.OK || g.RetryAfter != 1 {
		t.Errorf("in the next window, still banned: %+v", g)
	}
	if n := take(c, 400, 20); n != 10 {
		t.Errorf("%d granted after the ban, want 10", n)
	}
}

func TestServerTellsWholeSeconds(t *testing.T) {
	t.Parallel()
	s := newServer(scenario(t, "B"))
	for range 6000 {
		s.Serve(0.25)
	}
	a := s.Serve(0.25)
	if a.Status != 429 || a.Reset != 60 || a.RetryAfter != 60 || a.Limit != 6000 || a.Remaining != 0 || a.Service != 0.003 {
		t.Errorf("%+v", a)
	}
	s = newServer(scenario(t, "A"))
	for range 100 {
		s.Serve(0)
	}
	if a := s.Serve(0); a.RetryAfter != 1 {
		t.Errorf("%+v, want 10 ms rounded up to 1 s", a)
	}
}

func TestSilentServerTellsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(scenario(t, "J"))
	if a := s.Serve(0); a.Status != 200 || a.Reset >= 0 || a.Limit != 0 || a.Remaining != 0 {
		t.Errorf("%+v", a)
	}
}

func TestOutageAndBrownOut(t *testing.T) {
	t.Parallel()
	s := newServer(scenario(t, "G"))
	var usual, slow float64
	failed := 0
	for i := range 1000 {
		usual += s.Serve(float64(i) * 0.01).Service
	}
	for i := range 1000 {
		if a := s.Serve(60 + float64(i)*0.01); a.Status != 503 || a.Reset >= 0 || a.RetryAfter != 0 {
			t.Fatalf("in the outage: %+v", a)
		}
	}
	for i := range 1000 {
		a := s.Serve(180 + float64(i)*0.01)
		slow += a.Service
		if a.Status == 500 {
			failed++
		}
	}
	if slow < 7*usual || slow > 9*usual {
		t.Errorf("the brown-out takes %.1f times as long, want 8", slow/usual)
	}
	if failed < 250 || failed > 350 {
		t.Errorf("the brown-out fails %d of 1000, want 300", failed)
	}
}

func TestForeignTenant(t *testing.T) {
	t.Parallel()
	s := newServer(scenario(t, "H"))
	n, now, next := 0, 0.0, 0.0
	for now < 100 {
		now = next
		next += s.Foreign(now)
		n++
	}
	if n < 1850 || n > 2150 {
		t.Errorf("%d calls in 100 s, want about 2000", n)
	}
	if a := s.Serve(now); a.Status != 200 || a.Remaining > 98 {
		t.Errorf("%+v: the tenant's units are not missing", a)
	}
}

// A fleet that asks at just the right rate has all of the quota and no refusal.
func TestMeasurePerfectRun(t *testing.T) {
	t.Parallel()
	sc := scenario(t, "A")
	s := newServer(sc)
	now := 0.0
	for range 100 {
		s.Serve(0)
	}
	for i := 1; i <= 29900; i++ {
		now = float64(i)*0.01 + 1e-9
		s.Serve(now)
	}
	r := quota.Result{Fleet: 10, Seconds: now}
	s.Measure(&r, now)
	if math.Abs(r.QuotaUsedPct-100) > 0.01 || r.RefusalsPer100 != 0 || r.PeakLoad < 1 || r.PeakLoad > 2 || s.Successes() != 30000 {
		t.Errorf("%+v", r)
	}
	if sc.Judge(&r, 0); len(r.Missed) != 0 || r.Missed == nil {
		t.Errorf("missed: %q", r.Missed)
	}
	if math.Abs(sc.Ideal()-299) > 1e-9 {
		t.Errorf("ideal %v s, want 299", sc.Ideal())
	}
}

func TestMeasureOutage(t *testing.T) {
	t.Parallel()
	sc := scenario(t, "G")
	s := newServer(sc)
	now := 0.0
	for now < 150 {
		switch {
		case now < 60, now > 125:
			now += 0.01
		case now < 120:
			now += 2
		default:
			now += 0.02
		}
		s.Serve(now)
	}
	r := quota.Result{Fleet: 10}
	s.Measure(&r, now)
	o := r.Outage
	if o == nil || o.Load < 0.004 || o.Load > 0.006 || o.RecoveryPeak < 0.95 || o.RecoveryPeak > 1.01 || o.RecoveryTime != 5 {
		t.Errorf("%+v, want a call each 2 s, and the whole load again after 5 s", o)
	}
}

// Only whole windows count.
func TestMeasureWindows(t *testing.T) {
	t.Parallel()
	s := newServer(scenario(t, "B"))
	for i := range 18000 { // twice as many as the quota has room for
		s.Serve(float64(i) * 0.005)
	}
	r := quota.Result{}
	s.Measure(&r, 90)
	if r.QuotaUsedPct != 100 {
		t.Errorf("%v %%", r.QuotaUsedPct)
	}
}

func TestJudgeNamesWhatIsMissed(t *testing.T) {
	t.Parallel()
	sc := scenario(t, "G")
	r := quota.Result{
		Fleet: 100, QuotaUsedPct: 94.4, RefusalsPer100: 0.03, FailedPct: 1, StoreOps: 8, Cut: true,
		Outage: &quota.Outage{Load: 0.02, RecoveryPeak: 1.06, RecoveryTime: -1},
	}
	sc.Judge(&r, 0)
	got := strings.Join(r.Missed, "; ")
	for _, want := range []string{"% of the quota", "refusals", "failed", "cut off", "store operations", "in the outage", "after the outage", "back after"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	r = quota.Result{Fleet: 1, QuotaUsedPct: 94.1, Outage: &quota.Outage{Load: 0.01, RecoveryPeak: 1.05, RecoveryTime: 6}}
	if sc.Judge(&r, 0.5); len(r.Missed) != 0 {
		t.Errorf("one process with slack: missed %q", r.Missed)
	}
	r = quota.Result{Fleet: 10, QuotaUsedPct: 99.9, StoreOps: 20, Seconds: 100}
	sc = scenario(t, "F")
	if sc.Judge(&r, 0); len(r.Missed) != 1 || !strings.Contains(r.Missed[0], "per process and second") {
		t.Errorf("missed %q", r.Missed)
	}
}

func TestDeclaredLaw(t *testing.T) {
	t.Parallel()
	if l := scenario(t, "N").DeclaredLaw(); l.Units != 9000 || l.PerSecond() != 150 {
		t.Errorf("%+v", l)
	}
	if l := scenario(t, "L").DeclaredLaw(); l.Rate != 150 || l.Burst != 150 || l.Limit() != 150 {
		t.Errorf("%+v", l)
	}
	if l := scenario(t, "A").DeclaredLaw(); l != scenario(t, "A").Law {
		t.Errorf("%+v", l)
	}
	if sc := scenario(t, "K"); !sc.StoreIsDown(60) || sc.StoreIsDown(120) {
		t.Error("the store is down from 60 to 120 s")
	}
	if quota.Workers(10) != 20 || quota.Workers(100) != 4 {
		t.Error("max(4, 200/n) workers")
	}
}
