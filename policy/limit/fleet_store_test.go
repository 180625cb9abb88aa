package limit_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/limit"
)

// shaky is a store that can be lost.
type shaky struct {
	mu    sync.Mutex
	inner *limit.Memory
	mode  string // "", "down", "hangs", "deaf": it hears, and its answers are lost
	ops   int
}

func (s *shaky) set(mode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = mode
}

func (s *shaky) empty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inner = new(limit.Memory)
}

func (s *shaky) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ops
}

func (s *shaky) Sync(ctx context.Context, r limit.Round) (limit.Snapshots, error) {
	time.Sleep(200 * time.Microsecond)
	s.mu.Lock()
	mode, inner := s.mode, s.inner
	s.ops++
	s.mu.Unlock()
	switch mode {
	case "down":
		return limit.Snapshots{}, errors.New("connection refused")
	case "hangs":
		<-ctx.Done()
		return limit.Snapshots{}, ctx.Err()
	case "deaf":
		_, _ = inner.Sync(ctx, r)
		<-ctx.Done()
		return limit.Snapshots{}, ctx.Err()
	}
	return inner.Sync(ctx, r)
}

func fleetOf(t *testing.T, n int, store limit.Store, change func(*limit.Config), q ...limit.Quota) []*limit.Limiter {
	t.Helper()
	t.Cleanup(func() { time.Sleep(2 * time.Second) }) // the last reports
	out := make([]*limit.Limiter, n)
	for i := range out {
		c := limit.Config{Quotas: q, Store: store}
		if change != nil {
			change(&c)
		}
		l, err := limit.NewLimiter(c)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = l
	}
	return out
}

var patient = limit.Op{Origin: "https://api.example", Method: "GET", Class: limit.Batch}

// through sends a call through the line, and keeps it in flight for d.
func through(t *testing.T, l *limit.Limiter, op limit.Op, d time.Duration) {
	t.Helper()
	g, err := l.Acquire(t.Context(), op)
	if err != nil {
		t.Error(err)
		return
	}
	time.Sleep(d)
	g.Done(limit.Outcome{Status: 200})
	g.End()
}

// K: a store that is lost for a minute costs little, and its return starts no
// storm.
func TestFleetStoreLost(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"down", "hangs", "deaf"} {
		for _, emptied := range []bool{false, true} {
			if emptied && mode != "down" {
				continue
			}
			t.Run(mode, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &shaky{inner: new(limit.Memory)}
					sc := scenario{
						server: &server{rate: 100, burst: 100}, quota: limit.Quota{Name: "core", Limit: "100/s", Burst: 100},
						jobs: 9000, workers: 10, fleet: 10, spread: 5 * time.Second, store: s,
					}
					go func() {
						time.Sleep(30 * time.Second)
						s.set(mode)
						time.Sleep(20 * time.Second)
						if emptied {
							s.empty()
						}
						s.set("")
					}()
					used, refusals := run(t, sc, 1)
					t.Logf("%.2f %% of the quota, %.3f refusals per 100", used, refusals)
					if used < 96 || refusals > 0.15 {
						t.Errorf("%.2f %% of the quota, %.3f refusals per 100", used, refusals)
					}
				})
			})
		}
	}
}

// Without the store each process does what it was told to.
func TestFleetOnStoreLoss(t *testing.T) {
	t.Parallel()
	for loss, want := range map[string][2]int{"share": {40, 48}, "solo": {1, 55}, "stop": {0, 0}} {
		t.Run(loss, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &shaky{inner: new(limit.Memory)}
				all := fleetOf(t, 2, s, func(c *limit.Config) { c.OnStoreLoss = loss }, limit.Quota{Name: "core", Limit: "10/s", Burst: 1})
				for _, l := range all {
					through(t, l, patient, 50*time.Millisecond)
				}
				s.set("down")
				ctx, cancel := context.WithCancel(t.Context())
				var sent atomic.Int64
				var wg sync.WaitGroup
				wg.Go(func() {
					for ctx.Err() == nil {
						g, err := all[0].Acquire(ctx, patient)
						if err != nil {
							return
						}
						sent.Add(1)
						g.Done(limit.Outcome{Status: 200})
						g.End()
					}
				})
				time.Sleep(2 * time.Second)
				before := sent.Load()
				time.Sleep(10 * time.Second)
				if n := int(sent.Load() - before); n < want[0] || n > want[1] {
					t.Errorf("%d calls in 10 s without the store, want %v", n, want)
				}
				if loss == "stop" {
					hurried := patient
					hurried.Class = limit.Normal
					if _, err := all[0].Acquire(ctx, hurried); !errors.Is(err, exchange.ErrRateLimited) {
						t.Errorf("got %v", err)
					}
				}
				s.set("")
				time.Sleep(3 * time.Second)
				before = sent.Load()
				time.Sleep(10 * time.Second)
				if n := sent.Load() - before; n < 95 || n > 101 {
					t.Errorf("%d calls in 10 s when it is back", n)
				}
				cancel()
				wg.Wait()
			})
		})
	}
}

// The loss of a store, and its return, are told with the next call.
func TestFleetStoreEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(2 * time.Second) })
		s := &shaky{inner: new(limit.Memory)}
		c := limit.Config{Quotas: []limit.Quota{{Name: "core", Limit: "10/s"}}, Store: s}
		rt := middleware(t, c)(&script{answer: func(_ int, req *http.Request) (*http.Response, error) { return reply(req, 200, ""), nil }})
		var seen events
		call := func() {
			resp, err := get(t, rt, &seen)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			time.Sleep(3 * time.Second)
		}
		call()
		s.set("down")
		call()
		call()
		s.set("")
		call()
		call()
		lost, back := 0, 0
		for _, e := range seen {
			switch e.Name {
			case exchange.EventLimitStoreLost:
				lost++
			case exchange.EventLimitStoreBack:
				back++
			}
		}
		if lost != 1 || back != 1 {
			t.Errorf("lost %d times, back %d times: %s", lost, back, seen.names())
		}
	})
}

// A cold line of a fleet sends one call, whoever asks, until there is an answer.
func TestFleetColdLineSendsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := fleetOf(t, 20, new(distant), nil, limit.Quota{Name: "core", Limit: "100/s", Burst: 100})
		grants := make(chan limit.Grant, 100)
		for _, l := range all {
			for range 3 {
				go func() {
					if g, err := l.Acquire(t.Context(), patient); err == nil {
						grants <- g
					}
				}()
			}
		}
		time.Sleep(5 * time.Second)
		if n := len(grants); n != 1 {
			t.Fatalf("%d calls left a cold line", n)
		}
		g := <-grants
		g.Done(limit.Outcome{Status: 200})
		g.End()
		time.Sleep(5 * time.Second)
		if n := len(grants); n != 59 {
			t.Errorf("%d of the others left", n)
		}
	})
}

// Places of a process that is gone lapse: the others go on.
func TestFleetProcessGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(limit.Memory)
		dying := &shaky{inner: store}
		gone := fleetOf(t, 1, dying, func(c *limit.Config) { c.Lookahead = 5 * time.Second }, limit.Quota{Name: "core", Limit: "10/s", Burst: 10})[0]
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if g, err := gone.Acquire(ctx, patient); err == nil {
					<-ctx.Done() // it never tells
					_ = g
				}
			})
		}
		time.Sleep(time.Second)
		dying.set("down")
		other := fleetOf(t, 1, store, nil, limit.Quota{Name: "core", Limit: "10/s", Burst: 10})[0]
		start := time.Now()
		through(t, other, patient, 0)
		// ten seconds until the cold line gives up on its first call, and the places
		// that are taken ahead
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("the other process waited %v", took)
		}
		cancel()
		wg.Wait()
	})
}

// A refusal that one process sees holds back all of them.
func TestFleetRefusalFreezesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := fleetOf(t, 5, new(distant), nil, limit.Quota{Name: "core", Model: "window", Limit: "600/m"})
		for _, l := range all {
			through(t, l, patient, 10*time.Millisecond)
		}
		g, err := all[0].Acquire(t.Context(), patient)
		if err != nil {
			t.Fatal(err)
		}
		g.Done(limit.Outcome{Status: 429, Readings: []limit.Reading{{Refused: true, RetryAt: time.Now().Add(20 * time.Second), Source: "retry-after"}}})
		g.End()
		time.Sleep(10 * time.Millisecond)
		start := time.Now()
		var wg sync.WaitGroup
		for _, l := range all {
			wg.Go(func() {
				through(t, l, patient, 0)
				if took := time.Since(start); took < 19900*time.Millisecond || took > 25*time.Second {
					t.Errorf("a process went on after %v", took)
				}
			})
		}
		wg.Wait()
	})
}

// A call that a fleet's queue would make too late fails before it is sent, and
// gives back its place.
func TestFleetWouldMissDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := fleetOf(t, 2, new(distant), nil, limit.Quota{Name: "core", Limit: "10/s", Burst: 1})
		through(t, all[0], patient, 0)
		through(t, all[1], patient, 0)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { through(t, all[0], patient, 0) })
		}
		time.Sleep(100 * time.Millisecond)
		hurried := patient
		hurried.Class, hurried.Deadline = limit.Normal, time.Now().Add(2*time.Second)
		start := time.Now()
		_, err := all[1].Acquire(t.Context(), hurried)
		var e *exchange.Error
		if !errors.As(err, &e) || e.Kind != exchange.ErrWouldMissDeadline || e.RetryAfter < 5*time.Second {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("it took %v to say so", took)
		}
		wg.Wait()
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("100 calls at 10/s took %v: the place of the one that failed was lost", took)
		}
	})
}

// Those who stop waiting cost the others nothing but the time to notice.
func TestFleetCancelInLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := fleetOf(t, 2, new(distant), nil, limit.Quota{Name: "core", Limit: "10/s", Burst: 10})
		through(t, all[0], patient, 0)
		through(t, all[1], patient, 0)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if g, err := all[0].Acquire(ctx, patient); err == nil {
					g.Done(limit.Outcome{Status: 200})
					g.End()
				}
			})
		}
		time.Sleep(time.Second)
		for range 20 {
			wg.Go(func() { through(t, all[1], patient, 0) })
		}
		time.Sleep(time.Second)
		start := time.Now()
		cancel()
		wg.Wait()
		if took := time.Since(start); took > 22*time.Second {
			t.Errorf("20 calls behind 200 that are gone took %v", took)
		}
	})
}

// A concurrency holds across processes, is shared fairly, and comes back from a
// process that is gone.
func TestFleetConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := fleetOf(t, 4, new(distant), nil, limit.Quota{Name: "open", Model: "concurrency", Limit: "8"})
		var open, worst, broken atomic.Int64
		var done [4]atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for i, l := range all {
			for range 10 {
				wg.Go(func() {
					for ctx.Err() == nil {
						g, err := l.Acquire(ctx, patient)
						if err != nil {
							return
						}
						n := open.Add(1)
						for w := worst.Load(); n > w && !worst.CompareAndSwap(w, n); w = worst.Load() {
						}
						time.Sleep(500 * time.Millisecond)
						g.Done(limit.Outcome{Status: 200})
						open.Add(-1)
						g.End()
						done[i].Add(1)
					}
				})
			}
		}
		wg.Wait()
		if worst.Load() > 8 || broken.Load() > 0 {
			t.Errorf("%d calls at the same time", worst.Load())
		}
		var all4 []int64
		sum := int64(0)
		for i := range done {
			all4 = append(all4, done[i].Load())
			sum += done[i].Load()
		}
		t.Log(all4)
		if slices.Min(all4) < slices.Max(all4)/2 {
			t.Errorf("the processes had %v calls", all4)
		}
		if sum < 700 { // 8 at a time, half a second each: 960
			t.Errorf("%d calls in 60 s", sum)
		}
	})
}

// A slow line does not make a fast one release in vain, nor leave as a burst.
func TestFleetSeveralLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quotas := []limit.Quota{{Name: "fast", Limit: "20/s", Burst: 20}, {Name: "slow", Limit: "2/s", Burst: 2, Operations: []string{"report"}}}
		all := fleetOf(t, 3, new(distant), nil, quotas...)
		report := patient
		report.Operation = "report"
		for _, l := range all {
			through(t, l, report, 0)
			through(t, l, patient, 0)
		}
		start := time.Now()
		var reports, others atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		send := func(l *limit.Limiter, op limit.Op, n *atomic.Int64) {
			for ctx.Err() == nil {
				g, err := l.Acquire(ctx, op)
				if err != nil {
					return
				}
				n.Add(1)
				g.Done(limit.Outcome{Status: 200})
				g.End()
			}
		}
		for _, l := range all {
			for range 10 {
				wg.Go(func() { send(l, report, &reports) })
				wg.Go(func() { send(l, patient, &others) })
			}
		}
		wg.Wait()
		took := time.Since(start).Seconds()
		if n := float64(reports.Load()); n < 1.8*took || n > 2*took+3 {
			t.Errorf("%v reports in %v s at 2/s", n, took)
		}
		if n := float64(reports.Load() + others.Load()); n < 19*took || n > 20*took+21 {
			t.Errorf("%v calls in %v s at 20/s", n, took)
		}
	})
}

// What one process of many waits for costs few questions.
func TestFleetAsksSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shaky{inner: new(limit.Memory)}
		l := fleetOf(t, 1, s, nil, limit.Quota{Name: "core", Model: "window", Limit: "10/h"})[0]
		for range 20 {
			through(t, l, patient, time.Millisecond)
		}
		if n := s.count(); n > 1500 { // at most one per 10 s for over an hour, and those of the calls
			t.Errorf("%d questions for 20 calls", n)
		}
		time.Sleep(time.Hour)
		n := s.count()
		time.Sleep(time.Hour)
		if s.count() != n {
			t.Error("it asks although nobody waits")
		}
	})
}
