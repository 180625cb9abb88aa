package decode_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/decode"
)

// text is data that compresses, with a part that does not.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := bytes.Repeat([]byte("the godwit flies without a stop; "), n/33+1)[:n]
	for i := 0; i < n; i += 7 {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestCodingsAreRemoved(t *testing.T) {
	t.Parallel()
	plain := text(300_000)
	for _, c := range []struct {
		name     string
		encoding []string
		applied  []string
	}{
		{"gzip", []string{"gzip"}, []string{"gzip"}},
		{"x-gzip in odd case", []string{"X-GZip"}, []string{"gzip"}},
		{"zlib deflate", []string{"deflate"}, []string{"zlib"}},
		{"raw deflate", []string{"deflate"}, []string{"raw"}},
		{"br", []string{"br"}, []string{"br"}},
		{"zstd", []string{"zstd"}, []string{"zstd"}},
		{"identity", []string{"identity"}, nil},
		{"gzip, gzip", []string{"gzip, gzip"}, []string{"gzip", "gzip"}},
		{"three in two fields", []string{"gzip", " br ,, zstd"}, []string{"gzip", "br", "zstd"}},
		{"identity between", []string{"gzip, identity, br"}, []string{"gzip", "br"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			coded := plain
			for _, coding := range c.applied {
				coded = encode(t, coding, coded)
			}
			a := &answer{encoding: c.encoding, body: bytes.NewReader(coded), length: int64(len(coded))}
			resp, body, err := get(t, decode.Config{}, a)
			if err != nil || !bytes.Equal(body, plain) {
				t.Fatalf("%d bytes of %d, %v", len(body), len(plain), err)
			}
			if c.applied == nil {
				return
			}
			if !resp.Uncompressed || resp.ContentLength != -1 || resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("Content-Length") != "" {
				t.Errorf("the response still describes the coded body: %v %d %v", resp.Uncompressed, resp.ContentLength, resp.Header)
			}
		})
	}
}

func TestEmptyCodedBody(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd", "gzip, br, zstd"} {
		_, body, err := get(t, decode.Config{}, &answer{encoding: []string{encoding}, body: strings.NewReader(""), length: -1})
		if err != nil || len(body) != 0 {
			t.Errorf("%s: %q, %v", encoding, body, err)
		}
	}
}

func TestFC6_MembersWorkGarbageFails(t *testing.T) {
	t.Parallel()
	one, two := encode(t, "gzip", []byte("one ")), encode(t, "gzip", []byte("two"))
	_, body, err := get(t, decode.Config{}, &answer{encoding: []string{"gzip"}, body: bytes.NewReader(append(bytes.Clone(one), two...)), length: -1})
	if err != nil || string(body) != "one two" {
		t.Errorf("two members: %q, %v", body, err)
	}
	for _, coding := range []string{"gzip", "zlib", "raw", "br", "zstd"} {
		whole := encode(t, coding, text(5000))
		flipped := bytes.Clone(whole)
		flipped[len(flipped)-3] ^= 0x55 // the checksum where there is one
		broken := map[string][]byte{
			"cut":     whole[:len(whole)/2],
			"first":   whole[:1],
			"garbage": append(bytes.Clone(whole), "garbage"...),
			"zeros":   append(bytes.Clone(whole), 0, 0, 0),
		}
		if coding == "gzip" || coding == "zlib" || coding == "zstd" {
			broken["checksum"] = flipped
		}
		encoding := map[string]string{"zlib": "deflate", "raw": "deflate"}[coding]
		if encoding == "" {
			encoding = coding
		}
		for name, b := range broken {
			_, _, err := get(t, decode.Config{}, &answer{encoding: []string{encoding}, body: bytes.NewReader(b), length: int64(len(b))})
			if !errors.Is(err, exchange.ErrDecode) {
				t.Errorf("%s, %s: %v, want decode", coding, name, err)
			}
		}
	}
}

func TestBrokenBodyOfAnyCodingIsDecode(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd", "br, gzip"} {
		_, _, err := get(t, decode.Config{}, &answer{encoding: []string{encoding}, body: strings.NewReader("<html>not coded at all</html>"), length: -1})
		e, ok := errors.AsType[*exchange.Error](err)
		if !ok || e.Kind != exchange.ErrDecode || e.Status != 200 || e.Policy != "decode" {
			t.Errorf("%s: %#v", encoding, err)
			continue
		}
		if strings.Contains(e.Error(), "hidden") || strings.ContainsAny(e.Error(), "\r\n") {
			t.Errorf("text: %s", e)
		}
	}
}

// cutAfter delivers b and then fails as the network does.
func cutAfter(b []byte, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(b), readerFunc(func([]byte) (int, error) { return 0, err }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNetworkCutUnderACodingStaysTheNetworks(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		whole := encode(t, coding, text(50_000))
		for _, cut := range []int{0, 1, 5, len(whole) / 2, len(whole)} {
			for _, cause := range []error{io.ErrUnexpectedEOF, reset} {
				_, _, err := get(t, decode.Config{}, &answer{encoding: []string{coding}, body: cutAfter(whole[:cut], cause), length: -1})
				if err != cause {
					t.Errorf("%s cut at %d of %d by %v: %v", coding, cut, len(whole), cause, err)
				}
			}
		}
	}
}

// Inside an attempt the cut becomes what every cut is.
func TestFC3_CutUnderACodingIsTruncated(t *testing.T) {
	t.Parallel()
	whole := encode(t, "gzip", text(50_000))
	a := &answer{encoding: []string{"gzip"}, body: cutAfter(whole[:len(whole)/2], io.ErrUnexpectedEOF), length: int64(len(whole))}
	ctx, call := exchange.WithCall(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := exchange.Send(policy(t, decode.Config{})(a), req, call, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(resp.Body)
	if !errors.Is(err, exchange.ErrTruncated) || errors.Is(err, exchange.ErrDecode) {
		t.Errorf("%v, want truncated", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestLM2_ChainLength(t *testing.T) {
	t.Parallel()
	_, _, err := get(t, decode.Config{}, &answer{encoding: []string{"gzip,gzip", "gzip,gzip"}, body: strings.NewReader("x"), length: -1})
	if !errors.Is(err, exchange.ErrDecode) || !strings.Contains(err.Error(), "more than 3") {
		t.Errorf("four codings: %v", err)
	}
	a := &answer{encoding: []string{"gzip, compress"}, body: strings.NewReader("raw bytes"), length: 9}
	resp, body, err := get(t, decode.Config{}, a)
	if err != nil || string(body) != "raw bytes" || resp.Header.Get("Content-Encoding") != "gzip, compress" || resp.Uncompressed || resp.ContentLength != 9 {
		t.Errorf("unknown coding: %q, %v, %v", body, err, resp)
	}
}

func TestUntouched(t *testing.T) {
	t.Parallel()
	coded := encode(t, "gzip", []byte("hello"))
	set := func(name, value string) func(*http.Request, *exchange.Call) {
		return func(r *http.Request, _ *exchange.Call) { r.Header.Set(name, value) }
	}
	for name, c := range map[string]struct {
		status int
		change func(*http.Request, *exchange.Call)
		asked  string
	}{
		"by hand":        {200, set("Accept-Encoding", "gzip"), "gzip"},
		"by hand, empty": {200, set("Accept-Encoding", ""), ""},
		"HEAD":           {200, func(r *http.Request, _ *exchange.Call) { r.Method = http.MethodHead }, ""},
		"204":            {204, set("X", "y"), "gzip, br, zstd, deflate"},
		"304":            {304, set("X", "y"), "gzip, br, zstd, deflate"},
		"206":            {206, set("Range", "bytes=1-"), ""},
	} {
		a := &answer{status: c.status, encoding: []string{"gzip"}, body: bytes.NewReader(coded), length: int64(len(coded))}
		resp, body, err := get(t, decode.Config{}, a, c.change)
		if err != nil || !bytes.Equal(body, coded) || resp.Header.Get("Content-Encoding") != "gzip" || resp.Uncompressed || resp.ContentLength != int64(len(coded)) {
			t.Errorf("%s: %d bytes, %v, %v", name, len(body), err, resp.Header)
		}
		if got := a.seen.Get("Accept-Encoding"); got != c.asked {
			t.Errorf("%s: Accept-Encoding %q, want %q", name, got, c.asked)
		}
	}
}

// A server that ignores Range may still send a coded whole.
func TestRangeAnsweredWithTheWhole(t *testing.T) {
	t.Parallel()
	a := &answer{encoding: []string{"gzip"}, body: bytes.NewReader(encode(t, "gzip", []byte("hello"))), length: -1}
	_, body, err := get(t, decode.Config{}, a, func(r *http.Request, _ *exchange.Call) { r.Header.Set("Range", "bytes=1-") })
	if err != nil || string(body) != "hello" || a.seen.Get("Accept-Encoding") != "" {
		t.Errorf("%q, %v; asked %q", body, err, a.seen.Get("Accept-Encoding"))
	}
}

func TestCallersRequestIsNotChanged(t *testing.T) {
	t.Parallel()
	a := &answer{encoding: []string{"gzip"}, body: bytes.NewReader(encode(t, "gzip", []byte("hello"))), length: -1}
	req, err := http.NewRequest(http.MethodGet, "http://api.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := policy(t, decode.Config{})(a).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if len(req.Header) != 0 || resp.Request != req || a.seen.Get("Accept-Encoding") == "" {
		t.Errorf("header %v, own request %v, asked %v", req.Header, resp.Request == req, a.seen)
	}
	if err := resp.Body.Close(); err != nil { // unread: no decoder was made
		t.Error(err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("read after close: %v", err)
	}
}

// A body that is cut off by the caller closes the source while a read waits in
// it; the decoder must be given up by the read, and only once.
func TestCloseBesideARead(t *testing.T) {
	t.Parallel()
	for range 50 {
		pr, pw := io.Pipe()
		a := &answer{encoding: []string{"gzip"}, body: pr, length: -1}
		req, err := http.NewRequest(http.MethodGet, "http://api.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := policy(t, decode.Config{})(a).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, resp.Body)
			done <- err
		}()
		if _, err := pw.Write(encode(t, "gzip", text(5000))[:100]); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if err := pw.CloseWithError(net.ErrClosed); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Error("the read ended as if the body had")
		}
	}
}

// What a server flushes arrives although the body goes on.
func TestStreamIsNotHeldBack(t *testing.T) {
	t.Parallel()
	pr, pw := io.Pipe()
	a := &answer{encoding: []string{"gzip"}, body: pr, length: -1}
	req, err := http.NewRequest(http.MethodGet, "http://api.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := policy(t, decode.Config{})(a).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan string)
	go func() {
		z := gzip.NewWriter(pw)
		for line := range next {
			_, err := io.WriteString(z, line)
			if err = errors.Join(err, z.Flush()); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(z.Close(), pw.Close()); err != nil {
			t.Error(err)
		}
	}()
	for i := range 3 {
		line := fmt.Sprintf("event %d\n", i)
		next <- line
		got := make([]byte, len(line))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != line {
			t.Fatalf("%q, %v", got, err)
		}
	}
	close(next)
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for field, c := range map[string]decode.Config{
		"decode.max_body":   {MaxBody: -2},
		"decode.max_ratio":  {MaxRatio: -1},
		"decode.max_header": {MaxHeader: -1},
	} {
		if _, err := decode.New(c); !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
