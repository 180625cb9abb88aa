package retry

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

func TestBudgetCounts(t *testing.T) {
	t.Parallel()
	a, err := BudgetConfig{}.allowance(defaultRatio)
	if err != nil || a.ratio != 0.1 || a.floor != 30 || a.slice != time.Second {
		t.Fatalf("defaults %+v, %v", a, err)
	}
	var b budget
	grant := func(age time.Duration, ask int) (got int) {
		for range ask {
			if _, ok := b.take(a, age); ok {
				got++
			}
		}
		return got
	}
	if got := grant(0, 100); got != 30 {
		t.Errorf("an idle upstream allowed %d repeats, want the floor of 30", got)
	}
	b.sent(a, 0, 1000, 0)
	if got := grant(0, 1000); got != 70 {
		t.Errorf("1000 sends allowed %d further repeats, want 70", got)
	}
	if got := grant(9*time.Second, 10); got != 0 {
		t.Errorf("within the window %d more were allowed", got)
	}
	if got := grant(10*time.Second, 100); got != 30 {
		t.Errorf("after the window %d were allowed, want 30", got)
	}
	if got := grant(1000*time.Hour, 100); got != 30 {
		t.Errorf("after a long pause %d were allowed, want 30", got)
	}
}

func TestBudgetConfigErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []BudgetConfig{
		{Ratio: -1},
		{Ratio: 1.5},
		{Ratio: math.NaN()},
		{Ratio: math.Inf(1)},
		{MinPerSecond: -1},
		{MinPerSecond: 1e9},
		{Window: -1},
		{Window: time.Millisecond},
		{Window: 2 * time.Hour},
	} {
		if _, err := New(Config{Budget: c}); !errors.Is(err, exchange.ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestD15_StormIsNotAmplified: 30 calls a second against a server that always
// answers 503; it sees at most 1.2 times the calls.
func TestD15_StormIsNotAmplified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, err := New(Config{Attempts: 5})
		if err != nil {
			t.Fatal(err)
		}
		server := godwittest.Always(godwittest.Reply{Status: 503})
		rt := m(server)
		const calls, rate = 3000, 30
		var spentCalls int
		done := make(chan bool)
		for range calls {
			time.Sleep(time.Second / rate)
			go func() {
				ctx, call := exchange.WithCall(context.Background())
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/", nil)
				if err != nil {
					t.Error(err)
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Error(err)
				} else {
					_, _ = io.Copy(io.Discard, resp.Body) // scripted: cannot fail
					resp.Body.Close()
				}
				done <- call.StopKind() == exchange.ErrRetryBudget
			}()
		}
		for range calls {
			if <-done {
				spentCalls++
			}
		}
		if sends := len(server.Requests()); sends > calls*12/10 || sends < calls*105/100 {
			t.Errorf("%d calls made %d sends, want at most 1.2 times as many and more than 1.05", calls, sends)
		}
		if spentCalls < calls/2 {
			t.Errorf("%d of %d calls say that the budget was spent", spentCalls, calls)
		}
	})
}

// TestBudgetErrorKeepsItsCause: an error that the budget made the last is still
// the network's, and says that the refusal is local.
func TestBudgetErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, err := New(Config{Attempts: 1000, Base: time.Millisecond, Cap: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		refused := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			return nil, exchange.CallFrom(req.Context()).NewError(exchange.ErrConnect, "", req, errors.New("refused"))
		})
		req, err := http.NewRequest(http.MethodGet, "https://api.example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m(refused).RoundTrip(req)
		if !errors.Is(err, exchange.ErrConnect) || !errors.Is(err, exchange.ErrRetryBudget) {
			t.Fatalf("%v, want ErrConnect and ErrRetryBudget", err)
		}
		var e *exchange.Error
		if !errors.As(err, &e) || e.Kind != exchange.ErrConnect || len(e.Attempts) != 31 {
			t.Errorf("%d attempts: %v", len(e.Attempts), err)
		}
	})
}
