package signal

import (
	"net/http"
	"time"
)

// Cloudflare's own API speaks the drafts (-08 and later). Who exceeds the limit
// is refused everything for five minutes.
// https://developers.cloudflare.com/fundamentals/api/reference/limits/
var cloudflareDialect = dialect{
	name: Cloudflare,
	read: func(r *reading) {
		if r.Status == http.StatusTooManyRequests {
			r.hintIn(rankDefault, 5*time.Minute, "all refused for 5m")
		}
	},
}
