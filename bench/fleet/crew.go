package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// grace is how long a process may take to end after it was told to.
const grace = 5 * time.Second

// crew is the worker processes of one run.
type crew struct {
	members []*member
}

// member is one worker process.
type member struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

// hire starts a process for each order and waits until all are ready. The end of
// ctx kills them.
func hire(ctx context.Context, orders []order) (*crew, error) {
	c := &crew{}
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	for i := range orders {
		m, err := start(ctx, self, &orders[i])
		if err != nil {
			return c, err
		}
		c.members = append(c.members, m)
	}
	for _, m := range c.members {
		line, err := m.out.ReadString('\n')
		if err != nil || strings.TrimSpace(line) != wordReady {
			return c, fmt.Errorf("a worker says %q instead of %s: %w", line, wordReady, err)
		}
	}
	return c, nil
}

// start starts one process and gives it its order. All have one thread for Go
// code, so that a hundred share the machine like a hundred small programs.
func start(ctx context.Context, self string, o *order) (*member, error) {
	cmd := exec.CommandContext(ctx, self, workerCommand)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = grace
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	m := &member{cmd: cmd, stdin: stdin, out: bufio.NewReader(stdout)}
	if err := json.NewEncoder(stdin).Encode(o); err != nil {
		return nil, errors.Join(err, stdin.Close(), cmd.Wait())
	}
	return m, nil
}

// launch lets all begin.
func (c *crew) launch() error {
	var errs []error
	for _, m := range c.members {
		_, err := fmt.Fprintln(m.stdin, wordGo)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// collect waits until all have ended, at the latest those that stop ends, and
// returns what they report and the processor time that they used.
func (c *crew) collect(stop <-chan struct{}) (all []result, used time.Duration, err error) {
	all = make([]result, len(c.members))
	errs := make([]error, len(c.members))
	var wg sync.WaitGroup
	for i, m := range c.members {
		wg.Go(func() { errs[i] = json.NewDecoder(m.out).Decode(&all[i]) })
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-stop:
		c.dismiss()
		<-done
	}
	for i, m := range c.members {
		errs[i] = errors.Join(errs[i], m.cmd.Wait())
		if s := m.cmd.ProcessState; s != nil {
			used += s.UserTime() + s.SystemTime()
		}
	}
	return all, used, errors.Join(errs...)
}

// dismiss tells all to end and kills those that do not.
func (c *crew) dismiss() {
	for _, m := range c.members {
		_ = m.stdin.Close() // it may have ended by itself
		time.AfterFunc(grace, func() { _ = m.cmd.Process.Kill() })
	}
}

// guard runs a program that ends with its standard input, as a worker does:
// nothing outlives the benchmark, however that ends.
func guard(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("guard: no program")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, in) // nothing is said there
		cancel()
	}()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the benchmark's own words
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil // as it was meant
	}
	return fmt.Errorf("guard: %s ended by itself: %w", args[0], err)
}
