package signal

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Google names the quota in the details of the error, and how long to wait in a
// RetryInfo (which the standards read).
// https://cloud.google.com/apis/design/errors
var googleDialect = dialect{name: Google, read: readGoogle}

// googleReasons are the reasons of the older error form that mean a quota; they
// come with 403.
var googleReasons = []string{"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"}

func readGoogle(r *reading) {
	if r.Status < 400 {
		return
	}
	j := r.json()
	reason := cmp.Or(firstOf(j.all("error", "errors", "*", "reason"), googleReasons), firstOf(j.all("error", "details", "*", "reason"), []string{"RATE_LIMIT_EXCEEDED"}))
	exhausted := j.text("error", "status") == "RESOURCE_EXHAUSTED"
	if r.Status != http.StatusTooManyRequests && !(r.Status == http.StatusForbidden && (reason != "" || exhausted)) {
		return
	}
	violation := func(name string) []string { return j.all("error", "details", "*", "violations", "*", name) }
	metadata := func(name string) string { return j.text("error", "details", "*", "metadata", name) }
	ids := violation("quotaId")
	values := violation("quotaValue")
	if id := metadata("quota_limit"); len(ids) == 0 && id != "" {
		ids, values = []string{id}, []string{metadata("quota_limit_value")}
	}
	source := "body " + cmp.Or(reason, j.text("error", "status"), "429")
	daily := reason == "dailyLimitExceeded"
	for i, id := range ids {
		t := texts{id: id, window: googleWindow(id), source: "body quotaId"}
		if len(values) == len(ids) {
			t.limit = values[i]
		}
		daily = daily || t.window == 24*time.Hour
		r.quota(t)
	}
	r.refuse(clean(source), ids...)
	if daily {
		r.googleDay()
	}
}

// googleDay puts the next try at the end of the day: beside a daily quota stand
// a RetryInfo of some seconds, which is not true. Daily quotas end at midnight
// Pacific time, taken here for 8:00 UTC: in summer that is an hour late and
// never early.
func (r *reading) googleDay() {
	lo, _, _ := r.clock.Offset()
	now := wall(r.Received).Add(lo).UTC()
	day := time.Date(now.Year(), now.Month(), now.Day(), 8, 0, 0, 0, time.UTC)
	if !day.After(now) {
		day = day.Add(24 * time.Hour)
	}
	r.hintIn(rankKnown, day.Sub(now), "daily quota")
}

// googleWindow reads the window from a name such as
// GenerateRequestsPerDayPerProjectPerModel-FreeTier.
func googleWindow(id string) time.Duration {
	for _, word := range []string{"day", "hour", "minute", "second"} {
		if strings.Contains(strings.ToLower(id), "per"+word) {
			return windows[word]
		}
	}
	return 0
}

// firstOf returns the first of have that is one of known.
func firstOf(have, known []string) string {
	for _, h := range have {
		if slices.Contains(known, h) {
			return h
		}
	}
	return ""
}
