package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/policy/limit"
)

//go:embed lines.lua
var linesSource string

// Bounds of a look at the keys of a server: how many at once, and how often.
const (
	scanKeys  = 1000
	scanSteps = 1000
)

// Lines returns what is known of each line of an origin. It changes nothing. It
// looks through all keys of the server, a thousand at a time, a million at most:
// it is for people, not for every call.
func (s *Store) Lines(ctx context.Context, origin string) ([]limit.Line, error) {
	keys := []string{key(origin, "clock"), key(origin, "peers")}
	prefix := key(origin, "limit:")
	cursor, found := "0", make(map[string]limit.Line)
	for range scanSteps {
		answer, err := s.lines.run(ctx, s.client, keys, cursor, escaped(prefix)+"*", strconv.Itoa(scanKeys), strconv.Itoa(len(prefix)))
		if err != nil {
			return nil, err
		}
		if cursor, err = views(answer, origin, found); err != nil {
			return nil, err
		}
		if cursor == "0" {
			return sorted(found), nil
		}
	}
	return nil, fmt.Errorf("redisstore: the server holds more than %d keys, too many to look for those of the limits", scanKeys*scanSteps)
}

func sorted(found map[string]limit.Line) []limit.Line {
	out := make([]limit.Line, 0, len(found))
	for _, v := range found {
		out = append(out, v)
	}
	line.SortViews(out)
	return out
}

// escaped makes a pattern that matches the text alone.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(text)
}

// views reads a step of the scan into found, which a key may be met in twice.
func views(answer []string, origin string, found map[string]limit.Line) (cursor string, err error) {
	if len(answer) < 3 || len(answer)%2 == 0 {
		return "", fmt.Errorf("redisstore: the server answers with %d values", len(answer))
	}
	now, err := strconv.ParseFloat(answer[1], 64)
	processes, err2 := strconv.Atoi(answer[2])
	if err := errors.Join(err, err2); err != nil {
		return "", fmt.Errorf("redisstore: the server's time: %w", err)
	}
	for pair := range slices.Chunk(answer[3:], 2) {
		if v, ok := view(pair[0], pair[1], now); ok {
			v.Origin, v.Processes = origin, processes
			found[pair[0]] = v
		}
	}
	return answer[0], nil
}

// lineVersion is that of the form in which the script keeps a line.
const lineVersion = "1"

// view reads a line as the script keeps it: the version, the law and the state
// in numbers; below them a row for each process that holds units of it. One of
// another form counts for nothing, as it does for the script.
func view(name, value string, now float64) (limit.Line, bool) {
	first, rows, _ := strings.Cut(value, "\n")
	version, first, _ := strings.Cut(first, " ")
	numbers, ok := floats(strings.Fields(first))
	if !ok || version != lineVersion || len(numbers) != len(line.LawFields)+len(line.StateFields()) {
		return limit.Line{}, false
	}
	law, ok := line.LawOf(numbers[:len(line.LawFields)])
	if !ok {
		return limit.Line{}, false
	}
	var holds []line.Hold
	for row := range strings.Lines(rows) {
		words := strings.Fields(row)
		if len(words) < 3 {
			return limit.Line{}, false
		}
		h, ok := floats(words[:3])
		if !ok {
			return limit.Line{}, false
		}
		holds = append(holds, line.Hold{Units: h[0], Want: h[1], At: h[2]})
	}
	return line.ViewOf(name, law, numbers[len(line.LawFields):], holds, now)
}

func floats(words []string) (out []float64, ok bool) {
	for _, w := range words {
		x, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return nil, false
		}
		out = append(out, x)
	}
	return out, true
}
