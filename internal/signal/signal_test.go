package signal_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

// serverNow is the Date of the answers. The clock of this machine is three hours
// behind; the answer took 200 ms.
var (
	serverNow = time.Date(2026, time.May, 23, 12, 0, 0, 0, time.UTC)
	received  = serverNow.Add(-3 * time.Hour).Add(500 * time.Millisecond)
	sent      = received.Add(-200 * time.Millisecond)
)

// row is an answer and what it claims, a line for each record as show writes it.
type row struct {
	name   string
	status int
	header string // lines of "name: value"; "+30s" and "-30s" in a value stand for an epoch of the server
	body   string
	want   string
}

// answer makes the answer of a row. Names are written as servers write them.
func (c row) answer() signal.Answer {
	h := http.Header{"Date": {serverNow.Format(http.TimeFormat)}}
	for line := range strings.Lines(c.header) {
		if name, value, found := strings.Cut(line, ":"); found {
			h.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	return signal.Answer{Status: c.status, Header: h, Body: []byte(c.body), Sent: sent, Received: received}
}

// epoch is the server's time in d.
func epoch(d time.Duration) string { return strconv.FormatInt(serverNow.Add(d).Unix(), 10) }

// check reads each row in the dialect.
func check(t *testing.T, d signal.Dialect, rows []row) {
	t.Helper()
	p, err := signal.New(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkParser(t, p, rows)
}

func checkParser(t *testing.T, p *signal.Parser, rows []row) {
	t.Helper()
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			t.Helper()
			got, want := show(p.Parse(c.answer())), dedent(c.want)
			if got != want {
				t.Errorf("status %d\n%s\n%s\nclaims\n%s\nwant\n%s", c.status, dedent(c.header), c.body, got, want)
			}
		})
	}
}

// dedent drops the white space around each line, and empty lines.
func dedent(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// show writes records as text: times from receipt, one record to a line.
func show(records []signal.Record) string {
	lines := make([]string, len(records))
	for i, r := range records {
		var b strings.Builder
		fmt.Fprintf(&b, "%q", r.ID)
		put := func(name string, v any, there bool) {
			if there {
				fmt.Fprintf(&b, " %s=%v", name, v)
			}
		}
		put("unit", r.Unit, r.Unit != "")
		put("scope", r.Scope, r.Scope != "")
		put("limit", r.Limit.V, r.Limit.OK)
		put("remaining", r.Remaining.V, r.Remaining.OK)
		put("window", r.Window.V, r.Window.OK)
		put("refill", r.Refill.V, r.Refill.OK)
		put("cost", r.Cost.V, r.Cost.OK)
		put(r.ResetKind.String(), fmt.Sprintf("%v..%v", r.ResetFrom.Sub(received), r.ResetAt.Sub(received)), !r.ResetAt.IsZero())
		put("retry", r.RetryAt.Sub(received), !r.RetryAt.IsZero())
		if r.Refused {
			b.WriteString(" refused")
		}
		if r.Final {
			b.WriteString(" final")
		}
		fmt.Fprintf(&b, " [%s]", r.Source)
		lines[i] = b.String()
	}
	return strings.Join(lines, "\n")
}

// TestLM7_CachedAnswersSayNothing: draft-ietf-httpapi-ratelimit-headers-11
// section 7.3.
func TestLM7_CachedAnswersSayNothing(t *testing.T) {
	t.Parallel()
	const header = "RateLimit: \"a\";r=0;t=30\nX-RateLimit-Remaining: 0\nRetry-After: 30\n"
	p, err := signal.New(signal.Guess, []signal.Mapping{{Status: 429, Means: "final"}})
	if err != nil {
		t.Fatal(err)
	}
	for age, silent := range map[string]bool{
		"1": true, "31536000": true, " 7 ": true, "0.5": true, "99999999999999999999": true,
		"0": false, "-1": false, "old": false, "": false,
	} {
		got := p.Parse(row{status: 429, header: header + "Age: " + age, body: `{"error":{"code":"insufficient_quota"}}`}.answer())
		if (got == nil) != silent {
			t.Errorf("Age %q: claims %s", age, show(got))
		}
	}
}

// Every dialect takes a 429 for a refusal, obeys Retry-After, and reads the
// standards.
func TestC3_StandardsInEveryDialect(t *testing.T) {
	t.Parallel()
	for _, d := range append(signal.Dialects(), signal.Guess) {
		for header, want := range map[string]string{
			"":                      "refused",
			"Retry-After: 7":        "retry=7s refused",
			"Retry-After-Ms: 300":   "retry=300ms refused",
			"X-Should-Retry: false": "final",
		} {
			if got := show(signal.Parse(d, row{status: 429, header: header}.answer())); !strings.Contains(got, want) {
				t.Errorf("%q: %q claims %s, want %s", d, header, got, want)
			}
		}
		const fields = `RateLimit: "burst";r=50;t=30`
		if got := show(signal.Parse(d, row{status: 200, header: fields}.answer())); !strings.HasPrefix(got, `"burst" remaining=50 next=28.8s..30s`) {
			t.Errorf("%q: RateLimit claims %s", d, got)
		}
		const body = `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","violated-policies":["burst"]}`
		if got := show(signal.Parse(d, row{status: 429, body: body}.answer())); !strings.HasPrefix(got, `"burst" `) || !strings.Contains(got, " refused ") {
			t.Errorf("%q: the problem claims %s", d, got)
		}
	}
}

func TestUnknownDialect(t *testing.T) {
	t.Parallel()
	_, err := signal.New("gihtub", nil)
	if err == nil || !strings.Contains(err.Error(), `dialect: "gihtub" is unknown: want one of standard, github, stripe,`) {
		t.Errorf("error %v", err)
	}
	got := show(signal.Parse("gihtub", row{status: 200, header: "RateLimit: \"a\";r=1\nX-RateLimit-Remaining: 1"}.answer()))
	if got != `"a" remaining=1 [ratelimit]` {
		t.Errorf("an unknown dialect claims %s", got)
	}
}

func TestDialectsAreListedOnce(t *testing.T) {
	t.Parallel()
	seen := map[signal.Dialect]bool{}
	for _, d := range signal.Dialects() {
		if d == signal.Guess || seen[d] {
			t.Errorf("%q is listed twice or has no name", d)
		}
		seen[d] = true
		if _, err := signal.New(d, nil); err != nil {
			t.Error(err)
		}
	}
	if len(seen) != 17 {
		t.Errorf("%d dialects", len(seen))
	}
}

func TestWantsBody(t *testing.T) {
	t.Parallel()
	const document = "application/json; charset=utf-8"
	for _, c := range []struct {
		dialect signal.Dialect
		mapping signal.Mapping
		status  int
		header  http.Header
		want    bool
	}{
		{status: 429, want: true},
		{status: 200, header: http.Header{"Content-Type": {document}}},
		{dialect: signal.Slack, status: 200, header: http.Header{"Content-Type": {document}}, want: true},
		{dialect: signal.Slack, status: 200, header: http.Header{"Content-Type": {"text/event-stream"}}},
		{dialect: signal.Slack, status: 200, header: http.Header{"Content-Type": {"application/x-ndjson"}}},
		{dialect: signal.Slack, status: 200, header: http.Header{"Content-Type": {"application/stream+json"}}},
		{dialect: signal.Slack, status: 200},
		{dialect: signal.Shopify, status: 200, header: http.Header{"Content-Type": {"application/graphql-response+json"}}, want: true},
		{dialect: signal.Shopify, status: 200, header: http.Header{"Content-Type": {document}, "X-Shopify-Shop-Api-Call-Limit": {"1/40"}}},
		{dialect: signal.GitHub, status: 200, header: http.Header{"Content-Type": {document}, "X-Ratelimit-Resource": {"graphql"}}, want: true},
		{dialect: signal.GitHub, status: 200, header: http.Header{"Content-Type": {document}, "X-Ratelimit-Resource": {"core"}}},
		{mapping: signal.Mapping{JSON: "a", Field: "cost"}, status: 200, header: http.Header{"Content-Type": {document}}, want: true},
		{mapping: signal.Mapping{JSON: "a", Field: "cost", Status: 202}, status: 200, header: http.Header{"Content-Type": {document}}},
	} {
		var mappings []signal.Mapping
		if c.mapping.JSON != "" {
			mappings = append(mappings, c.mapping)
		}
		p, err := signal.New(c.dialect, mappings)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.WantsBody(c.status, c.header); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestLM7_Nonsense feeds values that no server should send, and some do.
func TestLM7_Nonsense(t *testing.T) {
	t.Parallel()
	for _, v := range []string{
		"", "-1", "-0", "+5", "NaN", "Inf", "1e9", "0x10", "١٢", "1.2.3", ".5", "5.", "ten", "unlimited", "1 000", "1_000",
		"\x00", strings.Repeat("9", 65), strings.Repeat("1", 9000), "null", "true", "{}",
	} {
		for _, d := range append(signal.Dialects(), signal.Guess) {
			c := row{status: 200, header: "X-RateLimit-Limit: " + v + "\nX-RateLimit-Remaining: " + v + "\nX-RateLimit-Reset: " + v + "\n" +
				"RateLimit-Limit: " + v + "\nRateLimit-Remaining: " + v + "\nRateLimit-Reset: " + v + "\n"}
			if got := show(signal.Parse(d, c.answer())); got != "" {
				t.Errorf("%q: %.20q claims %s", d, v, got)
			}
		}
	}
}

// TestLM7_FarResets: what is absurd is told, the caller decides.
func TestLM7_FarResets(t *testing.T) {
	t.Parallel()
	check(t, signal.Guess, []row{
		{"a year", 429, "Retry-After: 31536000", "", `"" retry=8760h0m0s refused [status 429, retry-after]`},
		{"more than a duration holds", 429, "Retry-After: 99999999999", "", `"" retry=2562047h47m16.854775807s refused [status 429, retry-after]`},
		{"a reset in the past", 200, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: " + epoch(-time.Hour), "", `"" remaining=0 window=0s..0s [x-ratelimit-*]`},
		{"a past reset is no hint", 429, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: " + epoch(-time.Hour), "", `"" remaining=0 window=0s..0s refused [x-ratelimit-*, status 429]`},
		{"a past date", 429, "Retry-After: Sat, 23 May 2026 11:59:59 GMT", "", `"" refused [status 429]`},
		{"a negative delay", 429, "Retry-After: -5", "", `"" refused [status 429]`},
		{"none", 429, "Retry-After: 0", "", `"" refused [status 429]`},
		{"the year 9999", 200, "X-RateLimit-Reset: 253402300799", "", `"" window=2562047h47m16.854775807s..2562047h47m16.854775807s [x-ratelimit-*]`},
		{"the year 10000", 200, "X-RateLimit-Reset: 253402300800", "", ``},
	})
}

// TestLM7_Precedence: which of several hints counts on a refusal.
func TestLM7_Precedence(t *testing.T) {
	t.Parallel()
	const retryInfo = `{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"22s"}]}}`
	check(t, signal.Guess, []row{
		{"body before Retry-After", 429, "Retry-After: 5", retryInfo, `"" retry=22s refused [status 429, body RetryInfo]`},
		{"milliseconds before Retry-After", 429, "Retry-After: 5\nretry-after-ms: 4200.5", "", `"" retry=4.2005s refused [status 429, retry-after-ms]`},
		{"Microsoft's milliseconds", 429, "Retry-After: 5\nx-ms-retry-after-ms: 4200", "", `"" retry=4.2s refused [status 429, x-ms-retry-after-ms]`},
		{"milliseconds that make no sense", 429, "Retry-After: 5\nretry-after-ms: soon", "", `"" retry=5s refused [status 429, retry-after]`},
		{"two Retry-After, the larger", 429, "Retry-After: 5\nRetry-After: 9", "", `"" retry=9s refused [status 429, retry-after]`},
		{"Retry-After before t", 429, "RateLimit: \"a\";r=0;t=60\nRetry-After: 5", "", `"a" remaining=0 next=58.8s..1m0s retry=5s refused [ratelimit, status 429, retry-after]`},
		{"the exhausted one, not the first to reset", 429, `
			RateLimit: "requests";r=9;t=1, "tokens";r=0;t=20, "day";r=7;t=9000`, "", `
			"requests" remaining=9 next=-200ms..1s [ratelimit]
			"tokens" remaining=0 next=18.8s..20s retry=20s refused [ratelimit, status 429, reset]
			"day" remaining=7 next=2h29m58.8s..2h30m0s [ratelimit]`},
		{"of two exhausted the shortest", 429, `RateLimit: "a";r=0;t=30, "b";r=0;t=20`, "", `
			"a" remaining=0 next=28.8s..30s retry=20s refused [ratelimit, status 429, reset]
			"b" remaining=0 next=18.8s..20s retry=20s refused [ratelimit, status 429, reset]`},
		{"none exhausted: the shortest, never the longest", 429, `RateLimit: "requests";r=1;t=360, "tokens";r=10;t=1`, "", `
			"requests" remaining=1 next=5m58.8s..6m0s [ratelimit]
			"tokens" remaining=10 next=-200ms..1s [ratelimit]
			"" retry=1s refused [status 429, shortest reset]`},
		{"Retry-After 0 leaves it to the reset", 429, "Retry-After: 0\nRateLimit: \"a\";r=0;t=20", "", `
			"a" remaining=0 next=18.8s..20s retry=20s refused [ratelimit, status 429, reset]`},
		{"no hint: the caller's own backoff", 429, "", "", `"" refused [status 429]`},
	})
}

// TestC3_HintsWithoutRefusal: Retry-After belongs to 503 and redirects too, and
// says nothing of quotas there.
func TestC3_HintsWithoutRefusal(t *testing.T) {
	t.Parallel()
	check(t, signal.Guess, []row{
		{"503", 503, "Retry-After: 5", "", `"" retry=5s [retry-after]`},
		{"503 alone", 503, "", "", ``},
		{"redirect", 307, "Retry-After: 5", "", `"" retry=5s [retry-after]`},
		{"a job that is not done", 202, "Retry-After: 5", "", ``},
		{"a reset is no hint without a refusal", 503, `RateLimit: "a";r=0;t=20`, "", `"a" remaining=0 next=18.8s..20s [ratelimit]`},
		{"403 that asks to wait", 403, "Retry-After: 5", "", `"" retry=5s refused [status 403, retry-after]`},
		{"403", 403, "X-RateLimit-Remaining: 0", "", `"" remaining=0 [x-ratelimit-*]`},
		{"overload", 529, "", "", `"" refused [status 529]`},
		{"not found", 404, "", `{"message":"no such thing"}`, ``},
	})
}

func ExampleParser_Parse() {
	parser, err := signal.New(signal.GitHub, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, time.May, 23, 12, 0, 0, 0, time.UTC)
	records := parser.Parse(signal.Answer{
		Status: 403,
		Header: http.Header{
			"Date":                  {"Sat, 23 May 2026 12:00:00 GMT"},
			"X-Ratelimit-Limit":     {"5000"},
			"X-Ratelimit-Remaining": {"0"},
			"X-Ratelimit-Reset":     {"1779537900"},
			"X-Ratelimit-Resource":  {"core"},
		},
		Body:     []byte(`{"message": "API rate limit exceeded for user ID 1."}`),
		Sent:     now,
		Received: now,
	})
	for _, r := range records {
		left, known := r.Remaining.Get()
		fmt.Println(r.ID, left, known, r.Refused, r.RetryAt.Sub(now), r.Source)
	}
	// Output: core 0 true true 5m0s x-ratelimit-*, body rate limit, reset
}

func ExampleParse() {
	now := time.Now()
	records := signal.Parse(signal.Guess, signal.Answer{
		Status:   200,
		Header:   http.Header{"Ratelimit": {`"hour";r=12;t=1800`}, "Ratelimit-Policy": {`"hour";q=100;w=3600`}},
		Sent:     now,
		Received: now,
	})
	r := records[0]
	fmt.Println(r.ID, r.Limit.V, r.Remaining.V, r.Window.V, r.ResetAt.Sub(now), r.ResetKind)
	// Output: hour 100 12 1h0m0s 30m0s next
}
