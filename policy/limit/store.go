package limit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-go/godwit/internal/line"
)

// Store keeps the lines of a fleet.
type Store interface {
	// Sync takes in a round of one process, all lines at once or none, and answers
	// with a Snapshot for each Ask, in the same order. What a round does to a line
	// is the law of [Book.Apply]; its clock is the store's, which must never go
	// back.
	//
	// A Sync that fails may have happened, so the same round may come again: a
	// store that has taken it in already answers as it did then. Sync is called
	// from many goroutines, must obey ctx, and keeps nothing of the round.
	Sync(ctx context.Context, r Round) (Snapshots, error)
}

// What a store and a process say to each other.
type (
	Round     = line.Round     // what a process tells and asks at once
	Ask       = line.Ask       // the part of it that is about one line
	Answer    = line.Answer    // what one response says about a line
	Span      = line.Span      // places in a line
	Law       = line.Law       // how a quota is counted
	Snapshots = line.Snapshots // the answer to a Round
	Snapshot  = line.Snapshot  // the answer to an Ask
	State     = line.State     // a line in numbers
)

// Book is the law of all stores: lines and what rounds do to them. A driver over
// something that can be locked reads a Book, applies the round, and writes it
// back; its JSON is the form to keep.
type Book = line.Book

// NewBook returns an empty book.
func NewBook() *Book { return line.NewBook() }

// maxReplies bounds the rounds that Memory can answer again.
const maxReplies = 1024

// Memory is a [Store] for several clients of one process, and for tests. The
// zero value is usable; it must not be copied.
type Memory struct {
	mu      sync.Mutex
	start   time.Time
	book    *Book
	replies map[string]Snapshots
	ids     []string // of replies, oldest first
	swept   float64
}

// Sync implements [Store].
func (m *Memory) Sync(ctx context.Context, r Round) (Snapshots, error) {
	if err := ctx.Err(); err != nil {
		return Snapshots{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.book == nil {
		m.book, m.start, m.replies = NewBook(), time.Now(), make(map[string]Snapshots)
	}
	if reply, ok := m.replies[r.ID]; ok {
		return reply, nil
	}
	now := time.Since(m.start).Seconds()
	if now-m.swept > 60 {
		m.book.Sweep(now)
		m.swept = now
	}
	r.Lines = slices.Clone(r.Lines)
	for i := range r.Lines {
		r.Lines[i].Key = r.Origin + " " + r.Lines[i].Key
	}
	reply := m.book.Apply(now, &r)
	if len(m.ids) >= maxReplies {
		delete(m.replies, m.ids[0])
		m.ids = append(m.ids[:0], m.ids[1:]...)
	}
	m.replies[r.ID], m.ids = reply, append(m.ids, r.ID)
	return reply, nil
}

// storeTimeout bounds one answer of a store. One that takes longer twice in a
// row is lost.
const storeTimeout = 300 * time.Millisecond

// fleet returns how this process takes part in the lines that a store keeps.
func (c Config) fleet() *line.Fleet {
	if c.Store == nil {
		return nil
	}
	var random [9]byte
	_, _ = rand.Read(random[:]) // it never fails, see crypto/rand
	process, rounds := hex.EncodeToString(random[:]), new(atomic.Uint64)
	f := &line.Fleet{
		Process: process,
		NewID:   func() string { return process + "-" + strconv.FormatUint(rounds.Add(1), 10) },
		Exchange: func(r *Round, done func(Snapshots, error)) {
			go func() { // it ends with the store's answer, or with its time
				ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
				defer cancel()
				s, err := c.Store.Sync(ctx, *r)
				done(s, err)
			}()
		},
	}
	switch c.OnStoreLoss {
	case "solo":
		f.OnLoss = line.Solo
	case "stop":
		f.OnLoss = line.Stop
	}
	return f
}
