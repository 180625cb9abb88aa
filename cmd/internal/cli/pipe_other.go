//go:build !unix

package cli

// survivePipe: a write to a closed pipe is an error here anyway.
func (p *program) survivePipe() {}

func dieByPipe() int { return exitPipe }
