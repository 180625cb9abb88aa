package output

import (
	"bufio"
	"io"
)

// Colours of JSON on a terminal (ECMA-48 SGR).
const (
	colourReset  = "\x1b[0m"
	colourKey    = "\x1b[34m"
	colourString = "\x1b[32m"
	colourNumber = "\x1b[36m"
	colourWord   = "\x1b[33m"
	colourGood   = "\x1b[32m"
	colourBad    = "\x1b[31m"
)

// maxIndent bounds the nesting that is followed; deeper text is passed on as it
// comes.
const maxIndent = 512

// shownIndent bounds the indentation of a line.
const shownIndent = 64

// Pretty indents and colours JSON as it streams by, in constant memory. It
// checks nothing: text that is no JSON comes out readable, if not pretty.
// Close ends the last line.
type Pretty struct {
	w      *bufio.Writer // flushed at the end of each Write
	text   *Terminal     // gets what the server sent, escaped
	colour bool

	stack   []byte // open { and [
	pending bool   // an open bracket awaits its first element
	key     bool   // the next string is a member's name
	state   prettyState
	any     bool // something was written
	err     error
}

type prettyState int

const (
	between prettyState = iota
	inString
	inEscape
	inWord
	passing // nested too deep
)

// NewPretty returns a Pretty that writes to the terminal w.
func NewPretty(w io.Writer, colour bool) *Pretty {
	b := bufio.NewWriter(w)
	return &Pretty{w: b, text: NewTerminal(b), colour: colour}
}

// Write writes p.
func (j *Pretty) Write(p []byte) (int, error) {
	begin := 0 // of the string or word under way
	for i, c := range p {
		switch j.state {
		case passing:
		case inEscape:
			j.state = inString
		case inString:
			switch c {
			case '\\':
				j.state = inEscape
			case '"':
				j.endToken(p[begin : i+1])
			}
		case inWord:
			if isWord(c) {
				continue
			}
			j.endToken(p[begin:i])
			begin = i
			j.structure(c)
		default:
			begin = i
			j.structure(c)
		}
		if j.err != nil {
			return i, j.err
		}
	}
	if j.state != between && len(p) > 0 {
		j.body(p[begin:])
	}
	j.flush()
	return len(p), j.err
}

// endToken writes the end of a string or word.
func (j *Pretty) endToken(p []byte) {
	j.body(p)
	if j.err == nil {
		j.err = j.text.Close() // a cut rune must not wait for what follows
	}
	j.code(colourReset)
	j.state = between
}

func (j *Pretty) flush() {
	if j.err == nil {
		j.err = j.w.Flush()
	}
}

func isWord(c byte) bool {
	return c > ' ' && c != '{' && c != '}' && c != '[' && c != ']' && c != ',' && c != ':' && c != '"'
}

// structure handles a byte outside strings and words.
func (j *Pretty) structure(c byte) {
	switch c {
	case ' ', '\t', '\r', '\n':
		return
	case '{', '[':
		j.element()
		if len(j.stack) == maxIndent {
			j.state = passing
			return
		}
		j.raw(string(c))
		j.stack = append(j.stack, c)
		j.pending, j.key = true, c == '{'
	case '}', ']':
		j.close(c)
	case ',':
		j.raw(",")
		j.newLine()
		j.key = len(j.stack) > 0 && j.stack[len(j.stack)-1] == '{'
	case ':':
		j.raw(": ")
		j.key = false
	case '"':
		j.element()
		if j.key {
			j.code(colourKey)
		} else {
			j.code(colourString)
		}
		j.state = inString
	default:
		j.element()
		if c == '-' || c >= '0' && c <= '9' {
			j.code(colourNumber)
		} else {
			j.code(colourWord)
		}
		j.state = inWord
	}
}

// element begins a value or a name.
func (j *Pretty) element() {
	switch {
	case j.pending:
		j.pending = false
		j.newLine()
	case j.any && len(j.stack) == 0: // another document
		j.newLine()
	}
	j.any = true
}

func (j *Pretty) close(c byte) {
	if len(j.stack) > 0 {
		j.stack = j.stack[:len(j.stack)-1]
	}
	if !j.pending {
		j.newLine()
	}
	j.pending, j.key, j.any = false, false, true
	j.raw(string(c))
}

const spaces = "                                                                "

func (j *Pretty) newLine() {
	j.raw("\n")
	for n := 2 * min(len(j.stack), shownIndent); n > 0; n -= len(spaces) {
		j.raw(spaces[:min(n, len(spaces))])
	}
}

func (j *Pretty) code(s string) {
	if j.colour {
		j.raw(s)
	}
}

func (j *Pretty) raw(s string) {
	if j.err == nil {
		_, j.err = j.w.WriteString(s)
	}
}

// body writes text of the server.
func (j *Pretty) body(p []byte) {
	if j.err == nil {
		_, j.err = j.text.Write(p)
	}
}

// Close ends the last line. It does not close the terminal.
func (j *Pretty) Close() error {
	if j.err == nil {
		j.err = j.text.Close()
	}
	if j.state != between {
		j.code(colourReset)
	}
	if j.any {
		j.raw("\n")
	}
	j.flush()
	return j.err
}
