package cli

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/item"
)

const (
	maxItemFile = 32 << 20 // bytes of a file that an item embeds
	sniffed     = 512      // bytes that the type of a body is guessed from
)

// payload is the body of a request.
type payload struct {
	option godwit.CallOption // nil: no body

	// for explain and curl
	kind        string // JSON, form, multipart, a file
	contentType string
	data        []byte // the body, if it is in memory
	source      string // the file it comes from, - for stdin
	items       []item.Item
}

// body makes the body that the items ask for, else takes stdin where the verb
// does so.
func (p *program) body(ctx context.Context, o *options, method string, items []item.Item) (payload, error) {
	var parts []item.Item
	files := false
	for _, i := range items {
		if i.Kind.Body() {
			parts = append(parts, i)
			files = files || i.Kind == item.File
		}
	}
	if len(parts) == 0 {
		return p.bodyFromStdin(ctx, o, method)
	}
	if method == http.MethodGet || method == http.MethodHead {
		return payload{}, withHint(parts[0].Errorf("a %s request has no body", method),
			"godwit post sends one; write name==value for a query parameter")
	}
	switch {
	case o.multipart || files:
		return p.multipartBody(ctx, parts)
	case parts[0].Kind == item.Document && len(parts) == 1:
		return p.documentBody(ctx, o, parts[0])
	case o.form:
		return p.formBody(ctx, parts)
	}
	return p.jsonBody(ctx, parts)
}

func (p *program) bodyFromStdin(ctx context.Context, o *options, method string) (payload, error) {
	if o.noInput || !takesStdin(method) || p.stdinTaken {
		return payload{}, nil
	}
	c, err := p.implicitBody(ctx)
	if err != nil || c == nil {
		return payload{}, err
	}
	return streamed(o, c), nil
}

func (p *program) documentBody(ctx context.Context, o *options, i item.Item) (payload, error) {
	c, err := p.openContent(ctx, i.Value)
	if err != nil {
		return payload{}, itemError(ctx, i, err)
	}
	b := streamed(o, c)
	if i.Type != "" {
		b.contentType = i.Type
		b.option = bodyOption(c, i.Type)
	}
	return b, nil
}

// streamed is a body sent byte by byte as it is.
func streamed(o *options, c *content) payload {
	contentType := typeOf(c)
	if o.form {
		contentType = "application/x-www-form-urlencoded"
	}
	b := payload{kind: "file", contentType: contentType, source: c.name, option: bodyOption(c, contentType)}
	if c.file == nil && c.rest == nil {
		b.data = c.data
	}
	return b
}

func bodyOption(c *content, contentType string) godwit.CallOption {
	if c.file == nil && c.rest == nil {
		return godwit.Bytes(contentType, c.data)
	}
	return godwit.Reader(contentType, c.reader())
}

func (p *program) jsonBody(ctx context.Context, items []item.Item) (payload, error) {
	data, err := item.Build(nil, items, p.source(ctx))
	if err != nil {
		return payload{}, err
	}
	const contentType = "application/json"
	return payload{kind: "JSON", contentType: contentType, data: data, items: items, option: godwit.Bytes(contentType, data)}, nil
}

func (p *program) formBody(ctx context.Context, items []item.Item) (payload, error) {
	var pairs []godwit.Pair
	for _, i := range items {
		if i.Kind != item.Text {
			return payload{}, withHint(i.Errorf("it has no place in a form"), "write name=value, or leave out --form")
		}
		value, err := p.value(ctx, i)
		if err != nil {
			return payload{}, err
		}
		pairs = append(pairs, godwit.Pair{Name: i.Name, Value: value})
	}
	return payload{kind: "form", contentType: "application/x-www-form-urlencoded", items: items, option: godwit.Form(pairs)}, nil
}

func (p *program) multipartBody(ctx context.Context, items []item.Item) (payload, error) {
	var parts []godwit.Part
	for n, i := range items {
		part, err := p.part(ctx, i)
		if err != nil {
			return payload{}, err
		}
		parts = append(parts, part)
		items[n].Type = part.ContentType
	}
	return payload{kind: "multipart", contentType: "multipart/form-data", items: items, option: godwit.Multipart(parts...)}, nil
}

func (p *program) part(ctx context.Context, i item.Item) (godwit.Part, error) {
	switch i.Kind {
	case item.Document:
		return godwit.Part{}, i.Errorf("a multipart form has no place for a whole body")
	case item.File:
		c, err := p.openContent(ctx, i.Value)
		if err != nil {
			return godwit.Part{}, itemError(ctx, i, err)
		}
		name := filepath.Base(i.Value)
		if i.Value == "-" {
			name = "stdin"
		}
		part := godwit.FileReader(i.Name, name, c.reader())
		if part.ContentType = i.Type; part.ContentType == "" {
			part.ContentType = typeOf(c)
		}
		return part, nil
	}
	value, err := p.value(ctx, i)
	if err != nil {
		return godwit.Part{}, err
	}
	part := godwit.Field(i.Name, value)
	if i.Kind == item.JSON {
		if _, err := item.ParseJSON([]byte(value)); err != nil {
			return godwit.Part{}, i.Errorf("%s", err)
		}
		part.ContentType = "application/json"
	}
	return part, nil
}

// source reads the values of items that are in files.
func (p *program) source(ctx context.Context) item.Source {
	return func(i item.Item) ([]byte, error) {
		if i.Kind != item.Document && !i.FromFile {
			return []byte(i.Value), nil
		}
		c, err := p.openContent(ctx, i.Value)
		if err != nil {
			return nil, itemError(ctx, i, err)
		}
		data, err := c.all(ctx, maxItemFile)
		if err != nil {
			return nil, itemError(ctx, i, err)
		}
		return data, nil
	}
}

// value returns the value of an item.
func (p *program) value(ctx context.Context, i item.Item) (string, error) {
	data, err := p.source(ctx)(i)
	return string(data), err
}

// line is the value of an item that is one line, such as a header: without the
// line break that a file ends with.
func (p *program) line(ctx context.Context, i item.Item) (string, error) {
	v, err := p.value(ctx, i)
	if i.FromFile {
		v = strings.TrimSuffix(strings.TrimSuffix(v, "\n"), "\r")
	}
	return v, err
}

// itemError points at the item whose file failed.
func itemError(ctx context.Context, i item.Item, err error) error {
	var own *failure
	if errors.As(err, &own) || ctx.Err() != nil {
		return err
	}
	return i.Errorf("%s", err)
}

// types are the content types by file name; the system's own tables differ from
// machine to machine.
var types = map[string]string{
	".json": "application/json", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".xml": "application/xml",
	".txt": "text/plain; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".csv": "text/csv; charset=utf-8",
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8", ".yaml": "application/yaml", ".yml": "application/yaml",
	".js": "text/javascript", ".css": "text/css", ".pdf": "application/pdf", ".zip": "application/zip", ".gz": "application/gzip",
	".tar": "application/x-tar", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
	".webp": "image/webp", ".svg": "image/svg+xml", ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".wasm": "application/wasm",
}

// typeOf guesses a content type: by the file's name, else by what the content
// begins with.
func typeOf(c *content) string {
	if t, ok := types[strings.ToLower(filepath.Ext(c.name))]; ok {
		return t
	}
	head := bytes.TrimLeft(c.head, " \t\r\n")
	switch {
	case len(head) > 0 && (head[0] == '{' || head[0] == '['):
		return "application/json"
	case len(head) > 0 && text(c.head):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// text reports whether the beginning of a content is UTF-8 without NUL.
func text(head []byte) bool {
	for n := 0; n < utf8.UTFMax && n < len(head); n++ {
		if utf8.Valid(head[:len(head)-n]) {
			return bytes.IndexByte(head, 0) < 0
		}
		if len(head) < sniffed {
			return false // nothing was cut off
		}
	}
	return false
}

// withHint makes an error a usage error with a hint.
func withHint(err error, hint string) error {
	return &failure{code: exitUsage, text: err.Error(), hints: []string{hint}, err: err}
}
