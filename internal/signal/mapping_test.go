package signal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

func declared(t *testing.T, d signal.Dialect, mappings ...signal.Mapping) *signal.Parser {
	t.Helper()
	p, err := signal.New(d, mappings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestC3_Mappings(t *testing.T) {
	t.Parallel()
	p := declared(
		t, signal.Guess,
		signal.Mapping{Header: "X-Acme-Left", Field: "remaining", Quota: "core"},
		signal.Mapping{Header: "x-acme-reset", Field: "reset", Format: signal.FormatEpochMS, Quota: "core"},
		signal.Mapping{Header: "X-Acme-Max", Field: "limit", Quota: "core"},
		signal.Mapping{Header: "X-Acme-Used", Field: "used", Quota: "core"},
		signal.Mapping{Header: "X-Acme-Window", Field: "window", Format: signal.FormatMillis, Quota: "core"},
		signal.Mapping{JSON: "meta.cost", Field: "cost", Quota: "points"},
		signal.Mapping{JSON: "meta.rate", Field: "refill", Quota: "points"},
		signal.Mapping{JSON: "wait", Field: "retry_after", Format: signal.FormatMillis},
		signal.Mapping{Status: 403, JSON: "error.code", Equals: "over_quota", Means: "refused", Quota: "core"},
		signal.Mapping{Status: 429, JSON: "errors.*.reason", Equals: "lock", Means: "not_limited"},
		signal.Mapping{JSON: "error.code", Equals: "unpaid", Means: "final"},
		signal.Mapping{Status: 420, Means: "refused"},
		signal.Mapping{Header: "X-Blocked", Means: "refused"},
	)
	checkParser(t, p, []row{
		{"values", 200, "X-Acme-Left: 5\nX-Acme-Reset: " + epoch(30*time.Second) + "000\nX-Acme-Max: 100\nX-Acme-Window: 1500", "", `"core" limit=100 remaining=5 window=1.5s window=28.8s..30s [x-acme-left, x-acme-reset, x-acme-max, x-acme-window]`},
		{"used", 200, "X-Acme-Max: 100\nX-Acme-Used: 30", "", `"core" limit=100 remaining=70 [x-acme-max, x-acme-used]`},
		{"body", 200, "", `{"meta":{"cost":2.5,"rate":10}}`, `"points" refill=10 cost=2.5 [body meta.cost, body meta.rate]`},
		{"refused", 403, "X-Acme-Reset: " + epoch(30*time.Second) + "000", `{"error":{"code":"over_quota"}}`, `"core" window=28.8s..30s retry=30s refused [x-acme-reset, body error.code, reset]`},
		{"another code", 403, "", `{"error":{"code":"forbidden"}}`, ``},
		{"another status", 400, "", `{"error":{"code":"over_quota"}}`, ``},
		{"429 that is no limit", 429, "", `{"errors":[{"reason":"x"},{"reason":"lock"}]}`, ``},
		{"final", 402, "", `{"error":{"code":"unpaid"}}`, `"" final [body error.code]`},
		{"a status alone", 420, "", "", `"" refused [status 420]`},
		{"a header alone", 200, "X-Blocked: yes", "", `"" refused [x-blocked]`},
		{"declared before Retry-After", 420, "Retry-After: 9", `{"wait":1500}`, `"" retry=1.5s refused [status 420, body wait]`},
		{"a value that makes no sense is ignored", 200, "X-Acme-Left: -5\nX-Acme-Reset: tomorrow", "", ``},
		{"what is not declared is guessed", 200, "X-Acme-Left: 5\nRateLimit: \"a\";r=1", "", `
			"core" remaining=5 [x-acme-left]
			"a" remaining=1 [ratelimit]`},
	})
}

// TestC3_DeclaredBeforeDialectBeforeGuess: rule by rule of precedence.
func TestC3_DeclaredBeforeDialectBeforeGuess(t *testing.T) {
	t.Parallel()
	fields := "x-ratelimit-limit: 5000\nx-ratelimit-remaining: 0\nx-ratelimit-resource: core\nx-ratelimit-reset: 30"
	checkParser(t, declared(
		t, signal.GitHub,
		signal.Mapping{Header: "X-RateLimit-Reset", Field: "reset", Format: signal.FormatSeconds, Quota: "core"},
	), []row{
		{"declared before dialect", 200, fields, "", `"core" unit=requests limit=5000 remaining=0 window=1h0m0s window=28.8s..30s [x-ratelimit-reset, x-ratelimit-*]`},
	})
	check(t, signal.GitHub, []row{
		{"the dialect alone", 200, fields, "", `"core" unit=requests limit=5000 remaining=0 window=1h0m0s window=0s..0s [x-ratelimit-*]`},
	})
	checkParser(t, declared(
		t, signal.Guess,
		signal.Mapping{Header: "X-RateLimit-Reset", Field: "reset", Format: signal.FormatMillis},
	), []row{
		{"declared before guess", 200, fields, "", `"" limit=5000 remaining=0 window=-171ms..30ms [x-ratelimit-reset, x-ratelimit-*]`},
	})
	checkParser(t, declared(t, signal.OpenAI, signal.Mapping{Status: 429, Means: "refused", Quota: "mine"}), []row{
		{"declared refusal", 429, "", `{"error":{"code":"insufficient_quota","type":"tokens"}}`, `"mine" refused final [status 429, body error.code=insufficient_quota]`},
	})
	checkParser(t, declared(t, signal.Slack, signal.Mapping{JSON: "error", Equals: "ratelimited", Means: "not_limited"}), []row{
		{"declared innocence", 429, "", `{"ok":false,"error":"ratelimited"}`, ``},
	})
}

// TestC3_VendorsToDeclare: APIs that need no dialect, only a mapping.
func TestC3_VendorsToDeclare(t *testing.T) {
	t.Parallel()
	checkParser(t, declared(t, signal.Guess, signal.Mapping{Header: "X-RateLimit-Next", Field: "retry_after", Format: signal.FormatRFC3339}), []row{
		{"Akamai", 429, "X-RateLimit-Limit: 60\nX-RateLimit-Remaining: 0\nX-RateLimit-Next: 2026-05-23T12:00:30.500Z", "", `"" limit=60 remaining=0 retry=30.5s refused [x-ratelimit-*, status 429, x-ratelimit-next]`},
	})
	checkParser(t, declared(t, signal.Guess, signal.Mapping{Header: "X-RateLimit-Retry-After", Field: "retry_after", Format: signal.FormatSeconds}), []row{
		{"MailerLite", 429, "X-RateLimit-Limit: 120\nX-RateLimit-Remaining: 0\nX-RateLimit-Retry-After: 42", "", `"" limit=120 remaining=0 retry=42s refused [x-ratelimit-*, status 429, x-ratelimit-retry-after]`},
	})
	checkParser(t, declared(
		t, signal.Guess,
		signal.Mapping{Header: "X-FloodControl-Limit", Field: "limit", Quota: "flood"},
		signal.Mapping{Header: "X-FloodControl-Remaining", Field: "remaining", Quota: "flood"},
		signal.Mapping{Header: "X-FloodControl-Reset", Field: "reset", Format: signal.FormatEpoch, Quota: "flood"},
	), []row{
		{"Hipchat", 429, "X-FloodControl-Limit: 30\nX-FloodControl-Remaining: 0\nX-FloodControl-Reset: " + epoch(30*time.Second), "", `"flood" limit=30 remaining=0 window=28.8s..30s retry=30s refused [x-floodcontrol-limit, x-floodcontrol-remaining, x-floodcontrol-reset, status 429, reset]`},
	})
}

func TestMappingFormats(t *testing.T) {
	t.Parallel()
	for format, values := range map[signal.Format]map[string]string{
		signal.FormatSeconds:  {"1500": "25m0s", "0.5": "500ms", "1779537630": "494316h0m30s", "5s": ""},
		signal.FormatMillis:   {"1500": "1.5s", "0.5": "500µs", "5s": ""},
		signal.FormatEpoch:    {epoch(30 * time.Second): "30s", "30": "0s", "5s": ""},
		signal.FormatEpochMS:  {epoch(30*time.Second) + "500": "30.5s", "soon": ""},
		signal.FormatRFC3339:  {"2026-05-23T12:00:30Z": "30s", "2026-05-23T12:01Z": "1m0s", "30": ""},
		signal.FormatHTTPDate: {"Sat, 23 May 2026 12:00:30 GMT": "30s", "Sat May 23 2026 12:00:30 GMT+0000 (UTC)": "", "30": ""},
		signal.FormatDuration: {"1m30s": "1m30s", "30": "", "-1s": ""},
		signal.FormatAuto:     {"30": "30s", "1m": "1m0s", epoch(30 * time.Second): "30s"},
	} {
		p := declared(t, signal.Standard, signal.Mapping{Header: "A", Field: "reset", Format: format})
		for v, want := range values {
			got := ""
			if records := p.Parse(row{status: 200, header: "A: " + v}.answer()); len(records) == 1 {
				got = records[0].ResetAt.Sub(received).String()
			}
			if got != want {
				t.Errorf("%s %q: %s, want %s", format, v, got, want)
			}
		}
	}
}

func TestMappingPaths(t *testing.T) {
	t.Parallel()
	const body = `{"a":{"b":[{"c":1},{"c":2,"d":null},[3]],"e.f":4,"":7,"t":true,"s":"5","o":{}},"b":8}`
	for path, want := range map[string]string{
		"a.b.0.c": "1", "a.b.1.c": "2", "a.b.*.c": "1", "a.b.2.0": "3", `a.e\.f`: "4", "a.*": "4", "b": "8", "a.s": "5",
		"a": "", "a.b": "", "a.b.1.d": "", "a.b.3": "", "c": "", "a.o": "", "a.t": "", "*": "8", "a.b.c": "", "b.a": "", "a.b.*.*.*": "",
	} {
		p := declared(t, signal.Standard, signal.Mapping{JSON: path, Field: "cost"})
		for _, doc := range []string{body, "[" + body + "]", "  \n" + body, body + "trailing"} {
			got := ""
			if records := p.Parse(row{status: 200, body: doc}.answer()); len(records) == 1 {
				got = fmt.Sprint(records[0].Cost.V)
			}
			if got != want {
				t.Errorf("%s in %.9s…: %q, want %q", path, doc, got, want)
			}
		}
	}
	equal := declared(t, signal.Standard, signal.Mapping{JSON: "a.t", Equals: "true", Means: "refused"})
	if got := equal.Parse(row{status: 200, body: body}.answer()); len(got) != 1 || !got[0].Refused {
		t.Errorf("a boolean is compared as text: %s", show(got))
	}
}

// TestCutBody cuts a document at every byte: what is read of a prefix is what
// the whole says, or nothing.
func TestCutBody(t *testing.T) {
	t.Parallel()
	const body = `[{"x": [1, 22, {"y": "zé\u00e9"}], "cost": 1234.5 , "z": {}}]`
	p := declared(t, signal.Standard, signal.Mapping{JSON: "cost", Field: "cost"})
	for i := range len(body) + 1 {
		records := p.Parse(row{status: 200, body: body[:i]}.answer())
		if len(records) > 0 != (i > strings.Index(body, "1234.5")+6) || len(records) > 0 && records[0].Cost != signal.Of(1234.5) {
			t.Errorf("%s: %s", body[:i], show(records))
		}
	}
}

func TestMappingErrors(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]signal.Mapping{
		"field: missing: add field (what the value is) or means (what the answer is)":                                   {Header: "A"},
		"json: a mapping reads a header or the body: remove one of header and json":                                     {Header: "A", JSON: "b", Field: "limit"},
		`header: "A B" is not the name of a header field`:                                                               {Header: "A B", Field: "limit"},
		`header: "A:" is not the name of a header field`:                                                                {Header: "A:", Field: "limit"},
		`json: "a..b" has an empty part: want a path such as error.code`:                                                {JSON: "a..b", Field: "limit"},
		`json: ".a" has an empty part: want a path such as error.code`:                                                  {JSON: ".a", Field: "limit"},
		"means: a mapping reads a value or judges the answer: remove one of field and means":                            {Header: "A", Field: "limit", Means: "refused"},
		"status: 99 is no status: want 100 to 599":                                                                      {Status: 99, Means: "refused"},
		"equals: nothing to compare: add header or json":                                                                {Status: 429, Equals: "a", Means: "refused"},
		"equals: only with means":                                                                                       {Header: "A", Equals: "a", Field: "limit"},
		`field: "left" is unknown: want one of limit, remaining, used, reset, retry_after, window, refill, cost`:        {Header: "A", Field: "left"},
		"field: no value to read: add header or json":                                                                   {Status: 429, Field: "limit"},
		"format: remaining is a plain number: remove format":                                                            {Header: "A", Field: "remaining", Format: signal.FormatMillis},
		`format: "epoch" does not suit reset: want one of seconds, ms, epoch_s, epoch_ms, rfc3339, http_date, duration`: {Header: "A", Field: "reset", Format: "epoch"},
		`format: "epoch_s" does not suit window: want one of seconds, ms, duration`:                                     {Header: "A", Field: "window", Format: signal.FormatEpoch},
		`means: "banned" is unknown: want one of refused, final, not_limited`:                                           {Status: 429, Means: "banned"},
		"means: every answer would be meant: add status, header or json":                                                {Means: "refused"},
		"format: only with field":                                                                                       {Status: 429, Means: "refused", Format: signal.FormatMillis},
		"quota: not with means: final":                                                                                  {Status: 429, Means: "final", Quota: "a"},
	} {
		_, err := signal.New(signal.Guess, []signal.Mapping{{Status: 429, Means: "refused"}, m})
		if err == nil || err.Error() != "signals[1]."+want {
			t.Errorf("%+v\n%v, want\n%s", m, err, "signals[1]."+want)
		}
	}
}

func ExampleNew() {
	parser, err := signal.New(signal.Guess, []signal.Mapping{
		{Header: "X-Acme-Left", Field: "remaining", Quota: "core"},
		{Status: 403, JSON: "error.code", Equals: "over_quota", Means: "refused", Quota: "core"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	for _, r := range parser.Parse(signal.Answer{
		Status: 403, Header: http.Header{"X-Acme-Left": {"0"}}, Body: []byte(`{"error": {"code": "over_quota"}}`),
		Sent: now, Received: now,
	}) {
		fmt.Println(r.ID, r.Remaining.V, r.Refused, r.Source)
	}
	_, err = signal.New(signal.Guess, []signal.Mapping{{Header: "X-Acme-Left", Field: "left"}})
	fmt.Println(err)
	// Output:
	// core 0 true x-acme-left, body error.code
	// signals[0].field: "left" is unknown: want one of limit, remaining, used, reset, retry_after, window, refill, cost
}
