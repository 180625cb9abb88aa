package retry

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

// TestBatchIsPatient: ten attempts, a budget of its own, and what is set counts
// for batch calls too.
func TestBatchIsPatient(t *testing.T) {
	t.Parallel()
	for want, c := range map[int]Config{10: {}, 1: {Attempts: 1}, 4: {Attempts: 4}} {
		synctest.Test(t, func(t *testing.T) {
			r := retryOf(t, c)
			wire := godwittest.Always(godwittest.Status(503))
			for range 20 { // with the ratio of other calls the 30 repeats of the floor would be spent
				before := wire.Count()
				ctx, call, _ := observed(exchange.WithClass(t.Context(), exchange.ClassBatch))
				resp, err := r.Wrap(wire).RoundTrip(request(t, ctx, "GET", ""))
				wantAnswer(t, resp, err, 503, "Service Unavailable")
				if n := wire.Count() - before; n != want || call.StopReason() != attemptsMade(want) {
					t.Errorf("%+v: %d sends, reason %q", c, n, call.StopReason())
				}
			}
			if n := r.servers.Get(request(t, t.Context(), "GET", "").URL).Value.normal.repeats(); n != 0 {
				t.Errorf("batch calls took %d repeats of the others' budget", n)
			}
		})
	}
}

// Failed probes are charged to nobody who is patient, and end with the history.
func TestBatchProbesAreFree(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		class exchange.Class
		sends int
	}{"batch": {exchange.ClassBatch, maxAttempts}, "normal": {exchange.ClassNormal, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sends := 0
				probed := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
					sends++
					exchange.LiveFrom(req.Context()).Note(exchange.FactProbe)
					return nil, &exchange.Error{Kind: exchange.ErrConnect}
				})
				ctx, call, _ := observed(exchange.WithClass(t.Context(), tc.class))
				_, err := wrap(t, Config{}, probed).RoundTrip(request(t, ctx, "GET", ""))
				if !errors.Is(err, exchange.ErrConnect) || sends != tc.sends || call.StopReason() != attemptsMade(tc.sends) {
					t.Errorf("%d sends, reason %q", sends, call.StopReason())
				}
			})
		})
	}
}

// Spend and retries take from one budget.
func TestSpend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := retryOf(t, Config{Attempts: 100, Base: 1, Cap: 1})
		u := request(t, t.Context(), "GET", "").URL
		for i := range 20 {
			if !r.Spend(u) {
				t.Fatalf("refused after %d", i)
			}
		}
		wire := godwittest.Always(godwittest.Status(503))
		ctx, call, _ := observed(t.Context())
		resp, err := r.Wrap(wire).RoundTrip(request(t, ctx, "GET", ""))
		wantAnswer(t, resp, err, 503, "Service Unavailable")
		if wire.Count() != 11 || call.StopKind() != exchange.ErrRetryBudget {
			t.Errorf("%d sends, reason %q", wire.Count(), call.StopReason())
		}
		other := *u
		other.Host = "other.example"
		if r.Spend(u) || !r.Spend(&other) {
			t.Error("the budget is not that of one upstream")
		}
		time.Sleep(10 * time.Second)
		if !r.Spend(u) {
			t.Error("the budget does not come back")
		}
	})
}

// What was paid for an attempt that a cancellation kept from being sent is given
// back, unless it is forgotten already.
func TestBudgetGivesBack(t *testing.T) {
	t.Parallel()
	a, err := BudgetConfig{}.allowance(defaultRatio)
	if err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]int{0: 29, 9 * time.Second: 29, 10 * time.Second: 0, time.Hour: 0} {
		var b budget
		receipt, _ := b.take(a, 0)
		for range 29 {
			b.take(a, 0)
		}
		b.sent(a, age, 1, 0)
		b.giveBack(receipt)
		if got := b.repeats(); got != want {
			t.Errorf("after %v: %d repeats, want %d", age, got, want)
		}
	}
}
