package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/html/charset"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/output"
	"github.com/godwit-go/godwit/exchange"
)

// answer writes one answer in the form that the flags ask for.
type answer struct {
	*program
	*options
	destination
	plan   *plan
	resp   *godwit.Response
	format *output.Format // nil: the body as it is
}

// Sizes.
const (
	copyBuffer = 64 << 10 // bytes of the buffer that bodies are copied with
	maxExcerpt = 64 << 10 // bytes read of a failed answer for the message
)

// write prints the answer. A failed status is an error after that.
func (a *answer) write(ctx context.Context) error {
	ok := a.success(a.resp.Status)
	whole := a.record && a.jq == "" && a.out == "" // status and body are in the record
	if !ok && !whole && (a.format != nil || a.output != "" || a.out != "") {
		body, err := io.ReadAll(io.LimitReader(a.resp.Body, maxExcerpt))
		if err != nil && len(body) == 0 {
			body = []byte{} // the status is the failure; its page is only decoration
		}
		return errors.Join(a.plan.statusError(a.resp, body), a.finish(false))
	}
	err := a.content(ctx, a.Writer)
	if finishErr := a.finish(err == nil); err == nil && finishErr != nil {
		err = failuref(exitFailure, "--out %s: %w", quoted(a.out), plain(finishErr))
	}
	if err == nil && !ok {
		err = a.plan.statusError(a.resp, nil)
	}
	return err
}

// destination is where the answer goes.
type destination struct {
	io.Writer
	terminal bool
	finish   func(ok bool) error // ends the output; only one that is complete stays
}

// destination is stdout or the file of --out.
func (p *program) destination(o *options) (destination, error) {
	if o.out == "" {
		return destination{p.stdout(), p.outTerminal, func(bool) error { return nil }}, nil
	}
	f, finish, err := outFile(o.out)
	if err != nil {
		return destination{}, usagef("--out %s: %w", quoted(o.out), plain(err))
	}
	return destination{fileWriter{f, o.out}, isTerminal(f), finish}, nil
}

// fileWriter names the file when it cannot be written.
type fileWriter struct {
	f    *os.File
	name string
}

func (w fileWriter) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	if err != nil {
		err = failuref(exitFailure, "--out %s: %w", quoted(w.name), plain(err))
	}
	return n, err
}

// content writes what is asked for.
func (a *answer) content(ctx context.Context, w io.Writer) error {
	switch {
	case a.print != "":
		return a.letters(w)
	case a.format != nil:
		return a.documents(ctx, w)
	case a.terminal && a.output == "":
		b := &strings.Builder{}
		a.responseHead(b)
		b.WriteByte('\n')
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
		return a.body(w)
	}
	return a.body(w)
}

// documents writes the body as JSON.
func (a *answer) documents(ctx context.Context, w io.Writer) error {
	body, lines := io.Reader(a.resp.Body), output.Lines(a.resp.Header.Get("Content-Type"))
	switch {
	case a.record:
		record, err := a.recorded()
		if err != nil {
			return err
		}
		body, lines = bytes.NewReader(record), false
	case a.bodyless():
		return nil
	case exchange.Coding(a.resp.Header) != "":
		coding := fmt.Errorf("the body still has the content coding %q", exchange.Coding(a.resp.Header))
		return a.plan.badAnswer(a.resp, &output.SyntaxError{Err: coding})
	}
	f := *a.format
	f.Array = lines && a.output == "json"
	f.Terminal, f.Colour = a.terminal, a.terminal && colourWanted()
	f.Indent = f.Indent || a.terminal && a.output == ""
	return a.plan.badAnswer(a.resp, f.Write(ctx, w, output.NewDocs(body, lines)))
}

// recorded is the whole exchange as JSON.
func (a *answer) recorded() ([]byte, error) {
	if _, err := a.resp.Bytes(); err != nil {
		return nil, err
	}
	return jsonLine(a.resp.Record())
}

// bodyless reports answers that have no body by definition (RFC 9110 section
// 6.4.1).
func (a *answer) bodyless() bool {
	s := a.resp.Status
	return a.plan.method == http.MethodHead || s == http.StatusNoContent || s == http.StatusNotModified
}

// body writes the body: byte by byte, or fit for a terminal.
func (a *answer) body(w io.Writer) error {
	if !a.terminal {
		return copyBody(w, a.resp.Body)
	}
	r := bufio.NewReaderSize(a.resp.Body, copyBuffer)
	if _, err := r.Peek(1); err == io.EOF {
		return nil
	}
	return a.show(w, r, a.resp.Header.Get("Content-Type"))
}

// show writes text of the server to a terminal.
func (a *answer) show(w io.Writer, r *bufio.Reader, contentType string) error {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, params = "", nil
	}
	if set := strings.ToLower(params["charset"]); set != "" && set != "utf-8" && set != "us-ascii" {
		if decoded, err := charset.NewReaderLabel(set, r); err == nil {
			r = bufio.NewReaderSize(decoded, copyBuffer)
			_, _ = r.Peek(1) // the error comes again with the first read
		}
	}
	head, _ := r.Peek(min(max(r.Buffered(), 1), 4096)) // as above
	if output.Binary(head, textType(media)) {
		return a.refuseBinary(media)
	}
	if jsonType(media) || media == "" && looksJSON(head) {
		pretty := output.NewPretty(w, colourWanted())
		return errors.Join(copyBody(pretty, r), pretty.Close())
	}
	last := &lastByte{w: w}
	terminal := output.NewTerminal(last)
	err = errors.Join(copyBody(terminal, r), terminal.Close())
	if err == nil && last.c != '\n' && last.c != 0 {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// refuseBinary keeps bytes that are no text off the terminal.
func (a *answer) refuseBinary(media string) error {
	what := "the body is binary"
	if media != "" {
		what += " (" + media + ")"
	}
	a.say(what + ": it is not shown on a terminal; write it to a file with -O FILE, or into a pipe")
	return nil
}

func jsonType(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json") || output.Lines(media)
}

// textType reports types whose bodies are text, whatever stray bytes are in it.
func textType(media string) bool {
	return strings.HasPrefix(media, "text/") || jsonType(media) || strings.HasSuffix(media, "xml") || strings.HasSuffix(media, "yaml") || strings.HasSuffix(media, "javascript")
}

func looksJSON(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// lastByte remembers how the output ends.
type lastByte struct {
	w io.Writer
	c byte
}

func (l *lastByte) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.c = p[len(p)-1]
	}
	return l.w.Write(p)
}

// copyBody copies in constant memory. What has been read is written at once.
func copyBody(w io.Writer, r io.Reader) error {
	buf := make([]byte, copyBuffer)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// letters writes the parts that --print names, in the order of a call, with an
// empty line between those that are not empty.
func (a *answer) letters(w io.Writer) error {
	s := &separated{w: w}
	text := func(f func(*strings.Builder)) func(io.Writer) error {
		return func(w io.Writer) error {
			var b strings.Builder
			f(&b)
			_, err := io.WriteString(w, b.String())
			return err
		}
	}
	for _, l := range []struct {
		letter string
		write  func(io.Writer) error
	}{
		{"H", text(a.requestHead)},
		{"B", a.requestBody},
		{"h", text(a.responseHead)},
		{"b", a.body},
		{"m", text(func(b *strings.Builder) { writeAttempts(b, a.resp) })},
		{"t", text(func(b *strings.Builder) { writeTimings(b, a.resp.Timings(), a.resp.Meta().Elapsed) })},
	} {
		if !strings.Contains(a.print, l.letter) {
			continue
		}
		s.next()
		if err := l.write(s); err != nil {
			return err
		}
	}
	return nil
}

// separated writes an empty line between parts.
type separated struct {
	w    io.Writer
	last byte // 0: nothing was written yet
	gap  bool
}

func (s *separated) next() { s.gap = s.last != 0 }

func (s *separated) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.gap {
		s.gap = false
		lead := "\n"
		if s.last != '\n' {
			lead = "\n\n"
		}
		if _, err := io.WriteString(s.w, lead); err != nil {
			return 0, err
		}
	}
	s.last = p[len(p)-1]
	return s.w.Write(p)
}

func (a *answer) requestHead(b *strings.Builder) {
	a.plan.requestHead(b, a.resp.Request, a.resp.Protocol)
}

// requestBody writes the body that was sent, if it can be read again.
func (a *answer) requestBody(w io.Writer) error {
	return a.plan.requestBody(w, a.resp.Request, a.terminal)
}

// responseHead writes status line and header fields. The values are the
// server's answer: on a terminal they are escaped, secrets that were sent are
// masked everywhere.
func (a *answer) responseHead(b *strings.Builder) {
	status := fmt.Sprintf("%s %d %s", a.resp.Protocol, a.resp.Status, a.resp.Reason)
	status = strings.TrimRight(output.Escape(status), " ")
	if a.terminal {
		status = output.Status(status, a.success(a.resp.Status), colourWanted())
	}
	b.WriteString(status + "\n")
	mask := a.plan.redactor(a.resp.Request)
	for _, name := range slices.Sorted(maps.Keys(a.resp.Header)) {
		for _, v := range a.resp.Header[name] {
			b.WriteString(output.Escape(name) + ": " + output.Escape(mask.Text(v)) + "\n")
		}
	}
}
