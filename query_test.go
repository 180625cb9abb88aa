package godwit

import (
	"math/big"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"
)

type embedded struct {
	Sort string `url:"sort,omitempty"`
}

type options struct {
	embedded
	Page    int        `url:"page"`
	Tags    []string   `url:"tag"`
	Fields  []string   `url:"fields,comma"`
	Since   *time.Time `url:"since"`
	Nothing *int       `url:"nothing"`
	Named   bool       `json:"from_json"`
	Plain   float64
	Skipped string `url:"-"`
	hidden  string //lint:ignore U1000 it must not be read
	Any     any    `url:"any"`
	Raw     []byte `url:"raw,omitempty"`
}

func TestQueryPairs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name string
		in   any
		want string
	}{
		{"nil", nil, ""},
		{"nil pointer", (*options)(nil), ""},
		{"pairs keep order and repeats", []Pair{{"b", "1"}, {"a", "2"}, {"b", "3"}}, "b=1&a=2&b=3"},
		{"map sorted", map[string]string{"b": "x y", "a": "1&2"}, "a=1%262&b=x+y"},
		{"values", url.Values{"a": {"1", "2"}, "b": nil}, "a=1&a=2"},
		{"map of any", map[string]any{"n": nil, "i": 7, "l": []int{1, 2}, "u": uint8(3), "f": 1.5, "t": true}, "f=1.5&i=7&l=1&l=2&t=true&u=3"},
		{
			"struct", &options{embedded: embedded{Sort: "new"}, Page: 2, Tags: []string{"x", "y"}, Fields: []string{"a", "b"}, Since: &at, Any: "z"},
			"sort=new&page=2&tag=x&tag=y&fields=a%2Cb&since=2026-01-02T03%3A04%3A05Z&from_json=false&Plain=0&any=z",
		},
		{"empty lists vanish", options{Raw: []byte("r")}, "page=0&from_json=false&Plain=0&raw=r"},
	}
	for _, tt := range tests {
		pairs, err := queryPairs(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got := encodePairs(pairs); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, bad := range []any{7, "a=b", []string{"x"}, map[int]string{1: "x"}, map[string]any{"l": [][]int{{1}}}, map[string]any{"c": make(chan int)}, struct{ F func() }{func() {}}} {
		if _, err := queryPairs(bad); err == nil {
			t.Errorf("%T was accepted", bad)
		}
	}
}

// FuzzCR10_Query: parse(build(v)) = v.
func FuzzCR10_Query(f *testing.F) {
	for _, seed := range []string{"a", "a&b=c", "#", "+", "%", "é", "a;b", "\n"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		in := []Pair{{name, value}, {"other", "1"}}
		back, err := url.ParseQuery(encodePairs(in))
		if err != nil {
			t.Fatal(err)
		}
		want := url.Values{}
		for _, p := range in {
			want.Add(p.Name, p.Value)
		}
		if !reflect.DeepEqual(back, want) {
			t.Fatalf("%v, want %v", back, want)
		}
	})
}

func TestMergeQuery(t *testing.T) {
	t.Parallel()
	client := []Pair{{"per_page", "50"}, {"v", "2"}}
	operation := []Pair{{"v", "op"}, {"x", "op"}}
	for _, tt := range []struct {
		raw  string
		own  []Pair
		want string
	}{
		{"", nil, "per_page=50&v=op&x=op"},
		{"", []Pair{{"v", "3"}, {"v", "4"}}, "per_page=50&x=op&v=3&v=4"},
		{"v=9&x=%zz", nil, "v=9&x=%zz&per_page=50"},
		{"per%5Fpage=1&v=1", nil, "per%5Fpage=1&v=1&x=op"},
		{"per_page=1&v=1&x=1", nil, "per_page=1&v=1&x=1"},
	} {
		if got := mergeQuery(tt.raw, slices.Clone(tt.own), client, operation); got != tt.want {
			t.Errorf("mergeQuery(%q, %v) = %s, want %s", tt.raw, tt.own, got, tt.want)
		}
	}
}

// Types whose pointer knows the text, as math/big and net/url have them, are
// values too.
func TestPointerReceivers(t *testing.T) {
	t.Parallel()
	got, err := queryPairs(struct {
		N *big.Int
		V big.Int
		U *url.URL
		L []*big.Int
	}{big.NewInt(5), *big.NewInt(6), &url.URL{Scheme: "https", Host: "h"}, []*big.Int{big.NewInt(7), nil}})
	if want := []Pair{{"N", "5"}, {"V", "6"}, {"U", "https://h"}, {"L", "7"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, none := range []any{nil, (*time.Time)(nil), (*big.Int)(nil), (*string)(nil)} {
		if err := Path("a", none)(new(call)); err == nil {
			t.Errorf("%T: a nil path parameter was accepted", none)
		}
	}
	var c call
	if err := Path("a", big.NewInt(8), "b", time.Second)(&c); err != nil || !slices.Equal(c.path, []Pair{{"a", "8"}, {"b", "1s"}}) {
		t.Errorf("%v, %v", c.path, err)
	}
}

func TestOmitZero(t *testing.T) {
	t.Parallel()
	got, err := queryPairs(struct {
		Since time.Time `json:"since,omitzero"`
		N     int       `url:"n,omitempty"`
	}{})
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}
