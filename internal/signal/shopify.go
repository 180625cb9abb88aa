package signal

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Shopify, REST and GraphQL: leaking buckets.
// https://shopify.dev/docs/api/usage/limits
var shopifyDialect = dialect{
	name:      Shopify,
	fields:    []string{shopifyCalls},
	wantsBody: func(h http.Header) bool { return !has(h, shopifyCalls) },
	speaks:    shopifySpeaks,
	read:      readShopify,
}

func shopifySpeaks(body []byte) bool {
	return bytes.Contains(body, []byte("throttleStatus")) || bytes.Contains(body, []byte("THROTTLED"))
}

const shopifyCalls = "X-Shopify-Shop-Api-Call-Limit"

// shopifyDrain is how long a full REST bucket takes to drain, on every plan: 40
// at 2/s, 80 at 4/s, 400 at 20/s.
const shopifyDrain = 20

func readShopify(r *reading) {
	if used, size, found := strings.Cut(r.take(shopifyCalls), "/"); found {
		t := texts{id: "rest", unit: "requests", limit: size, used: used, source: "x-shopify-shop-api-call-limit"}
		if limit := amount(size); limit.OK && amount(used).OK {
			t.refill = Of(limit.V / shopifyDrain)
			r.quota(t)
		}
	}
	if shopifySpeaks(r.Body) {
		r.shopifyCost()
	}
}

// shopifyCost reads what a GraphQL query took from the bucket, or would have.
func (r *reading) shopifyCost() {
	j := r.json()
	status := func(name string) Value[float64] { return j.number("extensions", "cost", "throttleStatus", name) }
	t := texts{
		id: "graphql", unit: "points", source: "body extensions.cost",
		limitV: status("maximumAvailable"), remainingV: status("currentlyAvailable"), refill: status("restoreRate"),
		cost: j.number("extensions", "cost", "actualQueryCost"),
	}
	wanted := j.number("extensions", "cost", "requestedQueryCost")
	throttled := slices.Contains(j.all("errors", "*", "extensions", "code"), "THROTTLED")
	if !t.cost.OK && throttled {
		t.cost = wanted
	}
	r.quota(t)
	if !throttled {
		return
	}
	r.refuse("body errors.*.extensions.code=THROTTLED", "graphql")
	if short := wanted.V - t.remainingV.V; wanted.OK && t.remainingV.OK && t.refill.OK && t.refill.V > 0 && short > 0 {
		r.hintIn(rankExact, span(short/t.refill.V, time.Second), "restore rate")
	}
}
