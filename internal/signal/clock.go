package signal

import (
	"net/http"
	"strings"
	"time"

	"github.com/godwit-go/godwit/internal/retryafter"
)

// drift is how fast two clocks may part: 100 millionths, five times what a
// quartz does.
const drift = 10_000

// maxOffset is more than a clock can be off that anybody set, or nobody did.
const maxOffset = 200 * 365 * 24 * time.Hour

// Clock is what a server's Date fields told about the difference between its
// clock and this machine's. Each is good to a second and to the time that the
// response was under way; what several have in common is good to about one
// round trip. The zero Clock knows nothing. It is a plain value: whoever keeps
// one guards it.
type Clock struct {
	lo, hi time.Duration // server minus local
	at     time.Time     // of the last observation; zero: none
}

// Observe takes in the Date of a response that was asked for at sent and
// received at received. A response out of a cache is ignored. A Date that
// contradicts what is known replaces it: one of the clocks was set.
func (c *Clock) Observe(h http.Header, sent, received time.Time) {
	date, ok := serverDate(h, received)
	if !ok || aged(h) {
		return
	}
	if sent.IsZero() || sent.After(received) {
		sent = received
	}
	// The server wrote Date between sent and received, and cut it to a second.
	lo, hi := date.Sub(wall(received)), date.Add(time.Second).Sub(wall(sent))
	if lo < -maxOffset || hi > maxOffset {
		return
	}
	if !c.at.IsZero() {
		loose := max(0, received.Sub(c.at)/drift)
		if l, h := max(lo, c.lo-loose), min(hi, c.hi+loose); l <= h {
			lo, hi = l, h
		}
	}
	*c = Clock{lo: lo, hi: hi, at: received}
}

// Offset returns the bounds of what the server's clock is ahead of this
// machine's; false if no Date has been seen.
func (c Clock) Offset() (lo, hi time.Duration, ok bool) {
	return c.lo, c.hi, !c.at.IsZero()
}

// until returns the bounds of how long after the moment now of this machine the
// server's clock shows t. Without any Date the clocks are taken for equal.
func (c Clock) until(t, now time.Time) (from, to time.Duration) {
	return t.Add(-c.hi).Sub(wall(now)), t.Add(-c.lo).Sub(wall(now))
}

func serverDate(h http.Header, near time.Time) (time.Time, bool) {
	v := h["Date"]
	if len(v) == 0 {
		return time.Time{}, false
	}
	return retryafter.Date(strings.Trim(v[0], " \t"), near)
}

// wall drops the monotonic reading: a server's time is compared with the wall
// clock.
func wall(t time.Time) time.Time { return t.Round(0) }
