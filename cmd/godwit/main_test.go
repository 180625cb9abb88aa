package main

import (
	"bytes"
	"fmt"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/godwit-go/godwit/cmd/internal/cli"
	"github.com/godwit-go/godwit/godwittest"
)

// secretValue is in $SECRET of every script and in the file secret.txt. It must
// be in no output of the command, and in no file that it writes.
const secretValue = "Zx7-canary/QvT93+mLp8k"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"godwit": func() { os.Exit(cli.Main()) }})
}

// TestLG1_Scripts runs every script with a server of its own on loopback, and
// searches all that the command prints for the canary.
func TestLG1_Scripts(t *testing.T) {
	t.Parallel()
	canary := godwittest.CanaryFor(t, secretValue)
	t.Cleanup(canary.Assert) // runs after the scripts, which are parallel
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			s := newServer()
			env.Defer(s.Close)
			env.Values["server"] = s
			return prepare(env, s.URL)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"run":   func(ts *testscript.TestScript, neg bool, args []string) { run(ts, canary, neg, "godwit", args) },
			"shell": func(ts *testscript.TestScript, neg bool, args []string) { run(ts, canary, neg, "sh", args) },
			"seen":  seen, "saw": saw, "size": size,
		},
	})
}

// prepare gives a script its server, its secret and a home of its own.
func prepare(env *testscript.Env, url string) error {
	env.Setenv("URL", url)
	env.Setenv("HOST", strings.TrimPrefix(url, "http://"))
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	env.Setenv("PORT", port)
	env.Setenv("SECRET", secretValue)
	env.Setenv("ESCAPED", neturl.QueryEscape(secretValue))
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("TERM", "xterm")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector sleeps at each exit otherwise
	if err := os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(env.WorkDir, ".git"), 0o700); err != nil { // the search for godwit.yaml ends here
		return err
	}
	return os.WriteFile(filepath.Join(env.WorkDir, "secret.txt"), []byte(secretValue+"\n"), 0o600)
}

// run is "run CODE ARG…": the command must end with that code. "shell CODE
// SCRIPT" runs a shell, for redirections.
func run(ts *testscript.TestScript, canary *godwittest.Canary, neg bool, program string, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: run CODE ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	if program == "sh" {
		args = append([]string{"-c"}, args...)
	}
	code := 0
	if err := ts.Exec(program, args...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%s: %v", program, err)
		}
		if code = exit.ExitCode(); code < 0 {
			ts.Fatalf("%s: %v", program, exit)
		}
	}
	for _, name := range []string{"stdout", "stderr", "ttyout"} {
		canary.Record(ts.Name()+" "+name, []byte(ts.ReadFile(name)))
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// seen is "seen N": the server has seen N requests since the last look.
func seen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: seen N")
	}
	got := scriptServer(ts).take()
	if strconv.Itoa(len(got)) != args[0] {
		ts.Fatalf("the server saw %d requests, want %s:\n%s", len(got), args[0], strings.Join(got, "\n"))
	}
}

// saw is "saw TEXT": the last request, written out with its header and body,
// holds TEXT.
func saw(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: saw TEXT")
	}
	last := scriptServer(ts).last()
	if strings.Contains(last, args[0]) == neg {
		ts.Fatalf("the last request was\n%s", last)
	}
}

// size is "size FILE N": the file has N bytes.
func size(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: size FILE N")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if strconv.FormatInt(info.Size(), 10) != args[1] {
		ts.Fatalf("%s has %d bytes", args[0], info.Size())
	}
}

func scriptServer(ts *testscript.TestScript) *server { return ts.Value("server").(*server) }

// TestInit_Ceiling keeps the start of the program cheap: what packages allocate
// before main runs.
func TestInit_Ceiling(t *testing.T) {
	t.Parallel()
	// Bytes allocated by init, by package. Whoever is not listed may have 40,000.
	ceilings := map[string]int{
		"github.com/itchyny/gojq": 260_000, // the table of its functions, 0.2 ms
	}
	const other, total = 40_000, 480_000 // the total has the test's own packages in it
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: program, Args: []string{"godwit", "version"}} // under that name the test binary is the program, see TestMain
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "GODEBUG=") }), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &trace)
	}
	sum, packages := 0, 0
	for line := range strings.Lines(trace.String()) {
		var name string
		var at, clock float64
		var size, allocs int
		if n, _ := fmt.Sscanf(line, "init %s @%f ms, %f ms clock, %d bytes, %d allocs", &name, &at, &clock, &size, &allocs); n != 5 {
			continue
		}
		packages++
		sum += size
		limit, listed := ceilings[name]
		if !listed {
			limit = other
		}
		if size > limit {
			t.Errorf("init of %s allocates %d bytes, more than %d", name, size, limit)
		}
	}
	if packages < 10 {
		t.Fatalf("%d packages in the trace:\n%s", packages, &trace)
	}
	if sum > total {
		t.Errorf("init allocates %d bytes, more than %d", sum, total)
	}
}
