package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/policy/limit"
)

//go:embed limit.lua
var limitSource string

// Sync implements [limit.Store].
func (s *Store) Sync(ctx context.Context, r limit.Round) (limit.Snapshots, error) {
	return s.syncAt(ctx, r, "")
}

// syncAt is Sync at a time in seconds; empty for the server's.
func (s *Store) syncAt(ctx context.Context, r limit.Round, now string) (limit.Snapshots, error) {
	process := url.PathEscape(r.Process) // a word
	keys := []string{key(r.Origin, "clock"), key(r.Origin, "peers"), key(r.Origin, "reply:"+process)}
	args := []string{now, process, url.PathEscape(r.ID)}
	for i := range r.Lines {
		keys = append(keys, key(r.Origin, "limit:"+r.Lines[i].Key))
		args = append(args, askText(&r.Lines[i]))
	}
	answer, err := s.sync.run(ctx, s.client, keys, args...)
	if err != nil {
		return limit.Snapshots{}, err
	}
	return snapshots(answer, len(r.Lines))
}

// snapshots reads an answer about n lines.
func snapshots(answer []string, n int) (limit.Snapshots, error) {
	if len(answer) != n+1 {
		return limit.Snapshots{}, fmt.Errorf("redisstore: the server answers about %d lines, asked were %d", len(answer)-1, n)
	}
	processes, err := strconv.Atoi(answer[0])
	if err != nil {
		return limit.Snapshots{}, fmt.Errorf("redisstore: the number of processes: %w", err)
	}
	out := limit.Snapshots{Processes: processes, Lines: make([]limit.Snapshot, n)}
	for i, text := range answer[1:] {
		var numbers limit.State
		for word := range strings.FieldsSeq(text) {
			x, err := strconv.ParseFloat(word, 64)
			if err != nil {
				return limit.Snapshots{}, fmt.Errorf("redisstore: line %d: %w", i, err)
			}
			numbers = append(numbers, x)
		}
		if len(numbers) < 3 {
			return limit.Snapshots{}, fmt.Errorf("redisstore: line %d: the server answers with %d numbers", i, len(numbers))
		}
		out.Lines[i] = limit.Snapshot{Given: limit.Span{From: numbers[0], To: numbers[1]}, State: numbers[2:]}
	}
	return out, nil
}

// askText writes an ask for the script.
func askText(a *limit.Ask) string {
	var t text
	law := a.Law.Numbers()
	t.add(law[:]...)
	t.add(a.Health, bit(a.Recovered), bit(a.Lost), a.Take, a.Want, a.Used, a.Own, a.Hold, float64(len(a.Back)), float64(len(a.Answers)))
	for _, s := range a.Back {
		t.add(s.From, s.To)
	}
	for _, n := range a.Answers {
		t.add(n.Age, n.Ticket, bit(n.Success), bit(n.Failed), bit(n.Refused), n.Limit, n.Remaining, n.Refill, n.ResetFrom, n.ResetIn, n.RetryIn)
	}
	return string(t)
}

// text is numbers with a space between, written so that the same ones are read.
type text []byte

func (t *text) add(numbers ...float64) {
	for _, x := range numbers {
		if len(*t) > 0 {
			*t = append(*t, ' ')
		}
		switch {
		case math.IsNaN(x):
			*t = append(*t, '-')
		case math.IsInf(x, 0):
			*t = strconv.AppendFloat(*t, math.Copysign(never, x), 'g', 17, 64)
		default:
			*t = strconv.AppendFloat(*t, x, 'g', 17, 64)
		}
	}
}

// never stands for infinity, as in a [limit.State].
const never = 1e300

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
