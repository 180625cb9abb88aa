package signal

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// guess reads the fields that look like a rate limit and that nobody has
// understood: X-RateLimit-*, X-Rate-Limit-*, RateLimit-*, <vendor>-ratelimit-*.
func (r *reading) guess() {
	for _, t := range r.guessed() {
		r.quota(t)
	}
	if r.dialect.name == Guess && r.Status == http.StatusForbidden && r.hints[rankRetryAfter].at.After(r.Received) {
		r.refuse("status 403")
	}
}

// guessed groups the fields by the quota in their names.
func (r *reading) guessed() []texts {
	var quotas []texts
	for _, name := range r.left("") {
		g, ok := guessName(strings.ToLower(name))
		if !ok || g.vendor == "" && g.id == "" && r.known { // it repeats the others
			continue
		}
		t := texts{id: join2(g.vendor, g.id), source: g.family, unit: g.unit, window: g.window, kind: ResetWindow}
		at := slices.IndexFunc(quotas, func(q texts) bool { return q.id == t.id })
		if at < 0 && len(quotas) == maxRecords {
			break
		}
		if at < 0 {
			at, quotas = len(quotas), append(quotas, t)
		}
		g.fill(&quotas[at], r.get(name))
	}
	return slices.DeleteFunc(quotas, func(t texts) bool { return t.limit == "" && t.remaining == "" && t.reset == "" && t.used == "" })
}

func join2(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "-" + b
}

// guessedName is the name of a field, taken apart.
type guessedName struct {
	vendor, family string
	field          string // limit, remaining, used, reset or reset-after
	id, unit       string
	window         time.Duration
}

// guessName takes apart a name in lower case; false if it names no value of a
// quota.
func guessName(name string) (guessedName, bool) {
	word := "ratelimit"
	before, after, found := strings.Cut(name, word)
	if !found {
		word = "rate-limit"
		if before, after, found = strings.Cut(name, word); !found {
			return guessedName{}, false
		}
	}
	g := guessedName{family: before + word + "-*"}
	if g.vendor = strings.Trim(before, "-"); g.vendor == "x" {
		g.vendor = ""
	}
	g.vendor = strings.TrimPrefix(g.vendor, "x-")
	if after == "" {
		g.field, g.family = "limit", name
		return g, true
	}
	if after[0] != '-' {
		return guessedName{}, false
	}
	return g, g.words(strings.Split(after[1:], "-"))
}

// words finds the one word of a name that says what the value is; the others
// name the quota.
func (g *guessedName) words(words []string) bool {
	var id []string
	for i, w := range words {
		switch {
		case w == "after" && i > 0 && words[i-1] == "reset":
			g.field = "reset-after"
		case slices.Contains([]string{"limit", "remaining", "used", "reset"}, w):
			if g.field != "" {
				return false
			}
			g.field = w
		default:
			id = append(id, w)
		}
	}
	g.id = strings.Join(id, "-")
	g.window = windows[g.id]
	if len(id) > 0 {
		if last := id[len(id)-1]; last == "requests" || last == "tokens" {
			g.unit = last
		}
	}
	return g.field != ""
}

// windows are the names that say how long a window is.
var windows = map[string]time.Duration{
	"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
}

func (g *guessedName) fill(t *texts, v string) {
	switch g.field {
	case "limit":
		t.limit = v
	case "remaining":
		t.remaining = v
	case "used":
		t.used = v
	case "reset":
		if t.reset == "" {
			t.reset = v
		}
	case "reset-after": // more exact than an epoch
		t.reset, t.format = v, FormatSeconds
	}
}

// guessBody reads what several vendors' bodies have in common.
func guessBody(r *reading) {
	if r.Status < 400 {
		return
	}
	r.unpaid()
	if r.Status != http.StatusTooManyRequests || has(r.Header, "Retry-After") {
		return // the header's unit is known
	}
	for _, path := range [][]string{{"retry_after"}, {"parameters", "retry_after"}} {
		r.hintNumber(rankExact, r.json().text(path...), time.Second, "body "+strings.Join(path, "."))
	}
}

// unpaid finds the answers that no waiting changes: the account has no money
// left, or no plan.
func (r *reading) unpaid() {
	for _, member := range []string{"code", "type"} {
		switch v := r.json().text("error", member); v {
		case "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error":
			r.acquit("body error." + member + "=" + v)
			r.end("body error." + member + "=" + v)
			return
		}
	}
}
