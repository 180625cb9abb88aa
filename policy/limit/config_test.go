package limit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/signal"
	"github.com/godwit-go/godwit/policy/limit"
)

func TestOff(t *testing.T) {
	t.Parallel()
	if m, err := limit.New(limit.Config{Mode: "off", Quotas: []limit.Quota{{Name: "core", Limit: "1/s"}}}); m != nil || err != nil {
		t.Errorf("%v, %v", m != nil, err)
	}
	if m, err := limit.New(limit.Config{}); m == nil || err != nil {
		t.Errorf("without settings: %v, %v", m != nil, err)
	}
}

func TestGoodConfigs(t *testing.T) {
	t.Parallel()
	if _, err := limit.New(limit.Config{Quotas: []limit.Quota{{Limit: "5000/h"}}}); err != nil {
		t.Errorf("a quota that is alone: %v", err)
	}
	for _, l := range []string{"5000/h", "10/s", "900/m", "1200/5m", "100000/d", "1_000/min", "0.5/s", "1/1m30s", "3/2d", " 10 / s ", "100/500ms"} {
		if _, err := limit.New(limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: l}}}); err != nil {
			t.Errorf("%q: %v", l, err)
		}
	}
}

// A signal may mean a quota by its own name or by the server's.
func TestGoodSignals(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "core", "Core", "server's"} {
		if _, err := limit.New(limit.Config{
			Quotas:  []limit.Quota{{Name: "core", Resource: "server's", Limit: "1/s"}},
			Signals: []signal.Mapping{{Header: "X", Field: "remaining", Quota: name}},
		}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// What cannot be right is refused with the field's name, and never a panic.
func TestBadConfigs(t *testing.T) {
	t.Parallel()
	one := func(q limit.Quota) limit.Config { return limit.Config{Quotas: []limit.Quota{q}} }
	for field, c := range map[string]limit.Config{
		"limit.max_wait: ":   {MaxWait: -1},
		"limit.max_freeze: ": {MaxFreeze: -1},
		"limit.mode: ":       {Mode: "fast"},
		"limit.dialect: ":    {Dialect: "klingon"},
		"limit.signals[0].":  {Signals: []signal.Mapping{{Header: "X", Field: "colour"}}},
		"limit.signals[0].quota: there is no": {
			Quotas:  []limit.Quota{{Name: "calls", Limit: "1/s"}},
			Signals: []signal.Mapping{{Header: "X", Field: "remaining", Quota: "cals"}},
		},
		"limit.quotas: ":                     {Quotas: make([]limit.Quota, 17)},
		"limit.quotas[1].name: missing":      {Quotas: []limit.Quota{{Name: "a", Limit: "1/s"}, {Limit: "1/s"}}},
		"limit.quotas[1].name: ":             {Quotas: []limit.Quota{{Name: "a", Limit: "1/s"}, {Name: "a", Limit: "1/s"}}},
		"limit.quotas[0].model: ":            one(limit.Quota{Name: "a", Limit: "1/s", Model: "sieve"}),
		"limit.quotas[0].limit: model: unkn": one(limit.Quota{Name: "a", Limit: "1/s", Model: "unknown"}),
		"limit.lookahead: ":                  {Lookahead: -1},
		"limit.store: there is no driver":    {StoreKind: "redis"},
		"limit.store: \"cloud\"":             {StoreKind: "cloud"},
		"limit.on_store_loss: ":              {OnStoreLoss: "cry"},
		"limit.quotas[0].burst: ":            one(limit.Quota{Name: "a", Limit: "1/s", Burst: 0.5}),
		"limit.quotas[0].burst: only":        one(limit.Quota{Name: "a", Limit: "1/m", Model: "window", Burst: 5}),
		"limit.quotas[0].cost: ":             one(limit.Quota{Name: "a", Limit: "5/s", Cost: map[string]float64{"GET": 6}}),
		"limit.quotas[0].cost: \"get\"":      one(limit.Quota{Name: "a", Limit: "5/s", Cost: map[string]float64{"get": 1}}),
		"limit.quotas[0].key: ":              one(limit.Quota{Name: "a", Limit: "5/s", Key: "{planet}"}),
		"limit.quotas[0].on_refused: ":       one(limit.Quota{Name: "a", Limit: "5/s", OnRefused: "cry"}),
	} {
		_, err := limit.New(c)
		if !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%q: got %v", field, err)
		}
	}
	for _, l := range []string{"", "many", "5", "5/", "/s", "0/s", "-1/s", "5/fortnight", "1e300/s", "NaN/s", "Inf/s", "5/0s", "5/-1s", "5/400d", "5/99999999999d", "5/s/s", "0.5/m window"} {
		if _, err := limit.New(one(limit.Quota{Name: "a", Limit: l})); !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), "limit.quotas[0].limit: ") {
			t.Errorf("%q: got %v", l, err)
		}
	}
	for _, l := range []string{"5/s", "0", "0.5", ""} {
		if _, err := limit.New(one(limit.Quota{Name: "a", Model: "concurrency", Limit: l})); !errors.Is(err, exchange.ErrConfig) {
			t.Errorf("concurrency %q: got %v", l, err)
		}
	}
}
