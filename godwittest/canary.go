package godwittest

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Bounds of what a Canary keeps and unpacks.
const (
	maxCanaryBytes = 64 << 20 // of all that is recorded
	maxUnpacked    = 8 << 20  // of one gzip stream
	maxNesting     = 2        // gzip streams inside gzip streams
	canaryFragment = 8        // bytes of the secret that are too many by themselves
)

// Canary is a secret that occurs nowhere else, and the record of everything that
// reached those who must not see it: servers, proxies, logs, errors, files.
// [Canary.Assert] searches the record. It is safe for concurrent use. It keeps
// at most 64 MiB.
type Canary struct {
	tb     testing.TB
	secret string

	mu       sync.Mutex
	records  map[string]*bytes.Buffer
	size     int
	overflow bool
	asserted bool
}

// NewCanary returns a Canary with a random secret of letters and digits, which
// fits into any place that takes a credential. No part of it is fixed, so that a
// fragment of one canary is never taken for another. The test fails if it never
// calls Assert.
func NewCanary(tb testing.TB) *Canary {
	tb.Helper()
	return CanaryFor(tb, rand.Text())
}

// CanaryFor returns a Canary for a secret of the caller's, such as one with
// characters that URLs and JSON escape.
func CanaryFor(tb testing.TB, secret string) *Canary {
	tb.Helper()
	if len(secret) < canaryFragment {
		tb.Fatalf("godwittest: a canary of %d bytes would be found by chance; %d are needed", len(secret), canaryFragment)
	}
	c := &Canary{tb: tb, secret: secret, records: make(map[string]*bytes.Buffer)}
	tb.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.asserted {
			tb.Errorf("godwittest: the canary's Assert was never called, so nothing was proven")
		}
	})
	return c
}

// Secret returns the secret.
func (c *Canary) Secret() string { return c.secret }

// Record keeps what a party saw. Records of one name are joined.
func (c *Canary) Record(name string, seen []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size += len(seen); c.size > maxCanaryBytes {
		c.overflow = true
		return
	}
	b := c.records[name]
	if b == nil {
		b = &bytes.Buffer{}
		c.records[name] = b
	}
	b.Write(seen)
}

// RecordError keeps every text of an error: its message, what the %+v and %#v
// verbs and JSON make of it, and the same at every level of Unwrap.
func (c *Canary) RecordError(name string, err error) {
	if err == nil {
		return
	}
	c.Record(name, fmt.Appendf(nil, "%s\n%+v\n%#v\n%q\n", err, err, err, err))
	if j, failed := json.Marshal(err); failed == nil {
		c.Record(name, j)
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			c.RecordError(name, inner)
		}
	case interface{ Unwrap() error }:
		c.RecordError(name, e.Unwrap())
	}
}

// Writer returns a writer that records under name, for loggers and outputs.
func (c *Canary) Writer(name string) io.Writer { return canaryWriter{c, name} }

type canaryWriter struct {
	c    *Canary
	name string
}

func (w canaryWriter) Write(p []byte) (int, error) {
	w.c.Record(w.name, p)
	return len(p), nil
}

// Handler returns h with everything that reaches it recorded under name: request
// line, header, body and trailer.
func (c *Canary) Handler(name string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head, err := httputil.DumpRequest(r, false)
		if err != nil {
			c.tb.Errorf("godwittest: %s: the request cannot be dumped: %v", name, err)
		}
		c.Record(name, head)
		c.Record(name, []byte(r.RequestURI+"\n"))
		whole := &bounded{}
		seen := *r
		seen.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, whole), r.Body}
		h.ServeHTTP(w, &seen)
		// What the handler has left unread has reached the server all the same. It
		// may be closed already: then that was all.
		_, _ = io.Copy(io.Discard, io.LimitReader(seen.Body, maxRecorded))
		c.Record(name, whole.kept.Bytes())
		for field, values := range r.Trailer {
			c.Record(name, []byte(field+": "+strings.Join(values, ", ")+"\n"))
		}
	})
}

// bounded keeps the first 16 MiB.
type bounded struct{ kept bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if left := maxRecorded - b.kept.Len(); left > 0 {
		b.kept.Write(p[:min(left, len(p))])
	}
	return len(p), nil
}

// Listen returns l with every byte that its connections read recorded under
// name, as it came over the wire.
func (c *Canary) Listen(name string, l net.Listener) net.Listener {
	return &canaryListener{l, c, name}
}

type canaryListener struct {
	net.Listener
	c    *Canary
	name string
}

func (l *canaryListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &canaryConn{conn, l.c, l.name}, nil
}

type canaryConn struct {
	net.Conn
	c    *Canary
	name string
}

func (c *canaryConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.c.Record(c.name, p[:n])
	return n, err
}

// Assert fails the test if the secret, or eight consecutive characters of it,
// can be found in anything that was recorded: raw, in base64 of any alignment,
// in hex, URL-encoded, JSON-escaped, and the same inside gzip streams. It also
// fails if nothing was recorded, for then nothing was proven.
func (c *Canary) Assert() {
	c.tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asserted = true
	if len(c.records) == 0 {
		c.tb.Errorf("godwittest: nothing was recorded for the canary")
	}
	if c.overflow {
		c.tb.Errorf("godwittest: more than %d MiB were recorded; the rest was not searched", maxCanaryBytes>>20)
	}
	names := make([]string, 0, len(c.records))
	for name := range c.records {
		names = append(names, name)
	}
	slices.Sort(names)
	forms := c.forms()
	for _, name := range names {
		for _, found := range search(c.records[name].Bytes(), forms, maxNesting) {
			c.tb.Errorf("the secret reached %s %s", name, found)
		}
	}
}

// Seen reports whether the secret is in what was recorded under name, for the
// party that must get it.
func (c *Canary) Seen(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.records[name]
	return b != nil && len(search(b.Bytes(), c.forms(), maxNesting)) > 0
}

// form is one spelling of the secret.
type form struct {
	name string
	text []byte
}

func (c *Canary) forms() []form {
	s := c.secret
	quoted, err := json.Marshal(s)
	if err != nil {
		c.tb.Fatalf("godwittest: %v", err) // a string can always be encoded
	}
	list := []form{
		{"raw", []byte(s)},
		{"URL-encoded", []byte(url.QueryEscape(s))},
		{"URL-encoded", []byte(url.PathEscape(s))},
		{"JSON-escaped", quoted[1 : len(quoted)-1]},
		{"in hex", []byte(hex.EncodeToString([]byte(s)))},
		{"in hex", []byte(strings.ToUpper(hex.EncodeToString([]byte(s))))},
	}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			coded := enc.EncodeToString(append(make([]byte, shift), s...))
			first, last := (shift*8+5)/6, (shift+len(s))*8/6
			list = append(list, form{"in base64", []byte(coded[first:last])})
		}
	}
	for i := 0; i+canaryFragment <= len(s); i++ {
		list = append(list, form{"in part", []byte(s[i : i+canaryFragment])})
	}
	return list
}

// search returns how the secret was found; the first way of each stream is
// enough.
func search(seen []byte, forms []form, nesting int) []string {
	var found []string
	for _, f := range forms {
		if i := bytes.Index(seen, f.text); i >= 0 {
			found = append(found, fmt.Sprintf("%s, at byte %d: …%q…", f.name, i, around(seen, i, len(f.text))))
			break
		}
	}
	if nesting == 0 {
		return found
	}
	magic := []byte{0x1f, 0x8b, 0x08}
	for at := 0; ; {
		i := bytes.Index(seen[at:], magic)
		if i < 0 {
			return found
		}
		at += i
		for _, inner := range search(gunzip(seen[at:]), forms, nesting-1) {
			found = append(found, fmt.Sprintf("in gzip at byte %d, %s", at, inner))
		}
		at += len(magic)
	}
}

// gunzip returns as much of a stream as can be had.
func gunzip(b []byte) []byte {
	zr, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(io.LimitReader(zr, maxUnpacked)) // a stream that breaks off has shown enough
	return plain
}

func around(b []byte, at, n int) []byte {
	const context = 24
	return b[max(0, at-context):min(len(b), at+n+context)]
}
