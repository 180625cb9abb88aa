package godwit

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// bodySource is a request body: encoded once, opened for each attempt.
type bodySource struct {
	contentType string
	length      int64 // -1: unknown
	data        []byte
	open        func() (io.ReadCloser, error) // in place of data
	once        io.Reader                     // can be read one time only
}

// apply makes the source the body of req.
func (b *bodySource) apply(req *http.Request) error {
	switch {
	case b.once != nil:
		req.Body, req.ContentLength = asCloser(b.once), b.length
		return nil
	case b.open != nil:
		body, err := b.open()
		if err != nil {
			return err
		}
		req.Body, req.GetBody, req.ContentLength = body, b.open, b.length
	case len(b.data) == 0:
		req.Body, req.GetBody = http.NoBody, func() (io.ReadCloser, error) { return http.NoBody, nil }
	default:
		req.ContentLength = int64(len(b.data))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.data)), nil }
		req.Body = io.NopCloser(bytes.NewReader(b.data))
	}
	return nil
}

// close releases what the source has opened, for a call that is not sent.
func (b *bodySource) close() {
	if b != nil && b.once != nil {
		_ = asCloser(b.once).Close() // the caller's source; the call has failed already
	}
}

func asCloser(r io.Reader) io.ReadCloser {
	if c, ok := r.(io.ReadCloser); ok {
		return c
	}
	return io.NopCloser(r)
}

// anyBody picks the encoding of a value by its type: bytes, text, form values,
// a reader, or JSON for everything else.
func anyBody(v any) (*bodySource, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case *bodySource:
		return v, nil
	case []byte:
		return &bodySource{contentType: "application/octet-stream", data: v}, nil
	case string:
		return &bodySource{contentType: "text/plain; charset=utf-8", data: []byte(v)}, nil
	case url.Values:
		return formBody(v)
	case []Part:
		return multipartBody(v)
	case io.Reader:
		return readerBody("application/octet-stream", v)
	}
	return jsonBody("application/json", v)
}

func jsonBody(contentType string, v any) (*bodySource, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // the server is no browser; bytes stay as written
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("body: %w", err) // encoding/json names itself
	}
	return &bodySource{contentType: contentType, data: bytes.TrimSuffix(buf.Bytes(), []byte("\n"))}, nil
}

func xmlBody(v any) (*bodySource, error) {
	data, err := xml.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return &bodySource{contentType: "application/xml", data: append([]byte(xml.Header), data...)}, nil
}

func formBody(v any) (*bodySource, error) {
	pairs, err := queryPairs(v)
	if err != nil {
		return nil, fmt.Errorf("form body: %w", err)
	}
	return &bodySource{contentType: "application/x-www-form-urlencoded", data: []byte(encodePairs(pairs))}, nil
}

// readerBody finds out whether r can be read again: in-memory readers and files
// can, from the position they have now; anything else has one attempt.
func readerBody(contentType string, r io.Reader) (*bodySource, error) {
	b := &bodySource{contentType: contentType, length: -1}
	switch v := r.(type) {
	case *bytes.Buffer:
		b.data = v.Bytes()
	case *bytes.Reader:
		copied := *v
		b.rewindable(int64(v.Len()), func() io.Reader { again := copied; return &again })
	case *strings.Reader:
		copied := *v
		b.rewindable(int64(v.Len()), func() io.Reader { again := copied; return &again })
	case *os.File:
		return fileBody(b, v)
	default:
		b.once = r
	}
	return b, nil
}

func (b *bodySource) rewindable(length int64, again func() io.Reader) {
	b.length = length
	if length == 0 {
		return // no data: an empty body
	}
	b.open = func() (io.ReadCloser, error) { return io.NopCloser(again()), nil }
}

// fileBody reads a regular file through ReadAt, so that attempts do not share a
// position; pipes and terminals can be read once.
func fileBody(b *bodySource, f *os.File) (*bodySource, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if !info.Mode().IsRegular() {
		b.once = io.NopCloser(f) // the caller's file stays open, as with any reader without Close
		return b, nil
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	length := max(0, info.Size()-at)
	b.rewindable(length, func() io.Reader { return io.NewSectionReader(f, at, length) })
	return b, nil
}

var errBodyTwice = errors.New("the call has two bodies")
