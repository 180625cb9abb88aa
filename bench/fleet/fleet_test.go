package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/bench/quota"
)

// TestMain lets the test binary be the worker and the guard of its own runs.
func TestMain(m *testing.M) {
	switch args := os.Args[1:]; {
	case len(args) > 0 && args[0] == hangCommand:
		time.Sleep(time.Hour)
	case len(args) > 0 && (args[0] == workerCommand || args[0] == guardCommand):
		if err := dispatch(context.Background(), args, os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
	default:
		os.Exit(m.Run())
	}
}

// hangCommand makes the test binary a program that does not end by itself.
const hangCommand = "hang"

// The whole way: processes, server, measures, table, file.
func TestBench(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Retry-After only", "go-retryablehttp, defaults", "resty, 3 retries", "failsafe-go, 3 retries", "godwit line, one process"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "results.json")
			var out strings.Builder
			if err := bench(t.Context(), []string{"-n", "2", "-scenario", "A", "-scale", "0.01", "-policy", name, "-o", file}, &out); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var rows []row
			if err := json.Unmarshal(data, &rows); err != nil {
				t.Fatal(err)
			}
			if len(rows) != 1 {
				t.Fatalf("%d rows", len(rows))
			}
			r := rows[0]
			succeeded := r.Jobs - int(r.FailedPct*float64(r.Jobs)/100+0.5)
			if r.Policy != name || r.Scenario != "A" || r.Jobs != 300 || succeeded < 100 || succeeded > r.Accepted || r.Received < r.Accepted+r.Refused {
				t.Errorf("%d succeeded, row %+v", succeeded, r)
			}
			if !strings.Contains(out.String(), name) {
				t.Errorf("the table leaves it out: %s", out.String())
			}
		})
	}
}

// A Redis of the benchmark's own, asked by all processes. The run is too short for
// targets.
func TestBenchRedis(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	all, err := trials("A", 0.01)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"shared GCRA, asked per call", "godwit line"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := policyNamed(name)
			if err != nil {
				t.Fatal(err)
			}
			r, err := run(t.Context(), all[0], p, 2, 1, func() {})
			if err != nil {
				t.Fatal(err)
			}
			if r.Accepted == 0 || r.StoreOps == 0 || r.Missed != nil {
				t.Errorf("%+v", r)
			}
		})
	}
}

// The end of the benchmark is the end of its Redis.
func TestRedisEnds(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	store, err := startRedis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := store.close(); err != nil {
		t.Error(err)
	}
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", store.addr); err == nil {
		t.Error("it still listens")
		_ = conn.Close()
	}
	if _, err := os.Stat(store.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
}

// However the benchmark ends, its processes end with it.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	api := serveTest(t, quota.Scenarios()[0])
	orders := trial{Scenario: quota.Scenarios()[0], method: http.MethodGet}.orders(policy{name: "Retry-After only"}, 2, api.base, "", func() float64 { return 0 })
	workers, err := hire(ctx, orders)
	if err != nil {
		t.Fatal(err)
	}
	if err := workers.launch(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, _, err := workers.collect(ctx.Done()); err == nil {
		t.Error("no error")
	}
	for _, m := range workers.members {
		if m.cmd.ProcessState == nil {
			t.Errorf("process %d is left", m.cmd.Process.Pid)
		}
	}
}

// Workers that are told to end report what they have done.
func TestDismissed(t *testing.T) {
	t.Parallel()
	enough := make(chan struct{})
	var calls atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) == 10 {
			close(enough)
		}
	}))
	t.Cleanup(api.Close)
	o := order{Policy: "Retry-After only", Base: api.URL, Method: http.MethodGet, Jobs: 1e6, Workers: 2}
	workers, err := hire(t.Context(), []order{o, o})
	if err != nil {
		t.Fatal(err)
	}
	if err := workers.launch(); err != nil {
		t.Fatal(err)
	}
	all, _, err := workers.collect(enough)
	if err != nil {
		t.Fatal(err)
	}
	if got := all[0].Succeeded + all[1].Succeeded; got < 10-2*2 || len(all[0].Waits) != all[0].Succeeded {
		t.Errorf("%d succeeded: %+v", got, all)
	}
}

func serveTest(t *testing.T, sc quota.Scenario) *server {
	t.Helper()
	api, err := serve(t.Context(), sc, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.close(); err != nil {
			t.Error(err)
		}
	})
	return api
}

// A program under guard ends with the guard's input.
func TestGuard(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, input := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- guard(t.Context(), []string{self, hangCommand}, in, io.Discard) }()
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := guard(t.Context(), []string{filepath.Join(t.TempDir(), "none")}, blocked{t.Context()}, io.Discard); err == nil {
		t.Error("a program that cannot run is no error")
	}
}

// blocked is an input on which nothing is ever said.
type blocked struct{ ctx context.Context }

func (b blocked) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, io.EOF
}

func TestWorkerCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var calls atomic.Int32
		o := order{Base: "http://api.example", Method: http.MethodGet, First: 10, Jobs: 6, Workers: 1}
		got := o.run(ctx, func(ctx context.Context, _, url string) (int, error) {
			time.Sleep(time.Second)
			switch n := calls.Add(1); n {
			case 1:
				if url != "http://api.example/jobs/10" {
					t.Errorf("url %s", url)
				}
				return http.StatusOK, nil
			case 2:
				return http.StatusTooManyRequests, nil
			case 3:
				return 0, errors.New("no answer")
			case 4:
				cancel() // in the middle of a job, which is not finished then
				return 0, ctx.Err()
			}
			return http.StatusOK, nil
		})
		want := result{Succeeded: 1, Failed: 2, Waits: []int64{1e6}, Error: "no answer"}
		if got.Succeeded != want.Succeeded || got.Failed != want.Failed || !slices.Equal(got.Waits, want.Waits) || got.Error != want.Error {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestReported(t *testing.T) {
	t.Parallel()
	r := row{Jobs: 10}
	r.reported([]result{{Succeeded: 3, Failed: 1, Waits: []int64{3e6, 1e6, 2e6}}, {Succeeded: 2, Waits: []int64{5e6, 4e6}}})
	if r.FailedPct != 50 || r.P50Wait != 3 || r.P99Wait != 4 {
		t.Errorf("%+v", r)
	}
}

// What a POST without a key was refused for does not count; what it was
// received for does.
func TestKeylessRepeats(t *testing.T) {
	t.Parallel()
	api := serveTest(t, quota.Scenario{Law: quota.Law{Rate: 0.001, Burst: 2}})
	post := func(path, key string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := drain(resp); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	if a, b := post("/jobs/1", ""), api.repeats(); a != 200 || b != 0 {
		t.Errorf("first: %d, %d repeats", a, b)
	}
	if a, b := post("/jobs/1", ""), api.repeats(); a != 200 || b != 1 {
		t.Errorf("again: %d, %d repeats", a, b)
	}
	if a, b := post("/jobs/1", ""), api.repeats(); a != 429 || b != 1 {
		t.Errorf("refused: %d, %d repeats", a, b)
	}
}

func TestTrials(t *testing.T) {
	t.Parallel()
	all, err := trials(everyLetter(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range all {
		if tr.Ideal() < 10 || tr.Limit > 300 {
			t.Errorf("%s: %g s if nothing is wasted, cut off after %g s", tr.ID, tr.Ideal(), tr.Limit)
		}
		seen := map[int]bool{}
		for _, o := range tr.orders(policies()[0], 7, "", "", func() float64 { return 1 }) {
			for n := o.First; n < o.First+o.Jobs; n++ {
				if seen[n] {
					t.Fatalf("%s: job %d is given away twice", tr.ID, n)
				}
				seen[n] = true
			}
		}
		if len(seen) != tr.Jobs {
			t.Errorf("%s: %d of %d jobs are given away", tr.ID, len(seen), tr.Jobs)
		}
	}
	for scale, judged := range map[float64]bool{0: true, 0.09: false, 1: true} {
		all, err := trials("A"+posts, scale)
		if err != nil {
			t.Fatal(err)
		}
		if all[0].judged != judged || all[1].judged {
			t.Errorf("scale %g: judged %v, and without targets %v", scale, all[0].judged, all[1].judged)
		}
	}
	if _, err := trials("D", 0); err == nil {
		t.Error("three hours are no error")
	}
}

// Times become shorter, rates stay.
func TestShorten(t *testing.T) {
	t.Parallel()
	was := quota.Scenarios()
	for _, sc := range was {
		s := shorten(sc, 0.2)
		if got, want := s.Law.PerSecond(), sc.Law.PerSecond(); got < want*0.999 || got > want*1.001 {
			t.Errorf("%s: %g units a second instead of %g", sc.ID, got, want)
		}
		if got, want := s.Ideal(), sc.Ideal()*0.2; got > want*1.4 || got < want*0.6 {
			t.Errorf("%s: %g s instead of %g", sc.ID, got, want)
		}
		if (s.Law.Window > pacedWindow) != (sc.Law.Window > pacedWindow) || sc.ID == "C" && s.Law != sc.Law {
			t.Errorf("%s: %+v is another kind of quota than %+v", sc.ID, s.Law, sc.Law)
		}
		if len(sc.Outages) > 0 && (s.Outages[0].From != sc.Outages[0].From*0.2 || sc.Outages[0].From != 60) {
			t.Errorf("%s: outage %v of %v", sc.ID, s.Outages, sc.Outages)
		}
	}
}

// Every run is in one wave, and what must be alone is.
func TestWaves(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-all", "-n", "10,100", "-parallel", "3"})
	if err != nil {
		t.Fatal(err)
	}
	plan := o.plan(o.trials[0])
	seen := map[*single]bool{}
	for _, wave := range waves(plan, o.parallel) {
		for _, s := range wave {
			if seen[s] || len(wave) > 3 || s.policy.alone && len(wave) > 1 {
				t.Errorf("%s, %s in a wave of %d", s.trial.ID, s.policy.name, len(wave))
			}
			seen[s] = true
		}
	}
	if len(seen) != len(plan) || len(plan) == 0 {
		t.Errorf("%d of %d runs", len(seen), len(plan))
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-n", "0"}, {"-n", "ten"}, {"-scenario", "Z"}, {"-policy", "none of that name"}, {"-parallel", "0"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
	o, err := parse([]string{"-all", "-n", "10,100"})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.policies) != len(policies()) || len(o.trials) != len(lengths) || !slices.Equal(o.fleets, []int{10, 100}) {
		t.Errorf("-all: %+v", o)
	}
}

func TestPatiently(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := []string{"7", "", "0"}
		client := &http.Client{Transport: transportFunc(func(*http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}
			if len(answers) > 0 {
				resp.StatusCode = http.StatusTooManyRequests
				resp.Header.Set("Retry-After", answers[0])
				answers = answers[1:]
			}
			return resp, nil
		})}
		begin := time.Now()
		code, err := patiently(client, 0)(t.Context(), http.MethodGet, "http://api.example")
		if took := time.Since(begin); err != nil || code != http.StatusOK || took < 7*time.Second || took > 7*time.Second+2*time.Second+4*time.Second {
			t.Errorf("%d, %v after %v", code, err, took)
		}
	})
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSlidingLog(t *testing.T) {
	t.Parallel()
	log := &sentLog{window: time.Minute, most: 2}
	begin := time.Now()
	for i, step := range []struct{ at, wait time.Duration }{
		{0, 0}, {10 * time.Second, 0}, {20 * time.Second, 40 * time.Second}, {time.Minute, 0}, {time.Minute, 10 * time.Second},
	} {
		if got := log.take(begin.Add(step.at)); got != step.wait {
			t.Errorf("step %d: wait %v, want %v", i, got, step.wait)
		}
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	if got := percentile([]int{1, 2, 3, 4, 5}, 50); got != 3 {
		t.Errorf("median %d", got)
	}
	if got := percentile[int](nil, 99); got != 0 {
		t.Errorf("of nothing %d", got)
	}
}
