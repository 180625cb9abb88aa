package limit

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/line"
)

// compile checks quota i.
func (c Quota) compile(i int) (line.Quota, error) {
	bad := func(field, format string, args ...any) (line.Quota, error) {
		return line.Quota{}, exchange.ConfigErrorf("limit.quotas[%d].%s: "+format, append([]any{i, field}, args...)...)
	}
	if c.Name == "" {
		return bad("name", "missing, set a name such as core; only a quota that is alone needs none")
	}
	q := line.Quota{Name: c.Name, Unit: c.Unit, Resource: c.Resource, Operations: slices.Clone(c.Operations)}
	if q.Unit == "" {
		q.Unit = "requests"
	}
	var problem string
	switch c.Model {
	case "", "bucket", "window", "log", "concurrency", "unknown":
	default:
		return bad("model", "%.40q is none of bucket, window, log, concurrency, unknown", c.Model)
	}
	if q.Law, problem = c.law(); problem != "" {
		return bad("limit", "%s", problem)
	}
	switch {
	case c.Burst != 0 && !q.Law.Saves():
		return bad("burst", "only with model: bucket")
	case c.Burst != 0 && !(c.Burst >= 1 && c.Burst <= maxUnits):
		return bad("burst", "%g is not between 1 and %g", c.Burst, float64(maxUnits))
	case c.Burst != 0:
		q.Law.SetBurst(c.Burst)
	}
	switch c.OnRefused {
	case "", "free", "drains":
	case "ban":
		q.Law.Ban = true
	default:
		return bad("on_refused", "%.40q is none of free, drains, ban", c.OnRefused)
	}
	if problem := price(&q, c.Cost); problem != "" {
		return bad("cost", "%s", problem)
	}
	if problem := parseKey(&q, c.Key); problem != "" {
		return bad("key", "%s", problem)
	}
	return q, nil
}

// price takes over the costs.
func price(q *line.Quota, costs map[string]float64) (problem string) {
	q.Usual, q.Costs = 1, make(map[string]float64, len(costs))
	for method, cost := range costs {
		switch {
		case !(cost >= 0 && cost <= q.Law.Most()):
			return strconv.FormatFloat(cost, 'g', -1, 64) + " is not between 0 and what the quota gives at most, " + strconv.FormatFloat(q.Law.Most(), 'g', -1, 64)
		case method == "default":
			q.Usual = cost
		case method != strings.ToUpper(method):
			return strconv.Quote(method) + " is neither default nor a method such as GET"
		default:
			q.Costs[method] = cost
		}
	}
	return ""
}

// parseKey reads "{credential}{operation}", with anything between.
func parseKey(q *line.Quota, key string) (problem string) {
	if key == "" {
		q.ByCredential = true
		return ""
	}
	for rest := key; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return ""
		}
		name, after, found := strings.Cut(after, "}")
		switch {
		case found && name == "credential":
			q.ByCredential = true
		case found && name == "operation":
			q.ByOperation = true
		case found && name == "method":
			q.ByMethod = true
		case found && name == "origin":
		default:
			return strconv.Quote(key) + " has a part that is none of {credential}, {operation}, {method}, {origin}"
		}
		rest = after
	}
}

// law reads model and limit.
func (c Quota) law() (l line.Law, problem string) {
	if c.Model == "unknown" {
		if c.Limit != "" {
			return l, "model: unknown has no limit; take it out, or the model"
		}
		return line.Unknown(), ""
	}
	amount, period, found := strings.Cut(strings.TrimSpace(c.Limit), "/")
	units, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(amount), "_", ""), 64)
	switch {
	case c.Limit == "":
		return l, "missing, set units and time such as 5000/h, or a number for model: concurrency"
	case err != nil || !(units > 0 && units <= maxUnits):
		return l, strconv.Quote(c.Limit) + " is no number of units above 0 and up to 1e12; write it like 5000/h"
	case c.Model == "concurrency" && found:
		return l, strconv.Quote(c.Limit) + " has a time; a concurrency is a number alone"
	case c.Model == "concurrency" && units < 1:
		return l, strconv.Quote(c.Limit) + " lets nothing through"
	case c.Model == "concurrency":
		return line.Concurrency(units), ""
	}
	w, ok := parsePeriod(strings.TrimSpace(period))
	switch {
	case !found || !ok:
		return l, strconv.Quote(c.Limit) + " has no time that can be read; write it like 10/s, 900/m, 5000/h, 1/d or 1200/5m"
	case w > maxWindow || w < 1e-3:
		return l, strconv.Quote(c.Limit) + " has a time that is not between 1ms and 366d"
	case (c.Model == "window" || c.Model == "log") && units < 1:
		return l, strconv.Quote(c.Limit) + " lets nothing through; use a longer time"
	case c.Model == "window":
		return line.Window(units, w), ""
	case c.Model == "log":
		return line.Log(units, w), ""
	}
	rate := units / w
	return line.Bucket(rate, math.Max(1, math.Ceil(rate))), ""
}

// periods are the units of time of a limit, in seconds.
var periods = map[string]float64{
	"ms": 1e-3, "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400,
}

// parsePeriod reads h, 5m, 1m30s or 2d.
func parsePeriod(s string) (seconds float64, ok bool) {
	if p, ok := periods[s]; ok {
		return p, true
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d.Seconds(), true
	}
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseUint(digits, 10, 32)
	p, known := periods[s[len(digits):]]
	return float64(n) * p, err == nil && known && n > 0
}
