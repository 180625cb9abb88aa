package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// table prints the rows of one scenario.
func table(out io.Writer, t trial, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s: %s; %d jobs, times x %g, cut off after %.0f s\n", t.ID, t.Title, t.Jobs, t.scale, t.Limit)
	fmt.Fprintln(w, "policy\tn\ts\t% of quota\trefused per 100\tfailed %\twait p50 s\tp99 s\tpeak x\tstore ops\tCPU %\tof all\tlate ms\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.1f\t%.2f\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%.1f\t\n", r.Policy, r.Fleet, r.Seconds,
			r.QuotaUsedPct, r.RefusalsPer100, r.FailedPct, r.P50Wait, r.P99Wait, r.PeakLoad, r.StoreOps,
			r.FleetCPUPct+r.ServerCPUPct+r.StoreCPUPct, r.MachinePct, r.LateP99)
	}
	for _, r := range rows {
		if all := r.remarks(); len(all) > 0 {
			fmt.Fprintf(w, "  %s, n = %d: %s\n", r.Policy, r.Fleet, strings.Join(all, "; "))
		}
	}
	return w.Flush()
}

// remarks says what the figures in the table do not.
func (r *row) remarks() (all []string) {
	if o := r.Outage; o != nil {
		back := "never back"
		if o.RecoveryTime >= 0 {
			back = fmt.Sprintf("back after %.0f s", o.RecoveryTime)
		}
		all = append(all, fmt.Sprintf("load %.2f x in the outage, up to %.2f x after it, %s", o.Load, o.RecoveryPeak, back))
	}
	if n := r.KeylessRepeats; n != nil {
		all = append(all, fmt.Sprintf("%d POSTs without a key received again", *n))
	}
	if r.Cut {
		all = append(all, "cut off before its jobs were done")
	}
	if len(r.Missed) > 0 {
		all = append(all, "MISSED "+strings.Join(r.Missed, ", "))
	}
	if r.MachineBound {
		all = append(all, "limited by this machine")
	}
	if r.WorkerError != "" && r.Missed != nil {
		all = append(all, "a worker says: "+r.WorkerError)
	}
	return all
}

// save writes the rows to a file, a line for each.
func save(file string, rows []row) error {
	lines := make([]string, len(rows))
	for i, r := range rows {
		data, err := json.Marshal(r)
		if err != nil {
			return err
		}
		lines[i] = string(data)
	}
	return os.WriteFile(file, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o644) //nolint:gosec // figures for everybody
}
