package signal_test

import (
	"testing"

	"github.com/godwit-go/godwit/internal/signal"
)

func TestC3_RetryAfterForms(t *testing.T) {
	t.Parallel()
	check(t, signal.Standard, []row{
		{"seconds", 429, "Retry-After: 120", "", `"" retry=2m0s refused [status 429, retry-after]`},
		{"float", 429, "Retry-After: 2.0", "", `"" retry=2s refused [status 429, retry-after]`},
		{"float is rounded up", 429, "Retry-After: 1.2", "", `"" retry=2s refused [status 429, retry-after]`},
		{"IMF-fixdate, by the server's clock", 429, "Retry-After: Sat, 23 May 2026 12:01:30 GMT", "", `"" retry=1m30s refused [status 429, retry-after]`},
		{"RFC 850", 429, "Retry-After: Saturday, 23-May-26 12:01:30 GMT", "", `"" retry=1m30s refused [status 429, retry-after]`},
		{"asctime", 429, "Retry-After: Sat May 23 12:01:30 2026", "", `"" retry=1m30s refused [status 429, retry-after]`},
		{"nothing is guessed", 200, "X-RateLimit-Remaining: 1\nVendor-RateLimit-Remaining: 1", "", ``},
		{"403 is no refusal here", 403, "Retry-After: 5", "", `"" retry=5s [retry-after]`},
	})
}

// TestC3_RetryAfterOfAKnownClock: a date without a Date is counted on the clock
// that earlier answers told.
func TestC3_RetryAfterOfAKnownClock(t *testing.T) {
	t.Parallel()
	a := row{status: 429, header: "Retry-After: Sat, 23 May 2026 12:01:30 GMT"}.answer()
	a.Clock.Observe(a.Header, sent, received)
	a.Header.Del("Date")
	if got, want := show(signal.Parse(signal.Standard, a)), `"" retry=1m30s refused [status 429, retry-after]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestC3_GRPCPushback(t *testing.T) {
	t.Parallel()
	check(t, signal.Standard, []row{
		{"delay", 200, "grpc-retry-pushback-ms: 1500", "", `"" retry=1.5s [grpc-retry-pushback-ms]`},
		{"at once", 200, "grpc-retry-pushback-ms: 0", "", `"" retry=0s [grpc-retry-pushback-ms]`},
		{"negative: do not retry", 200, "grpc-retry-pushback-ms: -1", "", `"" final [grpc-retry-pushback-ms]`},
		{"unreadable: do not retry", 200, "grpc-retry-pushback-ms: soon", "", `"" final [grpc-retry-pushback-ms]`},
		{"empty: do not retry", 200, "grpc-retry-pushback-ms:", "", `"" final [grpc-retry-pushback-ms]`},
		{"beyond 32 bits: do not retry", 200, "grpc-retry-pushback-ms: 99999999999", "", `"" final [grpc-retry-pushback-ms]`},
		{"repeated: do not retry", 200, "grpc-retry-pushback-ms: 1\ngrpc-retry-pushback-ms: 2", "", `"" final [grpc-retry-pushback-ms]`},
	})
}

func TestC3_ShouldRetry(t *testing.T) {
	t.Parallel()
	check(t, signal.Standard, []row{
		{"false", 500, "x-should-retry: false", "", `"" final [x-should-retry]`},
		{"false on a refusal", 429, "x-should-retry: false\nretry-after-ms: 20", "", `"" retry=20ms refused final [status 429, x-should-retry, retry-after-ms]`},
		{"true says nothing of quotas", 500, "x-should-retry: true", "", ``},
		{"success", 200, "x-should-retry: false", "", ``},
	})
}

func TestC3_RetryInfo(t *testing.T) {
	t.Parallel()
	check(t, signal.Standard, []row{
		{"in an error", 503, "", `{"error":{"details":[{"reason":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.250s"}]}}`, `"" retry=250ms [body RetryInfo]`},
		{"in a status", 429, "", `{"code":8,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"22s"}]}`, `"" retry=22s refused [status 429, body RetryInfo]`},
		{"in a list, as streams have it", 429, "", `[{"error":{"details":[{"retryDelay":"22s"}]}}]`, `"" retry=22s refused [status 429, body RetryInfo]`},
		{"negative", 429, "", `{"error":{"details":[{"retryDelay":"-22s"}]}}`, `"" refused [status 429]`},
		{"a number", 429, "", `{"error":{"details":[{"retryDelay":{"seconds":22}}]}}`, `"" refused [status 429]`},
	})
}

// TestC3_ProblemTypes: draft-ietf-httpapi-ratelimit-headers-11 section 5.
func TestC3_ProblemTypes(t *testing.T) {
	t.Parallel()
	const (
		types    = `{"type":"https://iana.org/assignments/http-problem-types#`
		policies = `","violated-policies":["burst","daily"]}`
		fields   = "RateLimit-Policy: \"burst\";q=10;w=1, \"daily\";q=1000;w=86400, \"other\";q=5;w=1\nRateLimit: \"burst\";r=0;t=1, \"daily\";r=3;t=600"
	)
	check(t, signal.Standard, []row{
		{"quota exceeded", 429, "Retry-After: 7", types + `quota-exceeded` + policies, `
			"burst" retry=7s refused [problem quota-exceeded, retry-after]
			"daily" retry=7s refused [problem quota-exceeded, retry-after]`},
		{"it freezes only the named", 429, fields, types + `quota-exceeded","violated-policies":["daily"]}`, `
			"burst" limit=10 remaining=0 window=1s next=-200ms..1s [ratelimit-policy, ratelimit]
			"daily" limit=1000 remaining=3 window=24h0m0s next=9m58.8s..10m0s retry=10m0s refused [ratelimit-policy, ratelimit, problem quota-exceeded, reset]
			"other" limit=5 window=1s [ratelimit-policy]`},
		{"reduced capacity", 503, "Retry-After: 7", types + `temporary-reduced-capacity","violated-policies":["burst"]}`, `"burst" retry=7s refused [problem temporary-reduced-capacity, retry-after]`},
		{"abnormal usage", 429, "", types + `abnormal-usage-detected","violated-policies":["burst"]}`, `"burst" refused [problem abnormal-usage-detected]`},
		{"no policy is named", 429, "", types + `quota-exceeded"}`, `"" refused [problem quota-exceeded]`},
		{"relative type", 429, "", `{"type":"/http-problem-types#quota-exceeded","violated-policies":["a"]}`, `"a" refused [problem quota-exceeded]`},
		{"another problem", 503, "", types + `out-of-stock"}`, ``},
		{"policies that are no names", 429, "", types + `quota-exceeded","violated-policies":[{"a":1},["b"],""]}`, `"" refused [problem quota-exceeded]`},
		{"a success", 200, "", types + `quota-exceeded` + policies, ``},
	})
}
