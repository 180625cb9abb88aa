package breaker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/internal/circuit"
	"pgregory.net/rapid"
)

// fleet is several processes with one store and one upstream.
func fleet(t *testing.T, n int, c Config, upstream *server) []*client {
	t.Helper()
	var out []*client
	for range n {
		out = append(out, newClient(t, breakerOf(t, c), upstream))
		time.Sleep(137 * time.Millisecond) // processes do not start together: their own clocks differ
	}
	return out
}

// Two processes share one breaker and one probe.
func TestFG19_FleetSharesOneProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(503, "down"))
		two := fleet(t, 2, Config{Store: new(Memory)}, upstream)
		two[0].break15()
		time.Sleep(storeUrgent)
		if _, err := two[0].get(t.Context()); !errors.Is(err, exchange.ErrCircuitOpen) {
			t.Fatalf("the first process: %v", err)
		}
		if _, err := two[1].get(t.Context()); !errors.Is(err, exchange.ErrCircuitOpen) {
			t.Fatalf("the second process: %v", err)
		}
		sent := upstream.Count()
		start := time.Now()
		for time.Since(start) < 10*time.Second {
			var wg sync.WaitGroup
			for _, c := range two {
				for range 3 {
					wg.Go(func() { _, _ = c.get(t.Context()) }) // refused, or a probe that fails
				}
			}
			wg.Wait()
			time.Sleep(10 * time.Millisecond)
		}
		probes := upstream.Count() - sent
		if probes < 5 || probes > 6 { // after 0.5, 1, 2, 2, 2, 2 s
			t.Errorf("%d probes of two processes in 10 s, want those of one", probes)
		}
		upstream.set(godwittest.Status(200))
		time.Sleep(2 * time.Second)
		served := func(c *client) bool { status, _ := c.get(t.Context()); return status == 200 }
		if !served(two[0]) {
			t.Error("the probe of the first process is not served")
		}
		time.Sleep(storeRefresh)
		if !served(two[1]) {
			t.Error("the second process does not learn that the upstream is back")
		}
	})
}

// Processes of one call each, as commands are, open the breaker together, and
// the next one does not have to find out by itself.
func TestFG19_ProcessesOfOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream, store := newServer(godwittest.Text(503, "down")), new(Memory)
		for i := range 20 {
			_, err := newClient(t, breakerOf(t, Config{Store: store}), upstream).get(t.Context())
			if want := i >= 15; errors.Is(err, exchange.ErrCircuitOpen) != want {
				t.Errorf("process %d: %v", i, err)
			}
		}
		if n := upstream.Count(); n != 15 {
			t.Errorf("the upstream was asked %d times", n)
		}
		for range 2 { // looking changes nothing
			v, ok, err := breakerOf(t, Config{Store: store}).Shared(t.Context(), "http://api.example")
			if err != nil || !ok || v.State != Open || v.Probe <= 0 || v.Probe > time.Second {
				t.Errorf("the fleet knows %+v, %v, %v", v, ok, err)
			}
		}
		for _, b := range []*Breaker{nil, breakerOf(t, Config{}), breakerOf(t, Config{Store: new(Memory)})} {
			if v, ok, err := b.Shared(t.Context(), "http://api.example"); ok || err != nil {
				t.Errorf("without a record: %+v, %v, %v", v, ok, err)
			}
		}
	})
}

// Many processes that fail a little each open together.
func TestFleetSharesOutcomes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := newServer(godwittest.Text(503, "down"))
		many := fleet(t, 10, Config{Store: new(Memory)}, upstream)
		for range 3 {
			for _, c := range many {
				_, _ = c.get(t.Context()) // a failure, or refused already
				time.Sleep(storeUrgent)
			}
		}
		if n := upstream.Count(); n > 25 {
			t.Errorf("%d calls reached an upstream that is down, of 10 processes", n)
		}
		for i, c := range many {
			if _, err := c.get(t.Context()); !errors.Is(err, exchange.ErrCircuitOpen) {
				t.Errorf("process %d: %v", i, err)
			}
		}
	})
}

// broken is a store that can be made to fail or to hang.
type brokenStore struct {
	Memory
	fail, hang atomic.Bool
	calls      atomic.Int64
}

var errStore = errors.New("connection refused")

func (s *brokenStore) Swap(ctx context.Context, origin string, prev, next []byte, keep time.Duration) (Answer, error) {
	s.calls.Add(1)
	switch {
	case s.fail.Load():
		return Answer{}, errStore
	case s.hang.Load():
		<-ctx.Done()
		return Answer{}, ctx.Err()
	}
	return s.Memory.Swap(ctx, origin, prev, next, keep)
}

// Without its store a process goes on alone, says so once, and comes back.
func TestStoreLostAndBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(brokenStore)
		store.fail.Store(true)
		upstream := newServer(godwittest.Text(503, "down"))
		c := newClient(t, breakerOf(t, Config{Store: store}), upstream)
		c.break15()
		if _, err := c.get(t.Context()); !errors.Is(err, exchange.ErrCircuitOpen) {
			t.Fatalf("with a store that fails: %v", err)
		}
		if n := store.calls.Load(); n > 2 {
			t.Errorf("%d questions to a store that does not answer", n)
		}
		upstream.set(godwittest.Status(200))
		time.Sleep(500 * time.Millisecond)
		if status, err := c.get(t.Context()); status != 200 {
			t.Fatalf("the own probe: %d, %v", status, err)
		}
		c.wantEvents(exchange.EventBreakerStoreLost, exchange.EventBreakerOpen, exchange.EventBreakerProbe, exchange.EventBreakerHalfOpen)

		store.fail.Store(false)
		time.Sleep(3 * time.Second)
		if status, err := c.get(t.Context()); status != 200 {
			t.Fatalf("%d, %v", status, err)
		}
		c.wantEvents(exchange.EventBreakerStoreLost, exchange.EventBreakerOpen, exchange.EventBreakerProbe, exchange.EventBreakerHalfOpen,
			exchange.EventBreakerClosed, exchange.EventBreakerStoreBack)
	})
}

// A store that hangs costs a caller a quarter of a second, once in a second.
func TestStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(brokenStore)
		store.hang.Store(true)
		c := newClient(t, breakerOf(t, Config{Store: store}), newServer(godwittest.Text(503, "down")))
		start := time.Now()
		c.break15()
		if took := time.Since(start); took != storeTimeout {
			t.Errorf("15 calls took %v", took)
		}
		time.Sleep(500 * time.Millisecond)
		if status, err := c.get(t.Context()); status != 503 {
			t.Errorf("the own probe: %d, %v", status, err)
		}
	})
}

// A caller that goes away while it asks the store says nothing against the
// store.
func TestCallerGoesWhileItAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(brokenStore)
		upstream := newServer(godwittest.Text(503, "down"))
		c := newClient(t, breakerOf(t, Config{Store: store}), upstream)
		c.break15()
		store.hang.Store(true)
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		defer time.AfterFunc(10*time.Millisecond, cancel).Stop()
		start := time.Now()
		if _, err := c.get(ctx); err == nil || time.Since(start) != 10*time.Millisecond {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		store.hang.Store(false)
		upstream.set(godwittest.Status(200))
		if status, err := c.get(t.Context()); status != 200 {
			t.Errorf("the next caller's probe: %d, %v", status, err)
		}
		for _, name := range c.names() {
			if name == exchange.EventBreakerStoreLost {
				t.Error("the store was called lost")
			}
		}
	})
}

// A record that cannot be read, or was made with other settings, does not count.
func TestForeignRecord(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "nonsense", "{}", `{"v":2,"state":1}`, `{"v":1,"state":7}`, `{"v":1,"at":50,"count":60}`, `{"v":1,"fails":-1}`, `{"v":1,"count":1,"fails":2}`} {
		synctest.Test(t, func(t *testing.T) {
			store := new(Memory)
			if _, err := store.Swap(t.Context(), "http://api.example", nil, []byte(raw), time.Hour); err != nil {
				t.Fatal(err)
			}
			upstream := newServer(godwittest.Text(503, "down"))
			c := newClient(t, breakerOf(t, Config{Store: store}), upstream)
			c.break15()
			if _, err := c.get(t.Context()); !errors.Is(err, exchange.ErrCircuitOpen) {
				t.Errorf("record %q: %v", raw, err)
			}
		})
	}
	rules := circuit.Default()
	far := record{State: Open, Probe: 100 * time.Hour, Ramp: 100 * time.Hour}
	if r, ok := decode(&rules, encode(t, far), time.Hour); !ok || r.Probe > time.Hour+3*time.Second || r.Ramp > time.Hour {
		t.Errorf("moments that cannot be: %+v, %v", r, ok)
	}
}

// Whatever a breaker went through, its record survives the store.
func TestRecordSurvivesTheStore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules := circuit.Default()
		rules.Outcomes = rapid.SampledFrom([]int{1, 20, 65, circuit.MostOutcomes}).Draw(t, "outcomes")
		rules.MinOutcomes = 1
		m, now := machine{Rules: &rules}, time.Duration(0)
		for _, o := range rapid.SliceOfN(rapid.SampledFrom([]outcome{neutral, success, failure}), 0, 200).Draw(t, "history") {
			now += 100 * time.Millisecond
			m.Advance(now)
			tick := ticket{Period: m.Period, Probe: m.State == Open}
			if tick.Probe && !m.Claim(now) {
				continue
			}
			m.Settle(tick, o, now)
		}
		if again, ok := decode(&rules, encode(t, m.Record), now); !ok || again != m.Record {
			t.Fatalf("%+v became %+v, %v", m.Record, again, ok)
		}
	})
}

// Processes that all report at the same time lose no outcome to each other.
func TestContention(t *testing.T) {
	t.Parallel()
	store := new(Memory)
	upstream := newServer(godwittest.Text(503, "down"))
	var wg sync.WaitGroup
	for range 8 {
		c := newClient(t, breakerOf(t, Config{Store: store}), upstream)
		wg.Go(func() {
			for range 50 {
				_, _ = c.get(t.Context()) // fails, or is refused
			}
			if h := c.rt.(*transport).Health(&url.URL{Scheme: "http", Host: "api.example"}); h != 0 {
				t.Errorf("health %v after 50 failures", h)
			}
		})
	}
	wg.Wait()
}

func TestMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m Memory
		swap := func(prev, next, want string, put bool) {
			t.Helper()
			null := func(s string) []byte {
				if s == "-" {
					return nil
				}
				return []byte(s)
			}
			got, err := m.Swap(t.Context(), "a", null(prev), null(next), time.Minute)
			if err != nil || !bytes.Equal(got.Record, null(want)) || (got.Record == nil) != (want == "-") || got.Put != put || !got.Clock.Equal(time.Now()) {
				t.Errorf("%s to %s: %+v, %v; want %q, %v", prev, next, got, err, want, put)
			}
		}
		swap("-", "-", "-", false)
		swap("x", "y", "-", false)
		swap("-", "1", "1", true)
		swap("-", "2", "1", false)
		swap("1", "1", "1", false)
		swap("1", "2", "2", true)
		time.Sleep(59 * time.Second)
		swap("-", "-", "2", false)
		time.Sleep(time.Second)
		swap("2", "3", "-", false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := m.Swap(ctx, "a", nil, nil, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
		for i := range 10 * maxRecords {
			if _, err := m.Swap(t.Context(), fmt.Sprint(i), nil, []byte("1"), time.Second); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if n := len(m.records); n > maxRecords+1 {
			t.Errorf("%d records", n)
		}
	})
}
