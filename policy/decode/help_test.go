package decode_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/decode"
	"github.com/klauspost/compress/zstd"
)

// answer is what a scripted server sends.
type answer struct {
	status   int
	encoding []string
	length   int64 // -1: none announced
	body     io.Reader
	seen     http.Header // what it was asked
	closed   int
}

func (a *answer) RoundTrip(req *http.Request) (*http.Response, error) {
	a.seen = req.Header.Clone()
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	h := http.Header{"Content-Type": {"text/plain"}}
	if a.encoding != nil {
		h["Content-Encoding"] = a.encoding
	}
	if a.length > 0 {
		h.Set("Content-Length", "1")
	}
	return &http.Response{StatusCode: status, Header: h, ContentLength: a.length, Request: req, Body: &closer{a.body, a}}, nil
}

type closer struct {
	io.Reader
	a *answer
}

func (c *closer) Close() error { c.a.closed++; return nil }

func policy(t testing.TB, c decode.Config) exchange.Middleware {
	t.Helper()
	m, err := decode.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// get runs one GET, of a call whose body is read as a whole, and returns the
// response and what reading its body gave.
func get(t testing.TB, c decode.Config, a *answer, change ...func(*http.Request, *exchange.Call)) (*http.Response, []byte, error) {
	t.Helper()
	ctx, call := exchange.WithCall(context.Background())
	call.ReadsBody = true
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.test/x?token=hidden", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(req, call)
	}
	resp, err := policy(t, c)(a).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_, again := resp.Body.Read(make([]byte, 8))
	if err == nil && again != io.EOF || err != nil && !errors.Is(again, err) {
		t.Errorf("second read gives %v after %v", again, err)
	}
	if err := resp.Body.Close(); err != nil || a.closed != 1 {
		t.Errorf("Close: %v; the raw body was closed %d times", err, a.closed)
	}
	return resp, body, err
}

func encode(t testing.TB, coding string, data []byte) []byte {
	t.Helper()
	var (
		b   bytes.Buffer
		w   io.WriteCloser
		err error
	)
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&b)
	case "zlib", "deflate":
		w = zlib.NewWriter(&b)
	case "raw":
		w, err = flate.NewWriter(&b, flate.DefaultCompression)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	default:
		t.Fatalf("no coding %q", coding)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
