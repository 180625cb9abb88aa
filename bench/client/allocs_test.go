//go:build !race

package client

import "testing"

// maxExtraAllocs is what the whole default chain of a typed Get may allocate
// above net/http and encoding/json. Raising it needs a reason.
const maxExtraAllocs = 9

func TestTypedGetAllocs(t *testing.T) {
	counts := map[string]float64{}
	for _, s := range subjects(t, false) {
		counts[s.Name] = testing.AllocsPerRun(500, func() {
			if err := s.Get(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	extra := counts["godwit"] - counts["net/http"]
	t.Logf("net/http %v, godwit %v: %+v", counts["net/http"], counts["godwit"], extra)
	if extra > maxExtraAllocs {
		t.Errorf("a typed Get allocates %v times more than net/http, %d are allowed", extra, maxExtraAllocs)
	}
}
