// Command fleet runs the scenarios of the flow control benchmark over real HTTP
// on loopback: a server with the quota's laws, a fleet of operating system
// processes with a backlog of jobs, and a redis-server for the policies that
// share a store. It starts all of them itself, measures at the server, prints a
// table and writes results.json.
//
// Rates and ways are those of the simulator; the times of a scenario are
// shortened (see length), so that a run takes from half a minute to one and a
// half.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// The words that make this program a part of its own measurements.
const (
	workerCommand = "worker"
	guardCommand  = "guard"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// dispatch runs what the arguments ask for.
func dispatch(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) > 0 && args[0] == workerCommand:
		return work(ctx, in, out)
	case len(args) > 0 && args[0] == guardCommand:
		return guard(ctx, args[1:], in, out)
	}
	return bench(ctx, args, out)
}

// options are what the command line says.
type options struct {
	trials   []trial
	fleets   []int
	policies []policy
	parallel int
	seed     uint64
	file     string
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	letters := flags.String("scenario", "AE", "scenarios by letter, out of "+everyLetter())
	all := flags.Bool("all", false, "every scenario and every policy; takes hours")
	fleets := flags.String("n", "100", "processes, such as 10,100")
	only := flags.String("policy", "", "the policy of this name, or all that contain it, also those that only -all runs")
	scale := flags.Float64("scale", 0, "times of the scenarios, as a part of those in the simulator (default: by scenario)")
	flags.IntVar(&o.parallel, "parallel", 4, "runs at the same time")
	flags.Uint64Var(&o.seed, "seed", 1, "of starts, ways and service times")
	flags.StringVar(&o.file, "o", "", "file for the results (default: none)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *all {
		*letters = everyLetter()
	}
	if o.trials, err = trials(*letters, *scale); err != nil {
		return o, err
	}
	for _, s := range strings.Split(*fleets, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 1000 {
			return o, fmt.Errorf("-n: %q is no number of processes between 1 and 1000", s)
		}
		o.fleets = append(o.fleets, n)
	}
	o.policies = choose(*only, *all)
	if o.parallel < 1 || len(o.policies) == 0 {
		return o, errors.New("nothing to run: see -policy and -parallel")
	}
	return o, nil
}

// choose returns the policies of that name, else those that contain it, else
// those of a usual run, or all.
func choose(name string, all bool) []policy {
	if p, err := policyNamed(name); err == nil {
		return []policy{p}
	}
	return slices.DeleteFunc(policies(), func(p policy) bool {
		return !strings.Contains(p.name, name) || p.extra && name == "" && !all
	})
}

// bench runs everything and reports.
func bench(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s/%s, %d cores; %d runs at a time\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.parallel)
	for _, p := range o.policies {
		fmt.Fprintf(out, "%s: %s\n", p.name, p.note)
	}
	var rows []row
	for _, t := range o.trials {
		plan := o.plan(t)
		for _, wave := range waves(plan, o.parallel) {
			if err := runWave(ctx, wave, o.seed); err != nil {
				return err
			}
		}
		first := len(rows)
		for _, s := range plan {
			rows = append(rows, s.row)
		}
		if err := table(out, t, rows[first:]); err != nil {
			return err
		}
		if o.file == "" {
			continue
		}
		if err := save(o.file, rows); err != nil {
			return err
		}
	}
	return nil
}

// single is one run of the plan.
type single struct {
	trial  trial
	policy policy
	n      int
	row    row // what came of it
}

// plan lists the runs of a trial in the order of its table.
func (o *options) plan(t trial) (all []*single) {
	for _, p := range o.policies {
		for _, n := range p.sizes(o.fleets) {
			all = append(all, &single{trial: t, policy: p, n: n})
		}
	}
	return all
}

// waves groups the runs into those that are measured at the same time. What
// nothing may run beside is a wave of its own.
func waves(plan []*single, parallel int) (all [][]*single) {
	var together, alone []*single
	for _, s := range plan {
		if s.policy.alone {
			alone = append(alone, s)
		} else {
			together = append(together, s)
		}
	}
	return slices.AppendSeq(slices.Collect(slices.Chunk(together, parallel)), slices.Chunk(alone, 1))
}

// runWave runs several at a time. They begin together when the processes of all
// are there, for starting hundreds disturbs whatever runs beside it. The first
// error ends all.
func runWave(ctx context.Context, wave []*single, seed uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var runs, ready sync.WaitGroup
	ready.Add(len(wave))
	for _, s := range wave {
		runs.Go(func() {
			arrive := sync.OnceFunc(ready.Done)
			defer arrive()
			r, err := run(ctx, s.trial, s.policy, s.n, seed, func() {
				arrive()
				ready.Wait()
			})
			if err != nil {
				cancel(fmt.Errorf("%s, %s, n = %d: %w", s.trial.ID, s.policy.name, s.n, err))
				return
			}
			s.row = r
		})
	}
	runs.Wait()
	return context.Cause(ctx)
}
