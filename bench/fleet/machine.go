package main

import (
	"context"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Beyond these a figure says more about the machine than about the policy: the
// lines keep 30 ms of the quota's rate in reserve for late calls, and twice the
// lateness of one process can meet on a call's way.
const (
	maxLate = 15 * time.Millisecond // 99th percentile
	maxBusy = 0.9                   // of all cores
)

// lateness measures how late the operating system wakes this process.
func lateness(ctx context.Context) (p99 time.Duration) {
	const nap = 5 * time.Millisecond
	var late []time.Duration
	for {
		begin := time.Now()
		if sleep(ctx, nap) != nil {
			break
		}
		late = append(late, time.Since(begin)-nap)
	}
	slices.Sort(late)
	return percentile(late, 99)
}

// percentile of sorted values; 0 of none.
func percentile[T any](sorted []T, p float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[int(math.Floor(float64(len(sorted)-1)*p/100))]
}

// ticks reads how busy all cores of the machine have been, whoever used them; ok
// is false where the system does not say.
func ticks() (busy, all float64, ok bool) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, false
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[0] != "cpu" {
		return 0, 0, false
	}
	for i, f := range fields[1:min(len(fields), 9)] { // user, nice, system, idle, iowait, irq, softirq, steal
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, 0, false
		}
		all += n
		if i != 3 && i != 4 {
			busy += n
		}
	}
	return busy, all, true
}
