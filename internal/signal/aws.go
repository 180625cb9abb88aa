package signal

import (
	"slices"
	"strings"
	"time"
)

// AWS gives no numbers: a throttled call is known by its error code, at any
// status.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
var awsDialect = dialect{
	name:   AWS,
	fields: []string{"X-Amzn-Errortype", "X-Amz-Retry-After"},
	read:   readAWS,
}

var awsThrottling = []string{
	"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
	"TooManyRequestsException", "ProvisionedThroughputExceededException", "TransactionInProgressException",
	"RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown",
	"PriorRequestNotComplete", "EC2ThrottledException",
}

func readAWS(r *reading) {
	if r.Status < 400 {
		return
	}
	r.hintNumber(rankExact, r.get("X-Amz-Retry-After"), time.Millisecond, "x-amz-retry-after")
	if code, source := r.awsCode(); slices.Contains(awsThrottling, code) {
		r.refuse(source + " " + code)
	}
}

// awsCode returns the error code, which each protocol of AWS puts elsewhere:
// REST-JSON in a field, JSON in __type, both with a namespace before # and a
// URL after a colon; the others in the XML.
func (r *reading) awsCode() (code, source string) {
	bare := func(s string) string {
		s, _, _ = strings.Cut(s, ":")
		return s[strings.LastIndexByte(s, '#')+1:]
	}
	if code = bare(r.get("X-Amzn-Errortype")); code != "" {
		return code, "x-amzn-errortype"
	}
	j := r.json()
	for _, member := range []string{"__type", "code", "Code"} {
		if code = bare(j.text(member)); code != "" {
			return code, "body " + member
		}
	}
	return between(r.Body, "<Code>", "</Code>"), "body Code"
}
