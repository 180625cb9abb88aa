package signal

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// OpenAI and those that speak like it: buckets of requests and tokens.
// https://platform.openai.com/docs/guides/rate-limits
var (
	openaiDialect      = dialect{name: OpenAI, fields: openaiFields, read: readOpenAI}
	azureOpenAIDialect = dialect{name: AzureOpenAI, fields: openaiFields, read: readOpenAI}
)

const (
	openaiPrefix = "X-Ratelimit-"
	openaiPeriod = "X-Ratelimit-Renewalperiod-"
)

var openaiFields = []string{
	"X-Ratelimit-Remaining-Requests", "X-Ratelimit-Remaining-Tokens",
	"X-Ratelimit-Limit-Requests", "X-Ratelimit-Limit-Tokens",
}

func readOpenAI(r *reading) {
	for _, id := range r.openaiBuckets() {
		r.openaiBucket(id)
	}
	r.unpaid()
	if r.Status != http.StatusTooManyRequests {
		return
	}
	switch kind := r.json().text("error", "type"); kind {
	case "requests", "tokens":
		r.refuse("body error.type="+kind, kind)
	}
}

// openaiBuckets returns the buckets that the names of the fields end in.
func (r *reading) openaiBuckets() []string {
	var ids []string
	for _, name := range r.left(openaiPrefix) {
		rest := strings.TrimPrefix(name, openaiPrefix)
		field, id, _ := strings.Cut(rest, "-")
		if slices.Contains([]string{"Limit", "Remaining", "Reset", "Renewalperiod"}, field) && len(ids) < maxRecords && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// openaiBucket reads one bucket. Its reset is the time until it is full, so that
// what is missing over that time is how fast it fills.
func (r *reading) openaiBucket(id string) {
	suffix := ""
	if id != "" {
		suffix = "-" + id
	}
	t := texts{
		id:        strings.ToLower(id),
		limit:     r.take(openaiPrefix + "Limit" + suffix),
		remaining: r.take(openaiPrefix + "Remaining" + suffix),
		reset:     r.take(openaiPrefix + "Reset" + suffix),
		kind:      ResetFull,
		source:    "x-ratelimit-*" + strings.ToLower(suffix),
	}
	t.unit = unitOf(t.id)
	if w, ok := parseWhen(r.take(openaiPeriod+id), FormatAuto, r.Received); ok && w.at.IsZero() {
		t.window = w.in
	}
	limit, left := amount(t.limit), amount(t.remaining)
	w, ok := parseWhen(t.reset, FormatAuto, r.Received)
	if ok && w.at.IsZero() && w.in > 0 && left.OK && limit.V > left.V {
		t.refill = Of((limit.V - left.V) / max(w.in, time.Millisecond).Seconds())
	}
	r.quota(t)
}

// unitOf returns what a bucket of that name counts.
func unitOf(id string) string {
	switch {
	case strings.Contains(id, "tokens"):
		return "tokens"
	case strings.Contains(id, "requests"):
		return "requests"
	}
	return ""
}
