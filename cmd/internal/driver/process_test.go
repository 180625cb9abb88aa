//go:build unix

package driver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redistest"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/store/redisstore"
)

// These make the test binary a process that calls an upstream through a breaker.
const (
	upstreamVariable = "DRIVER_TEST_UPSTREAM"
	kindVariable     = "DRIVER_TEST_KIND"
	placeVariable    = "DRIVER_TEST_PLACE"
)

func TestMain(m *testing.M) {
	if upstream := os.Getenv(upstreamVariable); upstream != "" {
		if err := callOn(upstream, os.Getenv(kindVariable), os.Getenv(placeVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// callOn calls an upstream again and again, and prints a line for each outcome:
// refused, or the status.
func callOn(upstream, kind, place string) error {
	stores := New(Config{
		Dir:   func() (string, error) { return place, nil },
		Redis: func() (redisstore.Config, error) { return redisstore.Config{URL: "unix://" + place}, nil },
	})
	store, err := stores.Store(kind)
	if err != nil {
		return err
	}
	around, err := breaker.New(breaker.Config{Store: store, ProbeFirst: 2 * time.Second, ProbeCap: time.Minute})
	if err != nil {
		return err
	}
	rt := around(&http.Transport{})
	for {
		req, err := http.NewRequest(http.MethodGet, upstream, nil)
		if err != nil {
			return err
		}
		resp, err := rt.RoundTrip(req)
		outcome := ""
		switch {
		case errors.Is(err, exchange.ErrCircuitOpen):
			outcome = "refused"
		case err != nil:
			return err
		default:
			outcome = resp.Status
			if err := resp.Body.Close(); err != nil {
				return err
			}
		}
		if _, err := fmt.Println(outcome); err != nil {
			return err
		}
	}
}

// startCaller starts such a process. What it counts are the calls refused.
func startCaller(t *testing.T, upstream, kind, place string) *atomic.Int64 {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), upstreamVariable+"="+upstream, kindVariable+"="+kind, placeVariable+"="+place)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	refused, ended := new(atomic.Int64), make(chan struct{})
	go func() {
		defer close(ended)
		for rows := bufio.NewScanner(out); rows.Scan(); {
			if rows.Text() == "refused" {
				refused.Add(1)
			}
		}
	}()
	t.Cleanup(func() { // the context of the test has ended, and the process with it
		<-ended
		_ = cmd.Wait() // it was killed
	})
	return refused
}

// await asks until ok.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(what)
		}
	}
}

// FG19: two processes that share a breaker learn of an outage together, and send
// one probe.
func TestFG19_TwoProcessesOneProbe(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"file", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			place := t.TempDir()
			if kind == "redis" {
				place = redistest.Start(t).Socket()
			}
			var hold atomic.Bool
			var probes atomic.Int64
			upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if hold.Load() {
					probes.Add(1)
					<-r.Context().Done() // the caller is killed at the end
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			t.Cleanup(upstream.Close)
			one, other := startCaller(t, upstream.URL, kind, place), startCaller(t, upstream.URL, kind, place)
			await(t, "the breaker does not open for both", func() bool { return one.Load() > 10 && other.Load() > 10 })
			hold.Store(true)
			await(t, "there is no probe", func() bool { return probes.Load() > 0 })
			// Whose probe it is waits for it; the other process is refused.
			refused := one.Load() + other.Load()
			await(t, "nobody is refused during the probe", func() bool { return one.Load()+other.Load() > refused+200 })
			if n := probes.Load(); n != 1 {
				t.Errorf("%d probes at once", n)
			}
		})
	}
}
