//go:build unix

package filestore

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dirVariable makes the test binary a process that counts in a folder.
const dirVariable = "FILESTORE_TEST_COUNTS_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirVariable); dir != "" {
		if err := countIn(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// countIn adds one again and again, and prints each number that it has put.
func countIn(dir string) error {
	syscall.Umask(0)
	s, err := Open(Config{Dir: dir})
	if err != nil {
		return err
	}
	for {
		n, err := increment(s)
		if err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

func increment(s *Store) (int, error) {
	var prev []byte
	for {
		n := 0
		if prev != nil {
			var err error
			if n, err = strconv.Atoi(string(prev)); err != nil {
				return 0, err
			}
		}
		a, err := s.Swap(context.Background(), origin, prev, []byte(strconv.Itoa(n+1)), time.Hour)
		if err != nil {
			return 0, err
		}
		if a.Put {
			return n + 1, nil
		}
		prev = a.Record
	}
}

// counter is a process of its own that counts.
type counter struct {
	cmd  *exec.Cmd
	out  *bufio.Scanner
	errs strings.Builder
}

func startCounter(t *testing.T, dir string) *counter {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{cmd: exec.CommandContext(t.Context(), program)}
	c.cmd.Env = append(os.Environ(), dirVariable+"="+dir)
	c.cmd.Stderr = &c.errs
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// next is the number that the process has put.
func (c *counter) next(t *testing.T) (n int, ok bool) {
	t.Helper()
	if !c.out.Scan() {
		return 0, false
	}
	n, err := strconv.Atoi(c.out.Text())
	if err != nil {
		t.Fatal(err)
	}
	return n, true
}

// kill ends the process in the middle of what it does, and returns the highest
// number that it has printed.
func (c *counter) kill(t *testing.T) (last int) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for {
		n, ok := c.next(t)
		if !ok {
			break
		}
		last = n
	}
	_ = c.cmd.Wait() // it was killed
	if c.errs.Len() > 0 {
		t.Errorf("the process says: %s", &c.errs)
	}
	return last
}

// D5: processes that count together and are killed at random moments lose
// nothing that they have said, count nothing twice, and leave files that are
// whole and that nobody else can read.
func TestD5_KilledProcesses(t *testing.T) {
	t.Parallel()
	const processes, kills = 3, 30
	dir := filepath.Join(t.TempDir(), "state")
	random := rand.New(rand.NewPCG(1, 2))
	var running []*counter
	for range processes {
		running = append(running, startCounter(t, dir))
	}
	s, seen, highest := open(t, dir), map[int]bool{}, 0
	for range kills {
		i := random.IntN(processes)
		for range random.IntN(20) {
			n, ok := running[i].next(t)
			if !ok {
				t.Fatalf("a process went: %s", &running[i].errs)
			}
			if seen[n] {
				t.Errorf("%d is counted twice", n)
			}
			seen[n] = true
			highest = max(highest, n)
		}
		highest = max(highest, running[i].kill(t))
		if got, err := strconv.Atoi(get(t, s)); err != nil || got < highest {
			t.Fatalf("%d is there, %d was said: %v", got, highest, err)
		}
		running[i] = startCounter(t, dir)
	}
	for _, c := range running {
		c.kill(t)
	}
	private(t, dir)
}

func private(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]os.DirEntry{nil}, entries...) {
		path, want := dir, os.FileMode(0o700)
		if name != nil {
			path, want = filepath.Join(dir, name.Name()), 0o600
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if len(entries) > 3 {
		t.Errorf("%d files are left", len(entries))
	}
}
