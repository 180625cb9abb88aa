package signal

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// policy is an item of RateLimit-Policy.
type policy struct {
	name   string // empty before draft -08
	quota  Value[float64]
	window time.Duration
	unit   string
	pk     string // partition key
}

// drafts reads the RateLimit fields of draft-ietf-httpapi-ratelimit-headers:
//   - from -08 on, RateLimit-Policy and RateLimit are Lists of named items;
//   - in -07, RateLimit is a Dictionary and policies have no names;
//   - before it, RateLimit-Limit, -Remaining and -Reset are fields of their own.
//
// The names may have a prefix.
func (r *reading) drafts(prefix string) {
	if !r.hasDrafts(prefix) {
		return
	}
	lower := strings.ToLower(prefix)
	policies := policiesOf(r.lines(prefix + "Ratelimit-Policy"))
	for _, p := range policies {
		if p.name != "" {
			r.quota(p.texts(lower + "ratelimit-policy"))
		}
	}
	unnamed := slices.DeleteFunc(policies, func(p policy) bool { return p.name != "" })
	source := lower + "ratelimit"
	members, err := httpsfv.UnmarshalList(r.lines(prefix + "Ratelimit"))
	if err == nil && len(members) > 0 {
		r.limits(members, source)
		r.take(prefix + "Ratelimit-Limit") // the old fields beside the new repeat them
		r.take(prefix + "Ratelimit-Remaining")
		r.take(prefix + "Ratelimit-Reset")
		return
	}
	t := texts{source: source, kind: ResetWindow}
	if err != nil {
		t.limitV, t.remainingV, t.reset = dictionary(r.lines(prefix + "Ratelimit"))
	}
	if !t.limitV.OK && !t.remainingV.OK && t.reset == "" {
		t.source += "-*"
		limits := r.lines(prefix + "Ratelimit-Limit")
		t.limit = r.get(prefix + "Ratelimit-Limit")
		t.remaining = r.take(prefix + "Ratelimit-Remaining")
		t.reset = r.take(prefix + "Ratelimit-Reset")
		t.limitV = amount(t.limit)
		unnamed = append(unnamed, quotaPolicies(limits)...)
	}
	r.unnamed(t, unnamed)
}

func (r *reading) hasDrafts(prefix string) bool {
	for _, name := range []string{"", "-Policy", "-Limit", "-Remaining", "-Reset"} {
		if has(r.Header, prefix+"Ratelimit"+name) {
			return true
		}
	}
	return false
}

// unnamed adds the claim about the quota that is nearest to its end, and the
// policies beside it. Where there are several they are told apart by their
// numbers, or a claim about the one would be taken for one about the other.
func (r *reading) unnamed(t texts, policies []policy) {
	active := slices.IndexFunc(policies, func(p policy) bool { return p.quota == t.limitV && p.quota.OK })
	if active < 0 && !t.limitV.OK && len(policies) == 1 {
		active = 0
	}
	if active >= 0 {
		p := policies[active]
		t.limitV, t.window, t.unit, t.scope = p.quota, p.window, p.unit, p.pk
		if len(policies) > 1 {
			t.id = p.numbers()
		}
	}
	r.quota(t)
	for i, p := range policies {
		if i != active {
			p.name = p.numbers()
			r.quota(p.texts(t.source))
		}
	}
}

func (p policy) texts(source string) texts {
	return texts{id: p.name, unit: p.unit, scope: p.pk, limitV: p.quota, window: p.window, source: source}
}

// numbers names a policy that has no name.
func (p policy) numbers() string {
	return strconv.FormatFloat(p.quota.V, 'f', -1, 64) + ";w=" + strconv.FormatFloat(p.window.Seconds(), 'f', -1, 64)
}

// policiesOf reads RateLimit-Policy. A malformed field is ignored as a whole
// (RFC 9651 section 4.2).
func policiesOf(lines []string) []policy {
	if len(lines) == 0 {
		return nil
	}
	members, err := httpsfv.UnmarshalList(lines)
	if err != nil {
		return nil
	}
	var out []policy
	for _, m := range members {
		item, ok := m.(httpsfv.Item)
		if !ok {
			continue
		}
		p := policy{
			quota:  natural(item.Params, "q"),
			window: seconds(item.Params, "w"),
			unit:   text(item.Params, "qu"),
			pk:     text(item.Params, "pk"),
		}
		if n, ok := item.Value.(int64); ok && n >= 0 {
			p.quota = Of(float64(n)) // draft -07
		} else if p.name = label(item.Value); p.name == "" {
			continue
		}
		out = append(out, p)
	}
	return out
}

// limits reads the items of RateLimit. What t promises is the end of the claim
// and not more: draft -11 has it promise no refill.
func (r *reading) limits(members httpsfv.List, source string) {
	for _, m := range members {
		item, ok := m.(httpsfv.Item)
		if !ok || label(item.Value) == "" {
			continue
		}
		t := texts{
			id:         label(item.Value),
			scope:      text(item.Params, "pk"),
			remainingV: natural(item.Params, "r"),
			kind:       ResetNext,
			format:     FormatSeconds,
			source:     source,
		}
		if in := natural(item.Params, "t"); in.OK {
			t.reset = strconv.FormatFloat(in.V, 'f', -1, 64)
		}
		r.quota(t)
	}
}

// dictionary reads the RateLimit field of draft -07.
func dictionary(lines []string) (limit, remaining Value[float64], reset string) {
	d, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil {
		return
	}
	value := func(key string) Value[float64] {
		m, _ := d.Get(key)
		if item, ok := m.(httpsfv.Item); ok {
			return naturalOf(item.Value)
		}
		return Value[float64]{}
	}
	limit, remaining = value("limit"), value("remaining")
	if in := value("reset"); in.OK {
		reset = strconv.FormatFloat(in.V, 'f', -1, 64)
	}
	return limit, remaining, reset
}

// quotaPolicies reads the policies behind the number of RateLimit-Limit:
// "100, 100;w=60" (drafts to -02), or "100;w=21600" where the number has them
// itself.
func quotaPolicies(lines []string) []policy {
	return slices.DeleteFunc(policiesOf(lines), func(p policy) bool { return p.name != "" || p.window == 0 })
}

// label returns the name that an item has: a String, or a Token as some drafts
// had it.
func label(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case httpsfv.Token:
		return string(v)
	}
	return ""
}

func natural(p *httpsfv.Params, key string) Value[float64] {
	v, _ := p.Get(key)
	return naturalOf(v)
}

// naturalOf returns a number that is not negative.
func naturalOf(v any) Value[float64] {
	switch n := v.(type) {
	case int64:
		if n >= 0 {
			return Of(float64(n))
		}
	case float64:
		if n >= 0 {
			return Of(n)
		}
	}
	return Value[float64]{}
}

func seconds(p *httpsfv.Params, key string) time.Duration {
	return span(natural(p, key).V, time.Second)
}

// text returns a parameter; bytes as base64.
func text(p *httpsfv.Params, key string) string {
	v, _ := p.Get(key)
	if b, ok := v.([]byte); ok {
		return base64.StdEncoding.EncodeToString(b)
	}
	return label(v)
}
