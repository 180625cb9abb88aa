//go:build unix && !linux

package redistest

import "syscall"

// ends has no means here: a server outlives a test that is killed.
func ends() *syscall.SysProcAttr { return nil }
