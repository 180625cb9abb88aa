package signal_test

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

// sane checks what holds for every record, whatever a server sends.
func sane(t *testing.T, a signal.Answer, records []signal.Record) {
	t.Helper()
	ids := map[string]bool{}
	for _, r := range records {
		if ids[r.ID] {
			t.Errorf("two records of %q: %s", r.ID, show(records))
		}
		ids[r.ID] = true
		for _, s := range []string{r.ID, r.Scope, r.Source} {
			if len(s) > 2000 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Errorf("%q is not fit for a log", s)
			}
		}
		if r.Source == "" {
			t.Errorf("a record without a source: %s", show(records))
		}
		for _, v := range []signal.Value[float64]{r.Limit, r.Remaining, r.Refill, r.Cost} {
			if v.V < 0 || math.IsNaN(v.V) || math.IsInf(v.V, 0) || v.V != 0 && !v.OK {
				t.Errorf("value %v", v)
			}
		}
		if r.Window.V < 0 || r.Window.OK && r.Window.V == 0 {
			t.Errorf("window %v", r.Window)
		}
		if r.ResetAt.IsZero() != (r.ResetKind == signal.ResetNone) || r.ResetFrom.After(r.ResetAt) || !r.ResetAt.IsZero() && r.ResetAt.Before(a.Received) {
			t.Errorf("reset %v %v..%v", r.ResetKind, r.ResetFrom, r.ResetAt)
		}
		if !r.RetryAt.IsZero() && r.RetryAt.Before(a.Received) {
			t.Errorf("retry at %v, received at %v", r.RetryAt, a.Received)
		}
	}
}

// FuzzParse sends a header section and a body through every dialect.
func FuzzParse(f *testing.F) {
	for _, seed := range []struct {
		status       int
		header, body string
	}{
		{200, "X-RateLimit-Limit: 100\nX-RateLimit-Remaining: 7\nX-RateLimit-Reset: 1779537630", ""},
		{429, "RateLimit: \"a\";r=50;t=30\nRateLimit-Policy: \"a\";q=100;w=60;pk=:cHJv:", `{"type":"http-problem-types#quota-exceeded","violated-policies":["a"]}`},
		{429, "RateLimit: limit=10, remaining=5, reset=1\nRateLimit-Policy: 10;w=1, 50;w=60", ""},
		{200, "RateLimit-Limit: 10, 10;w=1, 50;w=60\nRateLimit-Remaining: 9\nRateLimit-Reset: 50", ""},
		{403, "x-ratelimit-remaining: 0\nx-ratelimit-resource: core\nretry-after: 60", `{"message":"secondary rate limit"}`},
		{200, "x-ratelimit-resource: graphql", `{"errors":[{"type":"RATE_LIMITED"}],"data":{"rateLimit":{"cost":1,"resetAt":"2026-05-23T12:10:00Z"}}}`},
		{429, "Stripe-Rate-Limited-Reason: global-rate\nStripe-Should-Retry: false", `{"error":{"code":"lock_timeout"}}`},
		{200, "X-Shopify-Shop-Api-Call-Limit: 32/40", `{"errors":[{"extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":250,"throttleStatus":{"maximumAvailable":2000.0,"currentlyAvailable":100,"restoreRate":50.0}}}}`},
		{200, "", `{"ok":false,"error":"ratelimited"}`},
		{429, "X-RateLimit-Bucket: a\nX-RateLimit-Reset-After: 64.57\nX-RateLimit-Global: true", `{"retry_after":64570,"global":false}`},
		{429, "x-app-limit-24hour-remaining: 0\nx-rate-limit-reset: 1", `{"errors":[{"code":88}]}`},
		{429, "x-ratelimit-limit-tokens: 60\nx-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 6m0s\nx-ratelimit-renewalperiod-tokens: 60", `{"error":{"code":"insufficient_quota","type":"tokens"}}`},
		{529, "anthropic-ratelimit-tokens-reset: 2026-05-23T12:00:01Z\nanthropic-priority-input-tokens-limit: 5", `{"error":{"type":"overloaded_error"}}`},
		{503, "Retry-After: 1\nx-ms-resource-unit: 2\nx-ms-throttle-limit-percentage: 1.8\nx-ms-throttle-information: x", ""},
		{429, "x-ms-ratelimit-remaining-resource: A/B3Min;197,C;x\nx-ms-ratelimit-remaining-tenant-reads: 0", `{"error":{"code":"RetryableErrorDueToAnotherOperation"}}`},
		{429, "", `{"error":{"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"22s"},{"violations":[{"quotaId":"PerDay","quotaValue":"5"}]}]}}`},
		{400, "x-amzn-ErrorType: a#ThrottlingException:b\nx-amz-retry-after: 5", `<Code>SlowDown</Code>`},
		{429, "X-RateLimit-Reset: 2026-05-23T13:00Z\nX-RateLimit-NearLimit: true\nRateLimit-Reason: jira-burst-based\nBeta-RateLimit: \"a\";r=1\nX-RateLimit-FillRate: 5\nX-RateLimit-Interval-Seconds: 9", ""},
		{200, "grpc-retry-pushback-ms: -1\nx-should-retry: false", ""},
		{429, "Retry-After-Ms: 1e400\nRetry-After: Sat, 23 May 2026 12:00:60 GMT\nDate: Sat, 23 May 2026 12:00:00 GMT", "[[{"},
		{429, "Date: Mon, 01 Jan 0001 00:00:00 GMT\nX-RateLimit-Reset: 253402300799", "\x00"},
	} {
		f.Add(seed.status, seed.header, seed.body)
	}
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		h := http.Header{}
		for line := range strings.Lines(header) {
			if name, value, found := strings.Cut(line, ":"); found {
				h.Add(strings.TrimSpace(name), strings.TrimSpace(value))
			}
		}
		a := signal.Answer{Status: status, Header: h, Body: []byte(body), Sent: sent, Received: received}
		before := h.Clone()
		for _, d := range append(signal.Dialects(), signal.Guess) {
			got := signal.Parse(d, a)
			sane(t, a, got)
			if again := show(signal.Parse(d, a)); again != show(got) {
				t.Errorf("%q: once %s, once %s", d, show(got), again)
			}
		}
		if !mapsEqual(before, h) || string(a.Body) != body {
			t.Error("the answer was changed")
		}
	})
}

func mapsEqual(a, b http.Header) bool {
	for k, v := range a {
		if !slices.Equal(v, b[k]) {
			return false
		}
	}
	return len(a) == len(b)
}

// FuzzReset reads one value as a reset in every format.
func FuzzReset(f *testing.F) {
	for _, v := range []string{
		"", "0", "30", "1.5", "-5", "1779537630", "1779537630.25", "1779537630000", "9999999999999999", "6m0s", "12ms", "9223372036s",
		"2026-05-23T12:00:30Z", "2026-05-23T12:01Z", "2026-05-23 12:00:30Z", "0000-01-01T00:00:00Z", "Sat, 23 May 2026 12:00:30 GMT",
		"Saturday, 23-May-26 12:00:30 GMT", "Sat May 23 12:00:30 2026", "Sat May 23 2026 12:00:30 GMT+0000 (Coordinated Universal Time)",
		"Sat May 23 2026 12:00:30 GMT-9999", "30;w=1", "1e309", strings.Repeat("9", 64),
	} {
		f.Add(v)
	}
	var parsers []*signal.Parser
	for _, format := range []signal.Format{"", "seconds", "ms", "epoch_s", "epoch_ms", "rfc3339", "http_date", "duration"} {
		p, err := signal.New(signal.Standard, []signal.Mapping{{Header: "A", Field: "reset", Format: format}, {Header: "A", Field: "retry_after", Format: format}})
		if err != nil {
			f.Fatal(err)
		}
		parsers = append(parsers, p)
	}
	f.Fuzz(func(t *testing.T, v string) {
		a := signal.Answer{Status: 200, Header: http.Header{"A": {v}, "Date": {serverNow.Format(http.TimeFormat)}}, Sent: sent, Received: received}
		for _, p := range parsers {
			sane(t, a, p.Parse(a))
		}
	})
}

// FuzzMapping compiles any mapping: it is refused with its key, or works.
func FuzzMapping(f *testing.F) {
	f.Add("X-Acme-Left", "", "remaining", "", "core", 0, "", "", `{}`)
	f.Add("", "error.code", "", "", "core", 403, "over_quota", "refused", `{"error":{"code":"over_quota"}}`)
	f.Add("", `a\.b.*.0`, "reset", "epoch_ms", "", 0, "", "", `{"a.b":[[1]]}`)
	f.Add("", `\`, "cost", "", "", 0, "", "", `{"\\":1}`)
	f.Fuzz(func(t *testing.T, header, path, field, format, quota string, status int, equals, means, body string) {
		p, err := signal.New(signal.Guess, []signal.Mapping{{
			Header: header, JSON: path, Field: field, Format: signal.Format(format), Quota: quota, Status: status, Equals: equals, Means: means,
		}})
		if err != nil {
			if text := err.Error(); !strings.HasPrefix(text, "signals[0].") || strings.ContainsAny(text, "\n\r") {
				t.Errorf("error %q", text)
			}
			return
		}
		a := signal.Answer{Status: status, Header: http.Header{http.CanonicalHeaderKey(header): {"5"}}, Body: []byte(body), Sent: sent, Received: received}
		p.WantsBody(status, a.Header)
		for _, r := range p.Parse(a) {
			if r.ID == "" && r.Source == "" {
				t.Errorf("an empty record: %s", show([]signal.Record{r}))
			}
		}
	})
}

// FuzzClock observes any two Dates: the bounds are in order.
func FuzzClock(f *testing.F) {
	f.Add("Sat, 23 May 2026 12:00:00 GMT", "Sat, 23 May 2026 12:00:01 GMT", int64(1_779_537_600), int64(1e9), int64(1e8))
	f.Add("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", int64(0), int64(-1), int64(-5))
	f.Fuzz(func(t *testing.T, first, second string, unix, gap, trip int64) {
		at := time.Unix(unix%253_402_300_800, 0)
		var c signal.Clock
		for _, date := range []string{first, second} {
			c.Observe(http.Header{"Date": {date}}, at.Add(-time.Duration(trip)), at)
			if lo, hi, ok := c.Offset(); lo > hi || !ok && (lo != 0 || hi != 0) {
				t.Errorf("offset %v..%v, %v", lo, hi, ok)
			}
			at = at.Add(time.Duration(gap))
		}
	})
}
