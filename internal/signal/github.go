package signal

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// GitHub, REST and GraphQL: windows by resource, and secondary limits that are
// told only when they refuse.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
var githubDialect = dialect{
	name:   GitHub,
	fields: []string{"X-Ratelimit-Used", "X-Ratelimit-Resource"},
	wantsBody: func(h http.Header) bool {
		return len(h["X-Ratelimit-Resource"]) > 0 && h["X-Ratelimit-Resource"][0] == githubGraphQL
	},
	speaks: githubSpeaks,
	read:   readGitHub,
}

const (
	githubGraphQL   = "graphql"
	githubSecondary = "secondary"
)

// githubWindows are the windows of the resources that everybody uses.
var githubWindows = map[string]time.Duration{
	"core": time.Hour, githubGraphQL: time.Hour, "search": time.Minute, "code_search": time.Minute,
}

func githubSpeaks(body []byte) bool {
	return bytes.Contains(body, []byte("rateLimit")) || bytes.Contains(body, []byte("RATE_LIMIT")) || bytes.Contains(body, []byte("rate limit"))
}

func readGitHub(r *reading) {
	resource := r.take("X-Ratelimit-Resource")
	t := texts{
		id:        resource,
		limit:     r.take("X-Ratelimit-Limit"),
		remaining: r.take("X-Ratelimit-Remaining"),
		used:      r.take("X-Ratelimit-Used"),
		reset:     r.take("X-Ratelimit-Reset"),
		format:    FormatEpoch,
		kind:      ResetWindow,
		window:    githubWindows[resource],
		unit:      "requests",
		source:    "x-ratelimit-*",
	}
	if resource == githubGraphQL {
		t.unit = "points"
	}
	exhausted := amount(t.remaining) == Of(0.0)
	r.quota(t)
	if r.Status < 300 && !githubSpeaks(r.Body) {
		return
	}
	r.githubPoints()
	switch {
	case r.githubSaid("secondary rate limit", "abuse detection"):
		r.refuse("body secondary rate limit", githubSecondary)
		r.hintIn(rankDefault, time.Minute, "at least 1m")
	case r.Status == http.StatusForbidden && has(r.Header, "Retry-After") && len(r.json().nodes) == 0:
		r.refuse("status 403", githubSecondary)
	case r.githubRefused(exhausted):
		r.refuse("body rate limit", resource)
	case r.Status == http.StatusTooManyRequests:
		r.refuse("status 429")
		r.hintIn(rankDefault, time.Minute, "at least 1m")
	}
}

// githubRefused reports that the primary limit refused. A 403 alone can mean a
// missing permission, and so can one that took the last unit.
func (r *reading) githubRefused(exhausted bool) bool {
	switch r.Status {
	case http.StatusTooManyRequests:
		return exhausted
	case http.StatusForbidden:
		return exhausted && (len(r.json().nodes) == 0 || r.githubSaid("rate limit"))
	case http.StatusOK:
		j := r.json()
		for _, t := range append(j.all("errors", "*", "type"), j.all("errors", "*", "extensions", "code")...) {
			if strings.HasPrefix(strings.ToUpper(t), "RATE_LIMIT") {
				return true
			}
		}
		return exhausted && r.githubSaid("rate limit")
	}
	return false
}

// githubSaid looks for words in the messages of the body. The message of a
// success is an error's only beside a link to the documentation: a commit has
// one too.
func (r *reading) githubSaid(words ...string) bool {
	j := r.json()
	messages := j.all("errors", "*", "message")
	if r.Status >= 400 || j.text("documentation_url") != "" {
		messages = append(messages, j.all("message")...)
	}
	for _, message := range messages {
		for _, w := range words {
			if strings.Contains(strings.ToLower(message), w) {
				return true
			}
		}
	}
	return false
}

// githubPoints reads the rateLimit that a GraphQL query may ask for.
func (r *reading) githubPoints() {
	j := r.json()
	at := func(name string) string { return j.text("data", "rateLimit", name) }
	r.quota(texts{
		id: githubGraphQL, unit: "points", source: "body data.rateLimit", kind: ResetWindow, window: 0,
		limit: at("limit"), remaining: at("remaining"), used: at("used"), reset: at("resetAt"),
		cost: j.number("data", "rateLimit", "cost"),
	})
}
