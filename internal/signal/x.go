package signal

import (
	"slices"
	"strings"
	"time"
)

// X: windows by endpoint, per user or app, and daily ones.
// https://docs.x.com/x-api/fundamentals/rate-limits
var xDialect = dialect{
	name:   X,
	fields: []string{"X-Rate-Limit-Remaining", "X-Rate-Limit-Limit", "X-App-Limit-24hour-Remaining", "X-User-Limit-24hour-Remaining"},
	read:   readX,
}

func readX(r *reading) {
	r.xWindow("", "X-Rate-Limit-", 0)
	r.xWindow("app", "X-App-Limit-24hour-", 24*time.Hour)
	r.xWindow("user", "X-User-Limit-24hour-", 24*time.Hour)
	// Code 88 comes with other statuses too.
	j := r.json()
	if r.Status >= 400 && slices.Contains(append(j.all("errors", "*", "code"), j.all("code")...), "88") {
		r.refuse("body code 88")
	}
}

func (r *reading) xWindow(scope, prefix string, window time.Duration) {
	t := texts{
		scope:     scope,
		limit:     r.take(prefix + "Limit"),
		remaining: r.take(prefix + "Remaining"),
		reset:     r.take(prefix + "Reset"),
		format:    FormatEpoch,
		kind:      ResetWindow,
		unit:      "requests",
		window:    window,
		source:    strings.ToLower(prefix) + "*",
	}
	if t.limit == "" && t.remaining == "" && t.reset == "" {
		return
	}
	if scope != "" {
		t.id = scope + "-24hour"
	}
	r.quota(t)
}
