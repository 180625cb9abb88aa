//go:build unix

// Package cpu reads the processor time that this process has used. Ratios of it
// are far steadier than those of wall time on a shared machine.
package cpu

import (
	"syscall"
	"time"
)

// Used returns user and system time of this process since it started; ok is
// false where the system does not say.
func Used() (used time.Duration, ok bool) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, false
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), true
}
