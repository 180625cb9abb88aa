// Package decode removes the content coding of responses, within limits.
//
// It asks for gzip, br, zstd and deflate, removes them (up to three on top of
// each other) and bounds what comes out: its size, and its ratio to what came
// in. Decoding is lazy and streams: memory is bounded whatever the size, by
// about 16 MiB for the window of brotli and 8 MiB for that of zstd (RFC 9659).
//
// A broken coded body is [exchange.ErrDecode], also when its checksum is wrong
// or bytes follow its end; a body that a limit stops is
// [exchange.ErrBodyTooLarge]; an error of the connection below is passed on as
// it is. All of them come from reading the body, because there is a response.
//
// Left exactly as it came is the body
//
//   - of a request whose Accept-Encoding the caller set: it wants the bytes;
//   - of a 206, because a part of a coded body cannot be decoded by itself, and
//     for the same reason a request with Range asks for no coding;
//   - with a coding that is not known: Content-Encoding then tells the caller;
//   - of HEAD, 204 and 304, which have none.
//
// The size limit holds for these too.
package decode

import (
	"net/http"

	"github.com/godwit-go/godwit/exchange"
)

const (
	defaultMaxBody  Size = 32 << 20
	defaultMaxRatio      = 200

	ratioAfter = 1 << 20 // decoded bytes from which on the ratio counts
	accept     = "gzip, br, zstd, deflate"
)

// Config sets the limits. The zero value is usable.
type Config struct {
	// MaxBody is the most bytes of a decoded body that a typed call reads.
	// Default 32MiB; none switches it off. Streams are not limited unless it is
	// set.
	MaxBody Size `yaml:"max_body"`
	// MaxRatio is the most decoded bytes per coded byte, once 1 MiB was
	// decoded. Default 200.
	MaxRatio int `yaml:"max_ratio"`
	// MaxHeader is the most bytes of response headers, informational responses
	// included. Default 256KiB.
	MaxHeader Size `yaml:"max_header"`
}

// New returns the middleware. MaxHeader is enforced by the transport, which
// reads the headers.
func New(c Config) (exchange.Middleware, error) {
	switch {
	case c.MaxBody < Unlimited:
		return nil, exchange.ConfigErrorf("decode.max_body: %d is negative, set a size such as 32MiB, or none", c.MaxBody)
	case c.MaxRatio < 0:
		return nil, exchange.ConfigErrorf("decode.max_ratio: %d is negative, set a number such as 200", c.MaxRatio)
	case c.MaxHeader < 0:
		return nil, exchange.ConfigErrorf("decode.max_header: response headers are always limited, set a size such as 256KiB")
	}
	if c.MaxRatio == 0 {
		c.MaxRatio = defaultMaxRatio
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &transport{next: next, config: c}
	}, nil
}

// limit is the most decoded bytes of the call's body; below 0: none. A limit
// that somebody set holds always, the default only where the caller takes the
// body as one value.
func (c *Config) limit(call *exchange.Call) int64 {
	switch {
	case call.MaxBody != 0:
		return max(call.MaxBody, -1)
	case c.MaxBody != 0:
		return int64(c.MaxBody)
	case call.ReadsBody:
		return int64(defaultMaxBody)
	}
	return -1
}
