package decode

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest zstd window that is decoded (RFC 9659 section 3).
const maxWindow = 8 << 20

var (
	errRatio    = errors.New("ratio exceeded")
	errClosed   = errors.New("read on a closed response body")
	errTwoReads = errors.New("two reads of a response body at once")
	errTrailing = errors.New("bytes follow its end")
)

// brokenError says which coding is broken, and how.
type brokenError struct {
	coding coding
	err    error
}

func (e *brokenError) Error() string {
	return "broken " + e.coding.String() + " body: " + e.err.Error()
}
func (e *brokenError) Unwrap() error { return e.err }

// source is the raw body: it counts, and keeps its error apart from those that
// the decoders make of it.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil {
		s.err = err
	}
	return n, err
}

// Uses of coded. A Close beside a Read leaves the release to the Read.
const (
	idle int32 = iota
	reading
	closed
)

// coded removes a chain of codings. The decoders are made at the first read.
type coded struct {
	chain    codings
	source   source
	maxRatio int64
	out      io.Reader
	stages   []*stage
	use      atomic.Int32
	released sync.Once
}

func (c *coded) Read(p []byte) (n int, err error) {
	if !c.use.CompareAndSwap(idle, reading) {
		if c.use.Load() == closed {
			return 0, errClosed
		}
		return 0, errTwoReads
	}
	if c.out == nil {
		c.open()
	}
	n, err = c.out.Read(p)
	if err != nil || !c.use.CompareAndSwap(reading, idle) {
		c.use.Store(closed) // an error is final, see body
		c.release()
	}
	return n, err
}

func (c *coded) close() {
	if c.use.Swap(closed) != reading {
		c.release()
	}
}

// open puts the decoders on top of each other, last applied first removed.
func (c *coded) open() {
	c.out = &c.source
	for i := c.chain.n - 1; i >= 0; i-- {
		s := &stage{coding: c.chain.list[i], below: c.out, owner: c}
		c.stages = append(c.stages, s)
		c.out = s
	}
}

func (c *coded) release() {
	c.released.Do(func() {
		for _, s := range c.stages {
			s.release()
		}
	})
}

// stage removes one coding.
type stage struct {
	coding coding
	below  io.Reader
	owner  *coded
	in     *bufio.Reader
	dec    io.Reader
	free   func()
	n      int64
}

// Read decodes, and checks the ratio to the raw bytes at every stage: a bomb in
// the middle of a chain need not show at its end.
func (s *stage) Read(p []byte) (int, error) {
	if s.dec == nil {
		if err := s.open(); err != nil {
			return 0, s.broken(err)
		}
	}
	n, err := s.dec.Read(p)
	s.n += int64(n)
	if err == io.EOF {
		err = s.atEnd()
	}
	if s.n > ratioAfter && s.n/s.owner.maxRatio > s.owner.source.n {
		return n, errRatio
	}
	return n, s.broken(err)
}

// broken names the coding, once: errors of the stages below come named.
func (s *stage) broken(err error) error {
	var named *brokenError
	if err == nil || err == io.EOF || errors.Is(err, errRatio) || errors.As(err, &named) {
		return err
	}
	return &brokenError{coding: s.coding, err: err}
}

// open makes the decoder. A body without a byte is an empty one in any coding.
func (s *stage) open() error {
	var z *gzipReader
	if s.coding == gzipped {
		z = gzipPool.Get().(*gzipReader)
		z.in.Reset(s.below)
		s.in, s.free = z.in, z.release
	} else {
		s.in = bufio.NewReader(s.below)
	}
	if _, err := s.in.Peek(1); err != nil {
		return err
	}
	var err error
	switch s.coding {
	case gzipped:
		s.dec, err = &z.dec, z.dec.Reset(z.in)
	case deflated:
		s.dec, err = inflater(s.in)
	case brotlied:
		s.dec = brotli.NewReader(s.in)
	case zstandard:
		err = s.openZstd()
	default:
		err = fmt.Errorf("no decoder for %v", s.coding)
	}
	return err
}

func (s *stage) openZstd() error {
	d, err := zstd.NewReader(s.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	s.dec, s.free = d, d.Close
	return nil
}

// atEnd reads the input to its end, which also gives the connection back, and
// refuses what follows the coded data.
func (s *stage) atEnd() error {
	switch _, err := s.in.ReadByte(); err {
	case io.EOF:
		return io.EOF
	case nil:
		return errTrailing
	default:
		return err
	}
}

func (s *stage) release() {
	if s.free != nil {
		s.free()
		s.free = nil
	}
}

// inflater tells zlib (what deflate means, RFC 9110 section 8.4.1.2) from the
// raw deflate data that some servers send: the first two bytes of zlib are a
// multiple of 31 (RFC 1950 section 2.2).
func inflater(in *bufio.Reader) (io.Reader, error) {
	head, err := in.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(in)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	return flate.NewReader(in), nil
}

// gzipReader is a decoder with its input buffer, worth keeping: it holds 45 KB.
type gzipReader struct {
	in  *bufio.Reader
	dec gzip.Reader
}

var gzipPool = sync.Pool{New: func() any { return &gzipReader{in: bufio.NewReader(nil)} }}

// release gives the reader back without its input.
func (z *gzipReader) release() {
	z.in.Reset(nil)
	gzipPool.Put(z)
}
