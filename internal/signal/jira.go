package signal

import "net/http"

// Jira: Cloud has hourly points, bursts and writes per issue, and names the one
// that refused; Data Center has buckets.
// https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
var jiraDialect = dialect{
	name:   Jira,
	fields: []string{"X-Ratelimit-Nearlimit", "Ratelimit-Reason", "Beta-Ratelimit", "Beta-Ratelimit-Policy", "X-Ratelimit-Fillrate"},
	read:   readJira,
}

// jiraNear is the share of the limit below which Jira says that it is near.
const jiraNear = 0.2

func readJira(r *reading) {
	t := texts{
		limit:     r.take("X-Ratelimit-Limit"),
		remaining: r.take("X-Ratelimit-Remaining"),
		reset:     r.take("X-Ratelimit-Reset"),
		kind:      ResetWindow,
		source:    "x-ratelimit-*",
	}
	if limit := amount(t.limit); r.take("X-Ratelimit-Nearlimit") == "true" && limit.OK && t.remaining == "" {
		t.remainingV = Of(limit.V * jiraNear) // at most
	}
	rate := amount(r.take("X-Ratelimit-Fillrate"))
	interval := amount(r.take("X-Ratelimit-Interval-Seconds"))
	if rate.OK && interval.V > 0 {
		t.refill = Of(rate.V / interval.V)
	}
	r.quota(t)
	r.drafts("Beta-")
	reason := r.take("Ratelimit-Reason")
	switch {
	case r.Status == http.StatusTooManyRequests:
		r.refuse("status 429", reason)
	case r.Status == http.StatusServiceUnavailable && reason != "":
		r.refuse("status 503", reason)
	}
}
