package signal

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/internal/retryafter"
)

// standards reads what does not depend on the vendor.
func (r *reading) standards() {
	r.problem()
	r.drafts("")
	r.pushback()
	if r.Status >= 300 || r.verdict == refused {
		r.retryInfo()
		r.retryAfter()
	}
	if r.Status >= 400 && r.get("X-Should-Retry") == "false" {
		r.end("x-should-retry")
	}
}

// retryAfter reads Retry-After (RFC 9110 section 10.2.3), which speaks for 429
// (RFC 6585 section 4), 503 and redirects, and the fields that give it in
// milliseconds, which are more exact.
func (r *reading) retryAfter() {
	r.hintNumber(rankExact, r.get("Retry-After-Ms"), time.Millisecond, "retry-after-ms")
	r.hintNumber(rankExact, r.get("X-Ms-Retry-After-Ms"), time.Millisecond, "x-ms-retry-after-ms")
	near := r.Received // by the server's clock, if it is known
	if lo, _, ok := r.clock.Offset(); ok {
		near = near.Add(lo)
	}
	r.hintIn(rankRetryAfter, retryafter.Delay(r.Header, near), "retry-after")
}

// pushback reads the field of gRPC's retry design (A6): milliseconds; a
// negative, unreadable or repeated value asks for no retry. It has a meaning at
// every HTTP status.
func (r *reading) pushback() {
	const name, source = "Grpc-Retry-Pushback-Ms", "grpc-retry-pushback-ms"
	values := r.Header[name]
	if len(values) == 0 {
		return
	}
	ms, err := strconv.ParseInt(strings.Trim(values[0], " \t"), 10, 32)
	if len(values) > 1 || err != nil || ms < 0 {
		r.end(source)
		return
	}
	r.hint(rankExact, r.Received.Add(time.Duration(ms)*time.Millisecond), source)
}

// retryInfo reads google.rpc.RetryInfo, which many APIs besides Google's send.
func (r *reading) retryInfo() {
	for _, d := range slices.Concat(r.json().all("error", "details", "*", "retryDelay"), r.json().all("details", "*", "retryDelay")) {
		r.hintNumber(rankExact, strings.TrimSuffix(d, "s"), time.Second, "body RetryInfo")
	}
}

// problem reads the problem types of draft-ietf-httpapi-ratelimit-headers-11
// section 5 (RFC 9457 problem details), which name the quota that refused.
func (r *reading) problem() {
	if r.Status < 400 {
		return
	}
	_, name, found := strings.Cut(r.json().text("type"), "http-problem-types#")
	if !found {
		return
	}
	switch name {
	case "quota-exceeded", "temporary-reduced-capacity", "abnormal-usage-detected":
		r.refuse("problem "+name, r.json().all("violated-policies", "*")...)
	}
}
