package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/godwit-go/godwit/bench/client"
	"github.com/godwit-go/godwit/bench/cpu"
)

// cost is what one call costs on average.
type cost struct {
	cpu    float64 // nanoseconds
	allocs float64
	bytes  float64
}

// typedGet compares godwit with net/http in interleaved rounds; each round's
// figure is divided by the yardstick of the same round.
func typedGet(ctx context.Context, title, base string, rt http.RoundTripper, rounds int, slice time.Duration) error {
	yardstick := client.NetHTTP(base, rt)
	own, err := client.Godwit(base, rt)
	if err != nil {
		return err
	}
	subjects := []client.Subject{yardstick, own}
	costs := make([][]cost, len(subjects))
	for round := range rounds + 1 {
		for i, s := range subjects {
			c, err := measure(ctx, s, slice)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			if round > 0 { // the first warms pools, connections and caches
				costs[i] = append(costs[i], c)
			}
		}
	}
	if err := printCosts(title, subjects, costs); err != nil {
		return err
	}
	return errors.Join(yardstick.Close(), own.Close())
}

// measure repeats the work until slice of processor time is used.
func measure(ctx context.Context, s client.Subject, slice time.Duration) (cost, error) {
	const batch = 50
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start, ok := cpu.Used()
	if !ok {
		return cost{}, errors.New("this system does not tell the processor time of a process")
	}
	n, used := 0, time.Duration(0)
	for used < slice {
		for range batch {
			if err := s.Get(ctx); err != nil {
				return cost{}, err
			}
		}
		n += batch
		now, _ := cpu.Used()
		used = now - start
	}
	runtime.ReadMemStats(&after)
	per := float64(n)
	return cost{
		cpu:    float64(used) / per,
		allocs: float64(after.Mallocs-before.Mallocs) / per,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / per,
	}, nil
}

func printCosts(title string, subjects []client.Subject, costs [][]cost) error {
	fmt.Printf("\n%s (%d rounds)\n", title, len(costs[0]))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tµs CPU\tratio\tspread\tallocs\tbytes\t")
	for i, s := range subjects {
		var ratios, times []float64
		for round, c := range costs[i] {
			ratios = append(ratios, c.cpu/costs[0][round].cpu)
			times = append(times, c.cpu/1e3)
		}
		last := costs[i][len(costs[i])-1]
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f–%.2f\t%.0f\t%.0f\t\n", s.Name,
			median(times), median(ratios), slices.Min(ratios), slices.Max(ratios), last.allocs, last.bytes)
	}
	return w.Flush()
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
