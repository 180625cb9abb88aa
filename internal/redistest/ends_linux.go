package redistest

import "syscall"

// ends makes a child end with this process, also when that is killed.
func ends() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
