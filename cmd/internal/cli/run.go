package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/godwit-go/godwit/cmd/internal/cli/target"
	"github.com/godwit-go/godwit/cmd/internal/driver"
	"github.com/godwit-go/godwit/internal/typo"
)

// Main runs the program with the process's arguments, streams and signals, and
// returns its exit code.
func Main() int {
	log.SetOutput(io.Discard) // net/http prints what an idle connection receives; it may hold secrets
	p := &program{stdio: processStreams()}
	ctx, stop := p.watchSignals(context.Background())
	defer stop()
	return p.exit(ctx, p.run(ctx, os.Args[1:]))
}

// program is what the commands share.
type program struct {
	stdio
	cancel     context.CancelCauseFunc
	watcher    *watcher   // of the call; nil: nobody watches
	events     events     // of --events
	quiet      bool       // no messages but errors
	stdinTaken bool       // an item has read it
	opened     []*os.File // files that items name
	stores     []*driver.Stores
	log        *slog.Logger // of what is no call's; nil: messages for people
}

// run executes the command that args name.
func (p *program) run(ctx context.Context, args []string) error {
	root := p.newRoot()
	args, err := p.normalize(root, args)
	if err != nil {
		return err
	}
	root.SetArgs(args)
	return errors.Join(root.ExecuteContext(ctx), p.closeStores())
}

// normalize puts the command in front, whatever flags stand before it, and get
// in front of a bare target.
func (p *program) normalize(root *cobra.Command, args []string) ([]string, error) {
	if len(args) == 1 && args[0] == "--version" {
		return []string{"version"}, nil
	}
	at := firstPositional(args)
	if at < 0 {
		return args, nil
	}
	word := args[at]
	switch {
	case strings.HasPrefix(word, "__complete") && at == 0:
		p.completeFlags(root)
		return args, nil
	case target.Is(word):
		return append([]string{"get"}, args...), nil
	case word == "help" && at+1 < len(args) && !strings.HasPrefix(args[at+1], "-") && !known(root, args[at+1]):
		return nil, unknownCommand(root, args[at+1])
	case known(root, word):
		moved := append([]string{word}, args[:at]...)
		return append(moved, args[at+1:]...), nil
	}
	return nil, unknownCommand(root, word)
}

func unknownCommand(root *cobra.Command, word string) error {
	f := usagef("unknown command %s", quoted(word))
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	if near := typo.Nearest(word, names); near != "" {
		return f.hint("did you mean %s?", near)
	}
	return f.hint("a target holds '.', '/' or ':', such as example.com or api:/path; godwit help lists the commands")
}

func known(root *cobra.Command, word string) bool {
	if word == "help" {
		return true
	}
	for _, c := range root.Commands() {
		if c.Name() == word || c.HasAlias(word) {
			return true
		}
	}
	return false
}

// firstPositional returns the place of the first argument that is neither a
// flag nor the value of one; -1 if there is none or an unknown flag comes
// first.
func firstPositional(args []string) int {
	flags := everyFlag()
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--" && i+1 == len(args):
			return -1
		case a == "--":
			return i + 1
		case !strings.HasPrefix(a, "-") || a == "-":
			return i
		}
		takesNext, ok := flagShape(flags, a)
		if !ok {
			return -1
		}
		if takesNext {
			i++
		}
	}
	return -1
}

// flagShape reports whether a flag's value is the next argument; ok is false
// for an unknown flag.
func flagShape(flags *pflag.FlagSet, arg string) (takesNext, ok bool) {
	if name, long := strings.CutPrefix(arg, "--"); long {
		name, _, inline := strings.Cut(name, "=")
		f := flags.Lookup(name)
		if f == nil {
			return false, false
		}
		return !inline && f.NoOptDefVal == "", true
	}
	for i := 1; i < len(arg); i++ {
		f := flags.ShorthandLookup(arg[i : i+1])
		if f == nil {
			return false, false
		}
		if f.NoOptDefVal == "" {
			return i == len(arg)-1, true
		}
	}
	return false, true
}

// signalError is the cause of a context that a signal ended.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return "stopped by " + e.signal.String() }

// code is that of a shell: 128 and the signal's number.
func (e *signalError) code() int {
	if e.signal == syscall.SIGTERM {
		return exitTerminated
	}
	return exitInterrupted
}

// watchSignals returns a context that the first SIGINT or SIGTERM ends. The
// second ends the process. What whoever started it has set to be ignored, as
// shells do for jobs in the background, stays ignored.
func (p *program) watchSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	p.cancel = cancel
	received := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		if !signal.Ignored(s) {
			signal.Notify(received, s)
		}
	}
	p.survivePipe()
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-received:
				if n > 0 {
					os.Exit((&signalError{s}).code())
				}
				cancel(&signalError{s})
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(received)
		close(done)
		cancel(nil)
	}
}

// exit reports err and returns the exit code.
func (p *program) exit(ctx context.Context, err error) int {
	if errors.Is(err, errPipe) {
		return dieByPipe()
	}
	var stopped *signalError
	if err != nil && errors.As(context.Cause(ctx), &stopped) {
		return stopped.code()
	}
	if err == nil {
		return exitOK
	}
	p.report(err)
	return codeOf(err)
}

// errPipe says that the reader of stdout has left.
var errPipe = errors.New("the reader of the output has left")

// failure is an error of the command itself, with its exit code.
type failure struct {
	code  int
	text  string
	hints []string
	err   error // cause, already part of text
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// hint adds what a person can do about it.
func (f *failure) hint(format string, args ...any) *failure {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	if text != "" {
		f.hints = append(f.hints, text)
	}
	return f
}

// usagef is a mistake in the arguments.
func usagef(format string, args ...any) *failure { return failuref(exitUsage, format, args...) }

func failuref(code int, format string, args ...any) *failure {
	err := fmt.Errorf(format, args...)
	return &failure{code: code, text: err.Error(), err: errors.Unwrap(err)}
}
