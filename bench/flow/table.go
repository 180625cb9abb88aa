package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/godwit-go/godwit/bench/quota"
)

// printTable prints the results, a table for each scenario.
func printTable(out io.Writer, cells []cell, results []quota.Result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last := ""
	for i, r := range results {
		if c := cells[i]; c.sc.ID != last {
			last = c.sc.ID
			heading(w, c.sc)
		}
		row(w, cells[i].title(), r)
	}
	return w.Flush()
}

func heading(w *tabwriter.Writer, sc quota.Scenario) {
	// A line without tabs ends a block of columns.
	fmt.Fprintf(w, "\n%s: %s; %d jobs, %.0f s at best\n", sc.ID, sc.Title, sc.Jobs, sc.Ideal())
	cols := []string{"policy", "fleet", "% of quota", "refusals/100", "failed %", "p99 wait s", "peak load", "store ops/call"}
	if len(sc.Outages) > 0 {
		cols = append(cols, "outage load", "recovery peak", "recovered s")
	}
	fmt.Fprintln(w, strings.Join(append(cols, "targets"), "\t"))
}

func row(w *tabwriter.Writer, title string, r quota.Result) {
	fmt.Fprintf(w, "%s\t%d\t%.1f\t%s\t%.1f\t%.1f\t%.2f\t%.2f\t", title, r.Fleet, r.QuotaUsedPct, refusals(r.RefusalsPer100), r.FailedPct, r.P99Wait, r.PeakLoad, r.StoreOps)
	if o := r.Outage; o != nil {
		recovered := "never"
		if o.RecoveryTime >= 0 {
			recovered = fmt.Sprintf("%.1f", o.RecoveryTime)
		}
		fmt.Fprintf(w, "%.3f\t%.2f\t%s\t", o.Load, o.RecoveryPeak, recovered)
	}
	fmt.Fprintln(w, verdict(r))
}

// refusals writes a number that runs over eight orders of magnitude.
func refusals(n float64) string {
	if n >= 100 {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.3f", n)
}

func verdict(r quota.Result) string {
	switch {
	case r.Missed != nil && len(r.Missed) == 0:
		return "met"
	case r.Missed != nil:
		return "missed: " + strings.Join(r.Missed, "; ")
	case r.Cut:
		return "cut off"
	}
	return "-"
}
