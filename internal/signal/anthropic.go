package signal

import (
	"slices"
	"strings"
)

// Anthropic: buckets of requests and of tokens in and out, and an overload of
// its own. A reset is when the bucket is full, and can lie in the past.
// https://docs.anthropic.com/en/api/rate-limits
var anthropicDialect = dialect{
	name: Anthropic,
	fields: []string{
		"Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Tokens-Remaining",
		"Anthropic-Ratelimit-Input-Tokens-Remaining", "Anthropic-Ratelimit-Output-Tokens-Remaining",
		"Anthropic-Priority-Input-Tokens-Remaining", "Anthropic-Ratelimit-Unified-Reset",
	},
	read: readAnthropic,
}

func readAnthropic(r *reading) {
	r.anthropicBuckets("Anthropic-Ratelimit-", "")
	r.anthropicBuckets("Anthropic-Priority-", "priority-")
	r.unpaid()
	if r.Status == statusOverloaded {
		r.refuse("status 529")
	} else if r.Status >= 400 && r.json().text("error", "type") == "overloaded_error" {
		r.refuse("body error.type=overloaded_error")
	}
}

// anthropicBuckets reads the buckets whose fields are named prefix, bucket,
// value.
func (r *reading) anthropicBuckets(prefix, idPrefix string) {
	var ids []string
	for _, name := range r.left(prefix) {
		rest := strings.TrimPrefix(name, prefix)
		i := strings.LastIndexByte(rest, '-')
		known := i > 0 && slices.Contains([]string{"Limit", "Remaining", "Reset"}, rest[i+1:])
		if known && len(ids) < maxRecords && !slices.Contains(ids, rest[:i]) {
			ids = append(ids, rest[:i])
		}
	}
	for _, id := range ids {
		name := strings.ToLower(id)
		r.quota(texts{
			id:        idPrefix + name,
			unit:      unitOf(name),
			limit:     r.take(prefix + id + "-Limit"),
			remaining: r.take(prefix + id + "-Remaining"),
			reset:     r.take(prefix + id + "-Reset"),
			kind:      ResetFull,
			source:    strings.ToLower(prefix+id) + "-*",
		})
	}
}
