package signal

import (
	"net/http"
	"time"
)

// Discord: windows by bucket, and one for everything.
// https://discord.com/developers/docs/topics/rate-limits
var discordDialect = dialect{name: Discord, read: readDiscord}

const discordGlobal = "global"

func readDiscord(r *reading) {
	t := texts{
		id:        r.take("X-Ratelimit-Bucket"),
		limit:     r.take("X-Ratelimit-Limit"),
		remaining: r.take("X-Ratelimit-Remaining"),
		reset:     r.take("X-Ratelimit-Reset"),
		format:    FormatEpoch,
		kind:      ResetWindow,
		unit:      "requests",
		source:    "x-ratelimit-*",
	}
	after := r.take("X-Ratelimit-Reset-After")
	if _, ok := number(after); ok { // needs no clock
		t.reset, t.format = after, FormatSeconds
	}
	global := r.take("X-Ratelimit-Global") == "true"
	scope := r.take("X-Ratelimit-Scope")
	r.quota(t)
	if r.Status != http.StatusTooManyRequests {
		return
	}
	r.scope = scope
	if global || scope == discordGlobal || r.json().text("global") == "true" {
		r.refuse("status 429", discordGlobal)
	} else {
		r.refuse("status 429", t.id)
	}
	r.discordHint(after)
}

// discordHint reads retry_after: seconds, milliseconds before version 8 of the
// API. The reset of the same bucket, in seconds in all of them, tells which.
func (r *reading) discordHint(resetAfter string) {
	wait := r.json().number("retry_after")
	unit := time.Second
	if reset, ok := number(resetAfter); ok && reset > 0 && wait.V >= 500*reset {
		unit = time.Millisecond
	}
	if wait.OK {
		r.hintIn(rankExact, span(wait.V, unit), "body retry_after")
	}
}
