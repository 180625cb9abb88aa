package definition

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redact"
)

// Error is one mistake in a definition. It is of kind [exchange.ErrConfig].
// No text of it holds a secret or the value of an environment variable.
type Error struct {
	File   string // the file as it was named, or "environment NAME", or the name of the overrides
	Line   int    // from 1; 0 if the whole file is meant
	Column int    // from 1, in characters; 0 if unknown
	Path   string // the setting, such as apis.github.timeout.total
	Msg    string // what is wrong, in one line
	Hint   string // what to do about it; may be empty
	Err    error  // cause, if another package reported it
}

// Error returns "FILE:LINE:COLUMN: PATH: MSG; HINT" in one line. Empty parts
// are left out.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Place())
	for _, part := range []string{e.Path, e.Msg} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Place returns FILE:LINE:COLUMN as far as it is known.
func (e *Error) Place() string {
	return place{layer: &layer{name: e.File}, line: e.Line, column: e.Column}.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{exchange.ErrConfig}
	}
	return []error{exchange.ErrConfig, e.Err}
}

// Errors is every mistake that was found, in the order of the files. Get at it
// with errors.As or errors.AsType.
type Errors []*Error

// Error returns one line per mistake.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the mistakes.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}

// maxErrors bounds how many mistakes are kept: a hostile file could hold one
// per byte.
const maxErrors = 100

// mistakes collects errors; the same one, met by two ways, is kept once.
type mistakes struct {
	list []*Error
	seen map[string]bool
}

func (m *mistakes) add(e *Error) {
	e.File, e.Path, e.Msg, e.Hint = printable(e.File), printable(e.Path), printable(e.Msg), printable(e.Hint)
	key := fmt.Sprint(e.File, "\x00", e.Line, "\x00", e.Column, "\x00", e.Msg)
	if m.seen[key] || m.full() {
		return
	}
	if m.seen == nil {
		m.seen = make(map[string]bool)
	}
	m.seen[key] = true
	m.list = append(m.list, e)
}

// full reports that no more mistakes are kept: looking for more is no use.
func (m *mistakes) full() bool { return len(m.list) >= maxErrors }

// has reports whether something is wrong at a place already.
func (m *mistakes) has(p place) bool {
	return slices.ContainsFunc(m.list, func(e *Error) bool {
		return e.File == printable(p.file()) && e.Line == p.line && e.Column == p.column
	})
}

// about reports whether a setting is spoken of already: its value could not be
// read, or its name is misspelled.
func (m *mistakes) about(p *path) bool {
	return slices.ContainsFunc(m.list, func(e *Error) bool {
		return e.Path == p.String() || strings.HasPrefix(e.Path, p.up.String()+".") && e.Hint == didYouMean(p.name, []string{p.name})
	})
}

func (m *mistakes) addAll(list []*Error) {
	for _, e := range list {
		m.add(e)
	}
}

// at adds a mistake at a place.
func (m *mistakes) at(p place, path *path, msg, hint string) {
	m.add(&Error{File: p.file(), Line: p.line, Column: p.column, Path: path.String(), Msg: msg, Hint: hint})
}

// err returns what was collected, sorted by place within each file; nil if
// nothing was.
func (m *mistakes) err() error {
	if len(m.list) == 0 {
		return nil
	}
	files := make(map[string]int) // files keep the order in which they were met
	for _, e := range m.list {
		if _, ok := files[e.File]; !ok {
			files[e.File] = len(files)
		}
	}
	slices.SortStableFunc(m.list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return Errors(m.list)
}

const maxText = 300

func printable(s string) string { return clip(redact.Printable(s), maxText) }

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for i := range s {
		if i > most {
			return s[:i] + "…"
		}
	}
	return s
}

// quote shows a name or value from the file in a message.
func quote(s string) string { return strconv.Quote(clip(s, 64)) }
