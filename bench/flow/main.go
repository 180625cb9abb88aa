// Command flow simulates fleets of API clients in front of a server with a
// quota, in virtual time: the scenarios of bench/quota under the policies of
// popular clients and under godwit's own limiter, breaker and retry decisions.
//
//	go run ./flow                       the whole table
//	go run ./flow -sc AE -n 100         some scenarios, one size of fleet
//	go run ./flow -pol godwit -seeds 5  some policies, more runs
//	go run ./flow -chart FILE.svg       the collapse chart
//
// The same seeds give the same table, byte by byte.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/bench/quota"
)

// gcPercent makes the collector run less often: a run keeps little and makes a lot.
const gcPercent = 400

func main() {
	debug.SetGCPercent(gcPercent)
	if err := command(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "flow:", err)
		os.Exit(1)
	}
}

// command runs what the arguments ask for.
func command(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("flow", flag.ContinueOnError)
	letters := flags.String("sc", "", "scenarios, by letter; empty: all")
	fleets := flags.String("n", "1,10,100", "processes of the fleet")
	seeds := flags.Int("seeds", 3, "runs that godwit's figures are the mean of; those of peers are one run")
	late := flags.String("report", "0,0.1", "seconds, at most, that reports of sends and answers come late to the store")
	pol := flags.String("pol", "", "part of the names of the policies")
	jobs := flags.Float64("jobs", 1, "multiple of the scenarios' jobs; the targets are for 1")
	file := flags.String("o", "", "file for the results, as JSON")
	chart := flags.String("chart", "", "draw the collapse chart to this file, and nothing else")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p := plan{letters: *letters, policy: *pol, seeds: *seeds, jobs: *jobs}
	var err error
	if p.fleets, err = numbers(*fleets, strconv.Atoi); err != nil {
		return fmt.Errorf("-n: %w", err)
	}
	if p.late, err = numbers(*late, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }); err != nil {
		return fmt.Errorf("-report: %w", err)
	}
	if *chart != "" {
		return drawChart(*chart, p)
	}
	cells, err := p.cells()
	if err != nil {
		return err
	}
	results := p.run(cells)
	if err := printTable(out, cells, results); err != nil {
		return err
	}
	if *file == "" {
		return nil
	}
	return writeJSON(*file, results)
}

// numbers reads a list such as 1,10,100.
func numbers[T int | float64](list string, parse func(string) (T, error)) ([]T, error) {
	var out []T
	for s := range strings.SplitSeq(list, ",") {
		n, err := parse(strings.TrimSpace(s))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%.40q is not a list of numbers such as 10,100", list)
		}
		out = append(out, n)
	}
	return out, nil
}

// writeJSON writes a list with a line for each result.
func writeJSON(name string, results []quota.Result) error {
	var b bytes.Buffer
	before := "[\n"
	for _, r := range results {
		row, err := json.Marshal(r)
		if err != nil {
			return err
		}
		b.WriteString(before)
		b.Write(row)
		before = ",\n"
	}
	b.WriteString("\n]\n")
	return os.WriteFile(name, b.Bytes(), 0o644)
}
