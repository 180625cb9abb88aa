package godwit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/bulkhead"
	"github.com/godwit-go/godwit/policy/hedge"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/policy/retry"
)

// flow holds the policies of a client that remember something from one call to
// the next. Clients that [Client.With] derives share each of them for as long as
// its settings are the same.
type flow struct {
	retry    kept[retry.Config, *retry.Retry]
	breaker  kept[breaker.Config, *breaker.Breaker]
	hedge    kept[hedge.Config, exchange.Middleware]
	bulkhead kept[bulkhead.Config, exchange.Middleware]
	lines    kept[limit.Config, *limit.Limiter]

	auth   auth.Config  // credential that the lines are used with
	config limit.Config // settings that they are used with
	limit  exchange.Middleware
}

// kept is a policy beside the settings that it was made from.
type kept[C, P any] struct {
	config C
	policy P
	made   bool
}

// newFlow makes the policies of c, or takes over those of the client that it is
// derived from.
func newFlow(c *Config, parent *flow) (*flow, error) {
	f := &flow{auth: c.Auth}
	if parent == nil {
		parent = &flow{}
	}
	var err error
	if f.retry, err = keep(parent.retry, c.Retry, sameRetry, retry.NewRetry); err != nil {
		return nil, err
	}
	b := c.Breaker
	b.Paced = paced(&c.Limit)
	if f.breaker, err = keep(parent.breaker, b, sameBreaker, breaker.NewBreaker); err != nil {
		return nil, err
	}
	h := c.Bulkhead
	if f.breaker.policy != nil {
		h.Health = f.breaker.policy
	}
	if f.bulkhead, err = keep(parent.bulkhead, h, sameBulkhead, bulkhead.New); err != nil {
		return nil, err
	}
	if err := f.line(c, parent); err != nil {
		return nil, err
	}
	f.hedge, err = keep(parent.hedge, f.hedging(c), sameHedge, hedge.New)
	return f, err
}

// hedging gives hedges those who know whether the upstream is well, and who pays.
func (f *flow) hedging(c *Config) hedge.Config {
	h := c.Hedge
	h.Budgets = f.retry.policy
	if f.breaker.policy != nil {
		h.Health = f.breaker.policy
	}
	if f.limit != nil {
		h.Line = f.lines.policy
	}
	return h
}

// line makes the lines of c. Those of the parent serve another credential too,
// for some quotas do not ask for it; the lines themselves tell credentials
// apart, unless they look the same.
func (f *flow) line(c *Config, parent *flow) error {
	l := c.Limit
	if l.Credential == "" {
		l.Credential = credentialID(c.Auth)
	}
	if f.breaker.policy != nil {
		l.Health = f.breaker.policy
	}
	same := func(old, new limit.Config) bool {
		confused := old.Credential == new.Credential && c.Limit.Credential == "" && !sameCredential(parent.auth, f.auth)
		return !confused && sameLines(old, new)
	}
	var err error
	if f.lines, err = keep(parent.lines, l, same, limit.NewLimiter); err != nil {
		return err
	}
	f.config = l
	f.limit, err = limit.Wrap(f.lines.policy, l)
	return err
}

// keep returns the old policy if it was made from the same settings, else a new
// one.
func keep[C, P any](old kept[C, P], config C, same func(old, new C) bool, make func(C) (P, error)) (kept[C, P], error) {
	if old.made && same(old.config, config) {
		return old, nil
	}
	policy, err := make(config)
	return kept[C, P]{config, policy, true}, err
}

// sameRetry finds two functions different, for they cannot be compared: a client
// with retry.Config.When shares no budget.
func sameRetry(a, b retry.Config) bool { return reflect.DeepEqual(a, b) }

// sameBreaker compares stores by identity: what is in them is no setting.
func sameBreaker(a, b breaker.Config) bool {
	same := identical(a.Store, b.Store)
	a.Store, b.Store = nil, nil
	return same && reflect.DeepEqual(a, b)
}

// sameBulkhead compares breakers by identity too.
func sameBulkhead(a, b bulkhead.Config) bool {
	same := identical(a.Health, b.Health)
	a.Health, b.Health = nil, nil
	return same && reflect.DeepEqual(a, b)
}

func sameHedge(a, b hedge.Config) bool {
	same := identical(a.Health, b.Health) && identical(a.Line, b.Line) && identical(a.Budgets, b.Budgets)
	a.Health, b.Health, a.Line, b.Line, a.Budgets, b.Budgets = nil, nil, nil, nil, nil, nil
	return same && a == b
}

// sameLines leaves out the credential: lines tell credentials apart.
func sameLines(a, b limit.Config) bool {
	same := identical(a.Health, b.Health) && identical(a.Store, b.Store)
	a.Health, b.Health, a.Store, b.Store = nil, nil, nil, nil
	a.Credential, b.Credential = "", ""
	return same && reflect.DeepEqual(a, b)
}

// identical reports whether two interfaces hold the same thing. What cannot be
// compared is taken for something else.
func identical(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.TypeOf(a).Comparable() && a == b
}

// sameCredential compares what credentials are made of. Functions cannot be
// compared; two of them pass for the same.
func sameCredential(a, b auth.Config) bool {
	if (a.Custom == nil) != (b.Custom == nil) {
		return false
	}
	a.Custom, b.Custom = nil, nil
	return reflect.DeepEqual(a, b)
}

// paced reports whether a line with a rate stands behind the breaker for every
// call, so that the line does the slow start.
func paced(c *limit.Config) bool {
	return c.Mode != "off" && slices.ContainsFunc(c.Quotas, func(q limit.Quota) bool {
		return q.Model != "concurrency" && len(q.Operations) == 0
	})
}

// credentialID tells credentials apart for the lines of quotas that are counted
// by credential: a hash of the scheme, of the reference to the secret and of
// the origins that the credential is for. No secret goes into it, because it is
// seen in stores, so that a guess could be checked against it. Credentials that
// were written out in a program, and schemes of its own, look the same
// therefore: where they share a store, limit.Config.Credential tells them apart.
func credentialID(a auth.Config) string {
	if a.IsZero() {
		return ""
	}
	in, name, preview := a.Preview()
	origins := slices.Sorted(slices.Values(a.Origins))
	sum := sha256.Sum256([]byte(strings.Join(append([]string{in, name, preview}, origins...), "\n")))
	return hex.EncodeToString(sum[:8])
}

// checkLines reports quotas and operations that do not fit together.
func checkLines(c *Config) error {
	for i, q := range c.Limit.Quotas {
		for _, name := range q.Operations {
			if _, ok := c.Operations[name]; !ok {
				return fmt.Errorf("limit.quotas[%d].operations: there is no operation %q", i, clip(name))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Operations)) {
		op := c.Operations[name]
		for _, quota := range slices.Sorted(maps.Keys(op.Cost)) {
			if !c.Limit.Has(quota) {
				return fmt.Errorf("operations.%s.cost: there is no quota %q; limit.quotas names them", name, clip(quota))
			}
		}
	}
	return nil
}
