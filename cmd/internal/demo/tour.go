package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed godwit.yaml
var definitionFile []byte

// limits of the tour: a step that takes longer has failed.
const (
	stepLimit  = 30 * time.Second
	startLimit = 10 * time.Second
	stopLimit  = 15 * time.Second
)

// step is one run of the program and what it must yield.
type step struct {
	title  string
	args   []string
	exit   int      // expected exit code
	stdout []string // must occur in stdout, in this order
	stderr []string // must occur in stderr
}

// steps is the tour at the prompt.
var steps = []step{
	{
		title: "The definition is checked before anything is sent.",
		args:  []string{"check"},
	},
	{
		title: "One value out of an answer.",
		args:  []string{"get", "shop:/items/1", "-q", ".name"}, stdout: []string{"kettle"},
	},
	{
		title: "An operation by name; its parameter lands in the path, escaped.",
		args:  []string{"call", "shop", "item", "id=2"}, stdout: []string{`"lamp"`},
	},
	{
		title: "A list comes in pages; the answer links to the next one.",
		args:  []string{"call", "shop", "list", "page=3"}, stdout: []string{`"carpet"`},
	},
	{
		title: "JSON from the command line. The token is added on the way, and only for this origin.",
		args:  []string{"post", "shop:/items", "name=vase", "price:=80"}, stdout: []string{`"id":8`},
	},
	{
		title: "The API says 503, then 429, each with Retry-After: godwit waits as told and brings the answer.",
		args:  []string{"-v", "call", "shop", "report"}, stdout: []string{`"requests":3`},
	},
	{
		title: "A failure has one exit code (4: the request is at fault) and the meaning that the definition gives it.",
		args:  []string{"get", "shop:/items/99"}, exit: 4, stderr: []string{"404", "the shop does not sell this"},
	},
	{
		title: "A slow stream, line by line as it comes.",
		args:  []string{"get", "shop:/prices"}, stdout: []string{`"kettle"`, `"lamp"`, `"chair"`},
	},
	{
		title: "What would be sent, and why; nothing is sent.",
		args:  []string{"explain", "get", "shop:/items/1"}, stdout: []string{"/items/1", "retry"},
	},
}

// tour runs the program as a newcomer would.
type tour struct {
	binary string
	dir    string
	env    []string
	token  string
	out    io.Writer
}

// serial lets the programs' outputs and the tour's own lines through one at a
// time.
type serial struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *serial) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

func newTour(binary, shopURL, token string, out io.Writer) (*tour, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "godwit-demo-")
	if err != nil {
		return nil, err
	}
	t := &tour{binary: binary, dir: dir, token: token, out: &serial{w: out}}
	// A home of its own: the tour neither reads nor changes the user's files.
	t.env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GODWIT_") || strings.HasPrefix(strings.ToLower(v), "http_proxy=")
	}), "SHOP_URL="+shopURL, "SHOP_TOKEN="+token, "GODWIT_HOME="+filepath.Join(dir, "home"), "NO_COLOR=1")
	if err := os.WriteFile(t.file(), definitionFile, 0o600); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *tour) file() string { return filepath.Join(t.dir, "godwit.yaml") }
func (t *tour) close() error { return os.RemoveAll(t.dir) }

// say writes for the person who watches.
func (t *tour) say(format string, args ...any) error {
	_, err := fmt.Fprintf(t.out, format+"\n", args...)
	return err
}

func (t *tour) take(ctx context.Context) error {
	if err := t.say("The definition, godwit.yaml:\n\n%s", indent(definitionFile)); err != nil {
		return err
	}
	for _, s := range steps {
		if err := t.run(ctx, s); err != nil {
			return fmt.Errorf("godwit %s: %w", strings.Join(s.args, " "), err)
		}
	}
	if err := t.gateway(ctx); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return t.say("All steps did what they should.")
}

func (t *tour) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.binary, args...)
	cmd.Dir, cmd.Env = t.dir, t.env
	cmd.WaitDelay = stopLimit
	return cmd
}

// run runs one step, shows it and compares.
func (t *tour) run(ctx context.Context, s step) error {
	if err := t.say("# %s\n$ godwit %s", s.title, strings.Join(s.args, " ")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := t.command(ctx, append([]string{"--definition", t.file()}, s.args...)...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, t.out), io.MultiWriter(&stderr, t.out)
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	if err := t.say(""); err != nil {
		return err
	}
	if got := cmd.ProcessState.ExitCode(); got != s.exit {
		return fmt.Errorf("exit code %d instead of %d", got, s.exit)
	}
	if strings.Contains(stdout.String()+stderr.String(), t.token) {
		return errors.New("the token was printed")
	}
	return errors.Join(holds("stdout", stdout.String(), s.stdout), holds("stderr", stderr.String(), s.stderr))
}

// holds checks that the parts occur in text, one after the other.
func holds(what, text string, parts []string) error {
	for _, p := range parts {
		_, after, ok := strings.Cut(text, p)
		if !ok {
			return fmt.Errorf("%s lacks %q", what, p)
		}
		text = after
	}
	return nil
}

// gateway starts the gateway on a free port, calls it as a program in another
// language would, with no token and no retry of its own, and stops it.
func (t *tour) gateway(ctx context.Context) error {
	addr, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	err = t.say("# The same definition as a gateway, for programs in any language.\n$ godwit serve -f godwit.yaml --listen %s &", addr)
	if err != nil {
		return err
	}
	cmd := t.command(ctx, "serve", "-f", t.file(), "--listen", addr)
	cmd.Stdout, cmd.Stderr = t.out, t.out
	if err := cmd.Start(); err != nil {
		return err
	}
	ended, cancel := context.WithCancelCause(ctx)
	done := make(chan error, 1)
	go func() {
		done <- cmd.Wait()
		cancel(errors.New("it ended by itself"))
	}()
	err = t.useGateway(ended, "http://"+addr)
	return errors.Join(err, stop(cmd, done))
}

func (t *tour) useGateway(ctx context.Context, base string) error {
	if err := ready(ctx, base); err != nil {
		return err
	}
	for _, c := range []struct{ path, want string }{
		{"/shop/items/3", `"chair"`},
		{"/shop/report", `"requests":6`}, // 503 and 429 again, out of the caller's sight
	} {
		if err := t.say("$ curl %s%s", base, c.path); err != nil {
			return err
		}
		status, body, err := fetch(ctx, base+c.path)
		if err != nil {
			return err
		}
		if err := t.say("%s", body); err != nil {
			return err
		}
		if status != http.StatusOK || !strings.Contains(body, c.want) {
			return fmt.Errorf("%s answered %d without %s", c.path, status, c.want)
		}
	}
	return nil
}

// stop ends the gateway as an operator would and waits for it.
func stop(cmd *exec.Cmd, done <-chan error) error {
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return errors.Join(err, <-done) // it has ended already
	}
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errors.Join(errors.New("it did not stop when told to"), cmd.Process.Kill(), <-done)
	}
}

// ready waits until the gateway says that it takes calls.
func ready(ctx context.Context, base string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _, err := fetch(ctx, base+"/-/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it is not ready: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// fetch is a plain GET without any of godwit's help.
func fetch(ctx context.Context, url string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(b), errors.Join(err, resp.Body.Close())
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func indent(b []byte) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", "\n    ") + "\n"
}
