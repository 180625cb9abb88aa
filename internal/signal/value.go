package signal

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/internal/retryafter"
)

// maxValue is more than any number, time or duration takes, in bytes.
const maxValue = 64

// longest stands for every time that does not fit a Duration.
const longest = time.Duration(math.MaxInt64)

// Format says how a moment or a duration is written.
type Format string

// The formats. The zero Format decides by the look of the value: a number from
// 1e12 is an epoch in milliseconds, from 1e9 one in seconds, any other seconds
// from now; with a unit it is a duration; a date is RFC 3339, an HTTP-date or
// what JavaScript makes of a Date.
const (
	FormatAuto     Format = ""
	FormatSeconds  Format = "seconds"   // from receipt, with decimals
	FormatMillis   Format = "ms"        // from receipt, with decimals
	FormatEpoch    Format = "epoch_s"   // since 1970, with decimals
	FormatEpochMS  Format = "epoch_ms"  // since 1970, with decimals
	FormatRFC3339  Format = "rfc3339"   // to the second or its parts, or to the minute
	FormatHTTPDate Format = "http_date" // RFC 9110 section 5.6.7, all three forms
	FormatDuration Format = "duration"  // "1m30s", as Go writes it
)

// number reads a decimal number: digits, with a fraction. No sign, no exponent,
// nothing that is not a number.
func number(s string) (float64, bool) {
	whole, fraction, point := strings.Cut(s, ".")
	if len(s) > maxValue || !digits(whole) || point && !digits(fraction) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// amount reads the number of a header field that may go on, as in
// "100, 100;w=60".
func amount(s string) Value[float64] {
	s = firstMember(s)
	if f, ok := number(s); ok {
		return Of(f)
	}
	return Value[float64]{}
}

func firstMember(s string) string {
	if i := strings.IndexAny(s, ",;"); i >= 0 {
		s = s[:i]
	}
	return strings.Trim(s, " \t")
}

// span makes a duration of f units, the longest one if it does not fit.
func span(f float64, unit time.Duration) time.Duration {
	ns := math.Ceil(f * float64(unit))
	if ns >= float64(longest) {
		return longest
	}
	return time.Duration(ns)
}

// when is a moment as a server writes it.
type when struct {
	at    time.Time     // by the server's clock, if not zero
	in    time.Duration // else from receipt
	grain time.Duration // to what in has been rounded up
}

// parseWhen reads a moment. The moment near is close to the real time.
func parseWhen(s string, f Format, near time.Time) (when, bool) {
	if s == "" || len(s) > maxValue {
		return when{}, false
	}
	switch f {
	case FormatSeconds:
		return delta(s, time.Second)
	case FormatMillis:
		return delta(s, time.Millisecond)
	case FormatEpoch:
		return epoch(s, time.Second)
	case FormatEpochMS:
		return epoch(s, time.Millisecond)
	case FormatRFC3339:
		return absolute(rfc3339(s))
	case FormatHTTPDate:
		return absolute(retryafter.Date(s, near))
	case FormatDuration:
		return duration(s)
	}
	return guessWhen(s, near)
}

func guessWhen(s string, near time.Time) (when, bool) {
	if f, ok := number(s); ok {
		switch {
		case f >= 1e12:
			return epoch(s, time.Millisecond)
		case f >= 1e9:
			return epoch(s, time.Second)
		}
		return delta(s, time.Second)
	}
	if s[0] < '0' || s[0] > '9' {
		return absolute(weekday(s, near))
	}
	if strings.Contains(s, "-") {
		return absolute(rfc3339(s))
	}
	return duration(s)
}

func absolute(t time.Time, ok bool) (when, bool) { return when{at: t}, ok }

func delta(s string, unit time.Duration) (when, bool) {
	f, ok := number(s)
	if !ok {
		return when{}, false
	}
	w := when{in: span(f, unit), grain: unit}
	if strings.Contains(s, ".") {
		w.grain = time.Millisecond
	}
	return w, true
}

// epoch reads a time since 1970. Beyond the year 9999 nothing can be meant.
func epoch(s string, unit time.Duration) (when, bool) {
	f, ok := number(s)
	if !ok || f*unit.Seconds() > 253_402_300_799 {
		return when{}, false
	}
	perSecond := float64(time.Second / unit)
	whole := math.Floor(f / perSecond)
	rest := (f - whole*perSecond) * float64(unit)
	return when{at: time.Unix(int64(whole), int64(rest)).UTC()}, true
}

func duration(s string) (when, bool) {
	if s[0] < '0' || s[0] > '9' {
		return when{}, false
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return when{}, false
	}
	w := when{in: d, grain: time.Second}
	if d%time.Second != 0 {
		w.grain = time.Millisecond
	}
	return w, true
}

// rfc3339 reads an RFC 3339 time, also one without seconds, as Jira writes it.
func rfc3339(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// weekday reads the dates that start with the name of a day: those of RFC 9110,
// and "Sat May 23 2026 12:01:30 GMT+0000 (Coordinated Universal Time)".
func weekday(s string, near time.Time) (time.Time, bool) {
	if t, ok := retryafter.Date(s, near); ok {
		return t, true
	}
	s, _, _ = strings.Cut(s, " (")
	t, err := time.Parse("Mon Jan 02 2006 15:04:05 GMT-0700", s)
	return t.UTC(), err == nil
}
