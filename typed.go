package godwit

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/godwit-go/godwit/exchange"
)

// None is the type of an answer whose body does not matter: it is discarded.
type None struct{}

// Get sends GET and returns the answer as a T. A string gets the text, []byte
// the bytes, [None] nothing, any other type the decoded JSON or XML; a body
// that is missing or of another type is [ErrDecode]. path and opts are those of
// [Client.Do].
func Get[T any](ctx context.Context, c *Client, path string, opts ...CallOption) (T, error) {
	return Do[T](ctx, c, http.MethodGet, path, opts...)
}

// Post sends body, encoded by its type as [Body] does, and returns the answer
// as a T; see [Get].
func Post[T any](ctx context.Context, c *Client, path string, body any, opts ...CallOption) (T, error) {
	return doBody[T](ctx, c, http.MethodPost, path, body, opts)
}

// Put is [Post] with PUT.
func Put[T any](ctx context.Context, c *Client, path string, body any, opts ...CallOption) (T, error) {
	return doBody[T](ctx, c, http.MethodPut, path, body, opts)
}

// Patch is [Post] with PATCH. Pass a body made with [MergePatch] or [JSONPatch]
// as an option and nil here where the API wants those types.
func Patch[T any](ctx context.Context, c *Client, path string, body any, opts ...CallOption) (T, error) {
	return doBody[T](ctx, c, http.MethodPatch, path, body, opts)
}

// Delete sends DELETE; T is often [None]. See [Get].
func Delete[T any](ctx context.Context, c *Client, path string, opts ...CallOption) (T, error) {
	return Do[T](ctx, c, http.MethodDelete, path, opts...)
}

// Head sends HEAD and returns what the headers say.
func Head(ctx context.Context, c *Client, path string, opts ...CallOption) (Meta, error) {
	r, err := c.do(ctx, http.MethodHead, path, &call{readsBody: true}, opts)
	if err != nil {
		return Meta{}, err
	}
	meta := r.Meta()
	return meta, r.Close()
}

// Do sends any method; see [Get]. A body is an option.
func Do[T any](ctx context.Context, c *Client, method, path string, opts ...CallOption) (T, error) {
	return typed[T](ctx, c, method, path, &call{}, opts)
}

// Call sends the operation that the definition has under that name; see [Get].
func Call[T any](ctx context.Context, c *Client, operation string, opts ...CallOption) (T, error) {
	var b call
	method, path := c.useOperation(operation, &b)
	return typed[T](ctx, c, method, path, &b, opts)
}

func doBody[T any](ctx context.Context, c *Client, method, path string, body any, opts []CallOption) (T, error) {
	var b call
	if err := Body(body)(&b); err != nil {
		b.err = c.refuse(method, path, ErrRequest, err)
	}
	return typed[T](ctx, c, method, path, &b, opts)
}

func typed[T any](ctx context.Context, c *Client, method, path string, b *call, opts []CallOption) (T, error) {
	var v T
	b.readsBody = true
	switch any(&v).(type) {
	case *string, *[]byte, *None:
	default:
		b.accept = "application/json"
	}
	r, err := c.do(ctx, method, path, b, opts)
	if err != nil {
		return v, err
	}
	err = r.decodeInto(&v, b.assumeJSON)
	if b.meta != nil {
		*b.meta = r.Meta() // the total time is known now
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// decodeInto fills v from the body and closes it.
func (r *Response) decodeInto(v any, assumeJSON bool) error {
	switch v := v.(type) {
	case *None:
		return r.discard()
	case *[]byte:
		var err error
		*v, err = r.Bytes()
		return err
	case *string:
		var err error
		*v, err = r.Text()
		return err
	}
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	defer func() {
		if buf.Cap() <= maxPooled {
			buffers.Put(buf)
		}
	}()
	if err := r.readInto(buf); err != nil {
		return err
	}
	if err := r.coded(); err != nil {
		return r.fail(exchange.ErrDecode, err)
	}
	if err := r.unmarshal(buf.Bytes(), v, assumeJSON); err != nil {
		return r.decodeError(buf.Bytes(), err)
	}
	return nil
}

// maxPooled keeps the odd large answer from staying in memory.
const maxPooled = 256 << 10

// buffers hold bodies while they are decoded; nothing decoded refers to them.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (r *Response) readInto(buf *bytes.Buffer) error {
	if r.Length > 0 && r.Length <= maxPooled {
		buf.Grow(int(r.Length) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(r.Body)
	if err == nil {
		err = r.Body.Close()
	} else {
		_ = r.Body.Close() // the read error says more
	}
	if err != nil {
		return r.fail(exchange.ErrTruncated, err)
	}
	return nil
}

// discard reads a little of an unwanted body, so that the connection can be
// used again, and closes it.
func (r *Response) discard() error {
	const most = 64 << 10
	_, err := io.CopyN(io.Discard, r.Body, most)
	if err == io.EOF || err == nil {
		err = r.Body.Close()
	} else {
		_ = r.Body.Close() // the read error says more
	}
	if err != nil {
		return r.fail(exchange.ErrTruncated, err)
	}
	return nil
}

// unmarshal decodes data by its content type.
func (r *Response) unmarshal(data []byte, v any, assumeJSON bool) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("the body is empty where a value is due")
	}
	contentType := r.Header.Get("Content-Type")
	if assumeJSON || contentType == "" || contentType == "application/json" {
		return unmarshalJSON(data, v, r.strict)
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil && media == "":
		return errors.New("the Content-Type is malformed")
	case media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"):
		return unmarshalJSON(data, v, r.strict)
	case media == "application/xml" || media == "text/xml" || strings.HasSuffix(media, "+xml"):
		dec := xml.NewDecoder(bytes.NewReader(data))
		dec.CharsetReader = charsetReader
		if err := dec.Decode(v); err != nil {
			return fmt.Errorf("xml: %w", err)
		}
		return nil
	}
	return fmt.Errorf("the Content-Type is %q where JSON or XML is due", clip(media))
}
