package decode

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]codings{
		"":                      {},
		"identity":              {},
		" , ,":                  {},
		"gzip":                  {n: 1, list: [3]coding{gzipped}},
		"GZIP , \tBr":           {n: 2, list: [3]coding{gzipped, brotlied}},
		"gzip,foo":              {n: 2, list: [3]coding{gzipped, unknown}, unknown: true},
		"gzip;q=1":              {n: 1, list: [3]coding{unknown}, unknown: true},
		"gzip,br,zstd":          {n: 3, list: [3]coding{gzipped, brotlied, zstandard}},
		"gzip,br,zstd,identity": {n: 3, list: [3]coding{gzipped, brotlied, zstandard}},
		"gzip,br,zstd,deflate":  {n: 3, list: [3]coding{gzipped, brotlied, zstandard}, excess: true},
	} {
		if got := parse([]string{in}); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

// Every byte is looked at once: what is not a coding is passed over, and the
// fourth coding ends the walk.
func TestLM6_OneMebibyte(t *testing.T) { // counts allocations: not parallel
	for _, unit := range []string{",", " ", "gzip,", "identity,", "x", ", ,"} {
		field := strings.Repeat(unit, 1<<20/len(unit))
		if n := testing.AllocsPerRun(10, func() { parse([]string{field}) }); n != 0 {
			t.Errorf("%q: %v allocations", unit, n)
		}
	}
	if c := parse([]string{strings.Repeat("gzip,", 200_000)}); !c.excess {
		t.Error("200,000 codings were accepted")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"gzip", "gzip, br", "identity", "x-gzip,,deflate", "gzip,gzip,gzip,gzip", "\x00", "zstd;q=0"} {
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		c := parse([]string{a, b})
		if c.n > maxCodings || c.n < 0 {
			t.Fatalf("%d codings", c.n)
		}
		for i := range c.n {
			if c.list[i] == identity {
				t.Error("identity is no step")
			}
			if (c.list[i] == unknown) && !c.unknown {
				t.Error("an unknown coding was not noted")
			}
		}
		if joined := parse([]string{a + "," + b}); joined != c {
			t.Errorf("two fields %+v, joined %+v", c, joined) // RFC 9110 section 5.3
		}
	})
}
