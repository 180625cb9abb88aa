package definition

import (
	"fmt"
	"strings"
)

// lookup returns the value of an environment variable.
type lookup func(name string) (string, bool)

// expansion is a text whose placeholders were replaced.
type expansion struct {
	text   string
	names  []string // variables that occur, in order
	values []string // their values
}

// expand replaces each ${env:NAME} of s by the value of the variable, once:
// what a value holds is not looked at. $${ stands for ${. With a nil lookup the
// placeholders are checked and stay as they are.
func expand(s string, look lookup) (expansion, error) {
	var x expansion
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			x.text = b.String()
			return x, nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		inner, rest, ok := strings.Cut(s[i+2:], "}")
		name, isEnv := strings.CutPrefix(inner, "env:")
		if !ok || !isEnv || !variableName(name) {
			return x, fmt.Errorf("a ${ that does not begin ${env:NAME}")
		}
		b.WriteString(s[:i])
		x.names = append(x.names, name)
		value := s[i : len(s)-len(rest)]
		if look != nil {
			if value, ok = look(name); !ok || value == "" {
				return x, &missingVariable{name}
			}
			x.values = append(x.values, value)
		}
		b.WriteString(value)
		s = rest
	}
}

// literal resolves $${ in a text that may hold no placeholder.
func literal(s string) (string, bool) {
	if !strings.Contains(s, "${") {
		return s, true
	}
	x, err := expand(s, nil)
	return x.text, err == nil && len(x.names) == 0
}

type missingVariable struct{ name string }

func (e *missingVariable) Error() string {
	return "the environment variable " + e.name + " is not set or empty"
}

func variableName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case '0' <= c && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != "" && len(s) <= 256
}
