// Package retryafter reads the Retry-After header field (RFC 9110 section
// 10.2.3): seconds, or any of the three date forms of section 5.6.7.
//
// Dates are measured against the response's own Date, never against the local
// clock unless the response has none. What cannot be understood is ignored.
package retryafter

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longest stands for every delay that does not fit a Duration.
const longest = time.Duration(math.MaxInt64)

// maxDate is more than the longest date form takes.
const maxDate = 64

// Delay returns how long the response asks to wait, rounded up to whole seconds
// where it gives a fraction; 0 if it does not ask, asks for nothing that can be
// understood, or names a date that has passed. Of several fields the longest
// counts. received is used in place of a missing Date.
func Delay(h http.Header, received time.Time) time.Duration {
	var delay time.Duration
	for _, v := range h.Values("Retry-After") {
		v = strings.Trim(v, " \t")
		if d, ok := Seconds(v); ok {
			delay = max(delay, d)
		} else if at, ok := Date(v, received); ok {
			delay = max(delay, at.Sub(serverTime(h, received)))
		}
	}
	return delay
}

func serverTime(h http.Header, received time.Time) time.Time {
	if t, ok := Date(strings.Trim(h.Get("Date"), " \t"), received); ok {
		return t
	}
	return received
}

// Seconds reads a number of seconds: digits, with a fraction as some servers
// write it, rounded up to the next whole second. Signs and exponents are
// refused. A number too large for a Duration gives the largest one.
func Seconds(v string) (time.Duration, bool) {
	whole, fraction, point := strings.Cut(v, ".")
	if !digits(whole) || point && !digits(fraction) {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if strings.Trim(fraction, "0") != "" {
		n++ // may wrap, but then the range check below holds too
	}
	if err != nil || n < 0 || n > int64(longest/time.Second) {
		return longest, true
	}
	return time.Duration(n) * time.Second, true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Date reads an HTTP-date: IMF-fixdate, RFC 850 or asctime, all in GMT. near is
// a moment close to the real time; it decides the century of an RFC 850 date,
// which is the latest one that is not more than 50 years after near.
func Date(v string, near time.Time) (time.Time, bool) {
	if len(v) > maxDate {
		return time.Time{}, false
	}
	v, leap := leapSecond(v)
	t, ok := parseDate(v, near)
	if leap {
		t = t.Add(time.Second)
	}
	return t, ok
}

func parseDate(v string, near time.Time) (time.Time, bool) {
	const rfc850 = "Monday, 02-Jan-06 15:04:05 GMT"
	if t, err := time.Parse(http.TimeFormat, v); err == nil {
		return t, true
	}
	if t, err := time.Parse(time.ANSIC, v); err == nil {
		return t, true
	}
	if t, err := time.Parse(rfc850, v); err == nil {
		return century(t, near)
	}
	return time.Time{}, false
}

// leapSecond writes the second 60, which the grammar allows and the time
// package does not, as 59.
func leapSecond(v string) (string, bool) {
	if i := strings.Index(v, ":60 "); i >= 0 {
		return v[:i] + ":59 " + v[i+len(":60 "):], true
	}
	return v, false
}

// century applies the two-digit-year rule of RFC 9110 section 5.6.7 to t.
func century(t, near time.Time) (time.Time, bool) {
	near = near.UTC()
	limit := near.AddDate(50, 0, 0)
	year := limit.Year()/100*100 + t.Year()%100
	inYear := func(y int) time.Time {
		return time.Date(y, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	}
	at := inYear(year)
	if at.After(limit) {
		at = inYear(year - 100)
	}
	return at, at.Day() == t.Day() // 29 February of a year that has none
}
