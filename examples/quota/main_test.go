package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary be one of the ten processes.
func TestMain(m *testing.M) {
	if args := os.Args[1:]; len(args) == 2 && strings.HasPrefix(args[0], "http://") {
		main()
		return
	}
	os.Exit(m.Run())
}

// api grants 50 calls a second, and 10 at once.
type api struct {
	mu      sync.Mutex
	tokens  float64
	last    time.Time
	granted int
	refused int
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.tokens = min(10, a.tokens+50*now.Sub(a.last).Seconds())
	a.last = now
	w.Header().Set("RateLimit-Limit", "10")
	w.Header().Set("RateLimit-Reset", "1") // full again in at most 0.2 s, rounded up
	if a.tokens < 1 {
		a.refused++
		w.Header().Set("RateLimit-Remaining", "0")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	a.tokens--
	a.granted++
	w.Header().Set("RateLimit-Remaining", fmt.Sprint(int(a.tokens)))
}

func TestTenProcesses(t *testing.T) {
	t.Parallel()
	a := &api{tokens: 10, last: time.Now()}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	var out strings.Builder
	if err := run(t.Context(), server.URL, &out); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if want := processes * calls; a.granted != want || strings.Count(out.String(), "15 calls in") != processes {
		t.Errorf("%d calls granted, want %d; %s", a.granted, want, out.String())
	}
	// Ten processes with the whole quota each are refused a third of what is
	// granted; a line has refusals only when the machine is late with everything.
	if a.refused > a.granted/5 {
		t.Errorf("%d refused beside %d granted", a.refused, a.granted)
	}
}
