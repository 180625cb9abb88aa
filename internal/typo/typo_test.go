package typo

import (
	"slices"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"timeout", "retry", "base_url", "github", "gitlab", "crm"}
	for word, want := range map[string]string{
		"timeuot": "timeout", "TIMEOUT": "timeout", "retries": "", "base-url": "base_url", "baseurl": "base_url",
		"githbu": "github", "gitlib": "gitlab", "crn": "crm", // a swap, a replacement, a short word
		"gitlub":           "github", // one away from both: the first of the sorted names
		"stripe":           "",
		"":                 "",
		"r":                "",
		"äöü":              "",
		"timeout_":         "timeout",
		"a_timeout_of_all": "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("nothing to choose from: %q", got)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "abc"}: 3, {"abc", ""}: 3, {"abc", "abc"}: 0, {"abc", "acb"}: 1, {"kitten", "sitting"}: 3, {"ca", "abc"}: 3, {"größe", "grosse"}: 3,
	} {
		if got := distance([]rune(pair[0]), []rune(pair[1])); got != want {
			t.Errorf("%q: %d, want %d", pair, got, want)
		}
	}
}

// A word from outside costs a bounded number of steps.
func TestNearest_LongWord(t *testing.T) {
	t.Parallel()
	if got := len(fold(strings.Repeat("ä", 1<<20))); got != maxWord {
		t.Errorf("%d runes are compared", got)
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("timeout", "timeuot")
	f.Fuzz(func(t *testing.T, s, other string) {
		a, b := fold(s), fold(other)
		d := distance(a, b)
		if d != distance(b, a) || d > max(len(a), len(b)) || (d == 0) != slices.Equal(a, b) {
			t.Errorf("%q and %q are %d apart, the other way round %d", s, other, d, distance(b, a))
		}
	})
}
