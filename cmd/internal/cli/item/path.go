package item

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Step is one step into a JSON document: a member of an object, an element of
// a list, or the place behind a list's end.
type Step struct {
	Key    string
	Index  int
	Kind   StepKind
	parsed bool // Key was written in brackets
}

// StepKind is the kind of a Step.
type StepKind int

// The kinds of steps.
const (
	Member  StepKind = iota // name, [name]
	Element                 // [0]
	Append                  // []
)

// maxIndex bounds the elements that one item may ask for.
const maxIndex = 9999

// parsePath reads a name such as user[address][0][street] or [].
func parsePath(raw string) ([]Step, error) {
	var path []Step
	at := 0
	if !strings.HasPrefix(raw, "[") {
		end, err := wordEnd(raw, 0)
		if err != nil {
			return nil, err
		}
		path = append(path, Step{Key: unescape(raw[:end])})
		at = end
	}
	for at < len(raw) {
		if raw[at] != '[' {
			return nil, fmt.Errorf("%q behind ] must be [; write \\[ and \\] for brackets that belong to the name", raw[at])
		}
		end, err := wordEnd(raw, at+1)
		if err != nil {
			return nil, err
		}
		if end == len(raw) || raw[end] != ']' {
			return nil, fmt.Errorf("the [ at character %d is never closed; write \\[ for one that belongs to the name", at+1)
		}
		step, err := bracketStep(raw[at+1 : end])
		if err != nil {
			return nil, err
		}
		path = append(path, step)
		at = end + 1
	}
	return path, nil
}

// wordEnd returns the place of the next bracket without a backslash.
func wordEnd(raw string, at int) (int, error) {
	begin := at
	for ; at < len(raw); at++ {
		switch raw[at] {
		case '\\':
			if at+1 < len(raw) && special(raw[at+1]) {
				at++
			}
		case ']':
			if begin == 0 {
				return 0, fmt.Errorf("the ] at character %d closes nothing; write \\] for one that belongs to the name", at+1)
			}
			return at, nil
		case '[':
			if begin > 0 {
				return 0, fmt.Errorf("the [ at character %d is inside brackets; write \\[ for one that belongs to the name", at+1)
			}
			return at, nil
		}
	}
	return at, nil
}

func bracketStep(raw string) (Step, error) {
	if raw == "" {
		return Step{Kind: Append}, nil
	}
	for i := range len(raw) {
		if !digit(raw[i]) {
			return Step{Key: unescape(raw), parsed: true}, nil
		}
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n > maxIndex {
		return Step{}, errors.New("an index above " + strconv.Itoa(maxIndex) + " is refused")
	}
	return Step{Kind: Element, Index: n}, nil
}

// pathText writes steps the way they are typed.
func pathText(path []Step) string {
	var b strings.Builder
	for i, s := range path {
		switch {
		case s.Kind == Append:
			b.WriteString("[]")
		case s.Kind == Element:
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		case i == 0 && !s.parsed:
			b.WriteString(s.Key)
		default:
			b.WriteString("[" + s.Key + "]")
		}
	}
	return b.String()
}
