package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/cmd/internal/cli/item"
	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/cmd/internal/cli/target"
	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/exchange"
)

// say writes one line to stderr.
func (p *program) say(text string) {
	_, _ = fmt.Fprintln(p.err, "godwit: "+output.Escape(text)) // there is nowhere to report that stderr is gone
}

// note is say for what --quiet leaves out.
func (p *program) note(text string) {
	if !p.quiet {
		p.say(text)
	}
}

func (p *program) hint(text string) {
	_, _ = fmt.Fprintln(p.err, "hint: "+output.Escape(text)) // as in say
}

// quoted shows an argument in a message.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}

// silent is the logger of calls: the command reports by itself.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// report writes what went wrong, one line for each mistake, and hints.
func (p *program) report(err error) {
	var mistakes definition.Errors
	var call *exchange.Error
	var own *failure
	switch {
	case errors.As(err, &own):
		p.say(own.text)
		for _, h := range own.hints {
			p.hint(h)
		}
	case errors.As(err, &mistakes):
		for _, m := range mistakes {
			p.reportMistake(m)
		}
	case errors.As(err, &call):
		p.reportCall(call)
	default:
		p.say(err.Error())
		if h := hintOf(err); h != "" {
			p.hint(h)
		}
	}
}

func (p *program) reportMistake(m *definition.Error) {
	shown := *m
	shown.Hint = ""
	p.say(shown.Error())
	if m.Hint != "" {
		p.hint(m.Hint)
	}
}

// reportCall writes the error line of a call, the excerpt of the answer and
// what can be done.
func (p *program) reportCall(e *exchange.Error) {
	line := *e
	line.Body, line.Problem = "", nil
	if e.Problem != nil && (e.Problem.Title != "" || e.Problem.Detail != "") {
		line.Problem = e.Problem // it stands in the line
	}
	p.say(line.Error())
	if e.Body != "" && e.Problem == nil {
		_, _ = fmt.Fprintln(p.err, "  "+output.Escape(e.Body)) // as in say
	}
	for _, h := range []string{e.Hint, callHint(e)} {
		if h != "" {
			p.hint(h)
		}
	}
}

func hintOf(err error) string {
	var t *target.Error
	if errors.As(err, &t) {
		return t.Hint
	}
	return ""
}

// isUsage reports mistakes in arguments that other packages found.
func isUsage(err error) bool {
	var i *item.Error
	var t *target.Error
	return errors.As(err, &i) || errors.As(err, &t)
}

// callHint is what a person can do about a kind of failure.
func callHint(e *exchange.Error) string {
	if e.Hint != "" && e.Status == 0 {
		return "" // the policy knows better
	}
	switch {
	case e.Kind == exchange.ErrUnauthenticated && e.Sent == exchange.SentNo:
		return "nothing was sent; set what the reference names"
	case e.Kind == exchange.ErrUnauthenticated:
		return "give a credential: --auth bearer=env:NAME, or auth in the definition"
	case e.Kind == exchange.ErrOriginNotAllowed:
		return "name the origin under auth.origins if the credential belongs there too"
	case e.RetryAfter > 0:
		return fmt.Sprintf("another try is allowed in %v", round(e.RetryAfter))
	case e.Kind == exchange.ErrDNS:
		return "check the spelling of the host, and the network"
	case e.Kind == exchange.ErrTLS:
		return "--ca FILE trusts a private authority"
	case errors.Is(e.Kind, exchange.ErrTimeout):
		return "give more time: --timeout (attempt), --deadline (command)"
	case e.Kind == exchange.ErrStatus && e.Status >= 300 && e.Status <= 399 && e.Header.Get("Location") != "":
		return "the redirect was not followed; see --redirects"
	}
	return ""
}

// stopped returns the error of a call that ended because its context did.
func (o *options) stopped(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	var call *exchange.Error
	switch {
	case cause != nil && errors.Is(cause, errPipe):
		return errPipe
	case err != nil && errors.Is(cause, context.DeadlineExceeded) && !errors.As(err, &call): // a filter was at work
		return failuref(exitTimeout, "--deadline: %v have passed before the answer was written", o.deadline)
	}
	return err
}
