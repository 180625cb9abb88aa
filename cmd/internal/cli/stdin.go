package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// maxBuffered is how much of a pipe is read ahead, in bytes. A body that fits
// has a known length and can be sent again; a longer one is streamed, once.
const maxBuffered = 1 << 20

// noticeAfter is how long a silent pipe is waited for without a word.
const noticeAfter = 5 * time.Second

// content is a body or a part of one: a file, or what a pipe has given.
type content struct {
	file *os.File  // regular file, read from its position
	data []byte    // all of it, unless rest is set
	rest io.Reader // what follows data
	name string    // path of the file, - for stdin
	head []byte    // its first bytes, to guess the type
}

func (c *content) reader() io.Reader {
	switch {
	case c.file != nil:
		return c.file
	case c.rest != nil:
		return io.MultiReader(bytes.NewReader(c.data), c.rest)
	}
	return bytes.NewReader(c.data)
}

// all reads it into memory, up to most bytes.
func (c *content) all(ctx context.Context, most int) ([]byte, error) {
	data, err := await(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(c.reader(), int64(most)+1)) })
	if err == nil && len(data) > most {
		err = fmt.Errorf("it is larger than %d MiB", most>>20)
	}
	return data, err
}

// takesStdin reports whether a method takes its body from stdin without being
// told.
func takesStdin(method string) bool {
	return slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, method)
}

// implicitBody is stdin, if it is a regular file or a pipe that holds
// something; otherwise nil. Terminals, closed descriptors, /dev/null and sockets
// are no body.
func (p *program) implicitBody(ctx context.Context) (c *content, err error) {
	info, err := p.in.Stat()
	if err != nil {
		return nil, nil // closed
	}
	switch {
	case info.Mode().IsRegular():
		c, err = p.fileContent(ctx, p.in, "-")
	case info.Mode()&fs.ModeNamedPipe != 0:
		c, err = p.readPipe(ctx, p.in, "-", "waiting for the request body on stdin; end it with EOF, or leave stdin alone with --no-input")
	}
	if err != nil && ctx.Err() == nil {
		return nil, usagef("stdin: %w", plain(err))
	}
	return c, err
}

// explicitBody is stdin for a -.
func (p *program) explicitBody(ctx context.Context) (*content, error) {
	info, err := p.in.Stat()
	if err != nil {
		return nil, errors.New("it is closed")
	}
	var c *content
	if info.Mode().IsRegular() {
		c, err = p.fileContent(ctx, p.in, "-")
	} else {
		c, err = p.readPipe(ctx, p.in, "-", "waiting for stdin, which - asks for; end it with EOF")
	}
	return orEmpty(c, "-"), err
}

// orEmpty is c, or a content that holds nothing.
func orEmpty(c *content, name string) *content {
	if c == nil {
		return &content{name: name}
	}
	return c
}

// fileContent is a regular file from its position on; nil if nothing is there.
// One that holds more than its size says, as those of /proc do, is read like a
// pipe.
func (p *program) fileContent(ctx context.Context, f *os.File, name string) (*content, error) {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	head := make([]byte, sniffed)
	n, err := f.ReadAt(head, at)
	if n == 0 {
		if err == io.EOF {
			err = nil
		}
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Size() < at+int64(n) {
		return p.readPipe(ctx, f, name, "waiting for "+quoted(name))
	}
	return &content{file: f, name: name, head: head[:n]}, nil
}

// readPipe reads the beginning of what has no length; nil if there is nothing.
// awaited says what is waited for.
func (p *program) readPipe(ctx context.Context, r io.Reader, name, awaited string) (*content, error) {
	data, rest, err := readAhead(ctx, r, func() { p.note(awaited) })
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, nil
	}
	return &content{data: data, rest: rest, name: name, head: data[:min(len(data), sniffed)]}, nil
}

// readAhead reads r to its end or up to maxBuffered bytes; rest is what follows.
// It calls notice once if the first byte takes longer than noticeAfter.
func readAhead(ctx context.Context, r io.Reader, notice func()) (data []byte, rest io.Reader, err error) {
	first := &firstByte{r: r}
	timer := time.AfterFunc(noticeAfter, func() {
		if !first.seen.Load() {
			notice()
		}
	})
	defer timer.Stop()
	data, err = await(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(first, maxBuffered)) })
	if len(data) == maxBuffered {
		rest = r
	}
	return data, rest, err
}

// await returns what f does. When ctx ends first, f is left behind: nothing can
// interrupt a read from a pipe.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// firstByte notes that something was read.
type firstByte struct {
	r    io.Reader
	seen atomic.Bool
}

func (f *firstByte) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if n > 0 {
		f.seen.Store(true)
	}
	return n, err
}

// openContent opens what an @ names: a file, or stdin for -, which can be taken
// once.
func (p *program) openContent(ctx context.Context, path string) (*content, error) {
	if path == "-" {
		if p.stdinTaken {
			return nil, errors.New("stdin can be read once only")
		}
		p.stdinTaken = true
		c, err := p.explicitBody(ctx)
		if err != nil {
			return nil, fmt.Errorf("stdin: %w", plain(err))
		}
		return c, nil
	}
	f, err := await(ctx, func() (*os.File, error) { return os.Open(path) }) // of a named pipe, it waits for a writer
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", quoted(path), plain(err))
	}
	p.opened = append(p.opened, f)
	c, err := p.readFile(ctx, f, path)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", quoted(path), plain(err))
	}
	return orEmpty(c, path), nil
}

// readFile is what a file holds; nil if it is empty.
func (p *program) readFile(ctx context.Context, f *os.File, path string) (*content, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case info.Mode().IsRegular():
		return p.fileContent(ctx, f, path)
	}
	return p.readPipe(ctx, f, path, "waiting for "+quoted(path)) // a named pipe, a device
}

// closeFiles closes what items have opened.
func (p *program) closeFiles() {
	for _, f := range p.opened {
		_ = f.Close() // only read
	}
	p.opened = nil
}
