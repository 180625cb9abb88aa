package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"
)

// limits of starting and stopping; a process that needs longer is broken.
const (
	startLimit = 20 * time.Second
	stopLimit  = 20 * time.Second
)

// Gateway is a running godwit serve.
type Gateway struct {
	URL  string
	cmd  *exec.Cmd
	done chan error
	log  *lockedBuffer
}

// lockedBuffer collects what a process prints while others may look at it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Serve starts the gateway on a free loopback port with the definition in file
// and waits until it is ready. It runs until Stop, not until ctx ends.
func (s *Set) Serve(ctx context.Context, file string, env []string) (*Gateway, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	g := &Gateway{URL: "http://" + addr, done: make(chan error, 1), log: new(lockedBuffer)}
	g.cmd = exec.CommandContext(context.WithoutCancel(ctx), s.Godwit, "serve", "-f", file, "--listen", addr)
	g.cmd.Env, g.cmd.Stdout, g.cmd.Stderr = env, g.log, g.log
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { g.done <- g.cmd.Wait() }()
	if err := g.waitReady(ctx); err != nil {
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, g.Stop()), g.log)
	}
	return g, nil
}

func (g *Gateway) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL+"/-/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			err = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(errors.New("serve: not ready in time"), err)
		case exit := <-g.done:
			g.done <- exit
			return errors.Join(errors.New("serve: it ended"), exit)
		case <-tick.C:
		}
	}
}

// PID returns the process id.
func (g *Gateway) PID() int { return g.cmd.Process.Pid }

// Log returns what it has printed.
func (g *Gateway) Log() string { return g.log.String() }

// Stop asks the gateway to end, as an operator would, and waits for it.
func (g *Gateway) Stop() error {
	if err := g.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(err, g.cmd.Process.Kill(), <-g.done)
	}
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case err := <-g.done:
		return err
	case <-timer.C:
		return errors.Join(errors.New("serve: it did not stop"), g.cmd.Process.Kill(), <-g.done)
	}
}
