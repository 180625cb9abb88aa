package signal_test

import (
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

func TestC3_GitHubREST(t *testing.T) {
	t.Parallel()
	left := func(n string) string {
		return "x-ratelimit-limit: 5000\nx-ratelimit-remaining: " + n + "\nx-ratelimit-used: 1\nx-ratelimit-resource: core\nx-ratelimit-reset: " + epoch(10*time.Minute) + "\n"
	}
	const (
		some      = `"core" unit=requests limit=5000 remaining=7 window=1h0m0s window=9m58.8s..10m0s [x-ratelimit-*]`
		none      = `"core" unit=requests limit=5000 remaining=0 window=1h0m0s window=9m58.8s..10m0s`
		primary   = `{"message":"API rate limit exceeded for user ID 1."}`
		secondary = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/"}`
		forbidden = `{"message":"Resource not accessible by integration"}`
	)
	check(t, signal.GitHub, []row{
		{"success", 200, left("7"), `{"id":1}`, some},
		{"the last unit", 200, left("0"), `{"id":1}`, none + ` [x-ratelimit-*]`},
		{"403", 403, left("0"), primary, none + ` retry=10m0s refused [x-ratelimit-*, body rate limit, reset]`},
		{"429", 429, left("0"), primary, none + ` retry=10m0s refused [x-ratelimit-*, body rate limit, reset]`},
		{"no body was read", 403, left("0"), "", none + ` retry=10m0s refused [x-ratelimit-*, body rate limit, reset]`},
		{"a permission, with the last unit", 403, left("0"), forbidden, none + ` [x-ratelimit-*]`},
		{"a permission", 403, left("7"), forbidden, some},
		{"secondary with Retry-After", 403, left("7") + "retry-after: 90", secondary, some + "\n" + `"secondary" retry=1m30s refused [body secondary rate limit, retry-after]`},
		{"secondary with nothing left: the reset", 429, left("0"), secondary, none + " [x-ratelimit-*]\n" + `"secondary" retry=10m0s refused [body secondary rate limit, reset]`},
		{"secondary without a hint: a minute at least", 403, left("7"), secondary, some + "\n" + `"secondary" retry=1m0s refused [body secondary rate limit, at least 1m]`},
		{"abuse detection, as it was called", 403, "retry-after: 60", `{"message":"You have triggered an abuse detection mechanism."}`, `"secondary" retry=1m0s refused [body secondary rate limit, retry-after]`},
		{"403 that asks to wait, without a body", 403, left("7") + "retry-after: 60", "", some + "\n" + `"secondary" retry=1m0s refused [status 403, retry-after]`},
		{"429 with units left and no word", 429, left("7"), "", some + "\n" + `"" retry=1m0s refused [status 429, at least 1m]`},
		{"a window of a minute", 200, "x-ratelimit-limit: 30\nx-ratelimit-remaining: 29\nx-ratelimit-resource: search", "", `"search" unit=requests limit=30 remaining=29 window=1m0s [x-ratelimit-*]`},
		{"a resource that is not known", 200, "x-ratelimit-limit: 30\nx-ratelimit-remaining: 29\nx-ratelimit-resource: scim", "", `"scim" unit=requests limit=30 remaining=29 [x-ratelimit-*]`},
		{"a server without resources", 200, "x-ratelimit-limit: 30\nx-ratelimit-used: 10", "", `"" unit=requests limit=30 remaining=20 [x-ratelimit-*]`},
		{"a commit that speaks of limits", 200, left("7"), `{"sha":"1","message":"Handle the secondary rate limit"}`, some},
		{"a reset is an epoch here", 200, "x-ratelimit-remaining: 1\nx-ratelimit-reset: 30", "", `"" unit=requests remaining=1 window=0s..0s [x-ratelimit-*]`},
		{"not found", 404, left("7"), `{"message":"Not Found","documentation_url":"https://docs.github.com/"}`, some},
	})
}

func TestC3_GitHubGraphQL(t *testing.T) {
	t.Parallel()
	left := func(n string) string {
		return "x-ratelimit-limit: 5000\nx-ratelimit-remaining: " + n + "\nx-ratelimit-resource: graphql\nx-ratelimit-reset: " + epoch(10*time.Minute) + "\n"
	}
	const (
		some    = `"graphql" unit=points limit=5000 remaining=7 window=1h0m0s window=9m58.8s..10m0s`
		none    = `"graphql" unit=points limit=5000 remaining=0 window=1h0m0s window=9m58.8s..10m0s`
		errors1 = `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 1."}]}`
	)
	check(t, signal.GitHub, []row{
		{"cost", 200, left("7"), `{"data":{"rateLimit":{"limit":5000,"cost":3,"remaining":7,"used":4993,"resetAt":"2026-05-23T12:10:00Z"}}}`, `"graphql" unit=points limit=5000 remaining=7 window=1h0m0s cost=3 window=9m58.8s..10m0s [x-ratelimit-*, body data.rateLimit]`},
		{"the body alone", 200, "", `{"data":{"rateLimit":{"limit":5000,"cost":3,"remaining":7,"used":4993,"resetAt":"2026-05-23T12:10:00Z"}}}`, `"graphql" unit=points limit=5000 remaining=7 cost=3 window=9m58.8s..10m0s [body data.rateLimit]`},
		{"refused with 200", 200, left("0"), errors1, none + ` retry=10m0s refused [x-ratelimit-*, body rate limit, reset]`},
		{"refused with 200, by its code", 200, left("0"), `{"errors":[{"extensions":{"code":"RATE_LIMIT"}}]}`, none + ` retry=10m0s refused [x-ratelimit-*, body rate limit, reset]`},
		{"refused with 200, by its words", 200, left("0"), `{"errors":[{"message":"API rate limit exceeded"}]}`, none + ` retry=10m0s refused [x-ratelimit-*, body rate limit, reset]`},
		{"another error", 200, left("7"), `{"errors":[{"type":"NOT_FOUND","message":"rate limit of what?"}]}`, some + ` [x-ratelimit-*]`},
		{"secondary with 200", 200, left("7"), `{"documentation_url":"https://docs.github.com/","message":"You have exceeded a secondary rate limit."}`, some + " [x-ratelimit-*]\n" + `"secondary" retry=1m0s refused [body secondary rate limit, at least 1m]`},
		{"secondary with 200 and errors", 200, left("7") + "retry-after: 30", `{"errors":[{"message":"You have exceeded a secondary rate limit."}]}`, some + " [x-ratelimit-*]\n" + `"secondary" retry=30s refused [body secondary rate limit, retry-after]`},
	})
}
