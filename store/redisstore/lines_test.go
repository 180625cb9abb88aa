package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/store/redisstore"
)

// scripted is a server that answers each question with the next of its answers,
// and the last one for ever.
type scripted struct {
	answers [][]string
	asked   [][]string
}

func (s *scripted) EvalSha(_ context.Context, _ string, _, args []string) ([]string, error) {
	s.asked = append(s.asked, args)
	a := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return a, nil
}

func (s *scripted) Eval(ctx context.Context, script string, keys, args []string) ([]string, error) {
	return s.EvalSha(ctx, script, keys, args)
}

// kept is a line as the script keeps it.
func kept() string {
	law := line.Bucket(1, 10)
	numbers := law.Numbers()
	words := []string{"1"}
	for _, x := range numbers {
		words = append(words, fmt.Sprint(x))
	}
	for range line.StateFields() {
		words = append(words, "0")
	}
	return strings.Join(words, " ")
}

// What is no line of ours counts for nothing; an answer that is none is an error.
func TestLines_Answers(t *testing.T) {
	t.Parallel()
	good := kept()
	for name, c := range map[string]struct {
		answers [][]string
		want    int // -1: an error
	}{
		"none":             {[][]string{{"0", "5", "1"}}, 0},
		"one":              {[][]string{{"0", "5", "1", "core///", good}}, 1},
		"two steps":        {[][]string{{"17", "5", "1", "core///", good}, {"0", "5", "1", "other///", good}}, 2},
		"met twice":        {[][]string{{"17", "5", "1", "core///", good}, {"0", "5", "1", "core///", good}}, 1},
		"of another form":  {[][]string{{"0", "5", "1", "core///", "2" + good[1:], "a", good, "b///", "", "c///", good + " 1", "%zz///", good}}, 0},
		"bad numbers":      {[][]string{{"0", "5", "1", "core///", strings.Replace(good, " 0", " x", 1)}}, 0},
		"bad holds":        {[][]string{{"0", "5", "1", "core///", good + "\n1 2", "a///", good + "\nx 1 1 1 p"}}, 0},
		"holds":            {[][]string{{"0", "5", "1", "core///", good + "\n1 2 4 0 p"}}, 1},
		"too short":        {[][]string{{"0", "5"}}, -1},
		"half a pair":      {[][]string{{"0", "5", "1", "core///"}}, -1},
		"no time":          {[][]string{{"0", "x", "1"}}, -1},
		"no processes":     {[][]string{{"0", "5", "x"}}, -1},
		"keys without end": {[][]string{{"17", "5", "1"}}, -1},
	} {
		server := &scripted{answers: c.answers}
		s, err := redisstore.New(server)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Lines(t.Context(), "https://[::1]:8080")
		if (err != nil) != (c.want < 0) || err == nil && len(got) != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if len(server.asked) > 1000 || server.asked[0][1] != `godwit:{https://\[::1\]:8080}:limit:*` {
			t.Errorf("%s: asked %d times for %q", name, len(server.asked), server.asked[0])
		}
	}
}
