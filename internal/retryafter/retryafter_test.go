package retryafter_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/internal/retryafter"
)

const longest = time.Duration(math.MaxInt64)

// serverNow is the Date of the responses; local is the clock of this machine,
// three hours off.
var (
	serverNow = time.Date(2026, time.May, 23, 12, 0, 0, 0, time.UTC)
	local     = serverNow.Add(-3 * time.Hour)
)

func answer(values ...string) http.Header {
	return http.Header{"Date": {serverNow.Format(http.TimeFormat)}, "Retry-After": values}
}

func TestLM7_Delay(t *testing.T) {
	t.Parallel()
	const rfc850 = "Monday, 02-Jan-06 15:04:05 GMT"
	soon := serverNow.Add(90 * time.Second)
	for _, tc := range []struct {
		name   string
		values []string
		want   time.Duration
	}{
		{"none", nil, 0},
		{"seconds", []string{"120"}, 2 * time.Minute},
		{"zero", []string{"0"}, 0},
		{"white space", []string{" 7\t"}, 7 * time.Second},
		{"leading zeros", []string{"007"}, 7 * time.Second},
		{"float is rounded up", []string{"1.5"}, 2 * time.Second},
		{"small float is rounded up", []string{"0.001"}, time.Second},
		{"whole float", []string{"2.0"}, 2 * time.Second},
		{"a year", []string{"31536000"}, 365 * 24 * time.Hour},
		{"more than a duration holds", []string{"9223372037"}, longest},
		{"more than an integer holds", []string{"99999999999999999999"}, longest},
		{"the largest integer and a bit", []string{"9223372036854775807.5"}, longest},
		{"negative", []string{"-1"}, 0},
		{"plus sign", []string{"+1"}, 0},
		{"exponent", []string{"1e3"}, 0},
		{"hexadecimal", []string{"0x10"}, 0},
		{"point alone", []string{"."}, 0},
		{"no digits after the point", []string{"1."}, 0},
		{"no digits before the point", []string{".5"}, 0},
		{"two points", []string{"1.2.3"}, 0},
		{"infinity", []string{"Inf"}, 0},
		{"not a number", []string{"NaN"}, 0},
		{"other digits", []string{"١٢"}, 0},
		{"unit", []string{"5s"}, 0},
		{"garbage", []string{"soon"}, 0},
		{"empty", []string{""}, 0},
		{"IMF-fixdate", []string{soon.Format(http.TimeFormat)}, 90 * time.Second},
		{"RFC 850", []string{soon.Format(rfc850)}, 90 * time.Second},
		{"asctime", []string{soon.Format(time.ANSIC)}, 90 * time.Second},
		{"asctime, one-digit day", []string{"Mon Jun  1 12:00:00 2026"}, 9 * 24 * time.Hour},
		{"leap second", []string{"Sat, 23 May 2026 12:00:60 GMT"}, time.Minute},
		{"past date", []string{serverNow.Add(-time.Hour).Format(http.TimeFormat)}, 0},
		{"same date", []string{serverNow.Format(http.TimeFormat)}, 0},
		{"date in a year", []string{serverNow.AddDate(1, 0, 0).Format(http.TimeFormat)}, 365 * 24 * time.Hour},
		{"date in the year 9999", []string{"Fri, 31 Dec 9999 23:59:59 GMT"}, longest},
		{"other zone", []string{"Sat, 23 May 2026 12:01:30 PST"}, 0},
		{"numeric zone", []string{"Sat, 23 May 2026 12:01:30 +0000"}, 0},
		{"impossible date", []string{"Mon, 31 Feb 2026 12:01:30 GMT"}, 0},
		{"two fields, the larger", []string{"5", "30"}, 30 * time.Second},
		{"two fields, the larger first", []string{"30", "5"}, 30 * time.Second},
		{"number and date", []string{"5", soon.Format(http.TimeFormat)}, 90 * time.Second},
		{"garbage and number", []string{"later", "5"}, 5 * time.Second},
	} {
		if got := retryafter.Delay(answer(tc.values...), local); got != tc.want {
			t.Errorf("%s: %q gives %v, want %v", tc.name, tc.values, got, tc.want)
		}
	}
}

func TestLM7_DateWithoutServerDate(t *testing.T) {
	t.Parallel()
	at := local.Add(time.Minute).Format(http.TimeFormat)
	for _, date := range []string{"", "yesterday", strings.Repeat("x", 1000)} {
		h := http.Header{"Retry-After": {at}, "Date": {date}}
		if got := retryafter.Delay(h, local); got != time.Minute {
			t.Errorf("Date %.20q: %v, want 1m by the local clock", date, got)
		}
	}
	if got := retryafter.Delay(nil, local); got != 0 {
		t.Errorf("no header at all: %v", got)
	}
}

func TestLM7_ServerDateInAnyForm(t *testing.T) {
	t.Parallel()
	at := serverNow.Add(time.Minute).Format(http.TimeFormat)
	for _, form := range []string{http.TimeFormat, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		h := http.Header{"Retry-After": {at}, "Date": {serverNow.Format(form)}}
		if got := retryafter.Delay(h, local); got != time.Minute {
			t.Errorf("Date in form %q: %v, want 1m", form, got)
		}
	}
}

// RFC 9110 section 5.6.7: a two-digit year that appears to be more than 50
// years in the future is the most recent past year with those digits.
func TestRFC850Century(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		near, date string
		want       int // year; 0: no such date
	}{
		{"2026-05-23", "Sunday, 06-Nov-94 08:49:37 GMT", 1994},
		{"2026-05-23", "Sunday, 06-Nov-26 08:49:37 GMT", 2026},
		{"2026-05-23", "Friday, 06-Nov-69 08:49:37 GMT", 2069},
		{"2026-05-23", "Friday, 22-May-76 08:49:37 GMT", 2076},
		{"2026-05-23", "Friday, 24-May-76 08:49:37 GMT", 1976},
		{"2026-05-23", "Friday, 06-Nov-77 08:49:37 GMT", 1977},
		{"2099-05-23", "Friday, 06-Nov-01 08:49:37 GMT", 2101},
		{"2099-05-23", "Friday, 06-Nov-99 08:49:37 GMT", 2099},
		{"1999-12-31", "Saturday, 01-Jan-00 00:00:00 GMT", 2000},
		{"2026-05-23", "Tuesday, 29-Feb-00 08:49:37 GMT", 2000},
		{"2126-05-23", "Tuesday, 29-Feb-00 08:49:37 GMT", 0}, // 2100 has no such day
	} {
		near, err := time.Parse(time.DateOnly, tc.near)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := retryafter.Date(tc.date, near)
		if ok != (tc.want != 0) || ok && got.Year() != tc.want {
			t.Errorf("near %s, %s: %v, %v; want the year %d", tc.near, tc.date, got, ok, tc.want)
		}
	}
}

// A parser of quadratic time would need 10¹² steps for a mebibyte and not come
// to an end here. None may allocate by the byte.
func TestLM6_LongFields(t *testing.T) { // not parallel: it counts allocations
	const mib = 1 << 20
	for name, v := range map[string]string{
		"digits":     strings.Repeat("9", mib),
		"zeros":      strings.Repeat("0", mib),
		"fraction":   "0." + strings.Repeat("0", mib),
		"points":     strings.Repeat(".", mib),
		"spaces":     strings.Repeat(" ", mib),
		"date start": "Sat, 23 May 2026 12:00:00" + strings.Repeat(" ", mib),
		"sixties":    strings.Repeat(":60 ", mib/4),
		"letters":    strings.Repeat("Mon, ", mib/5),
	} {
		h := answer(v)
		retryafter.Delay(h, local)
		if n := testing.AllocsPerRun(10, func() { retryafter.Delay(h, local) }); n > 8 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestDelayAllocatesNothingWithoutField(t *testing.T) { // not parallel: it counts allocations
	h := http.Header{"Date": {serverNow.Format(http.TimeFormat)}}
	if n := testing.AllocsPerRun(100, func() { retryafter.Delay(h, local) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDelay(f *testing.F) {
	for _, v := range []string{
		"", "0", "1", "1.5", "-1", "120", "99999999999999999999", "9223372036.999999", "1e9", "NaN",
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"Sat, 23 May 2026 12:00:60 GMT", "Tuesday, 29-Feb-00 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
		"\x00", ":60 ", "Mon, 99 Xxx 0000 99:99:99 GMT",
	} {
		f.Add(v, "Sat, 23 May 2026 12:00:00 GMT", int64(1_779_537_600))
		f.Add("1", v, int64(0))
	}
	f.Fuzz(func(t *testing.T, v, date string, unix int64) {
		near := time.Unix(unix%253_402_300_800, 0) // up to the year 9999
		h := http.Header{"Retry-After": {v}, "Date": {date}}
		if d := retryafter.Delay(h, near); d < 0 {
			t.Errorf("Retry-After %q at Date %q: negative delay %v", v, date, d)
		}
		if d, ok := retryafter.Seconds(v); ok && (d < 0 || d%time.Second != 0 && d != longest) {
			t.Errorf("%q: %v", v, d)
		}
		if at, ok := retryafter.Date(v, near); ok {
			again, ok := retryafter.Date(at.UTC().Format(http.TimeFormat), near)
			if at.Year() >= 0 && at.Year() <= 9999 && (!ok || !again.Equal(at.Truncate(time.Second))) {
				t.Errorf("%q: %v does not survive being written: %v, %v", v, at, again, ok)
			}
		}
	})
}

func ExampleDelay() {
	h := http.Header{
		"Date":        {"Sat, 23 May 2026 12:00:00 GMT"},
		"Retry-After": {"Sat, 23 May 2026 12:01:30 GMT"},
	}
	fmt.Println(retryafter.Delay(h, time.Now()))
	// Output: 1m30s
}
