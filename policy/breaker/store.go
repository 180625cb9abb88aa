package breaker

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// Store shares the records of a fleet's breakers. It needs to know nothing of
// what is in them.
type Store interface {
	// Swap puts next in the place of the record of an origin if that still is
	// prev, in one step; nil means that there is no record. A next of nil, or one
	// that equals prev, puts nothing: it only reads. A record is forgotten when
	// none was put for as long as keep.
	//
	// The origin is one such as https://api.example.com. A Swap that fails may
	// have happened. It is called from many goroutines, must obey ctx, and keeps
	// no slice it is given.
	Swap(ctx context.Context, origin string, prev, next []byte, keep time.Duration) (Answer, error)
}

// Answer is the answer of a [Store].
type Answer struct {
	Record []byte    // what is there now; nil: nothing
	Put    bool      // it is next, and this Swap has put it there
	Clock  time.Time // the store's, the only clock that records are made with
}

// maxRecords bounds Memory: above it, what is too old is looked for.
const maxRecords = 1024

// Memory is a [Store] for several clients of one process, and for tests. The
// zero value is usable; it must not be copied.
type Memory struct {
	mu      sync.Mutex
	records map[string]kept
}

type kept struct {
	record []byte
	until  time.Time
}

// Swap implements [Store].
func (m *Memory) Swap(ctx context.Context, origin string, prev, next []byte, keep time.Duration) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	current := m.records[origin]
	if current.record != nil && !now.Before(current.until) {
		delete(m.records, origin)
		current.record = nil
	}
	if next == nil || bytes.Equal(prev, next) || !same(current.record, prev) {
		return Answer{Record: bytes.Clone(current.record), Clock: now}, nil
	}
	if m.records == nil {
		m.records = make(map[string]kept)
	}
	if len(m.records) >= maxRecords {
		m.forget(now)
	}
	m.records[origin] = kept{bytes.Clone(next), now.Add(keep)}
	return Answer{Record: bytes.Clone(next), Put: true, Clock: now}, nil
}

// same tells an empty record from none.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func (m *Memory) forget(now time.Time) {
	for origin, k := range m.records {
		if !now.Before(k.until) {
			delete(m.records, origin)
		}
	}
}
