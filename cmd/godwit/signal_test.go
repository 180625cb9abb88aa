//go:build unix

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFC16_Signals stops the program while a call is under way: the call is
// cancelled and the code is that of a shell.
func TestFC16_Signals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signal os.Signal
		code   int
	}{{os.Interrupt, 130}, {syscall.SIGTERM, 143}} {
		t.Run(test.signal.String(), func(t *testing.T) {
			t.Parallel()
			arrived, left := make(chan struct{}, 1), make(chan struct{}, 1)
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				<-r.Context().Done()
				left <- struct{}{}
			}))
			defer s.Close()
			cmd, stderr := command(t, "get", s.URL)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-arrived
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			<-left
			if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != test.code || stderr.Len() > 0 {
				t.Errorf("code %d, want %d, %v: %s", cmd.ProcessState.ExitCode(), test.code, err, stderr)
			}
		})
	}
}

// TestIgnoredSignalStaysIgnored: a shell lets its background jobs ignore SIGINT.
func TestIgnoredSignalStaysIgnored(t *testing.T) {
	t.Parallel()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-goOn
	}))
	defer s.Close()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The link gives the test binary the name under which it is the program, see TestMain.
	link := filepath.Join(t.TempDir(), "godwit")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `trap "" INT; exec "$0" get "$1"`, link, s.URL)
	cmd.Env = append(os.Environ(), "GODWIT_HOME="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if err := cmd.Wait(); err != nil {
		t.Errorf("it was interrupted: %v", err)
	}
}

// TestSilentPipeIsCancelled: a stdin that never ends does not hold the program.
func TestSilentPipeIsCancelled(t *testing.T) {
	t.Parallel()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	cmd, _ := command(t, "post", "http://127.0.0.1:1/", "--deadline", "50ms")
	cmd.Stdin = in
	err = cmd.Run()
	if err == nil || cmd.ProcessState.ExitCode() != 8 {
		t.Errorf("code %d, %v", cmd.ProcessState.ExitCode(), err)
	}
}

// command is the program as a process of its own, see TestMain.
func command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stderr := new(bytes.Buffer)
	return &exec.Cmd{
		Path: program, Args: append([]string{"godwit"}, args...), Stderr: stderr,
		Env: append(os.Environ(), "GODWIT_HOME="+t.TempDir(), "GORACE=atexit_sleep_ms=0"),
	}, stderr
}
