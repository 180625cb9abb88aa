package godwit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/bulkhead"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/policy/retry"
	"github.com/godwit-go/godwit/secret"
)

// upstream is a transport that answers with the next of its statuses, the last
// one again and again.
type upstream struct {
	mu       sync.Mutex
	statuses []int
	header   http.Header
	sends    int
}

func (u *upstream) RoundTrip(req *http.Request) (*http.Response, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	exchange.CloseBody(req)
	status := u.statuses[min(u.sends, len(u.statuses)-1)]
	u.sends++
	h := http.Header{}
	if status >= 400 {
		h = u.header.Clone()
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: h, Body: io.NopCloser(strings.NewReader("x")),
	}, nil
}

// over returns a client over u that makes one attempt per call.
func over(t *testing.T, u http.RoundTripper, change func(*godwit.Config)) *godwit.Client {
	t.Helper()
	config := godwit.Config{BaseURL: "https://a.test", Transport: u, Retry: retry.Config{Attempts: 1}, Logging: quiet}
	if change != nil {
		change(&config)
	}
	client, err := godwit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// statusOf makes a call and returns its status; 0 and the error if there is none.
func statusOf(ctx context.Context, c *godwit.Client, opts ...godwit.CallOption) (int, error) {
	resp, err := c.Do(ctx, "GET", "/x", append(opts, godwit.AnyStatus())...)
	if err != nil {
		return 0, err
	}
	return resp.Status, resp.Close()
}

func mustStatus(t *testing.T, c *godwit.Client, want int, opts ...godwit.CallOption) {
	t.Helper()
	if got, err := statusOf(t.Context(), c, opts...); got != want {
		t.Fatalf("status %d, %v; want %d", got, err, want)
	}
}

// C2: without any setting, a refusal holds the other calls of the client back
// until the server wants them again.
func TestC2_RefusalHoldsOthersBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*godwit.Config)
		want   time.Duration
	}{
		"by default": {nil, 20 * time.Second},
		"off":        {func(c *godwit.Config) { c.Limit.Mode = "off" }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := &upstream{statuses: []int{200, 429, 200}, header: http.Header{"Retry-After": {"20"}}}
				client := over(t, u, test.change)
				mustStatus(t, client, 200)
				mustStatus(t, client, 429)
				if wait, err := client.Peek("GET", "/y"); err != nil || wait != test.want {
					t.Errorf("Peek: %v, %v; want %v", wait, err, test.want)
				}
				start := time.Now()
				mustStatus(t, client, 200)
				if took := time.Since(start); took != test.want {
					t.Errorf("the next call took %v, want %v", took, test.want)
				}
				if wait, err := client.Peek("GET", "/y"); err != nil || wait != 0 {
					t.Errorf("Peek afterwards: %v, %v", wait, err)
				}
			})
		})
	}
}

// C2: a call that would have to wait longer than it has fails before anything is
// sent, and says how long that is.
func TestC2_WouldMissDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{statuses: []int{429}, header: http.Header{"Retry-After": {"20"}}}
		client := over(t, u, nil)
		mustStatus(t, client, 429)
		start := time.Now()
		_, err := statusOf(t.Context(), client, godwit.Timeout(5*time.Second))
		var e *godwit.Error
		if !errors.Is(err, godwit.ErrWouldMissDeadline) || !errors.As(err, &e) || e.RetryAfter != 20*time.Second || e.Sent != godwit.SentNo {
			t.Errorf("%v: %#v", err, e)
		}
		if took := time.Since(start); took != 0 || u.sends != 1 {
			t.Errorf("%d sends, after %v", u.sends, took)
		}
	})
}

// C2, C3: a quota of the definition paces, by class and cost.
func TestC2_QuotaCostAndClass(t *testing.T) {
	t.Parallel()
	quotas := limit.Config{Quotas: []limit.Quota{{Name: "points", Limit: "10/s", Burst: 20}}}
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{statuses: []int{200}}
		client := over(t, u, func(c *godwit.Config) {
			c.Limit = quotas
			c.Operations = map[string]godwit.Operation{
				"big":   {Request: "GET /big", Cost: map[string]float64{"points": 5}, Class: "batch"},
				"small": {Request: "GET /small"},
			}
		})
		mustStatus(t, client, 200) // the line is warm now
		for range 40 {
			mustStatus(t, client, 200) // nothing is saved up any more
		}
		small, err := client.PeekOperation("small")
		if err != nil || small <= 0 || small > 200*time.Millisecond {
			t.Errorf("Peek of 1 unit: %v, %v", small, err)
		}
		for name, opts := range map[string][]godwit.CallOption{"big": nil, "small": {godwit.Cost("points", 5), godwit.Class(godwit.ClassBatch)}} {
			big, err := client.PeekOperation(name, opts...)
			if took := big - small; err != nil || took < 390*time.Millisecond || took > 410*time.Millisecond {
				t.Errorf("Peek of 5 units: %v, %v; of 1: %v", big, err, small)
			}
		}
		if _, err := statusOf(t.Context(), client, godwit.Cost("points", 15), godwit.Timeout(time.Second)); !errors.Is(err, godwit.ErrWouldMissDeadline) {
			t.Errorf("a call whose turn is later than its deadline: %v", err)
		}
	})
}

// A place that only another call's end can free is not one to have at once.
func TestC2_PeekOfWhatNobodyCanTell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := over(t, &upstream{statuses: []int{200}}, func(c *godwit.Config) {
			c.Limit.Quotas = []limit.Quota{{Model: "concurrency", Limit: "1"}}
		})
		peek := func(opts ...godwit.CallOption) time.Duration {
			wait, err := client.Peek("GET", "/x", opts...)
			if err != nil {
				t.Fatal(err)
			}
			return wait
		}
		if wait := peek(); wait != 0 {
			t.Errorf("%v while nobody is there", wait)
		}
		resp, err := client.Do(t.Context(), "GET", "/x")
		if err != nil {
			t.Fatal(err)
		}
		if wait := peek(); wait == 0 {
			t.Error("0 while the one place is taken")
		}
		if wait := peek(godwit.Cost("default", 0)); wait != 0 {
			t.Errorf("%v for a call that takes nothing", wait)
		}
		if err := resp.Close(); err != nil {
			t.Error(err)
		}
		if wait := peek(); wait != 0 {
			t.Errorf("%v after its end", wait)
		}
	})
}

func TestClassAndCostThatMakeNoSense(t *testing.T) {
	t.Parallel()
	u := &upstream{statuses: []int{200}}
	client := over(t, u, func(c *godwit.Config) {
		c.Limit.Quotas = []limit.Quota{{Name: "points", Limit: "10/s"}}
	})
	for want, opt := range map[string]godwit.CallOption{
		`there is no quota "pints"`: godwit.Cost("pints", 1),
		`Cost: -1 units`:            godwit.Cost("points", -1),
		`Class: 9`:                  godwit.Class(9),
	} {
		if _, err := statusOf(t.Context(), client, opt); !errors.Is(err, godwit.ErrRequest) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		req, err := http.NewRequestWithContext(godwit.CallContext(t.Context(), opt), "GET", "https://a.test/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Transport().RoundTrip(req); !errors.Is(err, godwit.ErrRequest) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s in CallContext: %v", want, err)
		}
		if _, err := client.Peek("GET", "/x", opt); !errors.Is(err, godwit.ErrRequest) {
			t.Errorf("%s in Peek: %v", want, err)
		}
	}
	if _, err := client.PeekOperation("none"); !errors.Is(err, godwit.ErrRequest) {
		t.Errorf("Peek of an operation that is not there: %v", err)
	}
	if u.sends != 0 {
		t.Errorf("%d sends", u.sends)
	}
}

// C5: the breaker is on by default, and what it knows can be asked for.
func TestC5_BreakerByDefault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{statuses: []int{503}}
		client := over(t, u, nil)
		for range 15 {
			mustStatus(t, client, 503)
		}
		_, err := statusOf(t.Context(), client)
		var e *godwit.Error
		if !errors.Is(err, godwit.ErrCircuitOpen) || !errors.As(err, &e) || e.RetryAfter <= 0 || u.sends != 15 {
			t.Errorf("after %d failures: %v", u.sends, err)
		}
		if _, err := client.Peek("GET", "/x"); !errors.Is(err, godwit.ErrCircuitOpen) {
			t.Errorf("Peek: %v", err)
		}
		off := over(t, &upstream{statuses: []int{503}}, func(c *godwit.Config) { c.Breaker.WhenOpen = "off" })
		for range 30 {
			mustStatus(t, off, 503)
		}
		if _, err := off.Peek("GET", "/x"); err != nil {
			t.Errorf("Peek without a breaker: %v", err)
		}
	})
}

func TestChainOfFlow(t *testing.T) {
	t.Parallel()
	names := func(change func(*godwit.Config)) string {
		chain := over(t, &upstream{}, change).Chain()
		return strings.Join(chain[slices.Index(chain, "retry"):], " → ")
	}
	if got, want := names(nil), "retry → breaker → limit → timeout (attempt) → decode → transport"; got != want {
		t.Errorf("by default %s\nwant %s", got, want)
	}
	if got, want := names(func(c *godwit.Config) { c.Bulkhead.MaxInFlight, c.Hedge.After = 2, "p95" }), "retry → hedge → breaker → bulkhead → limit → timeout (attempt) → decode → transport"; got != want {
		t.Errorf("with hedge and bulkhead %s\nwant %s", got, want)
	}
	if got, want := names(func(c *godwit.Config) { c.Breaker.WhenOpen, c.Limit.Mode = "off", "off" }), "retry → timeout (attempt) → decode → transport"; got != want {
		t.Errorf("off %s\nwant %s", got, want)
	}
}

// A client that With derives shares what its policies have learnt, each policy
// for itself, unless its settings change.
func TestWithSharesFlow(t *testing.T) {
	t.Parallel()
	base := func(c *godwit.Config) {
		c.Auth = auth.Bearer(secret.Value("one"))
		c.Breaker.Store = new(breaker.Memory)
		c.Limit.Quotas = []limit.Quota{{Name: "core", Limit: "60/h", Key: "{origin}", Operations: []string{"scarce"}}}
		c.Operations = map[string]godwit.Operation{"scarce": {Request: "GET /scarce"}}
	}
	for name, test := range map[string]struct {
		change       func(*godwit.Config)
		line, broken bool
	}{
		"other headers":           {func(c *godwit.Config) { c.Headers = map[string]string{"X-A": "b"} }, true, true},
		"other timeout":           {func(c *godwit.Config) { c.Timeout.Total = time.Minute }, true, true},
		"other limit":             {func(c *godwit.Config) { c.Limit.MaxWait = time.Minute }, false, true},
		"other quota":             {func(c *godwit.Config) { c.Limit.Quotas[0].Limit = "120/h" }, false, true},
		"other breaker":           {func(c *godwit.Config) { c.Breaker.Outcomes = 30 }, false, false},
		"other breaker store":     {func(c *godwit.Config) { c.Breaker.Store = new(breaker.Memory) }, false, false},
		"other credential":        {func(c *godwit.Config) { c.Auth = auth.Bearer(secret.Env("TWO")) }, true, true},
		"other literal":           {func(c *godwit.Config) { c.Auth = auth.Bearer(secret.Value("two")) }, false, true},
		"other literal with name": {func(c *godwit.Config) { c.Auth, c.Limit.Credential = auth.Bearer(secret.Value("two")), "b" }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := &upstream{statuses: []int{200}}
				client := over(t, u, base)
				derived, err := client.With(test.change)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client.Call(t.Context(), "scarce") // takes the one place of this minute
				if err != nil {
					t.Fatal(err)
				}
				if err := resp.Close(); err != nil {
					t.Error(err)
				}
				wait, err := derived.PeekOperation("scarce")
				if err != nil || (wait > 0) != test.line {
					t.Errorf("wait %v, %v; the line is shared: want %v", wait, err, test.line)
				}
				u.statuses = []int{500}
				for range 30 {
					_, _ = statusOf(t.Context(), client) // until the breaker opens
				}
				if _, err := derived.Peek("GET", "/x"); errors.Is(err, godwit.ErrCircuitOpen) != test.broken {
					t.Errorf("%v; the breaker is shared: want %v", err, test.broken)
				}
			})
		})
	}
}

func TestWithSharesRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{statuses: []int{503}}
		client := over(t, u, func(c *godwit.Config) {
			c.Retry = retry.Config{Attempts: 2, Budget: retry.BudgetConfig{MinPerSecond: 1}}
			c.Breaker.WhenOpen = "off"
		})
		for range 10 { // the floor of 1 a second, over 10 s
			mustStatus(t, client, 503)
		}
		sends := func(change func(*godwit.Config)) int {
			derived, err := client.With(change)
			if err != nil {
				t.Fatal(err)
			}
			before := u.sends
			mustStatus(t, derived, 503)
			return u.sends - before
		}
		if n := sends(func(c *godwit.Config) { c.Headers = nil }); n != 1 {
			t.Errorf("%d sends with the budget of the other client, which is spent", n)
		}
		if n := sends(func(c *godwit.Config) { c.Retry.Attempts = 3 }); n != 3 {
			t.Errorf("%d sends with a budget of its own", n)
		}
	})
}

func TestWithSharesBulkhead(t *testing.T) {
	t.Parallel()
	u := &upstream{statuses: []int{200}}
	client := over(t, u, func(c *godwit.Config) { c.Bulkhead = bulkhead.Config{MaxInFlight: 1, MaxQueue: -1} })
	resp, err := client.Do(t.Context(), "GET", "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Close()
	for name, test := range map[string]struct {
		change func(*godwit.Config)
		held   bool
	}{
		"same settings":  {func(c *godwit.Config) { c.UserAgent = "other" }, true},
		"other settings": {func(c *godwit.Config) { c.Bulkhead.MaxInFlight = 2 }, false},
	} {
		derived, err := client.With(test.change)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := statusOf(t.Context(), derived); errors.Is(err, godwit.ErrRateLimited) != test.held {
			t.Errorf("%s: %v; want a full bulkhead: %v", name, err, test.held)
		}
	}
}

func TestCredentialsTellLinesApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{statuses: []int{200}}
		client := over(t, u, func(c *godwit.Config) {
			c.Auth = auth.Config{Custom: func(context.Context, *http.Request) error { return nil }}
			c.Limit.Quotas = []limit.Quota{{Name: "own", Limit: "60/h"}}
		})
		mustStatus(t, client, 200)
		for name, test := range map[string]struct {
			change func(*godwit.Config)
			held   bool
		}{
			"same":              {func(c *godwit.Config) { c.UserAgent = "x" }, true},
			"another reference": {func(c *godwit.Config) { c.Auth = auth.Bearer(secret.Env("A")) }, false},
			"another user":      {func(c *godwit.Config) { c.Auth = auth.Basic("ada", secret.Env("A")) }, false},
			"a name":            {func(c *godwit.Config) { c.Limit.Credential = "tenant-7" }, false},
			"none":              {func(c *godwit.Config) { c.Auth = auth.Config{} }, false},
		} {
			derived, err := client.With(test.change)
			if err != nil {
				t.Fatal(err)
			}
			if wait, err := derived.Peek("GET", "/x"); err != nil || (wait > 0) != test.held {
				t.Errorf("%s: wait %v, %v; want the line of the other: %v", name, wait, err, test.held)
			}
		}
	})
}
