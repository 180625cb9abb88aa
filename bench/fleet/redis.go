package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a redis-server of our own.
type redisServer struct {
	addr   string
	cmd    *exec.Cmd
	stdin  io.Closer // its end ends the server
	dir    string
	client *redis.Client
}

// startRedis starts an empty redis-server on loopback. It persists nothing.
func startRedis(ctx context.Context) (*redisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server is needed for policies that share a store; install it: %w", err)
	}
	dir, err := os.MkdirTemp("", "fleet-redis-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // as the server will name it
		return nil, err
	}
	var last error
	for range 5 { // the port may be taken between looking for it and using it
		r := &redisServer{dir: dir}
		if last = r.start(ctx, program); last == nil {
			return r, nil
		}
	}
	return nil, errors.Join(last, os.RemoveAll(dir))
}

func (r *redisServer) start(ctx context.Context, program string) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	r.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r.cmd = exec.CommandContext(ctx, self, guardCommand, program, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", r.dir,
		"--save", "", "--appendonly", "no")
	r.cmd.Cancel, r.cmd.WaitDelay = r.end, 2*grace // a guard that is killed cannot end its program
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	r.client = redis.NewClient(&redis.Options{Addr: r.addr})
	for range 100 {
		if err = r.mine(ctx); err == nil || ctx.Err() != nil {
			break
		}
		_ = sleep(ctx, 20*time.Millisecond) // the loop sees the end of ctx
	}
	if err != nil {
		return errors.Join(fmt.Errorf("redis-server does not answer: %w", err), r.stop())
	}
	return nil
}

// mine checks that it is this server that answers, and not one that took the
// port in between.
func (r *redisServer) mine(ctx context.Context) error {
	got, err := r.client.ConfigGet(ctx, "dir").Result()
	if err == nil && got["dir"] != r.dir {
		err = errors.New("another server took the port")
	}
	return err
}

// stop ends the server that start started.
func (r *redisServer) stop() error {
	err := errors.Join(r.client.Close(), r.end())
	if wait := r.cmd.Wait(); !errors.Is(wait, context.Canceled) {
		err = errors.Join(err, wait)
	}
	return err
}

// end tells the guard to end the server.
func (r *redisServer) end() error {
	if err := r.stdin.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// freeze lets the server take what it is sent and answer nothing.
func (r *redisServer) freeze(ctx context.Context, d time.Duration) error {
	return r.client.Do(ctx, "CLIENT", "PAUSE", d.Milliseconds()).Err()
}

// close ends the server and removes what it left.
func (r *redisServer) close() error { return errors.Join(r.stop(), os.RemoveAll(r.dir)) }

// usage is what the server has done so far.
type usage struct {
	scripts int64         // runs of scripts: how stores and limiters ask it
	cpu     time.Duration // processor time
}

func (r *redisServer) usage(ctx context.Context) (u usage, err error) {
	info, err := r.client.Info(ctx, "commandstats", "cpu").Result()
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "cmdstat_eval", "cmdstat_evalsha", "cmdstat_fcall":
			_, calls, _ := strings.Cut(value, "calls=")
			calls, _, _ = strings.Cut(calls, ",")
			n, err := strconv.ParseInt(calls, 10, 64)
			if err != nil {
				return u, fmt.Errorf("redis: %s: %w", name, err)
			}
			u.scripts += n
		case "used_cpu_user", "used_cpu_sys":
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return u, fmt.Errorf("redis: %s: %w", name, err)
			}
			u.cpu += time.Duration(seconds * float64(time.Second))
		}
	}
	return u, nil
}

// freePort finds a port that nobody listens on.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
