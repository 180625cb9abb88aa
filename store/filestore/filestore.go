// Package filestore keeps what the processes of one machine share in a folder
// of small files: several commands at once, or one after the other, keep to one
// limit and learn of one outage.
//
// Each file has a lock beside it. A question takes the lock, reads the file,
// and puts a new one in its place if there is something to put: a reader sees
// the old one or the new one whole, and a process that is killed at any moment
// leaves one of the two. A file that cannot be read counts as empty, which is
// said once in the log: what is kept here is learnt anew within seconds. For
// that reason nothing is synced to the disk, which would cost every call
// milliseconds; a checksum tells a file that a power cut has spoilt.
//
// The clock is the machine's. When that is set back, the store's stays where it
// was and goes on from there at the usual pace, so nobody waits longer than the
// wait was when the clock was set.
//
// Limits: a local disk; on Linux, macOS, the BSDs, illumos and Windows. The
// folder belongs to one user.
package filestore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// shards is how many files there are at most. What belongs to one origin is in
// one of them, so that it changes as a whole.
const shards = 64

// Config says where the files are.
type Config struct {
	// Dir is the folder. It is made when it is needed, for its owner alone.
	Dir string
	// Log takes a warning for each file that cannot be read. Nil: none.
	Log *slog.Logger
}

// Store is a [breaker.Store] and a [limit.Store] in a folder. It is safe for
// concurrent use and holds nothing open between two questions.
//
// [breaker.Store]: https://pkg.go.dev/github.com/godwit-go/godwit/policy/breaker#Store
// [limit.Store]: https://pkg.go.dev/github.com/godwit-go/godwit/policy/limit#Store
type Store struct {
	dir    string
	log    *slog.Logger
	hook   func(step string) error // tests make a step fail
	queues [shards]chan struct{}   // whoever has put something into one asks

	mu       sync.Mutex
	reported map[string]bool // files that could not be read
}

// Open returns a store. It makes the folder, so that a place that cannot be used
// is known from the start.
func Open(c Config) (*Store, error) {
	if c.Dir == "" {
		return nil, exchange.ConfigErrorf("filestore: no folder; name one")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, exchange.ConfigErrorf("filestore: %w", err)
	}
	s := &Store{dir: dir, log: c.Log, hook: func(string) error { return nil }, reported: make(map[string]bool)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for i := range s.queues {
		s.queues[i] = make(chan struct{}, 1)
	}
	root, err := s.root()
	if err != nil {
		return nil, exchange.ConfigErrorf("filestore: %w", err)
	}
	if err := root.Close(); err != nil {
		return nil, exchange.ConfigErrorf("filestore: %w", err)
	}
	return s, nil
}

// root opens the folder. Names in it that lead out of it are not followed.
func (s *Store) root() (*os.Root, error) {
	if err := s.hook("open folder"); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return nil, err
		}
		root, err = os.OpenRoot(s.dir)
	}
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 { // Windows has no such bits
		err = fmt.Errorf("%s: others may write to this folder; chmod go-w it", s.dir)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// update gives f the state of an origin and the store's time, alone among all
// processes, and keeps what f leaves if it says that it has changed it. An error
// of f changes nothing.
func (s *Store) update(ctx context.Context, origin string, f func(st *state, now time.Time) (changed bool, err error)) (err error) {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(origin)) // a hash takes everything
	n := h.Sum32() % shards
	select {
	case s.queues[n] <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	leave := func() { <-s.queues[n] }
	root, err := s.root()
	if err != nil {
		leave()
		return fmt.Errorf("filestore: %w", err)
	}
	file := shard{s, root, fmt.Sprintf("%02d", n)}
	unlock, err := file.take(ctx, leave)
	if err != nil {
		_ = root.Close() // it was only read
		return fmt.Errorf("filestore: %w", err)
	}
	defer leave()
	if err := errors.Join(file.change(f), unlock(), root.Close()); err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	return nil
}

// damaged says once that a file cannot be read.
func (s *Store) damaged(name string, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reported[name] {
		s.reported[name] = true
		s.log.Warn("a state file cannot be read and counts as empty", "file", filepath.Join(s.dir, name), "cause", cause)
	}
}

// sound takes back what damaged has noted.
func (s *Store) sound(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reported, name)
}
