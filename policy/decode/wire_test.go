package decode_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/decode"
	"github.com/godwit-go/godwit/transport"
)

// What a server can send, and what the caller gets: security page, section 4,
// as far as it is about bytes on a connection.
func TestResponsesOnTheWire(t *testing.T) {
	t.Parallel()
	head := func(fields string) string { return "HTTP/1.1 200 OK\r\n" + fields + "\r\n\r\n" }
	coded := func(coding, body string) string {
		return head(fmt.Sprintf("Content-Encoding: %s\r\nContent-Length: %d", coding, len(body))) + body
	}
	zipped := string(encode(t, "gzip", text(20_000)))
	twice := string(encode(t, "gzip", []byte(zipped)))
	plain := string(text(20_000))

	for _, row := range []struct {
		name   string
		answer string
		kind   *exchange.Kind // nil: it is fine
		body   string
	}{
		{"empty reply", "", exchange.ErrConnect, ""},
		{"short body", head("Content-Length: 10") + "12345", exchange.ErrTruncated, ""},
		{"cut chunk", head("Transfer-Encoding: chunked") + "a\r\n12345", exchange.ErrTruncated, ""},
		{"no last chunk", head("Transfer-Encoding: chunked") + "5\r\n12345\r\n", exchange.ErrTruncated, ""},
		{"short gzip body", coded("gzip", zipped)[:len(zipped)/2], exchange.ErrTruncated, ""},
		{"no length, closed", head("Connection: close") + "12345", nil, "12345"},
		{"gzip", coded("gzip", zipped), nil, plain},
		{"gzip broken", coded("gzip", zipped[:len(zipped)/2]), exchange.ErrDecode, ""},
		{"gzip of nothing like it", coded("gzip", "<html>"), exchange.ErrDecode, ""},
		{"gzip, gzip", coded("gzip, gzip", twice), nil, plain},
		{"four codings", coded("gzip, gzip, gzip, gzip", zipped), exchange.ErrDecode, ""},
		{"unknown coding", coded("sdch", "raw"), nil, "raw"},
		{"different lengths", head("Content-Length: 5\r\nContent-Length: 6") + "12345", exchange.ErrProtocol, ""},
		{"negative length", head("Content-Length: -5") + "12345", exchange.ErrProtocol, ""},
		{"signed length", head("Content-Length: +5") + "12345", exchange.ErrProtocol, ""},
		{"letters in the status", "HTTP/1.1 2OO OK\r\nContent-Length: 0\r\n\r\n", exchange.ErrProtocol, ""},
		{"status 99", "HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n", exchange.ErrProtocol, ""},
		{"status 099", "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n", exchange.ErrProtocol, ""},
		{"status 999", "HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n", exchange.ErrProtocol, ""},
		{"101 not asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", exchange.ErrProtocol, ""},
		{"HTTP/0.9", "<html>hello</html>\n", exchange.ErrProtocol, ""},
		{"HTTP/0.9 without a line end", "<html>hello</html>", exchange.ErrProtocol, ""},
		{"NUL in a header", head("X: a\x00b\r\nContent-Length: 0"), exchange.ErrProtocol, ""},
		{"no colon", head("nonsense\r\nContent-Length: 0"), exchange.ErrProtocol, ""},
		{"equal lengths", head("Content-Length: 5\r\nContent-Length: 5") + "12345", nil, "12345"},
		{"length and chunked", head("Content-Length: 5\r\nTransfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n", nil, "abc"},
		{"folded header", head("X: a\r\n b\r\nContent-Length: 1") + "z", nil, "z"},
		{"204 with body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n12345", nil, ""},
		{"header of 11 MiB", head("X: " + strings.Repeat("y", 11<<20)), exchange.ErrProtocol, ""},
		{"body over the limit", head("Content-Length: 2000000") + "x", exchange.ErrBodyTooLarge, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
				c.Send(row.answer)
				_ = c.Close() // every row ends here
			})
			body, attempt, err := fetch(t, s.URL()+"/x?key=hidden")
			if row.kind == nil {
				if err != nil || body != row.body {
					t.Errorf("%d bytes, %v", len(body), err)
				}
				return
			}
			e, ok := errors.AsType[*exchange.Error](err)
			if !ok || e.Kind != row.kind {
				t.Fatalf("%v, want kind %v", err, row.kind)
			}
			if e.Sent != attempt.Sent {
				t.Errorf("the error says sent %v, the attempt %v", e.Sent, attempt.Sent)
			}
			if attempt.Status == 0 && attempt.Sent != exchange.SentMaybe {
				t.Errorf("sent %v", attempt.Sent)
			}
			if text := e.Error(); strings.ContainsAny(text, "\r\n\x00") || strings.Contains(text, "hidden") || len(text) > 2000 {
				t.Errorf("text %.300q", text)
			}
		})
	}
}

// fetch runs one GET as an attempt through decode and transport.
func fetch(t *testing.T, url string) (body string, attempt exchange.Attempt, err error) {
	t.Helper()
	tr, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, call := exchange.WithCall(t.Context())
	call.ReadsBody = true
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := exchange.Send(policy(t, decode.Config{MaxBody: 1 << 20})(tr), req, call, 0)
	if err == nil {
		var b []byte
		b, err = io.ReadAll(resp.Body)
		body = string(b)
		if cerr := resp.Body.Close(); cerr != nil && err == nil {
			t.Error(cerr)
		}
	}
	return body, call.Attempts()[0], err
}

// LM1 where the bomb comes over a connection.
func TestLM1_BombOnTheWire(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
		_, _ = io.Copy(c, newBomb(t, 10<<30)) // ends when the client has had enough
		_ = c.Close()                         // the body ends here
	})
	_, _, err := fetch(t, s.URL())
	if !errors.Is(err, exchange.ErrBodyTooLarge) {
		t.Error(err)
	}
}

// A body that was read to its end gives its connection back, whatever coded it.
func TestDecodedBodiesKeepTheConnection(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		body := string(encode(t, coding, text(30_000)))
		s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
			c.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", coding, len(body), body))
		})
		tr, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "none"}})
		if err != nil {
			t.Fatal(err)
		}
		rt := policy(t, decode.Config{})(tr)
		for range 3 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 30_000 {
				t.Errorf("%s: %d, %v", coding, n, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		if s.Conns() != 1 {
			t.Errorf("%s: %d connections", coding, s.Conns())
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
}
