package filestore

import (
	"context"
	"maps"
	"time"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/policy/limit"
)

// lines is what the rate limits of an origin share.
type lines struct {
	Book    *limit.Book      `json:"book"`
	Replies map[string]reply `json:"replies"` // the last one to each process
}

// reply is the answer to a round, in case that it comes again: a process asks
// for one thing at a time, and for the same until it has an answer.
type reply struct {
	ID    string          `json:"id"`
	Until int64           `json:"until"` // nanoseconds of the store's clock
	Reply limit.Snapshots `json:"reply"`
}

// replyLife is how long a reply is kept: longer than a process asks again.
const replyLife = 20 * time.Second

// Sync implements [limit.Store].
func (s *Store) Sync(ctx context.Context, r limit.Round) (limit.Snapshots, error) {
	var out limit.Snapshots
	err := s.update(ctx, r.Origin, func(st *state, now time.Time) (bool, error) {
		l := st.Limits[r.Origin]
		if l == nil {
			l = &lines{Book: limit.NewBook()}
			st.Limits[r.Origin] = l
		}
		if last, ok := l.Replies[r.Process]; ok && last.ID == r.ID {
			out = last.Reply
			return false, nil
		}
		out = l.Book.Apply(secondsOf(now), &r)
		for i := range out.Lines { // the rest of a state is of use here only
			out.Lines[i].State = out.Lines[i].State[:line.SnapshotSize]
		}
		if l.Replies == nil {
			l.Replies = make(map[string]reply)
		}
		l.Replies[r.Process] = reply{ID: r.ID, Until: now.Add(replyLife).UnixNano(), Reply: out}
		return true, nil
	})
	if err != nil {
		return limit.Snapshots{}, err
	}
	return out, nil
}

// secondsOf is a time as lines count it.
func secondsOf(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// forget drops what is too old, and reports whether nothing is left.
func (l *lines) forget(now time.Time) (empty bool) {
	left := l.Book.Sweep(secondsOf(now))
	maps.DeleteFunc(l.Replies, func(_ string, r reply) bool { return r.Until <= now.UnixNano() })
	return left == 0 && len(l.Replies) == 0
}
