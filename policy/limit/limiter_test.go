package limit

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/signal"
)

// limiter returns a limiter whose lines have had their first answer.
func limiter(t *testing.T, c Config, warm ...Op) *Limiter {
	t.Helper()
	l, err := NewLimiter(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range warm {
		g, err := l.Acquire(t.Context(), op)
		if err != nil {
			t.Fatal(err)
		}
		g.Done(Outcome{Status: 200})
		g.End()
	}
	return l
}

func perSecond(limit string) Config {
	return Config{Quotas: []Quota{{Name: "core", Limit: limit, Burst: 1}}}
}

var normal = Op{Origin: "https://api.example", Method: "GET"}

// succeed sends one call through the line.
func succeed(t *testing.T, l *Limiter, op Op) {
	t.Helper()
	g, err := l.Acquire(t.Context(), op)
	if err != nil {
		t.Error(err)
		return
	}
	g.Done(Outcome{Status: 200})
	g.End()
}

func refusedFor(d time.Duration) Outcome {
	return Outcome{Status: 429, Readings: []Reading{{Refused: true, RetryAt: time.Now().Add(d), Source: "retry-after"}}}
}

// Calls of one class leave in the order in which they came, one per 1/rate.
func TestOrderOfArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, perSecond("10/s"), normal)
		start := time.Now()
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				succeed(t, l, normal)
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			})
			synctest.Wait() // it stands in line
		}
		wg.Wait()
		if !slices.IsSorted(order) || len(order) != 50 {
			t.Errorf("left in the order %v", order)
		}
		if took := time.Since(start); took < 4900*time.Millisecond || took > 5100*time.Millisecond {
			t.Errorf("50 calls at 10/s took %v", took)
		}
	})
}

// While all classes wait, places go to them as 70 to 25 to 5; what a class does
// not use goes to the others.
func TestPriorities(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, perSecond("100/s"), normal)
		ctx, cancel := context.WithCancel(t.Context())
		var left [Batch + 1]int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for c := range Batch + 1 {
			for range 200 {
				wg.Go(func() {
					op := normal
					op.Class = c
					for ctx.Err() == nil {
						g, err := l.Acquire(ctx, op)
						if err != nil {
							return
						}
						g.Done(Outcome{Status: 200})
						mu.Lock()
						left[c]++
						mu.Unlock()
					}
				})
			}
		}
		time.Sleep(20 * time.Second)
		cancel()
		wg.Wait()
		for c, want := range map[Class]int{Interactive: 1400, Normal: 500, Batch: 100} {
			if d := left[c] - want; d < -5 || d > 5 {
				t.Errorf("class %d had %d of 2000 places, want %d", c, left[c], want)
			}
		}
		start := time.Now()
		op := normal
		op.Class = Batch
		for range 100 {
			succeed(t, l, op)
		}
		if took := time.Since(start); took > 1100*time.Millisecond {
			t.Errorf("alone, the lowest class had 100 places of 100/s in %v", took)
		}
	})
}

// Whoever stops waiting gives the place back at once.
func TestCancelInLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, perSecond("1/s"), normal)
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("changed my mind")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := l.Acquire(ctx, normal); !errors.Is(err, cause) {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		if wait := l.Peek(normal); wait < 20*time.Second || wait > 22*time.Second {
			t.Errorf("behind 20 calls at 1/s the wait is %v", wait)
		}
		start := time.Now()
		wg.Go(func() { succeed(t, l, normal) })
		synctest.Wait()
		cancel(cause)
		wg.Wait()
		if took := time.Since(start); took > time.Second+time.Millisecond {
			t.Errorf("the places of others who left cost %v", took)
		}
		if n := l.Lines()[0].Queue; n != 0 {
			t.Errorf("%v still wait", n)
		}
	})
}

// Ten thousand can wait: they have no goroutine of the limiter, and all of them
// leave.
func TestTenThousandWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, perSecond("1000/s"), normal)
		start := time.Now()
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() { succeed(t, l, normal) })
		}
		wg.Wait()
		if took := time.Since(start); took < 9900*time.Millisecond || took > 10100*time.Millisecond {
			t.Errorf("10,000 calls at 1000/s took %v", took)
		}
		if kept := l.core.Kept(); kept > 256 {
			t.Errorf("%d places are kept", kept)
		}
	})
}

// A call whose turn would come too late fails before anything is spent, with the
// wait in the error.
func TestWouldMissDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, perSecond("1/s"), normal)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { succeed(t, l, normal) })
		}
		synctest.Wait()
		before := l.Lines()[0].Queue
		for name, op := range map[string]Op{"op": {Origin: normal.Origin, Method: "GET", Deadline: time.Now().Add(5 * time.Second)}, "context": normal} {
			ctx := t.Context()
			if name == "context" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 5*time.Second)
				defer cancel()
			}
			start := time.Now()
			_, err := l.Acquire(ctx, op)
			var e *exchange.Error
			if !errors.Is(err, exchange.ErrWouldMissDeadline) || !errors.As(err, &e) || e.RetryAfter < 10*time.Second || e.RetryAfter > 12*time.Second {
				t.Errorf("%s: got %v", name, err)
			}
			if time.Since(start) != 0 {
				t.Errorf("%s: it waited", name)
			}
		}
		if l.Lines()[0].Queue != before {
			t.Error("a call that failed stands in line")
		}
		wg.Wait()
	})
}

// MaxWait bounds the wait of all classes but batch.
func TestMaxWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := perSecond("1/m")
		c.MaxWait = 30 * time.Second
		l := limiter(t, c, normal)
		if _, err := l.Acquire(t.Context(), normal); !errors.Is(err, exchange.ErrWouldMissDeadline) {
			t.Errorf("got %v", err)
		}
		start := time.Now()
		op := normal
		op.Class = Batch
		succeed(t, l, op)
		if took := time.Since(start); took < 59*time.Second || took > 61*time.Second {
			t.Errorf("batch waited %v", took)
		}
	})
}

// A freeze puts those out of the line whose turn becomes too late, and the rest
// stay.
func TestFreezeEndsHopelessWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, Config{Quotas: []Quota{{Name: "core", Model: "window", Limit: "60/m"}}}, normal)
		g, err := l.Acquire(t.Context(), normal)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		start := time.Now()
		hurried := normal
		hurried.Deadline = time.Now().Add(10 * time.Second)
		wg.Go(func() {
			_, err := l.Acquire(t.Context(), hurried)
			var e *exchange.Error
			if !errors.As(err, &e) || e.Kind != exchange.ErrWouldMissDeadline || e.RetryAfter < 30*time.Second {
				t.Errorf("got %v", err)
			}
			if time.Since(start) != 0 {
				t.Errorf("it took %v to say so", time.Since(start))
			}
		})
		wg.Go(func() { succeed(t, l, normal) })
		synctest.Wait()
		g.Done(refusedFor(30 * time.Second))
		wg.Wait()
		if took := time.Since(start); took < 30*time.Second || took > 33*time.Second {
			t.Errorf("the other left after %v", took)
		}
	})
}

// A cold line sends one call until it has an answer; one that got none makes
// room for the next.
func TestColdLineSendsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, Config{Quotas: []Quota{{Name: "core", Limit: "100/s", Burst: 100}}})
		grants := make(chan Grant, 10)
		for range 10 {
			go func() {
				if g, err := l.Acquire(t.Context(), normal); err == nil {
					grants <- g
				}
			}()
		}
		time.Sleep(20 * time.Second)
		if len(grants) != 1 {
			t.Fatalf("%d left without an answer", len(grants))
		}
		(<-grants).End()
		time.Sleep(20 * time.Second)
		if len(grants) != 1 {
			t.Fatalf("%d left after a call without an answer", len(grants))
		}
		(<-grants).Done(Outcome{Status: 200, Readings: []Reading{{Limit: signal.Of(100.), Remaining: signal.Of(99.)}}})
		synctest.Wait()
		if len(grants) != 8 {
			t.Fatalf("%d left once the server had said that 99 remain", len(grants))
		}
	})
}

// A call takes its places in all lines or in none: while it waits for a slow
// one, others use the fast one, and its own place there does not become a burst.
func TestSeveralLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fast, slow := Op{Origin: "https://api.example", Method: "GET", Class: Batch}, Op{Origin: "https://api.example", Method: "GET", Operation: "export", Class: Batch}
		l := limiter(t, Config{Quotas: []Quota{
			{Name: "fast", Limit: "10/s", Burst: 2}, {Name: "slow", Limit: "1/10s", Burst: 1, Operations: []string{"export"}},
		}}, slow)
		var mu sync.Mutex
		var exports, all []time.Duration
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for _, op := range []Op{fast, fast, fast, slow, slow, slow} {
			wg.Go(func() {
				for ctx.Err() == nil {
					g, err := l.Acquire(ctx, op)
					if err != nil {
						return
					}
					mu.Lock()
					all = append(all, time.Since(start))
					if op.Operation != "" {
						exports = append(exports, time.Since(start))
					}
					mu.Unlock()
					g.Done(Outcome{Status: 200})
				}
			})
		}
		wg.Wait()
		if len(exports) < 4 || len(exports) > 5 {
			t.Errorf("exports at %v, want one in 10 s", exports)
		}
		if len(all) < 495 || len(all) > 503 {
			t.Errorf("%d calls in 50 s at 10/s", len(all))
		}
		for i := 12; i < len(all); i++ {
			if all[i]-all[i-12] < 900*time.Millisecond {
				t.Errorf("13 calls within %v at %v", all[i]-all[i-12], all[i])
			}
		}
	})
}

// Concurrency is what is under way; it ends with the body, not with the headers.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, Config{Quotas: []Quota{{Name: "open", Model: "concurrency", Limit: "3"}}})
		var mu sync.Mutex
		under, most := 0, 0
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				g, err := l.Acquire(t.Context(), normal)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				under++
				most = max(most, under)
				mu.Unlock()
				time.Sleep(50 * time.Millisecond)
				if i%3 != 0 {
					g.Done(Outcome{Status: 200})
					time.Sleep(50 * time.Millisecond)
				}
				mu.Lock()
				under--
				mu.Unlock()
				if i%3 == 1 {
					g.End()
					g.Cancel() // of a grant that has ended: nothing
				}
				g.End()
				g.End()
			})
		}
		wg.Wait()
		if most != 3 {
			t.Errorf("%d at the same time, want 3", most)
		}
		if n := l.Lines()[0].InFlight; n != 0 {
			t.Errorf("%g are under way when all have ended", n)
		}
	})
}

// Reserve takes a place; one that is not used when its turn has come is taken
// anew, at the front.
func TestReserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, perSecond("1/s"), normal)
		var grants [5]Grant
		for i := range grants {
			g, err := l.Reserve(t.Context(), normal)
			if err != nil {
				t.Fatal(err)
			}
			grants[i] = g
			if eta, err := g.ETA(); err != nil || math.Abs(eta.Seconds()-float64(i+1)) > 0.1 {
				t.Errorf("place %d: in %v, %v", i, eta, err)
			}
		}
		grants[0].Cancel()
		if eta, err := grants[1].ETA(); err != nil || eta > 1100*time.Millisecond {
			t.Errorf("after a cancellation: in %v, %v", eta, err)
		}
		time.Sleep(10 * time.Second)
		left := 0
		for range 60 {
			now := 0
			for _, g := range grants[1:] {
				if eta, err := g.ETA(); err == nil && eta == 0 && g.core.Open() {
					g.Done(Outcome{Status: 200})
					now++
				}
			}
			left += now
			if now > 1 {
				t.Errorf("%d left at once", now)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if left != 4 {
			t.Errorf("%d of 4 left", left)
		}
	})
}

// A call that did not reach the server gives its unit back; one that cost more
// than estimated leaves a debt.
func TestCancelAndCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, Config{Quotas: []Quota{{Name: "points", Limit: "10/s", Burst: 20, Cost: map[string]float64{"GET": 1, "default": 5}}}}, normal)
		time.Sleep(10 * time.Second)
		start := time.Now()
		for range 100 {
			g, err := l.Acquire(t.Context(), normal)
			if err != nil {
				t.Fatal(err)
			}
			g.Cancel()
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("100 calls that were given back took %v", took)
		}
		g, err := l.Acquire(t.Context(), Op{Origin: normal.Origin, Method: "POST"})
		if err != nil {
			t.Fatal(err)
		}
		g.Done(Outcome{Status: 200, Cost: map[string]float64{"points": 100}})
		if wait := l.Peek(normal); wait < 7*time.Second || wait > 10*time.Second {
			t.Errorf("after 100 points of 10/s the wait is %v", wait)
		}
		if _, err := l.Acquire(t.Context(), Op{Origin: normal.Origin, Method: "GET", Cost: map[string]float64{"points": 21}}); !errors.Is(err, exchange.ErrRateLimited) {
			t.Errorf("a call dearer than the bucket is large: %v", err)
		}
	})
}

// One who waits for a line does not see the refusals of another credential.
func TestKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, perSecond("1/s"))
		a, b := normal, normal
		a.Credential, b.Credential = "a", "b"
		g, err := l.Acquire(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		g.Done(refusedFor(time.Hour / 2))
		if l.Peek(a) == 0 || l.Peek(b) != 0 {
			t.Errorf("waits %v and %v", l.Peek(a), l.Peek(b))
		}
	})
}
