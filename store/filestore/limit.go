package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/policy/limit"
)

// reply is the answer to a round, in case that it comes again: a process asks
// for one thing at a time, and for the same until it has an answer. It is kept
// as text, because it is hardly ever read.
type reply struct {
	id    string
	until int64 // nanoseconds of the store's clock
	text  []byte
}

// replyLife is how long a reply is kept: longer than a process asks again.
const replyLife = 20 * time.Second

// Sync implements [limit.Store].
func (s *Store) Sync(ctx context.Context, r limit.Round) (limit.Snapshots, error) {
	var out limit.Snapshots
	err := s.update(ctx, r.Origin, func(st *state, now time.Time) (bool, error) {
		process, id := word(r.Origin)+" "+word(r.Process), word(r.ID)
		if last, ok := st.replies[process]; ok && last.id == id {
			if err := json.Unmarshal(last.text, &out); err == nil {
				return false, nil
			}
		}
		book := st.Limits[r.Origin]
		if book == nil {
			book = limit.NewBook()
			st.Limits[r.Origin] = book
		}
		out = book.Apply(secondsOf(now), &r)
		for i := range out.Lines { // the rest of a state is of use here only
			out.Lines[i].State = out.Lines[i].State[:line.SnapshotSize]
		}
		text, err := json.Marshal(out)
		st.replies[process] = reply{id: id, until: now.Add(replyLife).UnixNano(), text: text}
		return true, err
	})
	if err != nil {
		return limit.Snapshots{}, err
	}
	return out, nil
}

// word is s without spaces and line breaks, and never empty.
func word(s string) string { return "=" + url.QueryEscape(s) }

// secondsOf is a time as lines count it.
func secondsOf(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// rows writes the replies, a row each.
func (s *state) rows(out []byte) []byte {
	for process, r := range s.replies {
		out = fmt.Appendf(out, "\n%s %s %d ", process, r.id, r.until)
		out = append(out, r.text...)
	}
	return out
}

// readRows reads what rows has written.
func (s *state) readRows(rows []byte) error {
	for row := range bytes.SplitSeq(rows, []byte{'\n'}) {
		part := bytes.SplitN(row, []byte{' '}, 5)
		if len(part) != 5 {
			return fmt.Errorf("%w: a reply of %d parts", errDamaged, len(part))
		}
		until, err := strconv.ParseInt(string(part[3]), 10, 64)
		if err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		s.replies[string(part[0])+" "+string(part[1])] = reply{id: string(part[2]), until: until, text: part[4]}
	}
	return nil
}

// forgetLimits drops what is too old.
func (s *state) forgetLimits(now time.Time) {
	asking := make(map[string]bool) // origins that a process has asked about
	for process, r := range s.replies {
		if r.until <= now.UnixNano() {
			delete(s.replies, process)
			continue
		}
		origin, _, _ := strings.Cut(process, " ")
		asking[origin] = true
	}
	for origin, book := range s.Limits {
		if left := book.Sweep(secondsOf(now)); left == 0 && !asking[word(origin)] {
			delete(s.Limits, origin)
		}
	}
}

// Lines returns what is known of each line of an origin. It changes nothing.
func (s *Store) Lines(ctx context.Context, origin string) (lines []limit.Line, err error) {
	err = s.update(ctx, origin, func(st *state, now time.Time) (bool, error) {
		if book := st.Limits[origin]; book != nil {
			lines = book.Views(secondsOf(now))
		}
		return false, nil
	})
	for i := range lines {
		lines[i].Origin = origin
	}
	return lines, err
}
