package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/cmd/internal/cli/target"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/retry"
)

// newExplain is a dry run.
func (p *program) newExplain() *cobra.Command {
	o := new(options)
	cmd := &cobra.Command{
		Use: "explain [VERB|call] TARGET [ITEM…]", Short: "Say what a call would do, and why; send nothing",
		Example: "godwit explain post crm:/contacts name=ada\ngodwit explain call gh repos/get owner=golang repo=go --as curl",
		Args:    needTarget, ValidArgsFunction: p.completeExplained,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.prepare(cmd, o); err != nil {
				return err
			}
			r, err := explained(args)
			if err != nil {
				return err
			}
			defer p.closeFiles()
			c, err := p.plan(cmd.Context(), o, r)
			if err != nil {
				return err
			}
			defer c.close()
			if o.as == "curl" {
				return p.printCurl(cmd.Context(), c)
			}
			return p.explain(cmd.Context(), o, c)
		},
	}
	o.bind(cmd.Flags(), everyGroup)
	return cmd
}

// verbs are the commands that are named for their method.
var verbs = []string{"get", "post", "put", "patch", "delete", "head", "options"}

// explained reads the call behind explain the way it would be typed itself.
func explained(args []string) (request, error) {
	word := args[0]
	switch {
	case target.Is(word):
		return readRequest(http.MethodGet, args)
	case word == "call":
		if len(args) < 3 {
			return request{}, usagef("explain call: an API and an operation are needed").hint("godwit explain call API OPERATION [ITEM…]")
		}
		return readOperation(args[1:])
	case word == "request" && len(args) >= 3:
		if err := checkMethod(args[1]); err != nil {
			return request{}, err
		}
		return readRequest(args[1], args[2:])
	case slices.Contains(verbs, word) && len(args) >= 2:
		return readRequest(strings.ToUpper(word), args[1:])
	}
	return request{}, usagef("explain: %s is followed by no call", quoted(word)).hint("godwit explain post crm:/contacts name=ada")
}

func (p *program) explain(ctx context.Context, o *options, c *plan) error {
	w := p.stdout()
	req, err := c.newRequest(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("request (not sent)\n")
	fmt.Fprintf(&b, "  %s %s\n", req.Method, c.shownURL(req))
	for _, f := range c.fields(req)[1:] {
		fmt.Fprintf(&b, "  %s: %s\n", f.name, f.shown)
	}
	c.explainBody(&b, req)
	b.WriteString("\nsettings\n")
	c.explainSettings(&b)
	b.WriteString("\nchain, outermost first\n")
	for i, name := range c.client.Chain() {
		fmt.Fprintf(&b, "  %2d %s\n", i+1, name)
	}
	b.WriteString("\noutcomes\n")
	if err := c.explainOutcomes(ctx, &b); err != nil {
		return err
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// explainBody shows the body of a call that has one.
func (c *plan) explainBody(b *strings.Builder, req *http.Request) {
	switch {
	case c.body.option == nil:
	case c.body.data != nil && len(c.body.data) <= maxExcerpt && !output.Binary(c.body.data, false):
		text := c.redactor(req).Text(string(c.body.data))
		b.WriteString("\n")
		for line := range strings.Lines(text) {
			b.WriteString("  " + output.Escape(strings.TrimSuffix(line, "\n")) + "\n")
		}
	case c.body.source == "-":
		b.WriteString("\n  (stdin)\n")
	case c.body.source != "":
		fmt.Fprintf(b, "\n  (%s)\n", output.Escape(c.body.source))
	default:
		names := make([]string, len(c.body.items))
		for i, it := range c.body.items {
			names[i] = output.Escape(it.Name)
		}
		fmt.Fprintf(b, "\n  (%s: %s)\n", c.body.kind, strings.Join(names, ", "))
	}
}

// explainSettings lists each setting with its value and where it comes from.
func (c *plan) explainSettings(b *strings.Builder) {
	rows := c.settings()
	const most = 60 // characters of a column; what is longer pushes the next one aside
	paths, values := 32, 40
	for _, r := range rows {
		paths = max(paths, min(most, utf8.RuneCountInString(r.path)))
		values = max(values, min(most, utf8.RuneCountInString(r.value)))
	}
	for _, r := range rows {
		fmt.Fprintf(b, "  %-*s  %-*s  %s\n", paths, r.path, values, r.value, r.source)
	}
	if c.def == nil {
		b.WriteString("  everything else has its default\n")
	}
}

// settings are the settings that the call obeys, section by section, fit to be
// shown.
func (c *plan) settings() []overlay {
	rows := []overlay{{"base_url", c.config.BaseURL, "argument"}}
	if c.def != nil {
		rows = rows[:0]
		for _, s := range c.def.Settings(c.api) {
			foreign := s.Operation != "" && s.Operation != c.operation
			if !c.overlaid(s.Path) && !foreign {
				rows = append(rows, overlay{s.Path, s.Value, s.Source})
			}
		}
	}
	rows = append(rows, c.changed...)
	section := func(r overlay) string { name, _, _ := strings.Cut(r.path, "."); return name }
	slices.SortStableFunc(rows, func(a, b overlay) int { return strings.Compare(section(a), section(b)) })
	for i, r := range rows {
		rows[i] = overlay{output.Escape(r.path), output.Escape(r.value), output.Escape(r.source)}
	}
	return rows
}

// overlaid reports whether a flag has changed the setting.
func (c *plan) overlaid(path string) bool {
	return slices.ContainsFunc(c.changed, func(ch overlay) bool {
		return ch.path == path || strings.HasPrefix(ch.path, "auth.") && strings.HasPrefix(path, "auth.")
	})
}

// explainOutcomes says what the usual failures would lead to. It asks the retry
// policy itself: the request goes through it into a transport that fails.
func (c *plan) explainOutcomes(ctx context.Context, b *strings.Builder) error {
	for _, o := range []struct {
		name string
		fail failing
	}{
		{"429", failing{status: http.StatusTooManyRequests}},
		{"503", failing{status: http.StatusServiceUnavailable}},
		{"timeout", failing{err: &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}}},
	} {
		text, err := c.outcome(ctx, o.fail)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "  %-8s %s\n", o.name, output.Escape(text+c.consequence(o.fail)))
	}
	return nil
}

// consequence says what such an outcome means for the other calls.
func (c *plan) consequence(fail failing) string {
	chain := c.client.Chain()
	switch {
	case fail.status == http.StatusTooManyRequests && slices.Contains(chain, "limit"):
		return "; limit holds the other calls back meanwhile"
	case fail.status != http.StatusTooManyRequests && slices.Contains(chain, "breaker") && c.config.Breaker.WhenOpen == "wait":
		return "; enough of them open the breaker, and calls wait"
	case fail.status != http.StatusTooManyRequests && slices.Contains(chain, "breaker"):
		return fmt.Sprintf("; enough of them open the breaker, and calls fail at once, exit code %d", exitHeldBack)
	}
	return ""
}

func (c *plan) outcome(ctx context.Context, fail failing) (string, error) {
	if fail.status == http.StatusTooManyRequests && c.config.Retry.Attempts != 1 && slices.Contains(c.client.Chain(), "limit") {
		return fmt.Sprintf("back to its line, no attempt charged, while the turn comes within limit.max_wait, then exit code %d", exitRateLimited), nil
	}
	req, err := c.newRequest(ctx)
	if err != nil {
		return "", err
	}
	config := c.config.Retry
	config.Base, config.Cap = 1, 1 // the waits are not explained by waiting
	policy, err := retry.New(config)
	if err != nil {
		return "", err
	}
	resp, err := policy(&fail).RoundTrip(req)
	state := exchange.CallFrom(req.Context())
	code, after := exitTimeout, count(fail.sends, "attempt")
	if resp != nil {
		code = codeOfStatus(resp.StatusCode)
		err = resp.Body.Close()
	} else if errors.Is(err, exchange.ErrConfig) {
		return "", err
	} else {
		err = nil
	}
	reason := state.StopReason()
	if strings.HasSuffix(reason, "made") { // says the same
		reason = ""
	}
	if reason != "" {
		after += " (" + reason + ")"
	}
	return fmt.Sprintf("%s, then exit code %d", after, code), err
}

// failing is a transport whose every answer is the same failure.
type failing struct {
	status int
	err    error
	sends  int
}

func (f *failing) RoundTrip(req *http.Request) (*http.Response, error) {
	f.sends++
	exchange.CloseBody(req)
	if f.err != nil {
		return nil, f.err
	}
	return &http.Response{
		StatusCode: f.status, Status: fmt.Sprintf("%d %s", f.status, http.StatusText(f.status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header), Body: http.NoBody, Request: req,
	}, nil
}
