package signal

import (
	"bytes"
	"net/http"
)

// Slack tells nothing before it refuses, and refuses with 429 or in the body of
// a 200.
// https://docs.slack.dev/apis/web-api/rate-limits
var slackDialect = dialect{
	name:      Slack,
	wantsBody: func(http.Header) bool { return true },
	speaks:    slackSpeaks,
	read: func(r *reading) {
		if !slackSpeaks(r.Body) || r.json().text("ok") != "false" {
			return
		}
		switch e := r.json().text("error"); e {
		case "ratelimited", "rate_limited":
			r.refuse("body error=" + e)
		}
	},
}

func slackSpeaks(body []byte) bool {
	return bytes.Contains(body, []byte("ratelimited")) || bytes.Contains(body, []byte("rate_limited"))
}
