// Command quota shows ten processes that keep one quota together: an API grants
// them 50 calls a second, whoever sends them. They share nothing but a folder;
// with store/redisstore it would be a server, and they could be on many
// machines. Usage: quota URL
//
// Without the store each process would use the whole quota: many calls would be
// refused, and sent again.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"os/signal"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/filestore"
)

const (
	processes = 10
	calls     = 15 // of each process
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch args := os.Args[1:]; len(args) {
	case 1:
		err = run(ctx, args[0], os.Stdout)
	case 2: // one of the ten
		err = work(ctx, args[0], args[1], os.Stdout)
	default:
		err = errors.New("usage: quota URL")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run starts this program ten times and waits.
func run(ctx context.Context, url string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "quota")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the others if one cannot be started
	var started []*exec.Cmd
	for range processes {
		cmd := exec.CommandContext(ctx, self, url, dir)
		cmd.Stdout, cmd.Stderr = new(bytes.Buffer), os.Stderr
		if err = cmd.Start(); err != nil {
			cancel()
			break
		}
		started = append(started, cmd)
	}
	for _, cmd := range started {
		err = errors.Join(err, cmd.Wait())
		_, printed := fmt.Fprint(out, cmd.Stdout)
		err = errors.Join(err, printed)
	}
	return err
}

// work is one process. All that it does about the quota is to declare it and to
// name the store.
func work(ctx context.Context, url, dir string, out io.Writer) (err error) {
	store, err := filestore.Open(filestore.Config{Dir: dir})
	if err != nil {
		return err
	}
	client, err := godwit.New(godwit.Config{BaseURL: url, Limit: limit.Config{
		Store:  store,
		Quotas: []limit.Quota{{Name: "core", Limit: "50/s", Burst: 10}},
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()

	item := func(ctx context.Context, n int) (requests int, err error) {
		resp, err := client.Do(ctx, http.MethodGet, "/items/{n}", godwit.Path("n", n), godwit.Class(godwit.ClassBatch))
		if err != nil {
			return 0, err
		}
		_, err = resp.Bytes()
		return len(resp.Attempts()), err
	}
	requests := 0
	for result, err := range godwit.Each(ctx, 3, count(calls), item) { // three at a time
		if err != nil {
			return err
		}
		requests += result.Output
	}
	_, err = fmt.Fprintf(out, "process %d: %d calls in %d requests\n", os.Getpid(), calls, requests)
	return err
}

// count yields 0 to n-1.
func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}
