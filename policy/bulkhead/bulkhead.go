// Package bulkhead bounds how many calls to one upstream are under way at the
// same time, so that a slow upstream cannot take the whole program with it.
//
// A call takes a slot before it is sent and gives it back when its response
// body is read to its end or closed, or the call failed. Without a free slot it
// waits, in order of arrival. A full queue turns it away at once, and so does a
// queue that the call's deadline would not outlast. Whoever stops waiting takes
// nothing and delays nobody.
//
// The bound is that of this process, per origin. What a server allows in total
// is a limit of its own.
package bulkhead

import (
	"net/http"
	"net/url"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/upstream"
)

// queuePerSlot is the default length of the queue in calls per slot.
const queuePerSlot = 4

// maxSlots bounds both settings: more calls than that do not fit into one
// process.
const maxSlots = 1 << 20

// Config sets the bound. The zero value is usable: it bounds nothing.
type Config struct {
	// MaxInFlight is the most calls to one upstream at the same time, counted
	// until the response body is closed. Default none.
	MaxInFlight int `yaml:"max_in_flight"`
	// MaxQueue is the most calls that wait for a slot; one more fails at once.
	// Default 4 times max_in_flight; -1 lets nobody wait.
	MaxQueue int `yaml:"max_queue"`
	// Health is asked for calls that had to wait: when it says 0, because a
	// breaker has opened meanwhile, they are not sent. Nil asks nobody.
	Health Health `yaml:"-"`
}

// Health tells how much of its usual load an upstream can take, from 0 to 1.
// The breaker implements it.
type Health interface {
	Health(u *url.URL) float64
}

// New returns the middleware; nil if c bounds nothing. It belongs inside retry,
// so that a call that waits between attempts holds no slot.
func New(c Config) (exchange.Middleware, error) {
	switch {
	case c.MaxInFlight < 0 || c.MaxInFlight > maxSlots:
		return nil, exchange.ConfigErrorf("bulkhead.max_in_flight: %d is not between 1 and %d; 0 bounds nothing", c.MaxInFlight, maxSlots)
	case c.MaxQueue < -1 || c.MaxQueue > maxSlots:
		return nil, exchange.ConfigErrorf("bulkhead.max_queue: %d is not between 1 and %d; -1 lets nobody wait", c.MaxQueue, maxSlots)
	case c.MaxInFlight == 0 && c.MaxQueue != 0:
		return nil, exchange.ConfigErrorf("bulkhead.max_queue: there is no queue without bulkhead.max_in_flight; set that too")
	case c.MaxInFlight == 0:
		return nil, nil
	}
	queue := c.MaxQueue
	switch queue {
	case 0:
		queue = min(maxSlots, queuePerSlot*c.MaxInFlight)
	case -1:
		queue = 0
	}
	gates := &upstream.Table[gate]{Make: func(string) *gate {
		return &gate{line: line{slots: c.MaxInFlight, maxQueue: queue}}
	}}
	return func(next http.RoundTripper) http.RoundTripper {
		return &bulkhead{next: next, gates: gates, health: c.Health}
	}, nil
}
