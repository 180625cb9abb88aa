package retry

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

// The program's rule comes after the tables: it can end a call and find more
// worth another attempt, but what may have been processed stays as it is.
func TestWhen(t *testing.T) {
	t.Parallel()
	plugIn := errors.New("refused by a plug-in")
	says := func(d Decision) func(Outcome) Decision { return func(Outcome) Decision { return d } }
	const stopped, processed = "the program's own rule says so, see retry.Config.When", "the request may have been processed and is not declared idempotent"
	for _, tc := range []struct {
		name   string
		method string
		fails  godwittest.Reply
		when   func(Outcome) Decision
		sends  int
		reason string
	}{
		{"default", "GET", godwittest.Status(503), says(Default), 3, "3 attempts were made"},
		{"default, success", "GET", godwittest.Status(200), says(Default), 1, ""},
		{"default, 404", "GET", godwittest.Status(404), says(Default), 1, ""},
		{"stop", "GET", godwittest.Status(503), says(Stop), 1, stopped},
		{"stop of what stops anyhow", "GET", godwittest.Status(404), says(Stop), 1, ""},
		{"again", "GET", godwittest.Status(404), says(Again), 3, "3 attempts were made"},
		{"again, success", "GET", godwittest.Status(202), says(Again), 3, "3 attempts were made"},
		{"again, POST", "POST", godwittest.Status(409), says(Again), 1, processed},
		{"again, POST that was limited", "POST", godwittest.Status(429), says(Again), 3, "3 attempts were made"},
		{"again, unknown error", "GET", godwittest.Fail(plugIn), says(Again), 3, "3 attempts were made"},
		{"again, unknown error, POST", "POST", godwittest.Fail(plugIn), says(Again), 1, processed},
		{"by attempt", "GET", godwittest.Status(404), func(o Outcome) Decision {
			if o.Attempt < 2 {
				return Again
			}
			return Default
		}, 2, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				wire := godwittest.Always(tc.fails)
				ctx, call, _ := observed(t.Context())
				resp, err := wrap(t, Config{When: tc.when}, wire).RoundTrip(request(t, ctx, tc.method, ""))
				if err == nil {
					err = resp.Body.Close()
				}
				if errors.Is(err, plugIn) != (tc.fails.Fault != godwittest.NoFault) {
					t.Error(err)
				}
				if wire.Count() != tc.sends || call.StopReason() != tc.reason {
					t.Errorf("%d sends, reason %q; want %d and %q", wire.Count(), call.StopReason(), tc.sends, tc.reason)
				}
			})
		})
	}
}

// It sees what there is to see, and is not asked where nothing is to decide.
func TestWhenSees(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []Outcome
		config := Config{When: func(o Outcome) Decision { seen = append(seen, o); return Default }}
		wire := godwittest.Script(godwittest.Fail(io.ErrUnexpectedEOF), godwittest.Status(503), godwittest.Text(200, "done"))
		req := request(t, t.Context(), "GET", "")
		resp, err := wrap(t, config, wire).RoundTrip(req)
		wantAnswer(t, resp, err, 200, "done")
		if len(seen) != 3 || seen[0].Response != nil || seen[0].Err != io.ErrUnexpectedEOF || seen[0].Sent != exchange.SentMaybe ||
			seen[1].Err != nil || seen[1].Response.StatusCode != 503 || seen[1].Sent != exchange.SentYes || seen[2].Response.StatusCode != 200 {
			t.Errorf("seen %+v", seen)
		}
		for i, o := range seen {
			if o.Request != req || o.Attempt != i+1 {
				t.Errorf("outcome %d is of attempt %d of %p", i, o.Attempt, o.Request)
			}
		}

		seen = nil
		resp, err = wrap(t, config, noting(godwittest.Always(godwittest.Status(503)), exchange.FactFinal, 503)).RoundTrip(req)
		wantAnswer(t, resp, err, 503, "Service Unavailable")
		if len(seen) != 0 {
			t.Errorf("asked about a final signal: %+v", seen)
		}
	})
}

// TestD7_AnAnswerMustFit: a wait that ends before the deadline is in vain if an
// answer usually takes longer than what is left then.
func TestD7_AnAnswerMustFit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		status, asked := 200, "" // of the next answer
		wire := godwittest.Always(godwittest.Func(func(*godwittest.Request) godwittest.Reply {
			r := godwittest.Text(status, "an answer").With("Retry-After", asked)
			r.Delay = time.Second
			return r
		}))
		rt := wrap(t, Config{}, wire)
		for range 20 {
			resp, err := rt.RoundTrip(request(t, t.Context(), "GET", ""))
			wantAnswer(t, resp, err, 200, "an answer")
		}
		status = 503
		for _, tc := range []struct {
			asked  string
			left   time.Duration
			reason string
		}{
			{"", 2400 * time.Millisecond, "the wait does not fit into the 1.4s that the call has left (an answer takes about 1s)"},
			{"3", 4900 * time.Millisecond, "the server asks to wait 3s, and the call has 3.9s left (an answer takes about 1s)"},
		} {
			asked = tc.asked
			ctx, call, _ := observed(t.Context())
			start := time.Now()
			call.Deadline = start.Add(tc.left)
			resp, err := rt.RoundTrip(request(t, ctx, "GET", ""))
			wantAnswer(t, resp, err, 503, "an answer")
			if took := time.Since(start); took != time.Second || call.StopReason() != tc.reason {
				t.Errorf("after %v: %q, want %q", took, call.StopReason(), tc.reason)
			}
		}
		asked = "3" // with room for the answer it waits, without a draw on top
		ctx, call, _ := observed(t.Context())
		call.Deadline = time.Now().Add(5300 * time.Millisecond)
		resp, err := rt.RoundTrip(request(t, ctx, "GET", ""))
		wantAnswer(t, resp, err, 503, "an answer")
		if a := call.Attempts(); len(a) != 2 || a[1].Wait != 3*time.Second {
			t.Errorf("attempts %+v", a)
		}
	})
}

// The median follows what answers take, whichever way it changes.
func TestMedianLatency(t *testing.T) {
	t.Parallel()
	var s server
	for step, to := range []time.Duration{time.Second, 10 * time.Millisecond, time.Second} {
		for i := range 301 {
			s.observe(to + time.Duration(i%3-1)*to/10)
		}
		if m := time.Duration(s.latency.Load()); m < to*8/10 || m > to*12/10 {
			t.Errorf("step %d: median %v of answers that take %v", step, m, to)
		}
	}
}

func TestHeadHasNothingToKeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refuse := func(req *http.Request, call *exchange.Call) error {
			return call.NewError(exchange.ErrCircuitOpen, "breaker", req, nil)
		}
		ctx, call, _ := observed(t.Context())
		resp, err := wrap(t, Config{}, second(godwittest.Script(godwittest.Text(503, "x")), refuse)).RoundTrip(request(t, ctx, "HEAD", ""))
		wantAnswer(t, resp, err, 503, "")
		if call.StopReason() != "the next attempt was held back here: circuit open" {
			t.Errorf("reason %q", call.StopReason())
		}
	})
}
