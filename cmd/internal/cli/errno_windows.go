package cli

import "syscall"

// errNoReader is ERROR_NO_DATA: the other end of a pipe is closed.
const errNoReader = syscall.Errno(232)
