//go:build !unix

// Package cpu reads the processor time that this process has used. Ratios of it
// are far steadier than those of wall time on a shared machine.
package cpu

import "time"

// Used returns user and system time of this process since it started; ok is
// false where the system does not say.
func Used() (used time.Duration, ok bool) { return 0, false }
