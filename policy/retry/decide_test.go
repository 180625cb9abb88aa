package retry

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// most draws the longest wait, so that waits can be told exactly.
func most(n int64) int64 { return n - 1 }

func defaults(tb testing.TB) rules {
	tb.Helper()
	r, err := Config{}.rules()
	if err != nil {
		tb.Fatal(err)
	}
	r.backoff.Rand = most
	return r
}

// TestFC1_FC2_Class is the table of outcomes, a row for every kind.
func TestFC1_FC2_Class(t *testing.T) {
	t.Parallel()
	r := defaults(t)
	type row struct{ no, maybeRepeatable, maybe class } // by Sent, and by whether it may be processed twice
	network := row{worth, worth, unsafe}
	local := row{final, final, final}
	rows := map[*exchange.Kind]row{
		exchange.ErrDNS: network, exchange.ErrConnect: network, exchange.ErrProxy: network,
		exchange.ErrTruncated: network, exchange.ErrTimeout: network, exchange.ErrConnectTimeout: network,
		exchange.ErrTLSTimeout: network, exchange.ErrHeaderTimeout: network, exchange.ErrIdleTimeout: network,
		exchange.ErrAttemptTimeout: network,
		exchange.ErrTLS:            local, exchange.ErrProtocol: local, exchange.ErrTotalTimeout: local,
		exchange.ErrUnauthenticated: local, exchange.ErrForbidden: local, exchange.ErrNotFound: local,
		exchange.ErrConflict: local, exchange.ErrRateLimited: local, exchange.ErrServer: local, exchange.ErrStatus: local,
		exchange.ErrRequest: local, exchange.ErrConfig: local, exchange.ErrTooManyRedirects: local,
		exchange.ErrRedirect: local, exchange.ErrBodyNotRewindable: local, exchange.ErrBodyTooLarge: local,
		exchange.ErrDecode: local, exchange.ErrValidation: local, exchange.ErrOriginNotAllowed: local,
		exchange.ErrCircuitOpen: local, exchange.ErrWouldMissDeadline: local, exchange.ErrRetryBudget: local,
		exchange.ErrCanceled: local, exchange.ErrMiddleware: local,
		nil: local, // unknown
	}
	for _, kind := range append(exchange.Kinds(), nil) {
		want, ok := rows[kind]
		if !ok {
			t.Errorf("kind %v has no row", kind)
		}
		for _, tc := range []struct {
			f    facts
			want class
		}{
			{facts{outcome: outcome{kind: kind, sent: exchange.SentNo}}, want.no},
			{facts{outcome: outcome{kind: kind, sent: exchange.SentNo}, repeatable: true}, want.no},
			{facts{outcome: outcome{kind: kind, sent: exchange.SentMaybe}, repeatable: true}, want.maybeRepeatable},
			{facts{outcome: outcome{kind: kind, sent: exchange.SentMaybe}}, want.maybe},
			{facts{outcome: outcome{kind: kind, sent: exchange.SentNo, hopeless: true}, repeatable: true}, final},
		} {
			if got := r.class(tc.f); got != tc.want {
				t.Errorf("%v, %+v: class %d, want %d", kind, tc.f, got, tc.want)
			}
		}
	}
}

func TestClassOfStatuses(t *testing.T) {
	t.Parallel()
	r := defaults(t)
	for status := 100; status <= 599; status++ {
		repeatable, other := final, final
		switch status {
		case 408, 425, 500, 502, 503, 504:
			repeatable, other = worth, unsafe
		case 429:
			repeatable, other = worth, worth
		}
		f := facts{outcome: outcome{status: status, sent: exchange.SentYes}}
		if got := r.class(f); got != other {
			t.Errorf("%d: class %d, want %d", status, got, other)
		}
		f.repeatable = true
		if got := r.class(f); got != repeatable {
			t.Errorf("%d, repeatable: class %d, want %d", status, got, repeatable)
		}
	}
	r.statuses = []int{418}
	if r.class(facts{outcome: outcome{status: 429}}) != final || r.class(facts{outcome: outcome{status: 418}, repeatable: true}) != worth {
		t.Error("the statuses that are set do not replace the default")
	}
}

// The questions come in this order: each row would get another answer from
// every later one.
func TestDecisionOrder(t *testing.T) {
	t.Parallel()
	r := defaults(t)
	f := facts{
		outcome: outcome{status: 404, sent: exchange.SentYes, delay: time.Hour},
		ended:   true, sends: 9, most: 3, attempt: 1, left: time.Millisecond, bounded: true,
	}
	for _, step := range []struct {
		reason string // of the answer while the step stands
		pass   func() // removes what the step objects to
	}{
		{"", func() { f.ended = false }},
		{"", func() { f.status = 503 }},
		{"the request may have been processed and is not declared idempotent", func() { f.repeatable = true }},
		{"9 attempts were made", func() { f.sends = 2 }},
		{"the request body cannot be sent a second time", func() { f.rewindable = true }},
		{"the server asks to wait 1h0m0s, longer than retry.max_retry_after 1m0s", func() { f.delay = 3 * time.Second }},
		{"the server asks to wait 3s, and the call has 1ms left", func() { f.delay = 0 }},
		{"the wait does not fit into the 1ms that the call has left", func() { f.left = time.Second }},
	} {
		if v := r.decide(f); v.again || v.reason != step.reason {
			t.Errorf("verdict %+v, want the reason %q", v, step.reason)
		}
		step.pass()
	}
	if v := r.decide(f); !v.again || v.wait != 500*time.Millisecond || v.reason != "503 Service Unavailable" {
		t.Errorf("verdict %+v, want another attempt after 500ms", v)
	}
}

func TestReasonsForTrying(t *testing.T) {
	t.Parallel()
	r := defaults(t)
	r.statuses = append(r.statuses, 599)
	for want, o := range map[string]outcome{
		"429 Too Many Requests": {status: 429},
		"599":                   {status: 599},
		"header timeout":        {kind: exchange.ErrHeaderTimeout},
	} {
		if v := r.decide(facts{outcome: o, sends: 1, most: 3, attempt: 1, repeatable: true, rewindable: true}); v.reason != want {
			t.Errorf("reason %q, want %q", v.reason, want)
		}
	}
	if v := r.decide(facts{outcome: outcome{status: 500}, sends: 3, most: 3, repeatable: true}); v.reason != "3 attempts were made" {
		t.Errorf("reason %q", v.reason)
	}
	if v := r.decide(facts{outcome: outcome{status: 500}, sends: 1, most: 1, repeatable: true}); v.reason != "1 attempt was made" {
		t.Errorf("reason %q", v.reason)
	}
}

// TestLM7_D7_Delay is the arithmetic of the wait. The draw is always the
// longest possible.
func TestLM7_D7_Delay(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, tc := range []struct {
		name    string
		change  func(*rules)
		attempt int
		asked   time.Duration
		left    time.Duration // 0: no deadline
		want    time.Duration // below 0: refused
	}{
		{"backoff", nil, 1, 0, 0, s / 2},
		{"backoff doubles", nil, 3, 0, 0, 2 * s},
		{"backoff is capped", nil, 30, 0, 0, 5 * s},
		{"backoff fits", nil, 1, 0, s, s / 2},
		{"backoff would end at the deadline", nil, 1, 0, s / 2, -1},
		{"no time left", nil, 1, 0, -1, -1},
		{"asked, and a draw on top", nil, 1, 10 * s, 0, 10*s + s/2},
		{"asked for the longest", nil, 1, 60 * s, 0, 60*s + s/2},
		{"asked for more than that", nil, 1, 60*s + 1, 0, -1},
		{"asked for a year", nil, 1, 365 * 24 * time.Hour, 0, -1},
		{"asked for ever", nil, 1, math.MaxInt64, 0, -1},
		{"ever is allowed", func(r *rules) { r.maxRetryAfter = math.MaxInt64 }, 1, math.MaxInt64, 0, math.MaxInt64},
		{"asked, fits", nil, 1, 10 * s, 11 * s, 10*s + s/2},
		{"asked, fits without a draw", nil, 1, 10 * s, 10*s + s/4, 10 * s},
		{"asked for the deadline", nil, 1, 10 * s, 10 * s, -1},
		{"asked for more than is left", nil, 1, 10 * s, 2 * s, -1},
		{"asked and ignored", func(r *rules) { r.ignoreRetryAfter = true }, 1, 10 * s, 2 * s, s / 2},
	} {
		r := defaults(t)
		if tc.change != nil {
			tc.change(&r)
		}
		f := facts{outcome: outcome{status: 503, delay: tc.asked}, attempt: tc.attempt, left: tc.left, bounded: tc.left != 0}
		wait, refusal := r.delay(f)
		if refused := refusal != ""; refused != (tc.want < 0) || !refused && wait != tc.want {
			t.Errorf("%s: wait %v, refusal %q; want %v", tc.name, wait, refusal, tc.want)
		}
	}
}

// Whatever is drawn, a wait leaves the time for an answer, and is no shorter than
// what was asked for.
func FuzzDelay(f *testing.F) {
	f.Add(1, int64(0), int64(time.Second), int64(0), int64(0))
	f.Add(3, int64(time.Minute), int64(time.Hour), int64(1<<40), int64(time.Second))
	f.Add(70, int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, attempt int, asked, left, draw, latency int64) {
		r := defaults(t)
		r.backoff.Rand = func(n int64) int64 { return int64(uint64(draw) % uint64(n)) }
		facts := facts{outcome: outcome{delay: time.Duration(max(asked, 0))}, attempt: attempt % 1000, left: time.Duration(max(left, -1<<62)), bounded: true, latency: time.Duration(min(max(0, latency), 1<<62))}
		wait, refusal := r.delay(facts)
		switch {
		case refusal != "":
		case wait < facts.delay, wait < 0, wait >= facts.left-facts.latency:
			t.Errorf("asked %v, left %v, latency %v: wait %v", facts.delay, facts.left, facts.latency, wait)
		case wait > r.maxRetryAfter+r.backoff.Cap:
			t.Errorf("wait %v", wait)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		"retry.attempts: -1 is not between":                               {Attempts: -1},
		"retry.attempts: 1001 is not between":                             {Attempts: 1001},
		"retry.statuses: 200 is no failure":                               {Statuses: []int{503, 200}},
		"retry.statuses: 302 is no failure":                               {Statuses: []int{302}},
		"retry.statuses: 600 is no failure":                               {Statuses: []int{600}},
		`retry.methods: "get" is no method`:                               {Methods: []string{"GET", "get"}},
		`retry.methods: "" is no method`:                                  {Methods: []string{""}},
		`retry.methods: "GET POST" is no method`:                          {Methods: []string{"GET POST"}},
		"retry.base: -1s is negative":                                     {Base: -time.Second},
		"retry.cap: -1s is negative":                                      {Cap: -time.Second},
		"retry.max_retry_after: -1s is negative":                          {MaxRetryAfter: -time.Second},
		"retry.base: 10s is above retry.cap 5s":                           {Base: 10 * time.Second},
		"retry.base: 2s is above retry.cap 1s":                            {Base: 2 * time.Second, Cap: time.Second},
		`retry.retry_after: "never" is neither obey nor ignore`:           {RetryAfter: "never"},
		`retry.retry_after: "` + strings.Repeat("x", 40) + `" is neither`: {RetryAfter: strings.Repeat("x", 1000)},
	} {
		_, err := New(c)
		if !errors.Is(err, exchange.ErrConfig) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for _, c := range []Config{{}, {Attempts: 1}, {Attempts: 1000}, {Cap: time.Millisecond}, {Base: time.Minute, Cap: time.Minute}, {RetryAfter: "obey"}} {
		if _, err := New(c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestEmptyListsMeanNone(t *testing.T) {
	t.Parallel()
	r, err := Config{Statuses: []int{}, Methods: []string{}}.rules()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.statuses) != 0 || len(r.methods) != 0 {
		t.Errorf("statuses %v, methods %v", r.statuses, r.methods)
	}
}
