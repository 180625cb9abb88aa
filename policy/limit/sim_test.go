package limit_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/policy/limit"
)

// server keeps a quota by the usual laws: it is the exact reference that
// the lines are held against. Times are virtual.
type server struct {
	mu      sync.Mutex
	rng     *rand.Rand
	start   time.Time
	rate    float64 // bucket
	burst   float64
	q       int // window, if w is not 0
	w       float64
	drains  bool // a refusal takes a unit
	silent  bool // no quota fields
	foreign float64

	tokens, last float64
	win, used    int
	refused, ok  int
	worst        int // most accepted in one window
}

func (s *server) now() float64 { return time.Since(s.start).Seconds() }

// take decides on one call at the server's clock.
func (s *server) take() (ok bool, remaining int, reset, after float64) {
	now := s.now()
	if s.w > 0 {
		if win := int(now / s.w); win != s.win {
			s.win, s.used = win, 0
		}
		left := float64(s.win+1)*s.w - now
		if s.used < s.q {
			s.used++
			s.worst = max(s.worst, s.used)
			return true, s.q - s.used, left, 0
		}
		return false, 0, left, left
	}
	s.tokens = math.Min(s.burst, s.tokens+(now-s.last)*s.rate)
	s.last = now
	if s.tokens >= 1 {
		s.tokens--
		return true, int(s.tokens), (s.burst - s.tokens) / s.rate, 0
	}
	if s.drains {
		s.tokens = math.Max(-s.burst, s.tokens-1)
	}
	return false, 0, (s.burst - s.tokens) / s.rate, (1 - s.tokens) / s.rate
}

func (s *server) net() time.Duration {
	return 10*time.Millisecond + time.Duration(s.rng.ExpFloat64()*4e6)
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	up, down := s.net(), s.net()
	service := time.Duration(60e6 * math.Exp(s.rng.NormFloat64()*0.5))
	s.mu.Unlock()
	time.Sleep(up)
	s.mu.Lock()
	ok, remaining, reset, after := s.take()
	if ok {
		s.ok++
	} else {
		s.refused++
	}
	s.mu.Unlock()
	resp := &http.Response{StatusCode: 200, ProtoMajor: 1, Proto: "HTTP/1.1", Header: http.Header{}, Body: http.NoBody, Request: req}
	if !s.silent {
		size := s.q
		if s.w == 0 {
			size = int(s.burst)
		}
		resp.Header.Set("X-Ratelimit-Limit", strconv.Itoa(size))
		resp.Header.Set("X-Ratelimit-Remaining", strconv.Itoa(remaining))
		resp.Header.Set("X-Ratelimit-Reset", strconv.Itoa(int(math.Ceil(reset))))
	}
	if !ok {
		resp.StatusCode = 429
		resp.Body = io.NopCloser(strings.NewReader("slow down"))
		resp.Header.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(after)))))
		service = 3 * time.Millisecond
	}
	time.Sleep(service + down)
	return resp, nil
}

// others take from the same quota until ctx ends.
func (s *server) others(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		gap := s.rng.ExpFloat64() / s.foreign
		s.take()
		s.mu.Unlock()
		time.Sleep(time.Duration(gap * 1e9))
	}
}

type scenario struct {
	server  *server
	quota   limit.Quota
	mode    string
	jobs    int
	workers int
	fleet   int           // processes that share a store; 0: one, without
	store   limit.Store   // of the fleet
	spread  time.Duration // within which they start
	// what must hold
	used     float64 // at least, per cent of the quota
	refusals float64 // at most, per 100 successes
}

// run lets workers send jobs through one limiter until all are done. Refused
// jobs are sent again.
func run(t *testing.T, sc scenario, seed uint64) (used, refusals float64) {
	s := sc.server
	s.rng, s.start, s.tokens = rand.New(rand.NewPCG(seed, 7)), time.Now(), s.burst
	starts := rand.New(rand.NewPCG(seed, 11))
	processes := make([]http.RoundTripper, max(1, sc.fleet))
	for i := range processes {
		c := limit.Config{Quotas: []limit.Quota{sc.quota}, Mode: sc.mode}
		if sc.fleet > 0 {
			c.Store = sc.store
		}
		mw, err := limit.New(c)
		if err != nil {
			t.Fatal(err)
		}
		processes[i] = mw(s)
	}
	ctx, cancel := context.WithCancel(limit.WithClass(t.Context(), limit.Batch))
	var tenants sync.WaitGroup
	if s.foreign > 0 {
		tenants.Go(func() { s.others(ctx) })
	}
	jobs := make(chan int, sc.jobs)
	for i := range sc.jobs {
		jobs <- i
	}
	close(jobs)
	var wg sync.WaitGroup
	for i := range sc.workers * len(processes) {
		rt := processes[i%len(processes)]
		late := time.Duration(starts.Float64() * float64(sc.spread))
		wg.Go(func() {
			time.Sleep(late)
			for range jobs {
				if err := send(ctx, rt); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	took := s.now()
	time.Sleep(2 * time.Second) // the last reports
	cancel()
	tenants.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	granted := s.burst + s.rate*took - s.foreign*took
	ok := float64(s.ok)
	if s.w > 0 {
		whole := math.Floor(took / s.w)
		granted, ok = whole*(float64(s.q)-s.foreign*s.w), ok-float64(s.used)
	}
	return 100 * ok / granted, 100 * float64(s.refused) / float64(s.ok)
}

func send(ctx context.Context, rt http.RoundTripper) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.example/", nil)
		if err != nil {
			return err
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// scenarios are the servers that a line meets, by their letters in the
// simulator.
func scenarios() map[string]func() scenario {
	bucket := limit.Quota{Name: "core", Model: "bucket", Limit: "100/s", Burst: 100}
	minute := limit.Quota{Name: "core", Model: "window", Limit: "6000/m"}
	return map[string]func() scenario{
		"A bucket": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100}, quota: bucket, jobs: 20000, used: 99, refusals: 0.05}
		},
		"B window of a minute": func() scenario {
			return scenario{server: &server{q: 6000, w: 60}, quota: minute, jobs: 13000, used: 99, refusals: 0.05}
		},
		"B drained": func() scenario {
			return scenario{server: &server{q: 6000, w: 60}, quota: minute, mode: "drain", jobs: 13000, used: 99, refusals: 0.05}
		},
		"C window of a second": func() scenario {
			return scenario{server: &server{q: 100, w: 1}, quota: limit.Quota{Name: "core", Model: "window", Limit: "100/s"}, jobs: 10000, used: 98.5, refusals: 0.05}
		},
		"E refusals drain the bucket": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100, drains: true}, quota: bucket, jobs: 20000, used: 99, refusals: 0.05}
		},
		"H another tenant": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100, foreign: 20}, quota: bucket, jobs: 10000, used: 98, refusals: 0.05}
		},
		"J no fields": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100, silent: true}, quota: bucket, jobs: 20000, used: 98.5, refusals: 0.05}
		},
		"L declared too big": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100}, quota: limit.Quota{Name: "core", Limit: "150/s", Burst: 150}, jobs: 10000, used: 98.5, refusals: 0.05}
		},
		"M declared too big, no fields": func() scenario {
			return scenario{server: &server{rate: 100, burst: 100, silent: true}, quota: limit.Quota{Name: "core", Limit: "150/s", Burst: 150}, jobs: 10000, used: 98, refusals: 2.5}
		},
		"N window declared too big": func() scenario {
			return scenario{server: &server{q: 6000, w: 60}, quota: limit.Quota{Name: "core", Model: "window", Limit: "9000/m"}, jobs: 13000, used: 99, refusals: 0.05}
		},
	}
}

// hold runs the scenario: the whole quota is used, and next to nothing is
// refused.
func (sc scenario) hold(t *testing.T) {
	t.Helper()
	used, refusals := run(t, sc, 1)
	t.Logf("%.2f %% of the quota, %.3f refusals per 100", used, refusals)
	if used < sc.used {
		t.Errorf("%.2f %% of the quota, want %v", used, sc.used)
	}
	if refusals > sc.refusals {
		t.Errorf("%.3f refusals per 100 successes, want at most %v", refusals, sc.refusals)
	}
}

func TestSimulation(t *testing.T) {
	t.Parallel()
	for name, mk := range scenarios() {
		for _, workers := range []int{10, 40} {
			if workers == 10 && !strings.ContainsAny(name[:1], "ABE") {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d workers", name, workers), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					sc := mk()
					if sc.workers, sc.spread = workers, 5*time.Second; workers == 10 { // just enough, at full speed
						sc.spread = time.Second
					}
					sc.hold(t)
				})
			})
		}
	}
}
