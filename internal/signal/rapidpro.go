package signal

import "net/http"

// RapidPro and TextIt: a sliding log per organisation, 2,500 calls an hour for
// each scope of endpoints. Only a refusal speaks, and its Retry-After is when
// the oldest entry leaves the log.
var rapidproDialect = dialect{
	name: RapidPro,
	read: func(r *reading) {
		if r.Status == http.StatusTooManyRequests {
			r.scope = "organization"
			r.refuse("status 429")
		}
	},
}
