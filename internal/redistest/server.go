//go:build unix

package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ready is how long a server may take until it answers.
const ready = 30 * time.Second

// Server is one server of one test. Its methods that change its state fail the
// test when they cannot.
type Server struct {
	tb     testing.TB
	binary string
	dir    string
	args   []string
	log    *bytes.Buffer
	child  *child
}

// child is the running process. done is closed once it has been waited for.
type child struct {
	process *os.Process
	done    chan struct{}
}

// Start starts a server, with args after its own: names and values as in
// redis.conf, such as "--requirepass", "secret".
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	binary := find()
	if binary == "" {
		tb.Skip("neither redis-server nor valkey-server is installed: apt-get install redis-server")
	}
	dir, err := os.MkdirTemp("", "redis") // tb.TempDir has names too long for the path of a socket
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, binary: binary, dir: dir, args: args}
	tb.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	s.start()
	return s
}

func find() string {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Socket is the path of the socket that the server listens on.
func (s *Server) Socket() string { return filepath.Join(s.dir, "s") }

// PID is the process of the server.
func (s *Server) PID() int { return s.child.process.Pid }

// start starts the process and waits until it answers.
func (s *Server) start() {
	s.tb.Helper()
	s.log = new(bytes.Buffer)
	args := append([]string{
		"--port", "0", "--unixsocket", s.Socket(), "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	}, s.args...)
	cmd := exec.Command(s.binary, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = s.log, s.log, ends()
	started, c := make(chan error), &child{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		// Where a child ends with its parent it ends with the thread that started
		// it: this one stays until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed, or its log says why it went
		}
	}()
	if err := <-started; err != nil {
		s.tb.Fatal(err)
	}
	c.process = cmd.Process
	s.child = c
	s.await()
}

// await waits until the server answers.
func (s *Server) await() {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), ready)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.command(ctx, "PING")
		var reply Error
		if err == nil || errors.As(err, &reply) { // it may ask for a password
			return
		}
		select {
		case <-tick.C:
		case <-s.child.done:
			s.tb.Fatalf("%s went:\n%s", s.binary, s.log)
		case <-ctx.Done():
			s.tb.Fatalf("%s does not answer: %v", s.binary, err)
		}
	}
}

// Kill ends the server as a crash does. Nothing is kept.
func (s *Server) Kill() {
	s.tb.Helper()
	if s.child == nil {
		return
	}
	if err := s.child.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Error(err)
	}
	<-s.child.done
	s.child = nil
}

// Restart kills the server and starts an empty one in its place.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	s.start()
}

// Stop stops the process: connections are taken and nothing is answered.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Cont lets a stopped process go on, with what it was sent meanwhile.
func (s *Server) Cont() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := s.child.process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
}

// FlushScripts makes the server forget its scripts, as a failover does.
func (s *Server) FlushScripts() { s.Do("SCRIPT", "FLUSH", "SYNC") }

// Full makes every write fail for want of memory; Room ends that.
func (s *Server) Full() { s.Do("CONFIG", "SET", "maxmemory", "1") }

// Room ends Full.
func (s *Server) Room() { s.Do("CONFIG", "SET", "maxmemory", "0") }

// Demote makes the server a replica, which refuses writes. Its primary is
// nowhere: it keeps what it has.
func (s *Server) Demote() { s.Do("REPLICAOF", "127.0.0.1", "1") }

// Promote ends Demote.
func (s *Server) Promote() { s.Do("REPLICAOF", "NO", "ONE") }

// Do sends a command and returns its answer: a string, an int64, a []any of
// such, or nil. An error fails the test.
func (s *Server) Do(args ...string) any {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), ready)
	defer cancel()
	answer, err := s.command(ctx, args...)
	if err != nil {
		s.tb.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return answer
}

// EvalSha runs a script that the server knows.
func (s *Server) EvalSha(ctx context.Context, sha string, keys, args []string) ([]string, error) {
	return s.eval(ctx, "EVALSHA", sha, keys, args)
}

// Eval runs a script.
func (s *Server) Eval(ctx context.Context, script string, keys, args []string) ([]string, error) {
	return s.eval(ctx, "EVAL", script, keys, args)
}

func (s *Server) eval(ctx context.Context, command, script string, keys, args []string) ([]string, error) {
	answer, err := s.command(ctx, append(append([]string{command, script, strconv.Itoa(len(keys))}, keys...), args...)...)
	if err != nil {
		return nil, err
	}
	list, ok := answer.([]any)
	if !ok {
		return nil, fmt.Errorf("the script answers with %T", answer)
	}
	out := make([]string, len(list))
	for i, v := range list {
		if out[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("the script answers with %T at %d", v, i)
		}
	}
	return out, nil
}

// command asks over a connection of its own.
func (s *Server) command(ctx context.Context, args ...string) (any, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", s.Socket())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // as it ends, so does the wait
	answer, err := exchange(conn, args)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return answer, err
}
