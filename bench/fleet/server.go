package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/godwit-go/godwit/bench/quota"
)

// The way between client and server, each way, in seconds: loopback has none.
const (
	wayLeast  = 0.010
	wayJitter = 0.004 // mean of an exponential draw
)

// server is the API with a quota, over HTTP on loopback.
type server struct {
	base    string // URL
	http    *http.Server
	down    chan struct{}
	foreign bool // another tenant uses the quota

	mu       sync.Mutex
	start    time.Time // when the first call came; zero: none has
	end      float64   // when the last call came
	arrivals []int     // calls by second
	served   []int     // calls answered with success, by second of their arrival
	law      *quota.Server
	rng      *rand.Rand
	statuses map[int]int    // answers by status
	posts    map[string]int // how often a POST without a key was received and not refused, by path
}

// serve starts the server of a scenario.
func serve(ctx context.Context, sc quota.Scenario, seed uint64) (*server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{
		base: "http://" + l.Addr().String(), down: make(chan struct{}), foreign: sc.Foreign > 0,
		law: quota.NewServer(sc, rand.New(rand.NewPCG(seed, 1))), rng: rand.New(rand.NewPCG(seed, 2)), //nolint:gosec // a seed makes runs alike
		statuses: map[int]int{}, posts: map[string]int{},
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(s.down)
		_ = s.http.Serve(l) // it ends with ErrServerClosed; without a server no job succeeds
	}()
	return s, nil
}

// tenant takes the other tenant's units from the first call on until the server
// is down. Waiting is for moments, not for durations, so that late wakings do
// not add up.
func (s *server) tenant() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := 0.0; ; timer.Reset(time.Until(s.start.Add(seconds(due)))) {
		select {
		case <-timer.C:
		case <-s.down:
			return
		}
		s.mu.Lock()
		due += s.law.Foreign(s.now())
		s.mu.Unlock()
	}
}

// arrive notes that a call has come, and returns how long it was on its way.
func (s *server) arrive() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start.IsZero() {
		s.start = time.Now()
		if s.foreign {
			go s.tenant()
		}
	}
	return seconds(s.way())
}

// now is the time of the run in seconds: it begins with the first call. The
// caller holds the lock.
func (s *server) now() float64 { return time.Since(s.start).Seconds() }

// way draws the time of one way; the caller holds the lock.
func (s *server) way() float64 { return wayLeast + s.rng.ExpFloat64()*wayJitter }

// ServeHTTP answers a call as the law says, after the time that it takes.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(s.arrive())

	s.mu.Lock()
	s.end = s.now()
	a := s.law.Serve(s.end)
	s.statuses[a.Status]++
	count(&s.arrivals, s.end, true)
	count(&s.served, s.end, a.Status == http.StatusOK)
	if r.Method == http.MethodPost && a.Status != http.StatusTooManyRequests && r.Header.Get("Idempotency-Key") == "" {
		s.posts[r.URL.Path]++
	}
	back := a.Service + s.way()
	s.mu.Unlock()

	h := w.Header()
	if a.Reset >= 0 {
		h.Set("RateLimit-Limit", strconv.Itoa(a.Limit))
		h.Set("RateLimit-Remaining", strconv.Itoa(a.Remaining))
		h.Set("RateLimit-Reset", strconv.Itoa(a.Reset))
	}
	if a.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(a.RetryAfter))
	}
	time.Sleep(seconds(back))
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, http.StatusText(a.Status)+"\n") // the client may have gone
}

// count counts what holds in the second of a moment.
func count(seconds *[]int, at float64, holds bool) {
	for len(*seconds) <= int(at) {
		*seconds = append(*seconds, 0)
	}
	if holds {
		(*seconds)[int(at)]++
	}
}

// repeats returns how many POSTs without a key came again after they had been
// received and not refused.
func (s *server) repeats() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, times := range s.posts {
		n += times - 1
	}
	return n
}

// close ends the server.
func (s *server) close() error {
	err := s.http.Close()
	<-s.down
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
