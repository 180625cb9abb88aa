package limit

import (
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pulse is a health that the test sets.
type pulse struct {
	mu sync.Mutex
	v  float64
}

func (p *pulse) Health(u *url.URL) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.Host != "api.example" {
		return 1
	}
	return p.v
}

func (p *pulse) set(v float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.v = v
}

// A line slows down with the health of its upstream, stops with it, and is back
// without anybody telling it. Nothing piles up meanwhile.
func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &pulse{v: 1}
		c := Config{Quotas: []Quota{{Name: "core", Limit: "100/s", Burst: 100}}, Health: h}
		patient := normal
		patient.Class = Batch
		l := limiter(t, c, patient)
		var mu sync.Mutex
		left := 0
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					succeed(t, l, patient)
					mu.Lock()
					left++
					mu.Unlock()
				}
			})
		}
		in := func(d time.Duration) int {
			mu.Lock()
			before := left
			mu.Unlock()
			time.Sleep(d)
			mu.Lock()
			defer mu.Unlock()
			return left - before
		}
		in(10 * time.Second)
		for _, step := range []struct {
			health    float64
			low, high int // in 10 s
		}{{1, 990, 1010}, {0.5, 490, 520}, {0, 0, 2}, {0.125, 120, 140}, {1, 970, 1010}} {
			h.set(step.health)
			if n := in(10 * time.Second); n < step.low || n > step.high {
				t.Errorf("health %v: %d calls in 10 s, want %d to %d", step.health, n, step.low, step.high)
			}
		}
		close(stop)
		wg.Wait()
	})
}

// A line that is held back lets a probe through, past those who wait; but no
// more of them than the quota has.
func TestProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &pulse{v: 1}
		l := limiter(t, Config{Quotas: []Quota{{Name: "core", Limit: "1/s", Burst: 1}}, Health: h}, normal)
		h.set(0)
		time.Sleep(10 * time.Second)
		var wg sync.WaitGroup
		patient := normal
		patient.Class = Batch
		for range 5 {
			wg.Go(func() { succeed(t, l, patient) })
		}
		synctest.Wait()
		probe := normal
		probe.Probe = true
		start := time.Now()
		for i := range 3 {
			succeed(t, l, probe)
			if took := time.Since(start); took < time.Duration(i)*time.Second || took > time.Duration(i)*time.Second+200*time.Millisecond {
				t.Errorf("probe %d left after %v", i, took)
			}
		}
		h.set(1)
		wg.Wait()
		if took := time.Since(start); took > 9*time.Second {
			t.Errorf("the others left after %v", took)
		}
	})
}

// A limiter that meets ever new origins forgets the ones of long ago.
func TestForgetsOrigins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, perSecond("10/s"))
		for i := range 5000 {
			op := normal
			op.Origin = "https://" + string(rune('a'+i%26)) + time.Duration(i).String() + ".example"
			succeed(t, l, op)
			time.Sleep(time.Second)
		}
		if n := len(l.Lines()); n > 2100 {
			t.Errorf("%d lines of 5000 are kept", n)
		}
	})
}
