package signal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

func TestC3_Stripe(t *testing.T) {
	t.Parallel()
	check(t, signal.Stripe, []row{
		{"global rate", 429, "Stripe-Rate-Limited-Reason: global-rate", `{"error":{"code":"rate_limit"}}`, `"global-rate" scope=global refused [stripe-rate-limited-reason]`},
		{"endpoint rate", 429, "Stripe-Rate-Limited-Reason: endpoint-rate", "", `"endpoint-rate" scope=endpoint refused [stripe-rate-limited-reason]`},
		{"global concurrency", 429, "Stripe-Rate-Limited-Reason: global-concurrency", "", `"global-concurrency" scope=global refused [stripe-rate-limited-reason]`},
		{"endpoint concurrency", 429, "Stripe-Rate-Limited-Reason: endpoint-concurrency", "", `"endpoint-concurrency" scope=endpoint refused [stripe-rate-limited-reason]`},
		{"resource", 429, "Stripe-Rate-Limited-Reason: resource-specific", "", `"resource-specific" scope=resource refused [stripe-rate-limited-reason]`},
		{"no reason", 429, "", `{"error":{"code":"rate_limit"}}`, `"" refused [status 429]`},
		{"a lock is no limit", 429, "", `{"error":{"code":"lock_timeout"}}`, ``},
		{"a lock that asks to wait", 429, "Retry-After: 1", `{"error":{"code":"lock_timeout"}}`, `"" retry=1s [retry-after]`},
		{"do not retry", 409, "Stripe-Should-Retry: false", "", `"" final [stripe-should-retry]`},
		{"do not retry a refusal", 429, "Stripe-Should-Retry: false", "", `"" refused final [status 429, stripe-should-retry]`},
		{"retry", 500, "Stripe-Should-Retry: true", "", ``},
		{"success", 200, "Stripe-Should-Retry: false", "", ``},
	})
}

func TestC3_ShopifyREST(t *testing.T) {
	t.Parallel()
	check(t, signal.Shopify, []row{
		{"bucket", 200, "X-Shopify-Shop-Api-Call-Limit: 32/40", "", `"rest" unit=requests limit=40 remaining=8 refill=2 [x-shopify-shop-api-call-limit]`},
		{"Plus", 200, "X-Shopify-Shop-Api-Call-Limit: 1/400", "", `"rest" unit=requests limit=400 remaining=399 refill=20 [x-shopify-shop-api-call-limit]`},
		{"refused", 429, "X-Shopify-Shop-Api-Call-Limit: 40/40\nRetry-After: 2.0", `{"errors":"Exceeded 2 calls per second for api client."}`, `"rest" unit=requests limit=40 remaining=0 refill=2 retry=2s refused [x-shopify-shop-api-call-limit, status 429, retry-after]`},
		{"half a value", 200, "X-Shopify-Shop-Api-Call-Limit: /40", "", ``},
		{"no value", 200, "X-Shopify-Shop-Api-Call-Limit: 40", "", ``},
		{"negative", 200, "X-Shopify-Shop-Api-Call-Limit: -1/40", "", ``},
	})
}

func TestC3_ShopifyGraphQL(t *testing.T) {
	t.Parallel()
	const throttle = `"throttleStatus":{"maximumAvailable":2000.0,"currentlyAvailable":100,"restoreRate":50.0}`
	check(t, signal.Shopify, []row{
		{"cost", 200, "", `{"data":{},"extensions":{"cost":{"requestedQueryCost":101,"actualQueryCost":46,` + throttle + `}}}`, `"graphql" unit=points limit=2000 remaining=100 refill=50 cost=46 [body extensions.cost]`},
		{"refused with 200: when there is enough again", 200, "", `{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":250,"actualQueryCost":null,` + throttle + `}}}`, `"graphql" unit=points limit=2000 remaining=100 refill=50 cost=250 retry=3s refused [body extensions.cost, body errors.*.extensions.code=THROTTLED, restore rate]`},
		{"refused without numbers", 200, "", `{"errors":[{"extensions":{"code":"THROTTLED"}}]}`, `"graphql" refused [body errors.*.extensions.code=THROTTLED]`},
		{"nothing comes back", 200, "", `{"errors":[{"extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":250,"throttleStatus":{"currentlyAvailable":0,"restoreRate":0}}}}`, `"graphql" unit=points remaining=0 refill=0 cost=250 refused [body extensions.cost, body errors.*.extensions.code=THROTTLED]`},
		{"a product of that name", 200, "", `{"data":{"product":{"title":"THROTTLED"}}}`, ``},
		{"numbers that are none", 200, "", `{"extensions":{"cost":{"actualQueryCost":-1,"throttleStatus":{"maximumAvailable":"many"}}}}`, ``},
	})
}

func TestC3_Slack(t *testing.T) {
	t.Parallel()
	check(t, signal.Slack, []row{
		{"429", 429, "Retry-After: 30", `{"ok":false,"error":"ratelimited"}`, `"" retry=30s refused [body error=ratelimited, retry-after]`},
		{"in a 200", 200, "Retry-After: 10", `{"ok":false,"error":"ratelimited"}`, `"" retry=10s refused [body error=ratelimited, retry-after]`},
		{"the other spelling", 200, "", `{"ok": false, "error": "rate_limited"}`, `"" refused [body error=rate_limited]`},
		{"429 without a body", 429, "", "", `"" refused [status 429]`},
		{"another error", 200, "", `{"ok":false,"error":"channel_not_found"}`, ``},
		{"a message of that text", 200, "", `{"ok":true,"message":{"text":"ratelimited"},"error":"ratelimited"}`, ``},
	})
}

func TestC3_Discord(t *testing.T) {
	t.Parallel()
	const bucket = "X-RateLimit-Bucket: abcd1234\nX-RateLimit-Limit: 10\nX-RateLimit-Remaining: 0\n"
	const shown = `"abcd1234" unit=requests limit=10 remaining=0`
	const scoped = `"abcd1234" unit=requests scope=user limit=10 remaining=0`
	check(t, signal.Discord, []row{
		{"reset after", 200, bucket + "X-RateLimit-Reset: 1470173023.123\nX-RateLimit-Reset-After: 64.57", "", shown + ` window=1m4.369s..1m4.57s [x-ratelimit-*]`},
		{"reset", 200, bucket + "X-RateLimit-Reset: " + epoch(10*time.Second) + ".5", "", shown + ` window=9.3s..10.5s [x-ratelimit-*]`},
		{"the body is exact", 429, bucket + "X-RateLimit-Reset-After: 0.3\nX-RateLimit-Scope: user\nRetry-After: 1", `{"retry_after":0.3,"global":false}`, scoped + ` window=99ms..300ms retry=300ms refused [x-ratelimit-*, status 429, body retry_after]`},
		{"the old API has milliseconds", 429, bucket + "X-RateLimit-Reset-After: 64.57\nRetry-After: 64570", `{"retry_after":64570,"global":false}`, shown + ` window=1m4.369s..1m4.57s retry=1m4.57s refused [x-ratelimit-*, status 429, body retry_after]`},
		{"everything", 429, "X-RateLimit-Global: true\nX-RateLimit-Scope: global\nRetry-After: 65", `{"retry_after":64.57,"global":true}`, `"global" scope=global retry=1m4.57s refused [status 429, body retry_after]`},
		{"everything, told by the body", 429, "", `{"retry_after":1.5,"global":true}`, `"global" retry=1.5s refused [status 429, body retry_after]`},
		{"shared", 429, bucket + "X-RateLimit-Scope: shared\nRetry-After: 5", "", strings.Replace(scoped, "user", "shared", 1) + ` retry=5s refused [x-ratelimit-*, status 429, retry-after]`},
		{"in front of the API", 429, "Retry-After: 3600", `<html>error code: 1015</html>`, `"" retry=1h0m0s refused [status 429, retry-after]`},
	})
}

func TestC3_X(t *testing.T) {
	t.Parallel()
	reset := "x-rate-limit-reset: " + epoch(10*time.Minute) + "\n"
	const shown = `"" unit=requests limit=75 remaining=0 window=9m58.8s..10m0s`
	check(t, signal.X, []row{
		{"window", 200, "x-rate-limit-limit: 75\nx-rate-limit-remaining: 0\n" + reset, "", shown + ` [x-rate-limit-*]`},
		{"refused", 429, "x-rate-limit-limit: 75\nx-rate-limit-remaining: 0\n" + reset, "", shown + ` retry=10m0s refused [x-rate-limit-*, status 429, reset]`},
		{"code 88", 403, reset, `{"errors":[{"code":88,"message":"Rate limit exceeded"}]}`, `"" unit=requests window=9m58.8s..10m0s retry=10m0s refused [x-rate-limit-*, body code 88, shortest reset]`},
		{"another code", 403, "", `{"errors":[{"code":64}]}`, ``},
		{"the day of an app", 429, "x-app-limit-24hour-limit: 100\nx-app-limit-24hour-remaining: 0\nx-app-limit-24hour-reset: " + epoch(time.Hour) + "\nx-rate-limit-remaining: 9", "", `
			"" unit=requests remaining=9 [x-rate-limit-*]
			"app-24hour" unit=requests scope=app limit=100 remaining=0 window=24h0m0s window=59m58.8s..1h0m0s retry=1h0m0s refused [x-app-limit-24hour-*, status 429, reset]`},
		{"the day of a user", 200, "x-user-limit-24hour-limit: 100\nx-user-limit-24hour-remaining: 3", "", `"user-24hour" unit=requests scope=user limit=100 remaining=3 window=24h0m0s [x-user-limit-24hour-*]`},
	})
}

func TestC3_Jira(t *testing.T) {
	t.Parallel()
	const points = "X-RateLimit-Limit: 65000\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 2026-05-23T13:00Z\n"
	const shown = `"" limit=65000 remaining=0 window=59m58.8s..1h0m0s`
	check(t, signal.Jira, []row{
		{"points", 200, points, "", shown + ` [x-ratelimit-*]`},
		{"points are out, no Retry-After", 429, points + "RateLimit-Reason: jira-quota-tenant-based", "", shown + " [x-ratelimit-*]\n" + `"jira-quota-tenant-based" retry=1h0m0s refused [status 429, reset]`},
		{"a burst stops itself alone", 429, strings.Replace(points, "Remaining: 0", "Remaining: 9", 1) + "RateLimit-Reason: jira-burst-based\nRetry-After: 3", "", strings.Replace(shown, "remaining=0", "remaining=9", 1) + " [x-ratelimit-*]\n" + `"jira-burst-based" retry=3s refused [status 429, retry-after]`},
		{"writes on an issue, with 503", 503, "RateLimit-Reason: jira-per-issue-on-write\nRetry-After: 3", "", `"jira-per-issue-on-write" retry=3s refused [status 503, retry-after]`},
		{"503 without a reason", 503, "Retry-After: 3", "", `"" retry=3s [retry-after]`},
		{"near the limit", 200, "X-RateLimit-Limit: 65000\nX-RateLimit-NearLimit: true", "", `"" limit=65000 remaining=13000 [x-ratelimit-*]`},
		{"not near it", 200, "X-RateLimit-Limit: 65000\nX-RateLimit-NearLimit: false", "", `"" limit=65000 [x-ratelimit-*]`},
		{"the fields to come", 200, "Beta-RateLimit-Policy: \"global-app-quota\";q=65000;w=3600\nBeta-RateLimit: \"global-app-quota\";r=13000;t=600", "", `"global-app-quota" limit=65000 remaining=13000 window=1h0m0s next=9m58.8s..10m0s [beta-ratelimit-policy, beta-ratelimit]`},
		{"Data Center", 200, "X-RateLimit-Limit: 50\nX-RateLimit-Remaining: 9\nX-RateLimit-FillRate: 5\nX-RateLimit-Interval-Seconds: 10", "", `"" limit=50 remaining=9 refill=0.5 [x-ratelimit-*]`},
		{"Data Center without an interval", 200, "X-RateLimit-FillRate: 5\nX-RateLimit-Interval-Seconds: 0", "", ``},
	})
}

func TestC3_RapidPro(t *testing.T) {
	t.Parallel()
	check(t, signal.RapidPro, []row{
		{"refused: when the oldest entry expires", 429, "Retry-After: 1723", `{"detail":"Request was throttled. Expected available in 1723 seconds."}`, `"" scope=organization retry=28m43s refused [status 429, retry-after]`},
		{"success", 200, "", `{"results":[]}`, ``},
	})
}

func TestC3_Cloudflare(t *testing.T) {
	t.Parallel()
	const fields = "Ratelimit: \"default\";r=50;t=30\nRatelimit-Policy: \"default\";q=1200;w=300"
	check(t, signal.Cloudflare, []row{
		{"fields", 200, fields, "", `"default" limit=1200 remaining=50 window=5m0s next=28.8s..30s [ratelimit-policy, ratelimit]`},
		{"refused", 429, "retry-after: 200", "", `"" retry=3m20s refused [status 429, retry-after]`},
		{"everything is refused for five minutes", 429, fields, "", `
			"default" limit=1200 remaining=50 window=5m0s next=28.8s..30s [ratelimit-policy, ratelimit]
			"" retry=5m0s refused [status 429, all refused for 5m]`},
	})
}
