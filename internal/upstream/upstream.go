// Package upstream keeps what a policy knows of each upstream, found by the
// origin of a request.
//
// The number of origins is bounded: those that nobody uses are forgotten, the
// ones that were not asked for lately first. What is in use is never forgotten,
// so that two callers of one origin never hold two values; a table can exceed
// its bound by what is in use at the same time, and by no more.
package upstream

import (
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/godwit-go/godwit/internal/origin"
)

// maxOrigins is how many origins a table remembers.
const maxOrigins = 1024

// Table holds a value per origin. It is safe for concurrent use and must not be
// copied. The zero value is usable.
type Table[T any] struct {
	// Make returns the value of an origin that is not in the table; nil means
	// the zero value. It must not use the table.
	Make func(origin string) *T

	last    atomic.Pointer[alias[T]] // the one asked for last: most clients have one origin
	mu      sync.RWMutex
	aliases map[spelling]*alias[T] // as URLs spell origins; may hold dead entries
	entries map[string]*Entry[T]   // by origin in normal form
	sweepAt int                    // number of entries at which to forget some
}

// spelling is an origin as a URL has it; several can mean the same.
type spelling struct{ scheme, host string }

type alias[T any] struct {
	spelling
	entry *Entry[T]
}

// dead is the number of users of an entry that was forgotten.
const dead = -1

// Entry is the value of one origin, for as long as it is held.
type Entry[T any] struct {
	Value  *T
	Origin string // in normal form, such as https://api.example.com

	users atomic.Int64
	asked atomic.Bool // since the last sweep
}

// hold adds a user; it fails if the entry was forgotten.
func (e *Entry[T]) hold() bool {
	for {
		n := e.users.Load()
		if n == dead {
			return false
		}
		if e.users.CompareAndSwap(n, n+1) {
			if !e.asked.Load() {
				e.asked.Store(true)
			}
			return true
		}
	}
}

// Release ends one use of the entry.
func (e *Entry[T]) Release() { e.users.Add(-1) }

// Get returns the entry of u's origin. Whoever gets it must release it.
func (t *Table[T]) Get(u *url.URL) *Entry[T] {
	s := spelling{u.Scheme, u.Host}
	if a := t.last.Load(); a != nil && a.spelling == s && a.entry.hold() {
		return a.entry
	}
	t.mu.RLock()
	a := t.aliases[s]
	held := a != nil && a.entry.hold()
	t.mu.RUnlock()
	if !held {
		a = t.add(s, u)
	}
	t.last.Store(a)
	return a.entry
}

// Find returns the entry of u's origin if there is one. Whoever gets it must
// release it.
func (t *Table[T]) Find(u *url.URL) (*Entry[T], bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if a := t.aliases[spelling{u.Scheme, u.Host}]; a != nil && a.entry.hold() {
		return a.entry, true
	}
	if e := t.entries[Name(u)]; e != nil && e.hold() {
		return e, true
	}
	return nil, false
}

// Len returns the number of origins in the table.
func (t *Table[T]) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.entries)
}

// Name returns the origin of u in normal form. A URL that has no valid one,
// which no transport will dial, is named by its spelling.
func Name(u *url.URL) string {
	o, err := origin.Of(u)
	if err != nil {
		return u.Scheme + "://" + u.Host
	}
	return o.String()
}

// add returns the entry of a spelling that is not known, or whose entry was
// forgotten, and holds it.
func (t *Table[T]) add(s spelling, u *url.URL) *alias[T] {
	name := Name(u)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries == nil {
		t.entries, t.aliases, t.sweepAt = make(map[string]*Entry[T]), make(map[spelling]*alias[T]), maxOrigins
	}
	e := t.entries[name]
	if e == nil || !e.hold() {
		if len(t.entries) >= t.sweepAt {
			t.sweep()
		}
		e = &Entry[T]{Origin: name}
		if t.Make != nil {
			e.Value = t.Make(name)
		} else {
			e.Value = new(T)
		}
		e.hold()
		t.entries[name] = e
	}
	if len(t.aliases) >= 4*t.sweepAt {
		clear(t.aliases) // they come back as they are asked for
	}
	a := &alias[T]{s, e}
	t.aliases[s] = a
	return a
}

// sweep forgets entries without users: those that were not asked for since the
// last sweep; if there are few, others too. The caller holds the lock.
func (t *Table[T]) sweep() {
	enough := maxOrigins * 3 / 4
	for name, e := range t.entries {
		if !e.asked.Swap(false) && e.users.CompareAndSwap(0, dead) {
			delete(t.entries, name)
		}
	}
	for name, e := range t.entries {
		if len(t.entries) <= enough {
			break
		}
		if e.users.CompareAndSwap(0, dead) {
			delete(t.entries, name)
		}
	}
	for s, a := range t.aliases {
		if a.entry.users.Load() == dead {
			delete(t.aliases, s)
		}
	}
	t.sweepAt = maxOrigins
	if len(t.entries) > enough { // in use: the next sweep must be worth its time
		t.sweepAt = 2 * len(t.entries)
	}
}
