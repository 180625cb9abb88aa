package signal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/internal/signal"
)

// plain is a success that says nothing of quotas, with as many fields as APIs
// send.
var plain = http.Header{
	"Date": {"Sat, 23 May 2026 12:00:00 GMT"}, "Content-Type": {"application/json"}, "Content-Length": {"100"},
	"Cache-Control": {"no-cache"}, "Etag": {`"a"`}, "Vary": {"Accept"}, "Server": {"nginx"},
	"Strict-Transport-Security": {"max-age=1"}, "X-Request-Id": {"a"}, "Connection": {"keep-alive"},
	"X-Content-Type-Options": {"nosniff"}, "Last-Modified": {"Sat, 23 May 2026 12:00:00 GMT"},
}

func TestAllocatesNothingWithoutSignals(t *testing.T) { // not parallel: it counts allocations
	mappings := []signal.Mapping{
		{Header: "X-Acme-Left", Field: "remaining"},
		{Status: 403, JSON: "error.code", Equals: "over_quota", Means: "refused"},
	}
	body := []byte(`{"ok":true,"items":[1,2,3]}`)
	for _, d := range append(signal.Dialects(), signal.Guess) {
		p, err := signal.New(d, mappings)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []signal.Answer{
			{Status: 200, Header: plain, Body: body},
			{Status: 204, Header: plain},
			{Status: 304, Header: plain},
			{Status: 404, Header: plain},
			{Status: 500, Header: plain},
			{Status: 200},
		} {
			a.Sent, a.Received = sent, received
			var records []signal.Record
			if n := testing.AllocsPerRun(100, func() { records = p.Parse(a) }); n != 0 || records != nil {
				t.Errorf("%q, status %d: %v allocations, claims %s", d, a.Status, n, show(records))
			}
		}
	}
}

// A parser of quadratic time would not come to an end here: each part is as
// long as it is read, or a mebibyte.
func TestLM6_LongInput(t *testing.T) { // not parallel: it counts allocations
	const mib = 1 << 20
	long := func(s string, n int) string { return strings.Repeat(s, n/len(s)) }
	headers := http.Header{"Date": plain["Date"]}
	for i := range 4000 {
		n := strings.Repeat("A", 1+i/26) + string(rune('a'+i%26))
		headers["X-Ratelimit-Remaining-"+n] = []string{"1"}
		headers["Anthropic-Ratelimit-"+n+"-Remaining"] = []string{"1"}
		headers["X-Ms-Ratelimit-Remaining-"+n] = []string{"1"}
	}
	// Those that read more than the others do.
	readers := []signal.Dialect{signal.GitHub, signal.Shopify, signal.OpenAI, signal.Anthropic, signal.Azure, signal.Google, signal.AWS, signal.Guess}
	answers := map[string]signal.Answer{
		"many fields":    {Status: 429, Header: headers},
		"list":           {Status: 429, Header: http.Header{"Ratelimit": {long(`"a";r=1,`, 8000) + `"b"`}, "Ratelimit-Policy": {long("1;w=1,", 8000) + "2"}}},
		"list too long":  {Status: 429, Header: http.Header{"Ratelimit": {long(`"a";r=1,`, mib) + `"b"`}}},
		"number":         {Status: 429, Header: http.Header{"X-Ratelimit-Limit": {long("9", mib)}, "X-Ratelimit-Reset": {long("9", mib)}, "Retry-After-Ms": {long("9", mib)}}},
		"resources":      {Status: 200, Header: http.Header{"X-Ms-Ratelimit-Remaining-Resource": {long("a;1,", 8000), long("a;1,", 100)}}},
		"deep arrays":    {Status: 429, Body: []byte(long("[", mib))},
		"deep objects":   {Status: 429, Body: []byte(long(`{"a":`, mib))},
		"wide array":     {Status: 429, Body: []byte("[" + long("1,", mib))},
		"wide object":    {Status: 429, Body: []byte("{" + long(`"code":1,`, mib))},
		"details":        {Status: 429, Body: []byte(`{"error":{"details":[` + long(`{"retryDelay":"1s"},`, mib))},
		"policies":       {Status: 429, Body: []byte(`{"type":"http-problem-types#quota-exceeded","violated-policies":[` + long(`"ab",`, 30000) + long(`"cd",`, mib))},
		"string":         {Status: 429, Body: []byte(`{"a":"` + long(`\u00e9`, mib))},
		"XML":            {Status: 503, Body: []byte(long("<Code>", mib))},
		"words of limit": {Status: 200, Body: []byte(`{"message":"` + long("rate limit ratelimited THROTTLED throttleStatus ", mib))},
	}
	for name, a := range answers {
		a.Sent, a.Received = sent, received
		for _, d := range readers {
			var records []signal.Record
			if n := testing.AllocsPerRun(1, func() { records = signal.Parse(d, a) }); n > 400_000 {
				t.Errorf("%s, %q: %v allocations", name, d, n)
			}
			if len(records) > 128 {
				t.Errorf("%s, %q: %d records", name, d, len(records))
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for name, c := range map[string]struct {
		dialect signal.Dialect
		header  http.Header
	}{
		"silent/guess":    {signal.Guess, plain},
		"silent/standard": {signal.Standard, plain},
		"silent/github":   {signal.GitHub, plain},
		"silent/openai":   {signal.OpenAI, plain},
		"github": {signal.GitHub, http.Header{
			"Date": plain["Date"], "X-Ratelimit-Limit": {"5000"}, "X-Ratelimit-Remaining": {"4999"},
			"X-Ratelimit-Used": {"1"}, "X-Ratelimit-Resource": {"core"}, "X-Ratelimit-Reset": {"1779537630"},
		}},
		"draft": {signal.Standard, http.Header{"Ratelimit": {`"a";r=50;t=30`}, "Ratelimit-Policy": {`"a";q=100;w=60`}}},
	} {
		b.Run(name, func(b *testing.B) {
			p, err := signal.New(c.dialect, nil)
			if err != nil {
				b.Fatal(err)
			}
			a := signal.Answer{Status: 200, Header: c.header, Sent: sent, Received: received}
			b.ReportAllocs()
			for b.Loop() {
				p.Parse(a)
			}
		})
	}
}
