package cli

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/term"
)

// stdio is the program's streams and what they are.
type stdio struct {
	in  *os.File
	out *os.File
	err io.Writer

	inTerminal, outTerminal, errTerminal bool
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func processStreams() stdio {
	return stdio{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		inTerminal: isTerminal(os.Stdin), outTerminal: isTerminal(os.Stdout), errTerminal: isTerminal(os.Stderr),
	}
}

// stdout is the answer's way out. A reader that leaves ends the call.
func (p *program) stdout() io.Writer { return &pipeWriter{p: p} }

type pipeWriter struct{ p *program }

func (w *pipeWriter) Write(b []byte) (int, error) {
	n, err := w.p.out.Write(b)
	if err != nil && brokenPipe(err) {
		w.p.cancel(errPipe)
		return n, errPipe
	}
	if err != nil {
		return n, failuref(exitFailure, "stdout: %w", plain(err))
	}
	return n, nil
}

func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, errNoReader)
}

// plain drops the operation and the path, which the message has already.
func plain(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
