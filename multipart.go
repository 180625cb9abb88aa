package godwit

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Part is one part of a multipart/form-data body (RFC 7578): a field or a file.
// Make one with [Field], [File], [FileBytes] or [FileReader], then set what
// else it needs.
type Part struct {
	Name        string               // field name
	FileName    string               // name of the file; empty for a plain field
	ContentType string               // type of the part; empty: none for fields, application/octet-stream for files
	Header      textproto.MIMEHeader // further header fields of the part; Content-Type may be among them

	length int64 // -1: unknown
	open   func() (io.ReadCloser, error)
	once   io.Reader
	err    error
}

// Field returns a plain form field.
func Field(name, value string) Part {
	p := bytesPart([]byte(value))
	p.Name = name
	return p
}

// File returns the file at path as a part, streamed from disk and opened anew
// for each attempt. Its name is the last element of path.
func File(name, path string) Part {
	p := Part{Name: name, FileName: filepath.Base(path)}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		p.err = err
	case info.IsDir():
		p.err = fmt.Errorf("%s is a directory", path)
	case info.Mode().IsRegular():
		p.length = info.Size()
	default:
		p.length = -1
	}
	p.open = func() (io.ReadCloser, error) { return os.Open(path) }
	return p
}

// FileBytes returns data as a file part.
func FileBytes(name, fileName string, data []byte) Part {
	p := bytesPart(data)
	p.Name, p.FileName = name, fileName
	return p
}

// FileReader returns r as a file part of unknown length. Unless r is an
// in-memory reader or a regular file, the body can be sent once only. A reader
// that is an io.Closer, but for *os.File, is closed, also when it is not read.
func FileReader(name, fileName string, r io.Reader) Part {
	p := Part{Name: name, FileName: fileName, length: -1}
	b, err := readerBody("", r)
	switch {
	case err != nil:
		p.err = err
	case b.once != nil:
		p.once = b.once
	case b.open != nil:
		p.open, p.length = b.open, b.length
	default:
		inner := bytesPart(b.data)
		p.open, p.length = inner.open, inner.length
	}
	return p
}

func bytesPart(data []byte) Part {
	return Part{length: int64(len(data)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// multipartBody streams the parts from their sources. The length is announced
// if that of every part is known.
func multipartBody(parts []Part) (*bodySource, error) {
	b, err := joinParts(parts)
	if err != nil {
		_ = (&multipartReader{parts: parts}).Close() // nothing of them is sent; the error says why
		return nil, err
	}
	return b, nil
}

func joinParts(parts []Part) (*bodySource, error) {
	boundary := "godwit-" + rand.Text()
	heads := make([][]byte, len(parts))
	tail := []byte("\r\n--" + boundary + "--\r\n")
	total, rewindable := int64(len(tail)), true
	if len(parts) == 0 {
		return nil, errors.New("multipart body: it has no part")
	}
	for i, p := range parts {
		if p.err != nil {
			return nil, fmt.Errorf("multipart body: part %q: %w", p.Name, p.err)
		}
		head, err := partHead(p, boundary, i == 0)
		if err != nil {
			return nil, fmt.Errorf("multipart body: part %q: %w", clip(p.Name), err)
		}
		heads[i] = head
		rewindable = rewindable && p.once == nil
		if p.length < 0 || total < 0 {
			total = -1
		} else {
			total += int64(len(head)) + p.length
		}
	}
	open := func() (io.ReadCloser, error) {
		return &multipartReader{parts: parts, heads: heads, tail: tail, cur: bytes.NewReader(heads[0])}, nil
	}
	b := &bodySource{contentType: "multipart/form-data; boundary=" + boundary, length: total, open: open}
	if !rewindable {
		b.once, _ = open() // never fails: sources are opened while reading
		b.open = nil
	}
	return b, nil
}

func partHead(p Part, boundary string, first bool) ([]byte, error) {
	var b strings.Builder
	if !first {
		b.WriteString("\r\n")
	}
	b.WriteString("--" + boundary + "\r\n")
	if p.Name == "" {
		return nil, errors.New("it has no name")
	}
	fmt.Fprintf(&b, `Content-Disposition: form-data; name="%s"`, quoteName(p.Name))
	if p.FileName != "" {
		fmt.Fprintf(&b, `; filename="%s"`, quoteName(p.FileName))
	}
	b.WriteString("\r\n")
	fields, err := p.fields()
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String()), nil
}

// fields lists the header fields of a part beside Content-Disposition.
func (p Part) fields() ([]Pair, error) {
	var out []Pair
	for _, name := range slices.Sorted(maps.Keys(p.Header)) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if canonical == "Content-Disposition" {
			return nil, errors.New("its Header holds Content-Disposition; set Name and FileName")
		}
		if canonical == "Content-Type" && p.ContentType != "" {
			return nil, errors.New("its content type is given twice")
		}
		for _, v := range p.Header[name] {
			out = append(out, Pair{canonical, v})
		}
	}
	contentType := p.ContentType
	if contentType == "" && p.FileName != "" && !named("Content-Type", out) {
		contentType = "application/octet-stream"
	}
	if contentType != "" {
		out = append([]Pair{{"Content-Type", contentType}}, out...)
	}
	for _, f := range out {
		if err := checkField(f.Name, f.Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// quoteName escapes a name as browsers and RFC 7578 section 2 do.
func quoteName(s string) string {
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(s)
}

// multipartReader reads head, content, head, content … tail, opening each
// source when its turn comes.
type multipartReader struct {
	parts []Part
	heads [][]byte
	tail  []byte
	next  int // part whose content follows cur when cur is a head
	cur   io.Reader
	open  io.Closer // of the content being read
	left  int64     // announced bytes of the content not yet read; -1: unknown
	done  bool
	err   error
}

func (m *multipartReader) Read(p []byte) (int, error) {
	for m.err == nil {
		n, err := m.cur.Read(p)
		if m.open != nil && m.left >= 0 {
			if m.left -= int64(n); m.left < 0 {
				m.err = fmt.Errorf("multipart body: part %q grew while it was sent", m.parts[m.next-1].Name)
				return 0, m.err
			}
		}
		if n > 0 {
			return n, nil
		}
		if err == io.EOF {
			err = m.advance()
		}
		m.err = err
	}
	return 0, m.err
}

// advance goes from a head to its content, or from a content to the next head.
func (m *multipartReader) advance() error {
	switch {
	case m.done:
		return io.EOF
	case m.open == nil: // a head ended
		return m.openContent()
	}
	if m.left > 0 {
		return fmt.Errorf("multipart body: part %q shrank while it was sent", m.parts[m.next-1].Name)
	}
	err := m.open.Close()
	m.open = nil
	if m.next < len(m.parts) {
		m.cur = bytes.NewReader(m.heads[m.next])
	} else {
		m.cur, m.done = bytes.NewReader(m.tail), true
	}
	return err
}

func (m *multipartReader) openContent() error {
	part := m.parts[m.next]
	m.next++
	m.left = part.length
	if part.once != nil {
		rc := asCloser(part.once)
		m.cur, m.open = rc, rc
		return nil
	}
	rc, err := part.open()
	if err != nil {
		return fmt.Errorf("multipart body: part %q: %w", part.Name, err)
	}
	m.cur, m.open = rc, rc
	return nil
}

func (m *multipartReader) Close() error {
	if m.err == nil {
		m.err = errors.New("multipart body: it is closed")
	}
	var errs []error
	if m.open != nil {
		errs = append(errs, m.open.Close())
		m.open = nil
	}
	for ; m.next < len(m.parts); m.next++ { // those that were not reached
		if once := m.parts[m.next].once; once != nil {
			errs = append(errs, asCloser(once).Close())
		}
	}
	return errors.Join(errs...)
}
