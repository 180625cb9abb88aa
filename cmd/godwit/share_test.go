//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/godwit-go/godwit/internal/redistest"
)

// sharer is a machine: a definition with a quota that two calls would break, and
// a home. It returns the definition and what the upstream was asked.
func sharer(t *testing.T, store string) (file, home string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	file = filepath.Join(t.TempDir(), "godwit.yaml")
	text := fmt.Sprintf("version: 1\napis:\n  api:\n    base_url: %s\n    limit: {store: %s, quotas: [{name: core, limit: 2/h, burst: 2}]}\n", s.URL, store)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, t.TempDir(), asked
}

// Commands on any machine share a quota through a server.
func TestC4_CommandsShareThroughRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	file, _, asked := sharer(t, "redis")
	for i, want := range []int{0, 11, 11} {
		cmd, stderr := command(t, "get", "api:/x", "--definition", file) // with a home of its own each
		cmd.Env = append(cmd.Env, "GODWIT_REDIS_URL=unix://"+server.Socket())
		_ = cmd.Run() // the code tells
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("command %d: code %d, want %d: %s", i, code, want, stderr)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the upstream was asked %d times", n)
	}
	cmd, stderr := command(t, "limits", "api", "--definition", file, "-q", ".[0] | [.store, (.issued | round), .processes, .breaker] | @json", "-r")
	cmd.Env = append(cmd.Env, "GODWIT_REDIS_URL=unix://"+server.Socket())
	if out, err := cmd.Output(); err != nil || string(out) != `["redis",1,3,"closed"]`+"\n" {
		t.Errorf("limits shows %s, %v: %s", out, err, stderr)
	}
}

// The gateway and a command stand in one line.
func TestC4_GatewayAndCommandShareAFile(t *testing.T) {
	t.Parallel()
	file, home, asked := sharer(t, "file")
	gateway, stderr := command(t, "serve", "-f", file, "--listen", "127.0.0.1:0")
	gateway.Env = append(gateway.Env, "GODWIT_HOME="+home)
	out, err := gateway.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	url := strings.TrimPrefix(strings.TrimSpace(line), "listening on ") + "/api/x"
	for _, want := range []int{200, 429} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close() != nil || resp.StatusCode != want {
			t.Errorf("the gateway answers %d, want %d", resp.StatusCode, want)
		}
	}
	cmd, said := command(t, "get", "api:/x", "--definition", file)
	cmd.Env = append(cmd.Env, "GODWIT_HOME="+home)
	_ = cmd.Run() // the code tells
	if code := cmd.ProcessState.ExitCode(); code != 11 {
		t.Errorf("the command: code %d: %s", code, said)
	}
	if err := gateway.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = gateway.Wait() // stopped by a signal
	if n := asked.Load(); n != 1 {
		t.Errorf("the upstream was asked %d times", n)
	}
}
