// Package program builds godwit and the programs it is measured beside, and
// runs them with a look at what they use.
package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const benchModule = "github.com/godwit-go/godwit/bench"

// Set is the built programs.
type Set struct {
	Godwit  string // the program
	Trivial string // a bare http.Get
	Measure string // runs another program and reports its usage
	dir     string
}

// Build builds all of them into a new folder. Close removes it.
func Build(ctx context.Context) (*Set, error) {
	root, err := goCommand(ctx, "", "list", "-m", "-f", "{{.Dir}}", benchModule)
	if err != nil {
		return nil, err
	}
	bench := strings.TrimSpace(root)
	dir, err := os.MkdirTemp("", "godwit-bench-")
	if err != nil {
		return nil, err
	}
	s := &Set{dir: dir, Godwit: binary(dir, "godwit"), Trivial: binary(dir, "trivial"), Measure: binary(dir, "measure")}
	for _, b := range []struct{ module, out, pkg string }{
		{filepath.Join(bench, "..", "cmd"), s.Godwit, "./godwit"},
		{bench, s.Trivial, "./cli/trivial"},
		{bench, s.Measure, "./measure"},
	} {
		if _, err := goCommand(ctx, b.module, "build", "-trimpath", "-o", b.out, b.pkg); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Close removes the programs.
func (s *Set) Close() error { return os.RemoveAll(s.dir) }

func binary(dir, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}

func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String(), nil
}

// Environment is the caller's without what would change godwit's behaviour,
// with a home of its own and the given variables.
func Environment(home string, extra ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		return strings.HasPrefix(name, "GODWIT_") || strings.HasPrefix(name, "XDG_") || strings.HasSuffix(name, "_PROXY")
	})
	return append(append(env, "GODWIT_HOME="+home, "HOME="+home, "NO_COLOR=1"), extra...)
}

// Usage is what a finished process used.
type Usage struct {
	Exit   int           // exit code
	CPU    time.Duration // user and system
	MaxRSS int64         // peak resident memory in bytes
}

// Run describes one measured run.
type Run struct {
	Args   []string
	Env    []string
	Dir    string
	Stdout io.Writer // nil: discarded
	Stderr io.Writer // nil: discarded
}

// Measured runs the program at path and returns what it used. A program that
// fails is no error: see Usage.Exit.
func (s *Set) Measured(ctx context.Context, path string, r Run) (Usage, error) {
	report, reportWriter, err := os.Pipe()
	if err != nil {
		return Usage{}, err
	}
	defer report.Close()
	cmd := exec.CommandContext(ctx, s.Measure, append([]string{path}, r.Args...)...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = r.Env, r.Dir, r.Stdout, r.Stderr
	cmd.ExtraFiles = []*os.File{reportWriter} // descriptor 3
	err = errors.Join(cmd.Start(), reportWriter.Close())
	if err != nil {
		return Usage{}, err
	}
	line, readErr := io.ReadAll(report)
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return Usage{}, fmt.Errorf("measure %s: %w", filepath.Base(path), err)
	}
	return parseUsage(line)
}

func parseUsage(line []byte) (Usage, error) {
	var v struct {
		Exit     int
		UserNS   int64 `json:"user_ns"`
		SystemNS int64 `json:"system_ns"`
		MaxRSS   int64 `json:"maxrss"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return Usage{}, fmt.Errorf("measure: %w", err)
	}
	if runtime.GOOS != "darwin" {
		v.MaxRSS <<= 10 // kilobytes elsewhere
	}
	return Usage{Exit: v.Exit, CPU: time.Duration(v.UserNS + v.SystemNS), MaxRSS: v.MaxRSS}, nil
}

// Definition returns a definition of n APIs named api0, api1, … at base, each
// with settings and operations as in real use.
func Definition(base string, n int) []byte {
	var b bytes.Buffer
	b.WriteString("version: 1\napis:\n")
	for i := range n {
		fmt.Fprintf(&b, "  api%d:\n    base_url: %s\n    headers: {X-Team: team-%d}\n", i, base, i)
		b.WriteString("    timeout: {total: 30s, header: 10s}\n    retry: {attempts: 3}\n    operations:\n")
		for _, op := range []string{"users", "orders", "items", "invoices", "reports"} {
			fmt.Fprintf(&b, "      %s-get: GET /%s/{id}\n      %s-list: GET /%s\n", op, op, op, op)
		}
	}
	return b.Bytes()
}
