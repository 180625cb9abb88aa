package limit

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/signal"
)

// The defaults.
const (
	defaultMaxWait   = 60 * time.Second
	defaultMaxFreeze = time.Hour
)

// maxUnits bounds every number of units: beyond it a float64 no longer tells
// single ones apart over a long life.
const maxUnits = 1e12

// maxWindow bounds windows, in seconds: a year and a day.
const maxWindow = 366 * 24 * 3600

// Config sets the limits of an API. The zero value is usable: it limits
// nothing.
type Config struct {
	// MaxWait is the longest time that a call waits for its turn; a call whose
	// turn is further away fails at once. Calls of class batch wait as long as
	// it takes. Default 60s.
	MaxWait time.Duration `yaml:"max_wait"`
	// MaxFreeze is the longest time for which a refusal holds calls back. If the
	// server wants none for longer, calls fail at once, and after this time one
	// finds out. Default 1h.
	MaxFreeze time.Duration `yaml:"max_freeze"`
	// TrustHeaders lets the server grant more than is declared. Without it the
	// smaller of the two counts.
	TrustHeaders bool `yaml:"trust_headers"`
	// Mode is spread (default: a window's quota is spent evenly) or drain (early:
	// at ten times the mean rate, then calls wait for the next window).
	Mode string `yaml:"mode"`
	// Dialect names what the API speaks about its quotas, such as github.
	// Default: it is guessed. With a dialect and no quotas calls are not paced,
	// but a refusal holds all of them back until the server wants them again.
	Dialect string `yaml:"dialect"`
	// Quotas are what the API grants. A call needs a place in all that apply to
	// it.
	Quotas []Quota `yaml:"quotas"`
	// Signals declare what fields and bodies of answers say about quotas, for an
	// API without a dialect.
	Signals []signal.Mapping `yaml:"signals"`
	// Credential tells apart whose quotas are used: a name or a hash of the
	// client's credential, never a secret.
	Credential string `yaml:"-"`
	// Health tells how much of its usual load an upstream can take; lines slow
	// down by it. Nil: all of it.
	Health Health `yaml:"-"`
}

// Quota is one quota of an API.
type Quota struct {
	// Name is the quota's name, in events and for signals.
	Name string `yaml:"name"`
	// Model is how the server counts: bucket (units come back steadily; default),
	// window (counting begins anew after a fixed time) or concurrency (calls at
	// the same time, up to the end of the response body).
	Model string `yaml:"model"`
	// Unit is what is counted, as the API names it. Default requests.
	Unit string `yaml:"unit"`
	// Limit is the number of units and the time for which it holds, such as 10/s,
	// 900/m, 5000/h, 100000/d, 1200/5m; for concurrency a number alone.
	Limit string `yaml:"limit"`
	// Burst is how many units a bucket can save up. Default: one second's worth,
	// at least 1.
	Burst float64 `yaml:"burst"`
	// Cost is how many units a call takes, by method, such as {GET: 1, default:
	// 5}. Default 1.
	Cost map[string]float64 `yaml:"cost" keys:"method"`
	// Key says what has a quota of its own, out of {credential}, {operation} and
	// {method}. The origin always has. Default {credential}.
	Key string `yaml:"key"`
	// Operations are the named calls that the quota applies to. Default: all
	// calls.
	Operations []string `yaml:"operations"`
	// Resource is the server's name of the quota, such as GitHub's core, if it is
	// not the name.
	Resource string `yaml:"resource"`
	// OnRefused is what a refused call costs: free (nothing; default), drains (it
	// is counted) or ban (insisting is punished: every hint is obeyed to the
	// letter, and one call finds out whether it is over).
	OnRefused string `yaml:"on_refused"`
}

// Health tells how much of its usual load an upstream can take, from 0 to 1. The
// breaker implements it.
type Health interface {
	Health(u *url.URL) float64
}

// quota is a Quota that makes sense.
type quota struct {
	name, unit, resource                string
	law                                 law
	costs                               map[string]float64
	usual                               float64 // cost of methods that costs does not have
	byCredential, byOperation, byMethod bool
	operations                          []string
}

// cost returns what a call of the method takes.
func (q *quota) cost(method string) float64 {
	if c, ok := q.costs[method]; ok {
		return c
	}
	return q.usual
}

// NewLimiter returns the lines of an API in this process.
func NewLimiter(c Config) (*Limiter, error) {
	l := &Limiter{
		maxWait: defaultMaxWait.Seconds(), start: time.Now(), health: c.Health,
		groups: make(map[groupKey]*group), lines: make(map[lineKey]*tracked), sweepAt: maxGroups, wake: math.Inf(1),
	}
	maxFreeze := defaultMaxFreeze
	switch {
	case c.MaxWait < 0:
		return nil, exchange.ConfigErrorf("limit.max_wait: %v is negative, set a duration such as 60s", c.MaxWait)
	case c.MaxFreeze < 0:
		return nil, exchange.ConfigErrorf("limit.max_freeze: %v is negative, set a duration such as 1h", c.MaxFreeze)
	case c.Mode != "" && c.Mode != "spread" && c.Mode != "drain":
		return nil, exchange.ConfigErrorf("limit.mode: %.40q is neither spread nor drain", c.Mode)
	case len(c.Quotas) > maxQuotas:
		return nil, exchange.ConfigErrorf("limit.quotas: %d are more than %d", len(c.Quotas), maxQuotas)
	}
	if c.MaxWait > 0 {
		l.maxWait = c.MaxWait.Seconds()
	}
	if c.MaxFreeze > 0 {
		maxFreeze = c.MaxFreeze
	}
	if len(c.Quotas) == 0 {
		l.quotas = []quota{{name: "default", law: law{model: open, maxFreeze: maxFreeze.Seconds()}, usual: 1, byCredential: true}}
		return l, nil
	}
	for i, declared := range c.Quotas {
		q, err := declared.compile(i)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(l.quotas, func(o quota) bool { return o.name == q.name }) {
			return nil, exchange.ConfigErrorf("limit.quotas[%d].name: %.40q is taken, give each quota a name of its own", i, q.name)
		}
		q.law.drain, q.law.trust, q.law.maxFreeze = c.Mode == "drain", c.TrustHeaders, maxFreeze.Seconds()
		l.quotas = append(l.quotas, q)
	}
	return l, nil
}

// compile checks quota i.
func (c Quota) compile(i int) (quota, error) {
	bad := func(field, format string, args ...any) (quota, error) {
		return quota{}, exchange.ConfigErrorf("limit.quotas[%d].%s: "+format, append([]any{i, field}, args...)...)
	}
	if c.Name == "" {
		return bad("name", "missing, set a name such as core")
	}
	q := quota{name: c.Name, unit: c.Unit, resource: c.Resource, operations: slices.Clone(c.Operations)}
	if q.unit == "" {
		q.unit = "requests"
	}
	var problem string
	if q.law, problem = c.law(); problem != "" {
		return bad("limit", "%s", problem)
	}
	switch c.Model {
	case "", "bucket", "window", "concurrency":
	case "log", "unknown":
		return bad("model", "%s is not known yet, use bucket or window", c.Model)
	default:
		return bad("model", "%.40q is none of bucket, window, concurrency", c.Model)
	}
	switch {
	case c.Burst != 0 && q.law.model != bucket || c.Burst != 0 && q.law.paced:
		return bad("burst", "only with model: bucket")
	case c.Burst != 0 && !(c.Burst >= 1 && c.Burst <= maxUnits):
		return bad("burst", "%g is not between 1 and %g", c.Burst, maxUnits)
	case c.Burst != 0:
		q.law.burst = c.Burst
	}
	switch c.OnRefused {
	case "", "free", "drains":
	case "ban":
		q.law.ban = true
	default:
		return bad("on_refused", "%.40q is none of free, drains, ban", c.OnRefused)
	}
	if problem := q.price(c.Cost); problem != "" {
		return bad("cost", "%s", problem)
	}
	if problem := q.parseKey(c.Key); problem != "" {
		return bad("key", "%s", problem)
	}
	return q, nil
}

// price takes over the costs.
func (q *quota) price(costs map[string]float64) (problem string) {
	q.usual, q.costs = 1, make(map[string]float64, len(costs))
	for method, cost := range costs {
		switch {
		case !(cost >= 0 && cost <= q.law.most()):
			return strconv.FormatFloat(cost, 'g', -1, 64) + " is not between 0 and what the quota gives at most, " + strconv.FormatFloat(q.law.most(), 'g', -1, 64)
		case method == "default":
			q.usual = cost
		case method != strings.ToUpper(method):
			return strconv.Quote(method) + " is neither default nor a method such as GET"
		default:
			q.costs[method] = cost
		}
	}
	return ""
}

// parseKey reads "{credential}{operation}", with anything between.
func (q *quota) parseKey(key string) (problem string) {
	if key == "" {
		q.byCredential = true
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
			q.byCredential = true
		case found && name == "operation":
			q.byOperation = true
		case found && name == "method":
			q.byMethod = true
		case found && name == "origin":
		default:
			return strconv.Quote(key) + " has a part that is none of {credential}, {operation}, {method}, {origin}"
		}
		rest = after
	}
}

// law reads model and limit.
func (c Quota) law() (l law, problem string) {
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
		return law{model: concurrency, q: units}, ""
	}
	w, ok := parsePeriod(strings.TrimSpace(period))
	switch {
	case !found || !ok:
		return l, strconv.Quote(c.Limit) + " has no time that can be read; write it like 10/s, 900/m, 5000/h, 1/d or 1200/5m"
	case w > maxWindow || w < 1e-3:
		return l, strconv.Quote(c.Limit) + " has a time that is not between 1ms and 366d"
	case c.Model == "window" && units < 1:
		return l, strconv.Quote(c.Limit) + " lets nothing through; use a longer time"
	case c.Model == "window":
		return windowLaw(units, w), ""
	}
	rate := units / w
	return law{model: bucket, rate: rate, burst: math.Max(1, math.Ceil(rate))}, ""
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
