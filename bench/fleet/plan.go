package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/bench/quota"
)

// trial is a scenario as it is run here.
type trial struct {
	quota.Scenario
	scale  float64 // its times, as a part of those in the table
	judged bool    // it is long enough for its targets to be meant
	method string  // of its jobs
}

// length is how long a scenario is run, as a part of its times in the table:
// usually, and at least for its targets to be meant. Rates stay, so the quota is
// used for a shorter time. What a run costs at its beginning whatever its length
// weighs more then: learning a rate that was declared wrong, a first burst that
// nobody dares to use, the chance in another tenant's calls, the way back after
// an outage. D, three hours, is left to the simulator.
type length struct{ usual, judged float64 }

var lengths = map[string]length{
	"A": {0.1, 0.1}, "B": {0.2, 0.2}, "C": {0.1, 0.1}, "E": {0.1, 0.1}, "F": {0.1, 1}, "G": {0.2, 1}, "H": {0.1, 1},
	"I": {0.2, 1}, "J": {0.1, 1}, "K": {0.2, 1}, "L": {0.1, 1}, "M": {0.1, 1}, "N": {0.2, 0.2}, posts: {0.1, 1},
}

// posts is a scenario of this benchmark alone: what becomes of a POST without a
// key whose answer is 500. Its jobs can fail, so it has no targets.
const posts = "P"

// trials returns the scenarios named by the letters. scale 0 means each one's
// own.
func trials(letters string, scale float64) ([]trial, error) {
	all := quota.Scenarios()
	all = append(all, postScenario(all[0]))
	var chosen []trial
	for _, letter := range strings.Split(letters, "") {
		l, known := lengths[letter]
		i := slices.IndexFunc(all, func(sc quota.Scenario) bool { return sc.ID == letter })
		if !known || i < 0 {
			return nil, fmt.Errorf("scenario %q is not run over HTTP; choose from %s", letter, everyLetter())
		}
		own := l.usual
		if scale > 0 {
			own = scale
		}
		t := trial{Scenario: shorten(all[i], own), scale: own, judged: own >= l.judged && letter != posts, method: http.MethodGet}
		if letter == posts {
			t.method = http.MethodPost
		}
		chosen = append(chosen, t)
	}
	return chosen, nil
}

// everyLetter returns all that can be run.
func everyLetter() string {
	var letters []string
	for letter := range lengths {
		letters = append(letters, letter)
	}
	slices.Sort(letters)
	return strings.Join(letters, "")
}

func postScenario(a quota.Scenario) quota.Scenario {
	a.ID, a.Title = posts, "A; 100..200 s latency x 8 and 30 % 500; jobs are POSTs without a key"
	a.BrownOuts, a.Targets = []quota.Span{{From: 100, To: 200}}, quota.Targets{}
	return a
}

// pacedWindow is the window up to which its quota is used at an even pace, in
// seconds: the use of a longer one shows only in one that stays longer.
const pacedWindow = 10

// shorten returns the scenario with all its times multiplied by f.
func shorten(sc quota.Scenario, f float64) quota.Scenario {
	sc.Jobs = int(float64(sc.Jobs) * f)
	sc.Start *= f
	if sc.Law.Window*f > pacedWindow {
		sc.Law.Window *= f
		sc.Law.Units = int(float64(sc.Law.Units) * f)
		sc.Law.BanFor *= f
	}
	for _, spans := range []*[]quota.Span{&sc.Outages, &sc.BrownOuts, &sc.StoreDown} {
		shorter := make([]quota.Span, len(*spans))
		for i, s := range *spans {
			shorter[i] = quota.Span{From: s.From * f, To: s.To * f}
		}
		*spans = shorter
	}
	sc.Limit = 2 * sc.Ideal() // a policy that needs more has collapsed
	return sc
}

// orders splits the jobs of a trial evenly over n processes. draw returns evenly
// from 0 to 1.
func (t trial) orders(p policy, n int, base, redis string, draw func() float64) []order {
	law := t.DeclaredLaw()
	d := declared{Model: "bucket", Rate: law.PerSecond(), Burst: law.Burst}
	if law.Window > 0 {
		d = declared{Model: "window", Rate: law.PerSecond(), Burst: law.PerSecond(), Units: float64(law.Units), Window: law.Window}
	}
	switch {
	case law.Drains:
		d.OnRefused = "drains"
	case law.BanAfter > 0:
		d.OnRefused = "ban"
	}
	all := make([]order, n)
	for i := range all {
		first, end := t.Jobs*i/n, t.Jobs*(i+1)/n
		all[i] = order{
			Policy: p.name, Base: base, Redis: redis, Method: t.method, First: first, Jobs: end - first,
			Workers: quota.Workers(n), Start: seconds(draw() * t.Start), Quota: d,
		}
	}
	return all
}
