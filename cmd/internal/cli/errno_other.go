//go:build !windows

package cli

import "syscall"

const errNoReader = syscall.EPIPE
