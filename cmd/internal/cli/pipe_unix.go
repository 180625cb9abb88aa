//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// survivePipe makes a write to a closed pipe an error, so that requests are
// cancelled and files closed before the process goes.
func (p *program) survivePipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// dieByPipe ends the process the way SIGPIPE does, without a word: Go's runtime
// does it when a write to stdout meets a closed pipe and nobody listens for the
// signal. The code is for processes that ignore it.
func dieByPipe() int {
	signal.Reset(syscall.SIGPIPE)
	_, _ = os.Stdout.Write([]byte{'\n'}) // nobody reads it
	return exitPipe
}
