package signal_test

import (
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

func TestC3_OpenAI(t *testing.T) {
	t.Parallel()
	const fields = `
		x-ratelimit-limit-requests: 60
		x-ratelimit-remaining-requests: 59
		x-ratelimit-reset-requests: 1s
		x-ratelimit-limit-tokens: 150000
		x-ratelimit-remaining-tokens: 0
		x-ratelimit-reset-tokens: 6m0s
	`
	check(t, signal.OpenAI, []row{
		{"two buckets that fill", 200, fields, "", `
			"requests" unit=requests limit=60 remaining=59 refill=1 full=-200ms..1s [x-ratelimit-*-requests]
			"tokens" unit=tokens limit=150000 remaining=0 refill=416.6666666666667 full=5m58.8s..6m0s [x-ratelimit-*-tokens]`},
		{"milliseconds", 200, "x-ratelimit-limit-requests: 5000\nx-ratelimit-remaining-requests: 4999\nx-ratelimit-reset-requests: 12ms", "", `
			"requests" unit=requests limit=5000 remaining=4999 refill=83.33333333333333 full=-189ms..12ms [x-ratelimit-*-requests]`},
		{"full", 200, "x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 60\nx-ratelimit-reset-requests: 0s", "", `
			"requests" unit=requests limit=60 remaining=60 full=-200ms..0s [x-ratelimit-*-requests]`},
		{"more than full", 200, "x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 90\nx-ratelimit-reset-requests: 5s", "", `
			"requests" unit=requests limit=60 remaining=90 full=3.8s..5s [x-ratelimit-*-requests]`},
		{"other tokens", 200, "x-ratelimit-remaining-tokens: 1\nx-ratelimit-remaining-project-tokens: 2\nx-ratelimit-remaining-tokens_usage_based: 3", "", `
			"project-tokens" unit=tokens remaining=2 [x-ratelimit-*-project-tokens]
			"tokens" unit=tokens remaining=1 [x-ratelimit-*-tokens]
			"tokens_usage_based" unit=tokens remaining=3 [x-ratelimit-*-tokens_usage_based]`},
		{"refused: the bucket that the error names", 429, fields + "retry-after-ms: 1200\nretry-after: 2", `{"error":{"type":"requests","code":"rate_limit_exceeded"}}`, `
			"requests" unit=requests limit=60 remaining=59 refill=1 full=-200ms..1s retry=1.2s refused [x-ratelimit-*-requests, body error.type=requests, retry-after-ms]
			"tokens" unit=tokens limit=150000 remaining=0 refill=416.6666666666667 full=5m58.8s..6m0s [x-ratelimit-*-tokens]`},
		{"its reset, not the longest", 429, fields, `{"error":{"type":"requests","code":"rate_limit_exceeded"}}`, `
			"requests" unit=requests limit=60 remaining=59 refill=1 full=-200ms..1s retry=1s refused [x-ratelimit-*-requests, body error.type=requests, reset]
			"tokens" unit=tokens limit=150000 remaining=0 refill=416.6666666666667 full=5m58.8s..6m0s [x-ratelimit-*-tokens]`},
		{"no money is no limit", 429, "", `{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}`, `"" final [body error.code=insufficient_quota]`},
		{"no plan", 429, "", `{"error":{"code":"billing_not_active"}}`, `"" final [body error.code=billing_not_active]`},
		{"no money, told by the type", 429, "", `{"error":{"type":"insufficient_quota","code":null}}`, `"" final [body error.type=insufficient_quota]`},
	})
	check(t, signal.AzureOpenAI, []row{
		{"Azure", 200, "x-ratelimit-limit: 100\nx-ratelimit-limit-tokens: 1000\nx-ratelimit-remaining-tokens: 900\nx-ratelimit-renewalperiod-tokens: 60", "", `
			"" limit=100 [x-ratelimit-*]
			"tokens" unit=tokens limit=1000 remaining=900 window=1m0s [x-ratelimit-*-tokens]`},
		{"a bare number is in seconds", 200, "x-ratelimit-reset-tokens: 20\nx-ratelimit-remaining-tokens: 0", "", `"tokens" unit=tokens remaining=0 full=18.8s..20s [x-ratelimit-*-tokens]`},
	})
}

func TestC3_Anthropic(t *testing.T) {
	t.Parallel()
	check(t, signal.Anthropic, []row{
		{"buckets", 200, `
			anthropic-ratelimit-requests-limit: 50
			anthropic-ratelimit-requests-remaining: 49
			anthropic-ratelimit-requests-reset: 2026-05-23T12:00:01Z
			anthropic-ratelimit-input-tokens-limit: 20000
			anthropic-ratelimit-input-tokens-remaining: 19000
			anthropic-ratelimit-input-tokens-reset: 2026-05-23T11:59:00Z
			anthropic-ratelimit-output-tokens-remaining: 8000`, "", `
			"input-tokens" unit=tokens limit=20000 remaining=19000 full=0s..0s [anthropic-ratelimit-input-tokens-*]
			"output-tokens" unit=tokens remaining=8000 [anthropic-ratelimit-output-tokens-*]
			"requests" unit=requests limit=50 remaining=49 full=0s..1s [anthropic-ratelimit-requests-*]`},
		{"priority", 200, "anthropic-priority-input-tokens-limit: 10000\nanthropic-priority-input-tokens-remaining: 9000", "", `"priority-input-tokens" unit=tokens limit=10000 remaining=9000 [anthropic-priority-input-tokens-*]`},
		{"unified", 200, "anthropic-ratelimit-unified-reset: " + epoch(time.Hour), "", `"unified" full=59m58.8s..1h0m0s [anthropic-ratelimit-unified-*]`},
		{"refused", 429, "retry-after: 12\nanthropic-ratelimit-requests-remaining: 0", `{"type":"error","error":{"type":"rate_limit_error"}}`, `"requests" unit=requests remaining=0 retry=12s refused [anthropic-ratelimit-requests-*, status 429, retry-after]`},
		{"overloaded", 529, "", `{"type":"error","error":{"type":"overloaded_error"}}`, `"" refused [status 529]`},
		{"overloaded, behind a proxy", 500, "", `{"type":"error","error":{"type":"overloaded_error"}}`, `"" refused [body error.type=overloaded_error]`},
		{"no money", 402, "", `{"type":"error","error":{"type":"billing_error"}}`, `"" final [body error.type=billing_error]`},
		{"another error", 400, "", `{"type":"error","error":{"type":"invalid_request_error"}}`, ``},
	})
}

func TestC3_MicrosoftGraph(t *testing.T) {
	t.Parallel()
	check(t, signal.MicrosoftGraph, []row{
		{"fields and cost", 200, "RateLimit-Limit: 100\nRateLimit-Remaining: 50\nRateLimit-Reset: 30\nx-ms-resource-unit: 2", "", `"" unit=resource-units limit=100 remaining=50 cost=2 window=28.8s..30s [x-ms-resource-unit, ratelimit-*]`},
		{"most is used", 200, "x-ms-throttle-limit-percentage: 0.8\nx-ms-throttle-scope: Tenant_Application/ReadWrite/a/b", "", `"throttle" unit=share scope=Tenant_Application/ReadWrite/a/b limit=1 remaining=0.19999999999999996 [x-ms-throttle-limit-percentage]`},
		{"more than all is used", 200, "x-ms-throttle-limit-percentage: 1.8", "", `"throttle" unit=share limit=1 remaining=0 [x-ms-throttle-limit-percentage]`},
		{"refused", 429, "Retry-After: 10\nx-ms-throttle-scope: Tenant/Read/a\nx-ms-throttle-information: ResourceUnitLimitExceeded", "", `"ResourceUnitLimitExceeded" scope=Tenant/Read/a retry=10s refused [status 429, retry-after]`},
		{"refused with 503", 503, "Retry-After: 10", "", `"" retry=10s refused [status 503, retry-after]`},
		{"503 alone", 503, "", "", ``},
		{"bandwidth", 509, "Retry-After: 10", "", `"" retry=10s refused [status 509, retry-after]`},
	})
}

func TestC3_AzureResourceManager(t *testing.T) {
	t.Parallel()
	check(t, signal.Azure, []row{
		{"subscription and tenant", 200, "x-ms-ratelimit-remaining-subscription-reads: 249\nx-ms-ratelimit-remaining-tenant-writes: 0", "", `
			"subscription-reads" unit=requests scope=subscription remaining=249 [x-ms-ratelimit-remaining-subscription-reads]
			"tenant-writes" unit=requests scope=tenant remaining=0 [x-ms-ratelimit-remaining-tenant-writes]`},
		{"resource provider", 200, "x-ms-ratelimit-remaining-resource: Microsoft.Compute/GetVMScaleSet3Min;197,Microsoft.Compute/GetVMScaleSet30Min;1178, broken, ;3, Microsoft.X/Put;a", "", `
			"Microsoft.Compute/GetVMScaleSet3Min" unit=requests scope=resource remaining=197 window=3m0s [x-ms-ratelimit-remaining-resource]
			"Microsoft.Compute/GetVMScaleSet30Min" unit=requests scope=resource remaining=1178 window=30m0s [x-ms-ratelimit-remaining-resource]`},
		{"refused", 429, "Retry-After: 17\nx-ms-ratelimit-remaining-subscription-deletes: 0", `{"error":{"code":"TooManyRequests"}}`, `"subscription-deletes" unit=requests scope=subscription remaining=0 retry=17s refused [x-ms-ratelimit-remaining-subscription-deletes, status 429, retry-after]`},
		{"another operation holds the resource", 429, "Retry-After: 5", `{"error":{"code":"RetryableErrorDueToAnotherOperation"}}`, `"" retry=5s [retry-after]`},
		{"the same in the details", 429, "", `{"error":{"code":"Conflict","details":[{"code":"RetryableErrorDueToAnotherOperation"}]}}`, ``},
	})
}

func TestC3_Google(t *testing.T) {
	t.Parallel()
	const retryInfo = `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"22s"}`
	exhausted := func(details string) string {
		return `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[` + details + `]}}`
	}
	failure := func(id string) string {
		return `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"m","quotaId":"` + id + `","quotaValue":"15"}]},`
	}
	check(t, signal.Google, []row{
		{"RetryInfo", 429, "", exhausted(retryInfo), `"" retry=22s refused [body RESOURCE_EXHAUSTED, body RetryInfo]`},
		{"a quota of a minute", 429, "", exhausted(failure("GenerateRequestsPerMinutePerProject") + retryInfo), `"GenerateRequestsPerMinutePerProject" limit=15 window=1m0s retry=22s refused [body quotaId, body RESOURCE_EXHAUSTED, body RetryInfo]`},
		{"a quota of a day: believe its name, not 22 s", 429, "", exhausted(failure("GenerateRequestsPerDayPerProject") + retryInfo), `"GenerateRequestsPerDayPerProject" limit=15 window=24h0m0s retry=20h0m0s refused [body quotaId, body RESOURCE_EXHAUSTED, daily quota]`},
		{"ErrorInfo", 429, "", exhausted(`{"reason":"RATE_LIMIT_EXCEEDED","metadata":{"quota_limit":"ReadsPerMinutePerUser","quota_limit_value":"60"}}`), `"ReadsPerMinutePerUser" limit=60 window=1m0s refused [body quotaId, body RATE_LIMIT_EXCEEDED]`},
		{"403 of the older form", 403, "", `{"error":{"errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded"}],"code":403}}`, `"" refused [body userRateLimitExceeded]`},
		{"a day of the older form", 403, "", `{"error":{"errors":[{"reason":"dailyLimitExceeded"}]}}`, `"" retry=20h0m0s refused [body dailyLimitExceeded, daily quota]`},
		{"403 that is none", 403, "", `{"error":{"errors":[{"reason":"insufficientPermissions"}],"status":"PERMISSION_DENIED"}}`, ``},
		{"429 alone", 429, "Retry-After: 3", "", `"" retry=3s refused [body 429, retry-after]`},
	})
}

func TestC3_AWS(t *testing.T) {
	t.Parallel()
	rows := []row{
		{"a field", 400, "x-amzn-ErrorType: ThrottlingException:http://internal.amazon.com/coral/\nx-amz-retry-after: 1500", "", `"" retry=1.5s refused [x-amzn-errortype ThrottlingException, x-amz-retry-after]`},
		{"a JSON type", 400, "", `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}`, `"" refused [body __type ProvisionedThroughputExceededException]`},
		{"XML", 503, "", `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`, `"" refused [body Code SlowDown]`},
		{"503 that is none", 503, "", `<Error><Code>ServiceUnavailable</Code></Error>`, ``},
		{"400 that is none", 400, "x-amzn-ErrorType: ValidationException", "", ``},
		{"a success", 200, "x-amzn-ErrorType: Throttling", "", ``},
		{"a code that does not end", 503, "", `<Error><Code>SlowDown`, ``},
	}
	for _, code := range []string{
		"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException", "TooManyRequestsException",
		"ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded", "BandwidthLimitExceeded",
		"LimitExceededException", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException",
	} {
		rows = append(rows, row{code, 400, "", `{"code":"` + code + `"}`, `"" refused [body code ` + code + `]`})
	}
	check(t, signal.AWS, rows)
}
