package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/exchange"
)

// perform does what a request command is asked for: print the call, or send it
// and print the answer.
func (p *program) perform(cmd *cobra.Command, o *options, r request) error {
	ctx := cmd.Context()
	format, err := o.format()
	if err != nil {
		return err
	}
	p.quiet, p.watcher = o.quiet, p.watch(o)
	if o.hasDeadline() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.deadline)
		defer cancel()
	}
	defer p.closeFiles()
	c, err := p.plan(ctx, o, r)
	if errors.Is(err, context.DeadlineExceeded) {
		return failuref(exitTimeout, "--deadline: %v have passed before anything was sent", o.deadline)
	}
	if err != nil {
		return err
	}
	defer c.close()
	switch {
	case o.as == "curl":
		return p.printCurl(ctx, c)
	case o.offline:
		return p.printOffline(ctx, o, c)
	}
	return p.send(ctx, o, c, format)
}

// format says how documents are written; nil: the answer is no document.
func (o *options) format() (*output.Format, error) {
	if o.jq == "" && (o.output == "" || o.output == "raw") && !o.record {
		return nil, nil
	}
	f := &output.Format{Form: o.output, Raw: o.raw || o.output == "raw", Slurp: o.slurp, Indent: o.output == "json"}
	if o.jq != "" {
		var err error
		if f.Filter, err = output.Compile(o.jq); err != nil {
			return nil, usagef("--jq: %w", err)
		}
	}
	return f, nil
}

// send sends the call and prints the answer.
func (p *program) send(ctx context.Context, o *options, c *plan, format *output.Format) (err error) {
	to, err := p.destination(o) // before anything is sent
	if err != nil {
		return err
	}
	if err := p.events.open(o.events); err != nil {
		return errors.Join(err, to.finish(false))
	}
	defer func() {
		if closeErr := p.events.close(o.events); err == nil {
			err = closeErr
		}
	}()
	watch := p.watcher
	resp, err := c.do(ctx)
	if err != nil {
		watch.failed(err)
		return errors.Join(o.stopped(ctx, err), to.finish(false))
	}
	watch.answered(c, resp)
	a := answer{program: p, options: o, destination: to, plan: c, resp: resp, format: format}
	err = a.write(ctx)
	if closeErr := resp.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	watch.finished(resp)
	return o.stopped(ctx, err)
}

// do sends the call. Every status is an answer; the command judges it.
func (c *plan) do(ctx context.Context) (*godwit.Response, error) {
	opts := append(slices.Clone(c.options), godwit.AnyStatus())
	if c.operation != "" {
		return c.client.Call(ctx, c.operation, opts...)
	}
	return c.client.Do(ctx, c.method, c.path, opts...)
}

// success reports whether a status is no failure.
func (o *options) success(status int) bool {
	return status >= 200 && status <= 299 || slices.Contains(o.okStatus, status)
}

// statusError is the error of an answer whose status is a failure. body is what
// was read of it; nil if it went to stdout.
func (c *plan) statusError(resp *godwit.Response, body []byte) error {
	state := exchange.CallFrom(resp.Request.Context())
	e := state.NewError(exchange.KindOfStatus(resp.Status), "", resp.Request, nil)
	e.Method = c.method
	e.Status, e.Header, e.Sent = resp.Status, resp.Header, exchange.SentYes
	if e.Meaning = c.op.Statuses[resp.Status]; e.Meaning == "" {
		e.Meaning = c.config.Statuses[resp.Status]
	}
	if reason := state.StopReason(); reason != "" {
		e.Hint = "not sent again: " + reason
	}
	if body != nil {
		e.SetBody(resp.Header.Get("Content-Type"), body, state.Redactor)
	}
	return e
}

// badAnswer is the error of a body that is not what the output form needs.
func (c *plan) badAnswer(resp *godwit.Response, cause error) error {
	var own *exchange.Error
	var failed *failure
	if errors.As(cause, &own) || errors.As(cause, &failed) || errors.Is(cause, errPipe) {
		return cause
	}
	var syntax *output.SyntaxError
	if !errors.As(cause, &syntax) {
		return cause
	}
	e := exchange.CallFrom(resp.Request.Context()).NewError(exchange.ErrDecode, "", resp.Request, syntax.Err)
	e.Status, e.Header, e.Sent = resp.Status, resp.Header, exchange.SentYes
	if t := resp.Header.Get("Content-Type"); t != "" && !jsonType(media(resp.Header)) {
		e.Hint = "the answer's Content-Type is " + t
	}
	return e
}

// round shortens a duration for people.
func round(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
