//go:build unix

package redistest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func wantError(t *testing.T, s *Server, prefix string, args ...string) {
	t.Helper()
	_, err := s.command(t.Context(), args...)
	var reply Error
	if !errors.As(err, &reply) || !strings.HasPrefix(string(reply), prefix) {
		t.Errorf("%v: %v, want %s", args, err, prefix)
	}
}

// Each state that a server can be brought into is what it says, and ends.
func TestServer_States(t *testing.T) {
	t.Parallel()
	s := Start(t)
	const script = "return {ARGV[1], KEYS[1]}"
	if got, err := s.Eval(t.Context(), script, []string{"k"}, []string{"a"}); err != nil || strings.Join(got, " ") != "a k" {
		t.Fatalf("%q, %v", got, err)
	}
	sha := s.Do("SCRIPT", "LOAD", script).(string)
	if got, err := s.EvalSha(t.Context(), sha, []string{"k"}, []string{"a"}); err != nil || strings.Join(got, " ") != "a k" {
		t.Fatalf("%q, %v", got, err)
	}
	s.FlushScripts()
	wantError(t, s, "NOSCRIPT", "EVALSHA", sha, "0")

	s.Full()
	wantError(t, s, "OOM", "SET", "k", "v")
	s.Room()
	s.Do("SET", "k", "v")

	s.Demote()
	wantError(t, s, "READONLY", "SET", "k", "w")
	s.Promote()
	if got := s.Do("GET", "k"); got != "v" {
		t.Errorf("%v", got)
	}

	s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.command(ctx, "SET", "k", "late"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped: %v", err)
	}
	s.Cont()
	for s.Do("GET", "k") != "late" { // it has been sent, so it happens
	}

	before := s.PID()
	s.Restart()
	if got := s.Do("GET", "k"); got != nil || s.PID() == before {
		t.Errorf("after a restart: %v", got)
	}
	if got := s.Do("TIME").([]any); len(got) != 2 {
		t.Errorf("TIME: %v", got)
	}
}

// A server ends with its test and leaves nothing behind.
func TestServer_Ends(t *testing.T) {
	t.Parallel()
	var dir string
	var done chan struct{}
	t.Run("inner", func(t *testing.T) {
		s := Start(t, "--requirepass", "secret")
		wantError(t, s, "NOAUTH", "GET", "k")
		dir, done = s.dir, s.child.done
	})
	if done == nil {
		t.Skip("no server is installed")
	}
	select {
	case <-done:
	default:
		t.Error("the process is still there")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", dir, err)
	}
}
