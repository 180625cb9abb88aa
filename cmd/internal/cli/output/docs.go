package output

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"unicode/utf8"

	"github.com/godwit-go/godwit/internal/jsontext"
)

// maxDocument bounds one JSON document, in bytes.
const maxDocument = 64 << 20

// Docs reads JSON documents one after another: the one of a plain answer, or
// the items of JSON Lines.
type Docs struct {
	dec    *json.Decoder
	source *budget
	many   bool
	read   int
}

// NewDocs returns a reader of body. With many set, any number of documents may
// follow each other; otherwise there must be exactly one.
func NewDocs(body io.Reader, many bool) *Docs {
	r := bufio.NewReader(body)
	if bom, err := r.Peek(3); err == nil && string(bom) == "\xef\xbb\xbf" {
		_, _ = r.Discard(3) // they are in the buffer: it cannot fail
	}
	source := &budget{r: r, left: maxDocument}
	return &Docs{dec: json.NewDecoder(source), source: source, many: many}
}

// Lines reports whether a content type is one of the names of JSON Lines.
func Lines(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch media {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines", "application/json-lines", "application/x-jsonlines":
		return true
	}
	return false
}

// Next returns the next document, compact or not as it came, or io.EOF.
func (d *Docs) Next() (json.RawMessage, error) {
	if d.read > 0 && !d.many {
		if _, err := d.dec.Token(); err != io.EOF {
			return nil, d.fail(errors.New("something follows the JSON document"), err)
		}
		return nil, io.EOF
	}
	d.source.left = maxDocument
	var doc json.RawMessage
	err := d.dec.Decode(&doc)
	switch {
	case err == io.EOF && (d.many || d.read > 0):
		return nil, io.EOF
	case err == io.EOF:
		return nil, &SyntaxError{errors.New("the body is empty")}
	case err != nil:
		return nil, d.fail(fmt.Errorf("the body is not JSON: %w", err), err)
	case !utf8.Valid(doc):
		return nil, &SyntaxError{errors.New("the body is not UTF-8")}
	case jsontext.TooDeep(doc):
		return nil, &SyntaxError{fmt.Errorf("the body is nested deeper than %d levels", jsontext.MaxDepth)}
	}
	d.read++
	return doc, nil
}

// fail tells a failure of the connection from one of the syntax.
func (d *Docs) fail(syntax, err error) error {
	if d.source.err != nil && d.source.err != io.EOF {
		return d.source.err
	}
	if err == io.ErrUnexpectedEOF {
		syntax = errors.New("the body is not JSON: it ends too early")
	}
	return &SyntaxError{syntax}
}

// SyntaxError says that a body is not what the output form needs.
type SyntaxError struct{ Err error }

// Error returns the cause's text.
func (e *SyntaxError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

// budget bounds what is read for one document and remembers how reading failed.
type budget struct {
	r    io.Reader
	left int
	err  error
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = &SyntaxError{fmt.Errorf("a JSON document is larger than %d MiB; leave out -q and -o", maxDocument>>20)}
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil {
		b.err = err
	}
	return n, err
}
