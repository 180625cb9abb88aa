// Package output writes answers: untouched into pipes, escaped, indented and
// coloured to terminals, as JSON documents, JSON Lines or through a jq filter.
//
// Terminal text never carries an escape sequence, a C1 or a bidirectional
// control that came from a server.
package output

import (
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/godwit-go/godwit/internal/redact"
)

// Terminal escapes what could change a terminal in the text written to it. Line
// feeds and tabs stay. Close it to write what an incomplete rune left over.
type Terminal struct {
	w    io.Writer
	rest []byte // an incomplete rune or a carriage return
	buf  []byte
}

// NewTerminal returns a Terminal that writes to w.
func NewTerminal(w io.Writer) *Terminal { return &Terminal{w: w} }

// Write writes p, whose runes may be cut at its end.
func (t *Terminal) Write(p []byte) (int, error) {
	text := p
	if len(t.rest) > 0 {
		text = append(t.rest, p...)
		t.rest = nil
	}
	if cut := incomplete(text); cut > 0 {
		t.rest = bytes.Clone(text[len(text)-cut:])
		text = text[:len(text)-cut]
	}
	t.buf = appendEscaped(t.buf[:0], text)
	if len(t.buf) == 0 {
		return len(p), nil
	}
	if _, err := t.w.Write(t.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes what is left.
func (t *Terminal) Close() error {
	rest := t.rest
	t.rest = nil
	if len(rest) == 0 {
		return nil
	}
	_, err := t.w.Write(appendEscaped(nil, rest))
	return err
}

// incomplete returns how many bytes at the end may belong to what follows.
func incomplete(p []byte) int {
	if len(p) > 0 && p[len(p)-1] == '\r' {
		return 1
	}
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		c := p[len(p)-n]
		if utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// appendEscaped escapes each line by itself. A carriage return before a line
// feed is dropped.
func appendEscaped(b, text []byte) []byte {
	for {
		line, tail, ok := bytes.Cut(text, []byte{'\n'})
		if ok {
			line = bytes.TrimSuffix(line, []byte{'\r'})
		}
		b = append(b, redact.Printable(string(line))...)
		if !ok {
			return b
		}
		b, text = append(b, '\n'), tail
	}
}

// Escape returns one line of text fit for a terminal.
func Escape(s string) string { return redact.Printable(s) }

// Binary reports whether the beginning of a body is no text: it holds a NUL, or
// is not UTF-8 although nothing declares it to be text.
func Binary(head []byte, declaredText bool) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return true
	}
	return !declaredText && !utf8.Valid(head[:len(head)-incomplete(head)])
}

// Status colours a status line.
func Status(line string, good, colour bool) string {
	switch {
	case !colour:
		return line
	case good:
		return colourGood + line + colourReset
	}
	return colourBad + line + colourReset
}
