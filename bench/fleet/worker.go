package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// order is what a worker process is told: a line of JSON on its standard input.
type order struct {
	Policy  string        `json:"policy"`
	Base    string        `json:"base"`   // URL of the server
	Redis   string        `json:"redis"`  // address; empty: there is none
	Method  string        `json:"method"` // of every job
	First   int           `json:"first"`  // number of the first job
	Jobs    int           `json:"jobs"`
	Workers int           `json:"workers"` // jobs at the same time
	Start   time.Duration `json:"start"`   // how long to wait when all are ready
	Quota   declared      `json:"quota"`
}

// declared is the quota as the clients believe it to be.
type declared struct {
	Model  string  `json:"model"`  // bucket or window
	Rate   float64 `json:"rate"`   // units/s
	Burst  float64 `json:"burst"`  // of a bucket; of a window one second's worth
	Units  float64 `json:"units"`  // of a window
	Window float64 `json:"window"` // s; 0: a bucket
	// OnRefused is what the API's documentation says that a refused call costs:
	// nothing, drains or ban.
	OnRefused string `json:"on_refused"`
}

// result is what a worker process reports at its end: a line of JSON on its
// standard output.
type result struct {
	Succeeded int     `json:"succeeded"`
	Failed    int     `json:"failed"`
	Waits     []int64 `json:"waits"` // of every success, from its start, µs
	Error     string  `json:"error,omitempty"`
}

// The words between a worker process and the benchmark. The end of the worker's
// standard input ends its work, so that none outlives the benchmark.
const (
	wordReady = "ready"
	wordGo    = "go"
)

// work is a worker process.
func work(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no order: %w", err)
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // nobody reads a hundred logs of retries
	p, err := policyNamed(o.Policy)
	if err != nil {
		return err
	}
	do, err := p.build(&o)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Policy, err)
	}
	if _, err := fmt.Fprintln(out, wordReady); err != nil {
		return err
	}
	if word, err := lines.ReadString('\n'); err != nil || word != wordGo+"\n" {
		return fmt.Errorf("%q instead of %s: %w", word, wordGo, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process
		_, _ = lines.ReadByte() // whatever comes: it is over
		cancel()
	}()
	if err := sleep(ctx, o.Start); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return json.NewEncoder(out).Encode(o.run(ctx, do))
}

// run does the jobs of one process.
func (o *order) run(ctx context.Context, do call) result {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		next atomic.Int64
		all  result
	)
	for range o.Workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= o.Jobs {
					return
				}
				begin := time.Now()
				code, err := do(ctx, o.Method, o.Base+"/jobs/"+strconv.Itoa(o.First+n))
				wait := time.Since(begin)
				mu.Lock()
				switch {
				case err == nil && code == http.StatusOK:
					all.Succeeded++
					all.Waits = append(all.Waits, wait.Microseconds())
				case ctx.Err() == nil: // else it is unfinished
					all.Failed++
					if err != nil {
						all.Error = err.Error()
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return all
}
