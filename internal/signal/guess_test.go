package signal_test

import (
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/signal"
)

// TestC3_DeFacto reads the names that everybody uses, in all their spellings.
func TestC3_DeFacto(t *testing.T) {
	t.Parallel()
	const want = `limit=100 remaining=7 window=28.8s..30s`
	var rows []row
	for prefix, claims := range map[string]string{
		"X-RateLimit-":       `"" ` + want + ` [x-ratelimit-*]`,
		"x-ratelimit-":       `"" ` + want + ` [x-ratelimit-*]`,
		"X-RATELIMIT-":       `"" ` + want + ` [x-ratelimit-*]`,
		"X-Rate-Limit-":      `"" ` + want + ` [x-rate-limit-*]`,
		"RateLimit-":         `"" ` + want + ` [ratelimit-*]`,
		"Rate-Limit-":        `"" ` + want + ` [rate-limit-*]`,
		"acme-ratelimit-":    `"acme" ` + want + ` [acme-ratelimit-*]`,
		"X-Acme-RateLimit-":  `"acme" ` + want + ` [x-acme-ratelimit-*]`,
		"X-Acme-Rate-Limit-": `"acme" ` + want + ` [x-acme-rate-limit-*]`,
	} {
		rows = append(rows, row{prefix, 200, prefix + "Limit: 100\n" + prefix + "Remaining: 7\n" + prefix + "Reset: 30", "", claims})
	}
	check(t, signal.Guess, rows)
}

func TestC3_GuessedNames(t *testing.T) {
	t.Parallel()
	check(t, signal.Guess, []row{
		{"used", 200, "X-RateLimit-Limit: 100\nX-RateLimit-Used: 93", "", `"" limit=100 remaining=7 [x-ratelimit-*]`},
		{"used too much", 200, "X-RateLimit-Limit: 100\nX-RateLimit-Used: 193", "", `"" limit=100 remaining=0 [x-ratelimit-*]`},
		{"reset after", 200, "X-RateLimit-Reset: 4102444800\nX-RateLimit-Reset-After: 1.5", "", `"" window=1.299s..1.5s [x-ratelimit-*]`},
		{"one field", 200, "X-Rate-Limit: 100", "", `"" limit=100 [x-rate-limit]`},
		{"by window", 200, "X-RateLimit-Limit-Minute: 60\nX-RateLimit-Remaining-Minute: 59\nX-RateLimit-Limit-Hour: 1000\nX-RateLimit-Remaining-Hour: 0", "", `
			"hour" limit=1000 remaining=0 window=1h0m0s [x-ratelimit-*]
			"minute" limit=60 remaining=59 window=1m0s [x-ratelimit-*]`},
		{"by resource", 200, "acme-ratelimit-requests-limit: 60\nacme-ratelimit-requests-remaining: 59\nacme-ratelimit-input-tokens-remaining: 3", "", `
			"acme-input-tokens" unit=tokens remaining=3 [acme-ratelimit-*]
			"acme-requests" unit=requests limit=60 remaining=59 [acme-ratelimit-*]`},
		{"two fields of one name, the first", 200, "X-RateLimit-Remaining: 5\nX-RateLimit-Remaining: 500", "", `"" remaining=5 [x-ratelimit-*]`},
		{"names that say no value", 200, "X-RateLimit-Bucket: a\nX-RateLimit-Scope: user\nX-RateLimit-Next: 2026-05-23T12:00:30Z\nX-RateLimit-Reset-Limit: 4\nX-RateLimits: 5", "", ``},
		{"other limits", 200, "X-Upload-Limit: 5\nX-Limit: 5\nX-Retry-Count: 1\nContent-Rating-Limit: 5", "", ``},
	})
}

// TestLM7_ResetForms: a reset is known by its look.
func TestLM7_ResetForms(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"0":                                "-200ms..0s",
		"30":                               "28.8s..30s",
		"30, 60":                           "28.8s..30s",
		"30;w=60":                          "28.8s..30s",
		"1.5":                              "1.299s..1.5s",
		"999999999":                        "277777h46m37.8s..277777h46m39s",
		epoch(30 * time.Second):            "28.8s..30s",
		epoch(30*time.Second) + ".25":      "29.05s..30.25s",
		epoch(30*time.Second) + "000":      "28.8s..30s",
		epoch(30*time.Second) + "250":      "29.05s..30.25s",
		epoch(30*time.Second) + "250.5":    "29.0505s..30.2505s",
		epoch(-30 * time.Second):           "0s..0s",
		"6m0s":                             "5m58.8s..6m0s",
		"12ms":                             "-189ms..12ms",
		"1h30m":                            "1h29m58.8s..1h30m0s",
		"2026-05-23T12:00:30Z":             "28.8s..30s",
		"2026-05-23T12:00:30.250Z":         "29.05s..30.25s",
		"2026-05-23T14:00:30+02:00":        "28.8s..30s",
		"2026-05-23 12:00:30Z":             "28.8s..30s",
		"2026-05-23T12:01Z":                "58.8s..1m0s",
		"2026-05-23T14:01+02:00":           "58.8s..1m0s",
		"2026-05-22T12:00:30Z":             "0s..0s",
		"Sat, 23 May 2026 12:00:30 GMT":    "28.8s..30s",
		"Saturday, 23-May-26 12:00:30 GMT": "28.8s..30s",
		"Sat May 23 12:00:30 2026":         "28.8s..30s",
		"Sat May 23 2026 12:00:30 GMT+0000 (Coordinated Universal Time)": "28.8s..30s",
		"Sat May 23 2026 14:00:30 GMT+0200 (CEST)":                       "28.8s..30s",
		// Nonsense.
		"-30": "", "+30": "", "1e3": "", "soon": "", "6m-3s": "", "5 minutes": "", "5d": "", "99999999999h": "", "2026": "33m44.8s..33m46s",
		"2026-05-23": "", "2026-13-23T12:00:30Z": "", "12:00:30": "", "T": "", "Z": "", "Sat": "", "0x1p3s": "", "1s2": "",
	} {
		got := show(signal.Parse(signal.Guess, row{status: 200, header: "X-RateLimit-Reset: " + value}.answer()))
		if want != "" {
			want = `"" window=` + want + " [x-ratelimit-*]"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestC3_GuessedBodies(t *testing.T) {
	t.Parallel()
	check(t, signal.Guess, []row{
		{"retry_after", 429, "", `{"message":"slow down","retry_after":3.5}`, `"" retry=3.5s refused [status 429, body retry_after]`},
		{"Telegram", 429, "", `{"ok":false,"parameters":{"retry_after":35}}`, `"" retry=35s refused [status 429, body parameters.retry_after]`},
		{"a field has a unit that is known", 429, "Retry-After: 3", `{"retry_after":3000}`, `"" retry=3s refused [status 429, retry-after]`},
		{"only refusals", 400, "", `{"retry_after":3}`, ``},
		{"no money: no limit, and final", 429, "Retry-After: 3", `{"error":{"code":"insufficient_quota"}}`, `"" retry=3s final [body error.code=insufficient_quota, retry-after]`},
		{"cut off", 429, "", `{"message":"slow down","retry_after":3`, `"" refused [status 429]`},
		{"cut off behind", 429, "", `{"retry_after":3,"message":"slow do`, `"" retry=3s refused [status 429, body retry_after]`},
		{"not JSON", 429, "", `<html>retry_after: 3</html>`, `"" refused [status 429]`},
	})
}
