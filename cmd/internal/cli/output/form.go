package output

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

// form writes JSON documents one after another.
type form interface {
	put(doc []byte) error
	close() error // after the last one, unless something broke
}

// form returns the form that the format asks for.
func (f Format) form(w io.Writer) form {
	switch {
	case f.Form == "yaml":
		return &yamlForm{w: f.terminal(w)}
	case f.Form == "csv":
		return &rowsForm{write: func(rows *rows) error { return rows.csv(f.terminal(w)) }}
	case f.Form == "table":
		return &rowsForm{write: func(rows *rows) error { return rows.table(w) }}
	case f.Terminal && (f.Array || f.Indent):
		return &prettyForm{p: NewPretty(w, f.Colour), w: w, array: f.Array, colour: f.Colour}
	case f.Array:
		return &arrayForm{w: w}
	}
	return &lineForm{w: w, indent: f.Indent, escape: f.Terminal}
}

// terminal escapes what goes to a terminal.
func (f Format) terminal(w io.Writer) io.Writer {
	if f.Terminal {
		return NewTerminal(w)
	}
	return w
}

// lineForm writes each document on a line of its own, or indented.
type lineForm struct {
	w              io.Writer
	indent, escape bool
	buf            bytes.Buffer
}

func (l *lineForm) put(doc []byte) error {
	if l.indent {
		return indented(l.w, "", doc, "\n", "")
	}
	l.buf.Reset()
	if err := json.Compact(&l.buf, doc); err != nil {
		return &SyntaxError{err}
	}
	return writeLine(l.w, l.buf.Bytes(), l.escape)
}

func (l *lineForm) close() error { return nil }

// indented writes a document, which is valid, with two spaces for each level,
// in constant memory: the spaces of a deep one may be a multiple of its size.
// Each line but the first begins with prefix.
func indented(w io.Writer, before string, doc []byte, after, prefix string) error {
	b := bufio.NewWriter(w)
	b.WriteString(before) // an error stays with b until Flush
	depth, quoted := 0, false
	line := func() {
		b.WriteString("\n" + prefix)
		for range depth {
			b.WriteString("  ")
		}
	}
	for i := 0; i < len(doc); i++ {
		c := doc[i]
		switch {
		case quoted && c == '\\':
			b.WriteByte(c)
			i++
			b.WriteByte(doc[i])
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		case c == '{' || c == '[':
			if rest := bytes.TrimLeft(doc[i+1:], " \t\r\n"); rest[0] == c+2 { // } is two behind {, ] behind [
				b.WriteByte(c)
				b.WriteByte(c + 2)
				i = len(doc) - len(rest)
				continue
			}
			depth++
			b.WriteByte(c)
			line()
			continue
		case c == '}' || c == ']':
			depth--
			line()
		case c == ',':
			b.WriteByte(c)
			line()
			continue
		case c == ':':
			b.WriteString(": ")
			continue
		}
		b.WriteByte(c)
	}
	b.WriteString(after)
	return b.Flush()
}

// writeLine writes text and a line feed at once.
func writeLine(w io.Writer, text []byte, escape bool) error {
	if escape {
		text = appendEscaped(nil, text)
	}
	_, err := w.Write(append(text, '\n'))
	return err
}

// arrayForm writes one list of all documents.
type arrayForm struct {
	w     io.Writer
	count int
}

func (a *arrayForm) put(doc []byte) error {
	before := ",\n  "
	if a.count == 0 {
		before = "[\n  "
	}
	a.count++
	return indented(a.w, before, doc, "", "  ")
}

func (a *arrayForm) close() error {
	end := "\n]\n"
	if a.count == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(a.w, end)
	return err
}

// prettyForm writes documents, or one list of them, for a terminal.
type prettyForm struct {
	w             io.Writer
	p             *Pretty
	colour, array bool
	count         int
}

func (t *prettyForm) put(doc []byte) error {
	if t.array {
		lead := byte(',')
		if t.count == 0 {
			lead = '['
		}
		doc = append([]byte{lead}, doc...)
	}
	t.count++
	if _, err := t.p.Write(doc); err != nil || t.array {
		return err
	}
	err := t.p.Close()
	t.p = NewPretty(t.w, t.colour)
	return err
}

func (t *prettyForm) close() error {
	if !t.array {
		return nil
	}
	end := "]"
	if t.count == 0 {
		end = "[]"
	}
	if _, err := io.WriteString(t.p, end); err != nil {
		return err
	}
	return t.p.Close()
}
