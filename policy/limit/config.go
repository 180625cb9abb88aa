package limit

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/internal/signal"
)

// The defaults.
const (
	defaultMaxWait   = 60 * time.Second
	defaultMaxFreeze = time.Hour
	defaultLookahead = 30 * time.Second
)

// maxQuotas bounds the lines of a call.
const maxQuotas = 16

// maxUnits bounds every number of units.
const maxUnits = line.MaxUnits

// maxWindow bounds windows, in seconds: a year and a day.
const maxWindow = 366 * 24 * 3600

// Config sets the limits of an API. The zero value is usable: calls are not
// paced, but a refusal holds all of them back until the server wants them again.
type Config struct {
	// MaxWait is the longest time that a call waits for its turn; a call whose
	// turn is further away fails at once. Calls of class batch wait as long as
	// it takes. Default 60s.
	MaxWait time.Duration `yaml:"max_wait"`
	// MaxFreeze is the longest time for which a refusal holds calls back. If the
	// server wants none for longer, calls fail at once, and after this time one
	// finds out. Default 1h.
	MaxFreeze time.Duration `yaml:"max_freeze"`
	// StoreKind says who shares the quotas: process (default) is this process
	// alone, file every process on this machine, through a locked file, redis every
	// process that uses the same Redis or Valkey, and solo is for processes that
	// can share nothing: each steers by what the server says is left.
	StoreKind string `yaml:"store"`
	// OnStoreLoss says what a process does while the store does not answer: share
	// (default) keeps to nine tenths of an equal share of the quota, solo steers by
	// what the server says is left, and stop sends nothing: calls fail at once,
	// those of class batch wait.
	OnStoreLoss string `yaml:"on_store_loss"`
	// Lookahead is for how long places in the line of a fleet are taken ahead of
	// their turn. It bounds what is lost when a process dies. Default 30s.
	Lookahead time.Duration `yaml:"lookahead"`
	// TrustHeaders lets the server grant more than is declared. Without it the
	// smaller of the two counts. Default false.
	TrustHeaders bool `yaml:"trust_headers"`
	// Mode is spread (default), which spends a window's quota evenly, drain (early:
	// at ten times the mean rate, then calls wait for the next window) or off, which
	// takes the limits out: then a refusal holds only the refused call back.
	Mode string `yaml:"mode"`
	// Dialect names what the API speaks about its quotas, such as github.
	// Default: it is guessed.
	Dialect string `yaml:"dialect"`
	// Quotas are what the API grants. A call needs a place in all that apply to
	// it. Without any, calls are not paced, but a refusal holds all of them back
	// until the server wants them again.
	Quotas []Quota `yaml:"quotas"`
	// Signals declare what fields and bodies of answers say about quotas, for an
	// API without a dialect.
	Signals []signal.Mapping `yaml:"signals"`
	// Credential tells apart whose quotas are used: a name or a hash of the
	// client's credential, never a secret.
	Credential string `yaml:"-"`
	// Store is the store that StoreKind names. Nil: the lines are those of this
	// process.
	Store Store `yaml:"-"`
	// Health tells how much of its usual load an upstream can take; lines slow
	// down by it. Nil: all of it.
	Health Health `yaml:"-"`
}

// Quota is one quota of an API.
type Quota struct {
	// Name is the quota's name, in events, costs and signals. Default, for a quota
	// that is alone, default.
	Name string `yaml:"name"`
	// Model is how the server counts: bucket (units come back steadily; default),
	// window (counting begins anew after a fixed time), log (any span of that time
	// counts), concurrency (calls at the same time, up to the end of the response
	// body) or unknown (nobody knows: the rate is felt out, from one call a second
	// on).
	Model string `yaml:"model"`
	// Unit is what is counted, as the API names it. Default requests.
	Unit string `yaml:"unit"`
	// Limit is the number of units and the time for which it holds, such as 10/s,
	// 900/m, 5000/h, 100000/d, 1200/5m; for concurrency a number alone; for unknown
	// nothing.
	Limit string `yaml:"limit" number:"true"`
	// Burst is how many units a bucket can save up. Default: one second's worth,
	// at least 1.
	Burst float64 `yaml:"burst"`
	// Cost is how many units a call takes, by method, such as {GET: 1, default:
	// 5}. Default 1.
	Cost map[string]float64 `yaml:"cost" zero:"true"`
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

// DefaultName is the name of a quota that is alone and has none.
const DefaultName = "default"

// Has reports whether there is a quota of that name.
func (c Config) Has(name string) bool {
	return slices.ContainsFunc(c.Quotas, func(q Quota) bool {
		return q.Name == name || q.Name == "" && name == DefaultName && len(c.Quotas) == 1
	})
}

// options checks c and fills in the defaults.
func (c Config) options() (o line.Options, err error) {
	o = line.Options{MaxWait: defaultMaxWait}
	if c.Health != nil {
		o.Health = c.Health
	}
	maxFreeze, lookahead := defaultMaxFreeze, defaultLookahead
	for _, f := range []struct {
		name string
		set  time.Duration
		to   *time.Duration
	}{{"max_wait", c.MaxWait, &o.MaxWait}, {"max_freeze", c.MaxFreeze, &maxFreeze}, {"lookahead", c.Lookahead, &lookahead}} {
		switch {
		case f.set < 0:
			return o, exchange.ConfigErrorf("limit.%s: %v is negative, set a duration such as 60s", f.name, f.set)
		case f.set > 0:
			*f.to = f.set
		}
	}
	switch {
	case !slices.Contains([]string{"", "spread", "drain", "off"}, c.Mode):
		return o, exchange.ConfigErrorf("limit.mode: %.40q is none of spread, drain and off", c.Mode)
	case len(c.Quotas) > maxQuotas:
		return o, exchange.ConfigErrorf("limit.quotas: %d are more than %d", len(c.Quotas), maxQuotas)
	}
	if err := c.checkStore(); err != nil {
		return o, err
	}
	if err := c.checkSignals(); err != nil {
		return o, err
	}
	if len(c.Quotas) == 0 {
		law := line.Open()
		law.MaxFreeze = maxFreeze.Seconds()
		o.Quotas = []line.Quota{{Name: DefaultName, Law: law, Usual: 1, ByCredential: true}}
		return o, nil
	}
	for i, declared := range c.Quotas {
		if len(c.Quotas) == 1 && declared.Name == "" {
			declared.Name = DefaultName
		}
		q, err := declared.compile(i)
		if err != nil {
			return o, err
		}
		if slices.ContainsFunc(o.Quotas, func(other line.Quota) bool { return other.Name == q.Name }) {
			return o, exchange.ConfigErrorf("limit.quotas[%d].name: %.40q is taken, give each quota a name of its own", i, q.Name)
		}
		q.Law.Drain, q.Law.Trust, q.Law.Solo = c.Mode == "drain", c.TrustHeaders, c.StoreKind == "solo"
		q.Law.MaxFreeze, q.Law.Lookahead = maxFreeze.Seconds(), lookahead.Seconds()
		o.Quotas = append(o.Quotas, q)
	}
	return o, nil
}

// checkSignals refuses a signal for a quota that there is not: it would be about
// no line.
func (c Config) checkSignals() error {
	for i, m := range c.Signals {
		named := m.Quota == "" || c.Has(m.Quota) || slices.ContainsFunc(c.Quotas, func(q Quota) bool {
			return strings.EqualFold(m.Quota, q.Name) || strings.EqualFold(m.Quota, q.Resource)
		})
		if !named {
			return exchange.ConfigErrorf("limit.signals[%d].quota: there is no quota %.40q; limit.quotas names them", i, m.Quota)
		}
	}
	return nil
}

// checkStore checks what is said about the store.
func (c Config) checkStore() error {
	switch c.StoreKind {
	case "", "process", "solo":
	case "file", "redis":
		if c.Store == nil {
			return exchange.ConfigErrorf("limit.store: there is no driver for %s here; in Go set limit.Config.Store", c.StoreKind)
		}
	default:
		return exchange.ConfigErrorf("limit.store: %.40q is none of process, file, redis, solo", c.StoreKind)
	}
	switch c.OnStoreLoss {
	case "", "share", "solo", "stop":
		return nil
	}
	return exchange.ConfigErrorf("limit.on_store_loss: %.40q is none of share, solo, stop", c.OnStoreLoss)
}
