package upstream

import (
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSpellingsOfOneOrigin(t *testing.T) {
	t.Parallel()
	var table Table[int]
	first := table.Get(parse(t, "https://api.example.com/a?b=c"))
	for _, s := range []string{"https://API.example.com/x", "https://api.example.com:443", "HTTPS://api.example.com./"} {
		e := table.Get(parse(t, s))
		if e != first {
			t.Errorf("%s has an entry of its own: %s", s, e.Origin)
		}
		e.Release()
	}
	for _, s := range []string{"http://api.example.com/", "https://api.example.com:444/", "https://www.example.com/"} {
		e := table.Get(parse(t, s))
		if e == first {
			t.Errorf("%s shares the entry of another origin", s)
		}
		e.Release()
	}
	if table.Len() != 4 {
		t.Errorf("%d origins, want 4", table.Len())
	}
	if e, ok := table.Find(parse(t, "https://api.example.com/z")); !ok || e != first {
		t.Error("the origin is not found")
	}
	if _, ok := table.Find(parse(t, "https://other.example")); ok {
		t.Error("an origin that was never asked for is found")
	}
	if e := table.Get(&url.URL{Scheme: "https", Host: "bad host"}); e.Origin != "https://bad host" {
		t.Errorf("an invalid host is named %q", e.Origin)
	}
}

// What is held stays; the rest is forgotten, so that a server that redirects to
// ever new hosts cannot fill the memory.
func TestBounded(t *testing.T) {
	t.Parallel()
	var table Table[int]
	held := table.Get(parse(t, "http://held.example"))
	*held.Value = 7
	often := parse(t, "http://often.example")
	e := table.Get(often)
	*e.Value = 8
	e.Release()
	for i := range 10 * maxOrigins {
		table.Get(parse(t, fmt.Sprintf("http://h%d.example", i))).Release()
		if n := table.Len(); n > maxOrigins {
			t.Fatalf("%d origins after %d", n, i)
		}
	}
	table.mu.RLock()
	aliases := len(table.aliases)
	table.mu.RUnlock()
	if aliases > 4*maxOrigins {
		t.Errorf("%d spellings", aliases)
	}
	if again := table.Get(parse(t, "http://held.example:80/")); again != held || *again.Value != 7 {
		t.Error("an entry in use was forgotten")
	}
	if again := table.Get(often); again == e {
		t.Error("an idle entry survived ten times the bound")
	}
}

// All in use: the table grows, and shrinks when they are released.
func TestGrowsByWhatIsInUse(t *testing.T) {
	t.Parallel()
	var table Table[int]
	var all []*Entry[int]
	for i := range 3 * maxOrigins {
		all = append(all, table.Get(parse(t, fmt.Sprintf("http://h%d.example", i))))
	}
	if table.Len() != 3*maxOrigins {
		t.Fatalf("%d origins, %d are in use", table.Len(), 3*maxOrigins)
	}
	for _, e := range all {
		e.Release()
	}
	for i := range 3 * maxOrigins {
		table.Get(parse(t, fmt.Sprintf("http://n%d.example", i))).Release()
	}
	if table.Len() > maxOrigins {
		t.Errorf("%d origins after all were released", table.Len())
	}
}

// No two callers hold two values of one origin, whatever is forgotten meanwhile.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	type gate struct{ inside atomic.Int64 }
	var table Table[gate]
	const origins, callers, rounds = 3, 8, 1000
	var inside [origins]atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range rounds {
				o := (c + i) % origins
				e := table.Get(&url.URL{Scheme: "http", Host: fmt.Sprintf("o%d.example", o)})
				inside[o].Add(1)
				mine := e.Value.inside.Add(1)
				if all := inside[o].Load(); mine > all {
					t.Errorf("%d inside one value, %d in all", mine, all)
				}
				if again := table.Get(&url.URL{Scheme: "http", Host: fmt.Sprintf("O%d.example:80", o)}); again != e {
					t.Error("two values of one origin at the same time")
				} else {
					again.Release()
				}
				e.Value.inside.Add(-1)
				inside[o].Add(-1)
				e.Release()
				table.Get(&url.URL{Scheme: "http", Host: fmt.Sprintf("c%d-%d.example", c, i)}).Release()
			}
		})
	}
	wg.Wait()
}

func TestMake(t *testing.T) {
	t.Parallel()
	table := Table[string]{Make: func(origin string) *string { return &origin }}
	if e := table.Get(parse(t, "https://a.example/x")); *e.Value != e.Origin {
		t.Errorf("made %q for %q", *e.Value, e.Origin)
	}
}

func TestGetAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	var table Table[int]
	u := &url.URL{Scheme: "https", Host: "api.example.com", Path: "/"}
	if n := testing.AllocsPerRun(100, func() { table.Get(u).Release() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGet(b *testing.B) {
	var table Table[int]
	u := &url.URL{Scheme: "https", Host: "api.example.com", Path: "/"}
	b.ReportAllocs()
	for b.Loop() {
		table.Get(u).Release()
	}
}
