package signal

import (
	"net/http"
	"strings"
)

// Stripe tells nothing before it refuses, and then which limit it was.
// https://docs.stripe.com/rate-limits
var stripeDialect = dialect{
	name:   Stripe,
	fields: []string{"Stripe-Rate-Limited-Reason", "Stripe-Should-Retry"},
	read:   readStripe,
}

func readStripe(r *reading) {
	if r.Status < 400 {
		return
	}
	if r.get("Stripe-Should-Retry") == "false" {
		r.end("stripe-should-retry")
	}
	if r.Status != http.StatusTooManyRequests {
		return
	}
	reason := r.take("Stripe-Rate-Limited-Reason")
	if reason == "" {
		// A lock on the object that another call holds: an ordinary retry.
		if r.json().text("error", "code") == "lock_timeout" {
			r.acquit("body error.code=lock_timeout")
		}
		return
	}
	r.refuse("stripe-rate-limited-reason", reason)
	r.scope, _, _ = strings.Cut(reason, "-") // global, endpoint, resource
}
