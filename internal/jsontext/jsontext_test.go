package jsontext

import (
	"strings"
	"testing"
)

func nested(open, shut string, depth int) string {
	return strings.Repeat(open, depth) + "1" + strings.Repeat(shut, depth)
}

func TestFC11_TooDeep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		doc  string
		want bool
	}{
		"empty":              {"", false},
		"lists, at most":     {nested("[", "]", MaxDepth), false},
		"lists, one more":    {nested("[", "]", MaxDepth+1), true},
		"objects, at most":   {nested(`{"a":`, "}", MaxDepth), false},
		"objects, one more":  {nested(`{"a":`, "}", MaxDepth+1), true},
		"many beside others": {"[" + strings.Repeat("[{}],", 5000) + "[]]", false},
		"in a string":        {`["` + strings.Repeat("[", 5000) + `"]`, false},
		"behind a quote":     {`["\"` + strings.Repeat("[", 5000) + `"]`, false},
		"behind a backslash": {`["\\",` + nested("[", "]", MaxDepth) + `]`, true},
		"never closed":       {strings.Repeat("[", 20_000), true},
	} {
		if got := TooDeep([]byte(c.doc)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
