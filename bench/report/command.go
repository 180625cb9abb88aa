package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/godwit-go/godwit/bench/client"
	"github.com/godwit-go/godwit/bench/program"
)

// manyAPIs is a definition larger than most.
const manyAPIs = 50

// command compares one plain GET as a whole process: the least processor time
// of all runs, because everything above it is noise of the machine.
func command(ctx context.Context, base string, rounds int) (err error) {
	set, err := program.Build(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	dir, err := os.MkdirTemp("", "godwit-bench-home-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "many.yaml")
	if err := os.WriteFile(file, program.Definition(base, manyAPIs), 0o600); err != nil {
		return err
	}
	url := base + "/repos/godwit"
	subjects := []struct {
		name, path string
		args       []string
	}{
		{"http.Get", set.Trivial, []string{url}},
		{"godwit get URL", set.Godwit, []string{"get", url}},
		{fmt.Sprintf("godwit get api:/path, %d APIs", manyAPIs), set.Godwit, []string{"--definition", file, "get", "api7:/repos/godwit"}},
	}
	best := make([]program.Usage, len(subjects))
	for round := range rounds {
		for i, s := range subjects {
			var out, stderr bytes.Buffer
			u, err := set.Measured(ctx, s.path, program.Run{Args: s.args, Env: program.Environment(dir), Dir: dir, Stdout: &out, Stderr: &stderr})
			if err != nil {
				return err
			}
			if u.Exit != 0 || !bytes.Equal(out.Bytes(), client.Document()) {
				return fmt.Errorf("%s: exit %d: %s", s.name, u.Exit, stderr.Bytes())
			}
			if round == 0 || u.CPU < best[i].CPU {
				best[i].CPU = u.CPU
			}
			best[i].MaxRSS = max(best[i].MaxRSS, u.MaxRSS)
		}
	}
	fmt.Printf("\none GET as a whole process (least of %d runs)\n", rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tms CPU\tratio\tpeak MiB\t")
	for i, s := range subjects {
		fmt.Fprintf(w, "%s\t%.1f\t%.2f\t%.1f\t\n", s.name, float64(best[i].CPU)/float64(time.Millisecond),
			float64(best[i].CPU)/float64(best[0].CPU), float64(best[i].MaxRSS)/(1<<20))
	}
	return w.Flush()
}
