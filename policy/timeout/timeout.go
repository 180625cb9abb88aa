// Package timeout bounds the time of a call: each phase of an attempt by
// itself, the attempt, and the whole call. None is infinite by accident.
//
// Each limit fails with a kind of its own. Connect and TLS are enforced by the
// transport that dials; with a foreign transport they are that transport's
// business. Sending the request body is bounded by attempt and total only.
package timeout

import (
	"fmt"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// None switches a timeout off. Connect, TLS and Header cannot be switched off.
const None time.Duration = -1

// The defaults.
const (
	defaultConnect = 10 * time.Second
	defaultTLS     = 10 * time.Second
	defaultHeader  = 30 * time.Second
	defaultIdle    = 60 * time.Second
	defaultTotal   = 60 * time.Second
)

// Config sets the timeouts. The zero value is usable.
type Config struct {
	// Connect bounds resolving the name and connecting. Default 10s.
	Connect time.Duration `yaml:"connect"`
	// TLS bounds the TLS handshake. Default 10s.
	TLS time.Duration `yaml:"tls"`
	// Header bounds the wait for the response headers once the connection
	// stands. Default 30s.
	Header time.Duration `yaml:"header"`
	// Idle bounds each single read of the response body. Default 60s; none
	// switches it off.
	Idle time.Duration `yaml:"idle"`
	// Attempt bounds one attempt up to the last byte of its body. Default none.
	Attempt time.Duration `yaml:"attempt"`
	// Total bounds the whole call: redirects, attempts, waits, and the body up
	// to its last byte. Default 60s; none switches it off. Where the caller
	// takes the body as a stream, the default (not a value that is set) ends
	// with the response headers and idle guards the rest.
	Total time.Duration `yaml:"total"`
}

// limits are the timeouts in force: what is set, else the default; 0 for one
// that is off.
type limits struct {
	connect, tls, header, idle, attempt, total time.Duration
}

// limits returns the timeouts in force, or an ErrConfig that names the field.
func (c Config) limits() (limits, error) {
	var l limits
	for _, f := range []struct {
		name      string
		to        *time.Duration
		set, zero time.Duration // zero: the default
		none      bool          // may be switched off
	}{
		{"connect", &l.connect, c.Connect, defaultConnect, false},
		{"tls", &l.tls, c.TLS, defaultTLS, false},
		{"header", &l.header, c.Header, defaultHeader, false},
		{"idle", &l.idle, c.Idle, defaultIdle, true},
		{"attempt", &l.attempt, c.Attempt, 0, true},
		{"total", &l.total, c.Total, defaultTotal, true},
	} {
		switch {
		case f.set == 0:
			*f.to = f.zero
		case f.set > 0:
			*f.to = f.set
		case f.set == None && f.none:
		case f.set == None:
			return limits{}, exchange.ConfigErrorf("timeout.%s: cannot be switched off, set a duration such as 10s", f.name)
		default:
			return limits{}, exchange.ConfigErrorf("timeout.%s: %v is negative, set a duration such as 10s", f.name, f.set)
		}
	}
	return l, nil
}

// override applies a value of the call to a limit: 0 keeps it, None switches
// it off.
func override(name string, limit, set time.Duration) (time.Duration, error) {
	switch {
	case set == 0:
		return limit, nil
	case set == None:
		return 0, nil
	case set < 0:
		return 0, fmt.Errorf("the call's %s timeout %v is negative", name, set)
	}
	return set, nil
}
