package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of rows.
const (
	maxRows    = maxDocument // bytes of all rows together
	maxColumns = 1000
	maxCell    = 60 // characters of a cell that a table shows
)

// rowsForm collects objects, which may be the elements of lists, as rows: the
// columns are known only when all have been seen.
type rowsForm struct {
	rows
	write func(*rows) error
}

func (f *rowsForm) put(doc []byte) error {
	if len(doc) == 0 || doc[0] != '[' {
		return f.add(doc)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(doc, &list); err != nil {
		return &SyntaxError{err}
	}
	for _, e := range list {
		if err := f.add(e); err != nil {
			return err
		}
	}
	return nil
}

func (f *rowsForm) close() error { return f.write(&f.rows) }

// rows are objects and the columns that they have together, in the order of
// their first occurrence.
type rows struct {
	docs    [][]byte
	columns []string
	place   map[string]int
	size    int
}

func (r *rows) add(doc []byte) error {
	doc = bytes.TrimSpace(doc)
	if len(doc) == 0 || doc[0] != '{' {
		return &SyntaxError{fmt.Errorf("row %d is no object; a filter such as -q '.items[]' picks what is", len(r.docs)+1)}
	}
	if r.size += len(doc); r.size > maxRows {
		return &SyntaxError{fmt.Errorf("all rows together are larger than %d MiB", maxRows>>20)}
	}
	r.docs = append(r.docs, bytes.Clone(doc))
	return cells(doc, func(name string, _ []byte) error {
		if _, ok := r.place[name]; ok {
			return nil
		}
		if len(r.columns) == maxColumns {
			return &SyntaxError{fmt.Errorf("the rows have more than %d columns", maxColumns)}
		}
		if r.place == nil {
			r.place = make(map[string]int)
		}
		r.place[name] = len(r.columns)
		r.columns = append(r.columns, name)
		return nil
	})
}

// cells calls visit for each member of an object.
func cells(doc []byte, visit func(name string, value []byte) error) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	if _, err := dec.Token(); err != nil {
		return &SyntaxError{err}
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return &SyntaxError{err}
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return &SyntaxError{err}
		}
		text, ok := name.(string)
		if !ok {
			return &SyntaxError{errors.New("a member's name is no string")}
		}
		if err := visit(text, value); err != nil {
			return err
		}
	}
	return nil
}

// each calls visit with the cells of each row as text. The slice is used again.
func (r *rows) each(visit func([]string) error) error {
	row := make([]string, len(r.columns))
	for _, doc := range r.docs {
		clear(row)
		if err := cells(doc, func(name string, value []byte) error {
			row[r.place[name]] = cellText(value)
			return nil
		}); err != nil {
			return err
		}
		if err := visit(row); err != nil {
			return err
		}
	}
	return nil
}

// cellText is a string without quotes, nothing for null, and the JSON of
// anything else.
func cellText(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) == nil { // null as well
		return s
	}
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return string(value)
	}
	return b.String()
}

// csv writes RFC 4180 with a header line, lines ending in a line feed.
func (r *rows) csv(w io.Writer) error {
	if len(r.columns) == 0 {
		return nil
	}
	out := csv.NewWriter(w)
	if err := out.Write(r.columns); err != nil {
		return err
	}
	if err := r.each(out.Write); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// table writes aligned columns. Control characters are escaped everywhere: they
// would break the lines.
func (r *rows) table(w io.Writer) error {
	widths := make([]int, len(r.columns))
	measure := func(row []string) error {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(shortCell(c)))
		}
		return nil
	}
	var line strings.Builder
	write := func(row []string) error {
		line.Reset()
		for i, c := range row {
			c = shortCell(c)
			line.WriteString(c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		}
		_, err := io.WriteString(w, strings.TrimRight(line.String(), " ")+"\n")
		return err
	}
	if len(r.columns) == 0 {
		return nil
	}
	head := slices.Clone(r.columns)
	_ = measure(head) // it cannot fail
	if err := r.each(measure); err != nil {
		return err
	}
	if err := write(head); err != nil {
		return err
	}
	return r.each(write)
}

// shortCell is one line of bounded length.
func shortCell(s string) string {
	s = Escape(s)
	if utf8.RuneCountInString(s) <= maxCell {
		return s
	}
	return string([]rune(s)[:maxCell-1]) + "…"
}
