// Package logging writes what happens to calls to log/slog: one line per call
// at Debug, one per wait before a retry at Info, one per refusal and failure at
// Warn. A status that the caller gets to see is no failure here: it is in the
// call's line, and at Warn only if retrying gave up on it. A call that the
// caller cancelled stays at Debug.
//
// The policy is the outermost of the chain. It reports the call's start and end
// to the observers and is an observer itself; what it does not log costs it a
// look at the level. URLs come without query values, userinfo and path
// parameters, known secrets are masked and control characters escaped in every
// text, whatever the handler. Request headers and bodies are never logged.
//
// Its limits: net/http itself writes a few messages, such as one about an
// unsolicited response on an idle connection, to the standard log package. They
// do not pass here and may quote what the server sent. A program that wants
// them silent or structured sets log.SetOutput or slog.SetDefault; no library
// can do that for it.
package logging

import (
	"log/slog"
	"net/http"

	"github.com/godwit-go/godwit/exchange"
)

// Config sets what is logged. The zero value is usable.
type Config struct {
	// Sample logs one of every Sample successful calls; failures, retries and
	// refusals are always logged. Default 1: all.
	Sample int `yaml:"sample"`
	// Headers adds the response header fields that may be shown. Default false.
	Headers bool `yaml:"headers"`

	// Logger receives the records. Default slog.Default(), asked at each call.
	Logger *slog.Logger `yaml:"-"`
}

// New returns the middleware. Put it outermost, once.
func New(c Config) (exchange.Middleware, error) {
	if c.Sample < 0 {
		return nil, exchange.ConfigErrorf("logging.sample: %d is negative, set 1 to log every call", c.Sample)
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &logger{next: next, sample: uint64(max(c.Sample, 1)), headers: c.Headers, set: c.Logger}
	}, nil
}
