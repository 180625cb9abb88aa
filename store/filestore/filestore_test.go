package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/storetest"
)

const origin = "https://api.example.com"

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBreaker_Conformance(t *testing.T) {
	t.Parallel()
	dirs := storetest.PerTest(func(t *testing.T) string { return t.TempDir() })
	storetest.Breaker(t, func(t *testing.T) breaker.Store { return open(t, dirs(t)) })
}

func TestLimit_Conformance(t *testing.T) {
	t.Parallel()
	dirs := storetest.PerTest(func(t *testing.T) string { return t.TempDir() })
	storetest.Limit(t, func(t *testing.T) limit.Store { return open(t, dirs(t)) })
}

// put changes the record and wants to have done so.
func put(t *testing.T, s *Store, prev, next string) breaker.Answer {
	t.Helper()
	a, err := s.Swap(t.Context(), origin, []byte(prev), []byte(next), time.Hour)
	if prev == "" {
		a, err = s.Swap(t.Context(), origin, nil, []byte(next), time.Hour)
	}
	if err != nil || !a.Put {
		t.Fatalf("%q to %q: %q, %v, %v", prev, next, a.Record, a.Put, err)
	}
	return a
}

func get(t *testing.T, s *Store) string {
	t.Helper()
	a, err := s.Swap(t.Context(), origin, nil, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if a.Record == nil {
		return "nothing"
	}
	return string(a.Record)
}

// the only state file of a folder.
func stateFile(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.state"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	return found[0]
}

// Whichever step of a change fails, the old record or the new one is there, and
// the next change works.
func TestD5_EveryStepFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("no space left on device")
	steps := map[string]bool{}
	for n := 0; ; n++ {
		dir := t.TempDir()
		put(t, open(t, dir), "", "old")
		s, count, failed := open(t, dir), 0, ""
		s.hook = func(step string) error {
			if count++; count > n {
				s.hook = func(string) error { return nil }
				failed = step
				return broken
			}
			return nil
		}
		_, err := s.Swap(t.Context(), origin, []byte("old"), []byte("new"), time.Hour)
		if failed == "" {
			if err != nil || get(t, open(t, dir)) != "new" {
				t.Errorf("no step failed: %v", err)
			}
			break
		}
		steps[failed] = true
		if !errors.Is(err, broken) {
			t.Errorf("step %d, %s: %v", n, failed, err)
		}
		if got := get(t, open(t, dir)); got != "old" {
			t.Errorf("step %d, %s: %q is there", n, failed, got)
		}
		put(t, s, "old", "new")
	}
	for _, step := range []string{"open folder", "lock", "read", "create", "write", "close", "rename"} {
		if !steps[step] {
			t.Errorf("step %q did not fail", step)
		}
	}
}

// stateOf is a file with a right checksum.
func stateOf(body string) []byte {
	return fmt.Appendf(nil, "%s%08x\n%s", magic, checksum([]byte(body)), body)
}

// What is no state file counts as empty, is said once, and is replaced.
func TestDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, open(t, dir), "", "1")
	file := stateFile(t, dir)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-3] ^= 1
	for name, content := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)-1], "no body": good[:bytes.IndexByte(good, '\n')+1], "one bit": flipped,
		"other": []byte("SQLite format 3\x00"), "zeros": make([]byte, len(good)), "more": append(bytes.Clone(good), '\n'),
		"not json": stateOf("{"), "null": stateOf(`{"limits":{"x":null}}`), "no book": stateOf(`{"limits":{"x":{}}}`),
		"another book": stateOf(`{"limits":{"x":{"version":0}}}`), "no reply": stateOf("{}\n"), "half a reply": stateOf("{}\n=o =p =1 5"),
		"reply for ever": stateOf("{}\n=o =p =1 x {}"),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s := open(t, dir)
		s.log = slog.New(slog.NewTextHandler(&log, nil))
		for range 3 {
			if got := get(t, s); got != "nothing" {
				t.Errorf("%s: %q", name, got)
			}
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), filepath.Base(file)) {
			t.Errorf("%s: said %d times:\n%s", name, n, &log)
		}
		put(t, s, "", "1")
		if got := get(t, open(t, dir)); got != "1" {
			t.Errorf("%s: then %q", name, got)
		}
	}
}

// A file that is too large, or is none, is not read.
func TestDamaged_Large(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "", "1")
	if err := os.Truncate(stateFile(t, dir), maxFile+1); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s); got != "nothing" {
		t.Error(got)
	}
	put(t, s, "", "2")
}

// What could not be read again is not written.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, "", "1")
	if _, err := s.Swap(t.Context(), origin, []byte("1"), make([]byte, maxFile), time.Hour); err == nil || !strings.Contains(err.Error(), "MiB") {
		t.Error(err)
	}
	if got := get(t, s); got != "1" {
		t.Error(got)
	}
}

// FS1: a link does not lead a read or a write out of the folder.
func TestFS1_Links(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	s := open(t, dir)
	put(t, s, "", "1")
	state := stateFile(t, dir)
	lock, next := strings.TrimSuffix(state, ".state")+".lock", strings.TrimSuffix(state, ".state")+".next"
	good, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{state, next, lock} {
		if err := os.WriteFile(outside, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, name); err != nil {
			if runtime.GOOS == "windows" {
				t.Skip("making a link needs a privilege on Windows")
			}
			t.Fatal(err)
		}
		_, err := s.Swap(t.Context(), origin, nil, []byte("2"), time.Hour)
		if (err != nil) != (name == lock) {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
		if got, err := os.ReadFile(outside); err != nil || !bytes.Equal(got, good) {
			t.Errorf("%s: the file outside holds %q, %v", filepath.Base(name), got, err)
		}
		if err := os.Remove(state); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// The folder may go and come back, and must not be one that others write to.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, dir)
	put(t, s, "", "1")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	put(t, s, "", "2")
	if runtime.GOOS != "windows" {
		if err := os.Chmod(dir, 0o720); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{Dir: dir}); !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("a folder of others: %v", err)
		}
		if _, err := s.Swap(t.Context(), origin, nil, nil, 0); err == nil {
			t.Error("a folder that has become one of others is used")
		}
	}
	for _, bad := range []string{"", filepath.Join(dir, "\x00"), filepath.Join(stateFile(t, dir), "c")} {
		if _, err := Open(Config{Dir: bad}); !errors.Is(err, exchange.ErrConfig) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Whoever waits for a lock that another process has goes when its context ends.
func TestLock_ObeysContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "", "1")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	unlock, err := tryLock(root, strings.TrimSuffix(stateFile(t, dir), ".state")+".lock")
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{})
	s.hook = func(step string) error {
		if step == "lock" {
			close(tried) // the second one does not come so far
		}
		return nil
	}
	gone := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Swap(ctx, origin, nil, nil, time.Hour)
		first <- err
	}()
	<-tried
	go func() { // waits behind the first, for the same file
		_, err := s.Swap(ctx, origin, nil, nil, time.Hour)
		second <- err
	}()
	cancel(gone)
	if err := <-first; !errors.Is(err, gone) {
		t.Errorf("at the lock: %v", err)
	}
	if err := <-second; !errors.Is(err, gone) {
		t.Errorf("in the queue: %v", err)
	}
	s.hook = func(string) error { return nil }
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s); got != "1" {
		t.Error(got)
	}
}

// Records go when they are old, also those of other origins in the file.
func TestForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		for i := range 10 * shards {
			if _, err := s.Swap(t.Context(), fmt.Sprint(i), nil, []byte("1"), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		put(t, s, "", "1")
		if n := size(t, dir); n < 10*shards*40 {
			t.Errorf("%d bytes for %d records", n, 10*shards)
		}
		time.Sleep(time.Minute)
		for i := range 6 * shards { // every file is written
			if _, err := s.Swap(t.Context(), fmt.Sprint("new", i), nil, []byte("1"), time.Nanosecond); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Nanosecond)
		}
		if n := size(t, dir); n > 12_000 {
			t.Errorf("%d bytes are left", n)
		}
		if got := get(t, s); got != "1" { // kept for an hour
			t.Error(got)
		}
	})
}

func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 2*shards {
		t.Errorf("%d files", len(entries))
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// FC13: a clock that is set back stops nobody, and one that is set forward only
// makes what is stored look old.
func TestFC13_ClockSet(t *testing.T) {
	t.Parallel()
	st := newState()
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	for i, step := range []struct{ wall, want time.Duration }{
		{0, 0},
		{time.Second, time.Second},
		{-time.Hour, time.Second}, // set back
		{-time.Hour + time.Second, 2 * time.Second},
		{-time.Hour + time.Minute, time.Minute + time.Second},
		{-2 * time.Hour, time.Minute + time.Second}, // and again
		{-2*time.Hour + time.Second, time.Minute + 2*time.Second},
	} {
		if got := st.clock(noon.Add(step.wall)).Sub(noon); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	raw, err := st.encode()
	if err != nil {
		t.Fatal(err)
	}
	again := newState()
	if err := again.decode(raw); err != nil {
		t.Fatal(err)
	}
	if got := again.clock(noon.Add(-2*time.Hour + 2*time.Second)).Sub(noon); got != time.Minute+3*time.Second {
		t.Errorf("another process: %v", got)
	}
}

func FuzzState_Decode(f *testing.F) {
	st := newState()
	st.Breakers[origin] = kept{Record: []byte("1"), Until: 5}
	raw, err := st.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(magic))
	f.Add([]byte(`{"breakers":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		// With a right checksum the body is read, whatever it is.
		for _, in := range [][]byte{raw, stateOf(string(raw))} {
			st := newState()
			if err := st.decode(in); err != nil {
				if !errors.Is(err, errDamaged) {
					t.Error(err)
				}
				continue
			}
			st.forget(st.clock(time.Unix(0, 0)))
			out, err := st.encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := newState().decode(out); err != nil {
				t.Errorf("%q: %v", out, err)
			}
			st.Breakers["new"] = kept{}
		}
	})
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "limits")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := Open(Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Every process of this machine that opens the folder shares the breaker.
	if _, err := breaker.New(breaker.Config{Store: store}); err != nil {
		fmt.Println(err)
	}
	// Output:
}
