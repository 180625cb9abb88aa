package decode_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/decode"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	const kib = 1 << 10
	whole := func(c *exchange.Call) { c.ReadsBody = true }
	stream := func(c *exchange.Call) { c.ReadsBody = false }
	of := func(n int64) func(*exchange.Call) {
		return func(c *exchange.Call) { c.ReadsBody, c.MaxBody = false, n }
	}
	for _, c := range []struct {
		name   string
		config decode.Config
		call   func(*exchange.Call)
		size   int
		ok     bool
	}{
		{"at the limit", decode.Config{MaxBody: 4 * kib}, whole, 4 * kib, true},
		{"one over", decode.Config{MaxBody: 4 * kib}, whole, 4*kib + 1, false},
		{"a set limit holds for streams", decode.Config{MaxBody: 4 * kib}, stream, 4*kib + 1, false},
		{"the default does not", decode.Config{}, stream, 33 << 20, true},
		{"the default at its limit", decode.Config{}, whole, 32 << 20, true},
		{"the default one over", decode.Config{}, whole, 32<<20 + 1, false},
		{"none", decode.Config{MaxBody: decode.Unlimited}, whole, 33 << 20, true},
		{"the call has the last word", decode.Config{MaxBody: 4 * kib}, of(8 * kib), 8 * kib, true},
		{"the call's own limit", decode.Config{MaxBody: decode.Unlimited}, of(8 * kib), 8*kib + 1, false},
		{"the call wants none", decode.Config{MaxBody: 4 * kib}, of(-5), 9 * kib, true},
	} {
		for _, coding := range []string{"", "gzip"} {
			if coding != "" && c.size > 1<<20 {
				continue // the small ones cover it
			}
			for _, announced := range []bool{true, false} {
				body := bytes.Repeat([]byte("0123456789abcdef"), c.size/16+1)[:c.size]
				a := &answer{length: -1}
				if coding != "" {
					a.encoding = []string{coding}
					c.config.MaxRatio = 2000
					body = encode(t, coding, body)
				}
				if announced {
					a.length = int64(len(body))
				}
				a.body = bytes.NewReader(body)
				_, got, err := get(t, c.config, a, func(_ *http.Request, call *exchange.Call) { c.call(call) })
				if c.ok && (err != nil || len(got) != c.size) {
					t.Errorf("%s %s: %d bytes, %v", c.name, coding, len(got), err)
				}
				if !c.ok && !errors.Is(err, exchange.ErrBodyTooLarge) {
					t.Errorf("%s %s: %d bytes, %v, want body too large", c.name, coding, len(got), err)
				}
			}
		}
	}
}

func TestAnnouncedSizeFailsBeforeReading(t *testing.T) {
	t.Parallel()
	read := false
	a := &answer{length: 1000, body: readerFunc(func([]byte) (int, error) { read = true; return 0, io.EOF })}
	_, _, err := get(t, decode.Config{MaxBody: 999}, a)
	if !errors.Is(err, exchange.ErrBodyTooLarge) || !strings.Contains(err.Error(), "999B") || read {
		t.Errorf("%v; read %v", err, read)
	}
}

// bomb is an endless gzip stream of zeros, made as it is read: a repeated
// deflate block that stands for about 1 MiB in 1 KiB.
type bomb struct {
	block []byte
	rest  []byte
	left  int64 // decoded bytes still to stand for
	size  int64
	sent  int64
}

func newBomb(t testing.TB, total int64) *bomb {
	t.Helper()
	const size = 1 << 20
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	head := 0
	for i := range 2 { // the second block between two flushes begins and ends at a byte and can be repeated
		if _, err := z.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if err := z.Flush(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			head = b.Len()
		}
	}
	return &bomb{block: b.Bytes()[head:], rest: b.Bytes()[:head], left: total, size: size}
}

func (b *bomb) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		if b.left -= b.size; b.left <= 0 {
			return 0, io.EOF
		}
		b.rest = b.block
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.sent += int64(n)
	return n, nil
}

// The peak is sampled while the bomb is read on every path.
func TestLM1_TenGiBBomb(t *testing.T) {
	const total = 10 << 30
	paths := map[string]struct {
		config decode.Config
		stream bool
	}{
		"size cap":                    {decode.Config{MaxRatio: 1 << 30}, false},
		"ratio cap":                   {decode.Config{MaxBody: decode.Unlimited}, false},
		"ratio cap of a plain stream": {decode.Config{}, true},
	}
	for name, p := range paths {
		b := newBomb(t, total)
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		peak, reads := uint64(0), 0
		req, err := http.NewRequest(http.MethodGet, "http://api.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, call := exchange.WithCall(req.Context())
		call.ReadsBody = !p.stream
		resp, err := policy(t, p.config)(&answer{encoding: []string{"gzip"}, body: b, length: -1}).RoundTrip(req.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		n, buf := int64(0), make([]byte, 32<<10)
		for err == nil {
			var k int
			k, err = resp.Body.Read(buf)
			n += int64(k)
			if reads++; reads%64 == 0 {
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
		}
		if !errors.Is(err, exchange.ErrBodyTooLarge) {
			t.Errorf("%s: %v after %d bytes", name, err, n)
		}
		if n > 33<<20 || b.sent > 1<<20 {
			t.Errorf("%s: %d bytes came out of %d", name, n, b.sent)
		}
		if grown := int64(peak) - int64(before.HeapAlloc); grown > 32<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
		// Draining and reading again meet the same wall.
		if n, again := io.Copy(io.Discard, resp.Body); n != 0 || !errors.Is(again, exchange.ErrBodyTooLarge) {
			t.Errorf("%s: drained %d, %v", name, n, again)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A bomb whose last coding swallows what the first produces shows at no end.
func TestLM1_BombInTheMiddleOfAChain(t *testing.T) {
	t.Parallel()
	empty := encode(t, "gzip", nil)
	members := bytes.Repeat(empty, 20<<20/len(empty)) // 20 MiB that decode to nothing
	coded := encode(t, "gzip", members)
	a := &answer{encoding: []string{"gzip, gzip"}, body: bytes.NewReader(coded), length: -1}
	_, body, err := get(t, decode.Config{}, a)
	if !errors.Is(err, exchange.ErrBodyTooLarge) || len(body) != 0 {
		t.Errorf("%d bytes in, %d out: %v", len(coded), len(body), err)
	}
}

func TestRatioCountsOnlyAfterAMebibyte(t *testing.T) {
	t.Parallel()
	for size, ok := range map[int]bool{1 << 20: true, 4 << 20: false} {
		for _, coding := range []string{"gzip", "br", "zstd"} {
			coded := encode(t, coding, make([]byte, size))
			_, body, err := get(t, decode.Config{}, &answer{encoding: []string{coding}, body: bytes.NewReader(coded), length: -1})
			if ok && (err != nil || len(body) != size) {
				t.Errorf("%s, %d bytes: %d, %v", coding, size, len(body), err)
			}
			if !ok && !errors.Is(err, exchange.ErrBodyTooLarge) {
				t.Errorf("%s, %d bytes: %v, want body too large", coding, size, err)
			}
		}
	}
}

// A zstd frame that asks for a window of 128 MiB is refused, not allocated.
func TestLM1_ZstdWindow(t *testing.T) {
	t.Parallel()
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00} // RFC 8878 section 3.1.1.1.2: 2^(10+17)
	_, _, err := get(t, decode.Config{}, &answer{encoding: []string{"zstd"}, body: bytes.NewReader(frame), length: -1})
	if !errors.Is(err, exchange.ErrDecode) || !strings.Contains(err.Error(), "window") {
		t.Errorf("%v", err)
	}
}

func TestIdentityCostsOneAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	ctx, call := exchange.WithCall(t.Context())
	call.ReadsBody = true
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "identity") // so that no request is made
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 5}
	src := io.NopCloser(strings.NewReader("hello"))
	rt := policy(t, decode.Config{})(exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) {
		resp.Body = src
		return resp, nil
	}))
	if n := testing.AllocsPerRun(100, func() {
		if _, err := rt.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
