//go:build unix

package cli

import (
	"os"
	"syscall"
)

// umask returns the process's file mode creation mask. It can only be read by
// setting it; the command is single-threaded at this point, and 077 in between
// is safe.
func umask() os.FileMode {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return os.FileMode(mask)
}
