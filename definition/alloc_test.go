//go:build !race

package definition

import "testing"

// TestAlloc_OneOfMany keeps the cost of one API apart from how many others the
// file has: beside parsing the YAML, each further API may cost a few
// allocations, not its decoding.
func TestAlloc_OneOfMany(t *testing.T) { // not parallel: AllocsPerRun counts for the process
	cost := func(n int) float64 {
		d := load(t, Options{}, manyAPIs(n))
		return testing.AllocsPerRun(5, func() { config(t, d, "api-0") })
	}
	if one, fifty := cost(1), cost(50); fifty > one+5 {
		t.Errorf("%v allocations for the API of a file with one, %v with fifty", one, fifty)
	}
	name := write(t, "godwit.yaml", manyAPIs(50))
	const most = 14_000
	if got := testing.AllocsPerRun(3, func() {
		if _, err := Load(name); err != nil {
			t.Error(err)
		}
	}); got > most {
		t.Errorf("%v allocations to load 50 APIs, want at most %d", got, most)
	}
}
