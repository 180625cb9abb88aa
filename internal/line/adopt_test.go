package line

import "testing"

// What the server states as its limit changes how much a law gives, not what
// kind of law it is.
func TestAdoptKeepsTheKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ declared, want Law }{
		"window":       {Window(6000, 60), Window(3000, 60)},
		"short window": {Window(6000, 1), Log(3000, 1)},
		"log":          {Log(6000, 3600), Log(3000, 3600)},
		"bucket":       {Bucket(100, 6000), Bucket(100, 3000)},
	} {
		l := newLine(c.declared, 0)
		if !l.adopt(3000, -1) || l.Law != c.want {
			t.Errorf("%s: %+v, want %+v", name, l.Law, c.want)
		}
	}
}
