package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/exchange"
)

// showWaits is the shortest wait that a person at a terminal is told about.
const showWaits = 500 * time.Millisecond

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// watcher tells on stderr what happens to a call: with -v the exchange, with
// -vv every attempt, to a person at a terminal the longer waits.
type watcher struct {
	p     *program
	level int
	waits bool

	mu sync.Mutex // observers are called from several goroutines
}

func (p *program) watch(o *options) *watcher {
	return &watcher{p: p, level: o.verbose, waits: p.errTerminal && !o.quiet && getenv("TERM") != "dumb"}
}

func (w *watcher) wanted() bool { return w != nil && (w.waits || w.level > 0) }

func (w *watcher) line(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintln(w.p.err, output.Escape(fmt.Sprintf(format, args...))) // as in say
}

// observe receives the events of the call.
func (w *watcher) observe(_ context.Context, e exchange.Event) {
	policy, what, _ := strings.Cut(e.Name, ".")
	switch {
	case what == "wait" && (w.level > 0 || w.waits && e.Delay >= showWaits):
		w.line("* %s: %s", policy, waitText(e))
	case w.level < 1:
	case e.Name == exchange.EventLimitFrozen:
		w.line("* limit: holding calls back for %v: %s", round(e.Delay), e.Reason)
	case e.Name == exchange.EventRedirect:
		w.line("* redirect: %d to %s", e.Status, e.URL())
	case w.level < 2:
	case e.Name == exchange.EventAttemptStart:
		w.line("* attempt %d: %s %s", e.Live.Number(), e.Method(), e.URL())
	case e.Name == exchange.EventAttemptDone:
		if a, ok := e.Attempt(); ok {
			w.line("* %s", attemptText(a))
		}
	case e.Reason != "":
		w.line("* %s: %s", e.Name, e.Reason)
	}
}

// waitText says for how long and why a call waits.
func waitText(e exchange.Event) string {
	why := e.Reason
	switch {
	case e.Name == exchange.EventRetryWait && e.Delay == 0:
		return why // back to the line
	case e.Name == exchange.EventLimitWait:
		why = "for its turn"
		if e.Delay == 0 { // nobody knows yet how long: the store is asked first
			return "waiting " + why
		}
	}
	return fmt.Sprintf("waiting %v: %s", round(e.Delay), why)
}

// attemptText says in one line how an attempt ended.
func attemptText(a exchange.Attempt) string {
	var b strings.Builder
	fmt.Fprintf(&b, "attempt %d: ", a.Number)
	switch {
	case a.Err != nil:
		fmt.Fprintf(&b, "%v (sent: %s)", a.Err, a.Sent)
	case a.Status != 0:
		fmt.Fprintf(&b, "%d", a.Status)
	default:
		b.WriteString("under way")
	}
	fmt.Fprintf(&b, " after %v", round(a.Duration))
	if a.Wait > 0 {
		fmt.Fprintf(&b, ", waited %v before", round(a.Wait))
	}
	if a.Reused {
		b.WriteString(", connection reused")
	}
	if a.Resent > 0 {
		fmt.Fprintf(&b, ", resent %d times by net/http", a.Resent)
	}
	return b.String()
}

// answered shows request and response heads, redacted like every message.
func (w *watcher) answered(c *plan, resp *godwit.Response) {
	if w.level < 1 {
		return
	}
	state := exchange.CallFrom(resp.Request.Context())
	w.line("> %s %s", resp.Request.Method, state.RedactURL(resp.Request.URL))
	for _, f := range c.fields(resp.Request) {
		w.line("> %s: %s", f.name, f.shown)
	}
	w.line("< %s %d %s", resp.Protocol, resp.Status, resp.Reason)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, v := range resp.Header[name] {
			w.line("< %s: %s", name, state.Redactor.Header(name, v))
		}
	}
}

// failed shows the attempts of a call without an answer.
func (w *watcher) failed(err error) {
	var e *exchange.Error
	if w.level < 1 || !errors.As(err, &e) {
		return
	}
	w.line("> %s %s", e.Method, e.URL)
	if w.level < 2 { // -vv has shown them
		for _, a := range e.Attempts {
			w.line("* %s", attemptText(a))
		}
	}
}

// finished shows the timings.
func (w *watcher) finished(resp *godwit.Response) {
	if w.level < 1 {
		return
	}
	if attempts := resp.Attempts(); w.level < 2 && len(attempts) > 1 {
		for _, a := range attempts {
			w.line("* %s", attemptText(a))
		}
	}
	w.line("* %s", timingsText(resp.Timings(), resp.Meta().Elapsed))
}

func timingsText(t exchange.Timings, elapsed time.Duration) string {
	return fmt.Sprintf("dns %v, connect %v, tls %v, first byte %v, total %v, call %v",
		round(t.DNS), round(t.Connect), round(t.TLS), round(t.FirstByte), round(t.Total), round(elapsed))
}

// writeTimings is the t of --print.
func writeTimings(b *strings.Builder, t exchange.Timings, elapsed time.Duration) {
	for _, line := range []struct {
		name string
		d    time.Duration
	}{{"dns", t.DNS}, {"connect", t.Connect}, {"tls", t.TLS}, {"first byte", t.FirstByte}, {"total", t.Total}, {"call", elapsed}} {
		fmt.Fprintf(b, "%-11s%v\n", line.name, round(line.d))
	}
}

// writeAttempts is the m of --print.
func writeAttempts(b *strings.Builder, resp *godwit.Response) {
	for _, a := range resp.Attempts() {
		b.WriteString(output.Escape(attemptText(a)) + "\n")
	}
	state := exchange.CallFrom(resp.Request.Context())
	for _, r := range resp.Redirects() {
		fmt.Fprintf(b, "redirect: %d from %s\n", r.Status, state.RedactURL(r.From))
	}
}
