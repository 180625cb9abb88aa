package main

import (
	"net/http"
	"net/url"
	"time"

	"github.com/godwit-go/godwit/internal/circuit"
)

// How a process deals with the record that its fleet shares; see policy/breaker.
const (
	gateUrgent  = 0.1   // seconds between two reports while something is wrong
	gateCalm    = 0.25  // and while nothing is
	gateRefresh = 0.25  // age at which the record of an open breaker is read anew
	gateSoonest = 0.005 // seconds until a waiter looks again
	gatePause   = 1.0   // between two tries of a store that does not answer
)

// gate is the breaker of one process: the law of internal/circuit, those who
// wait for it, and the record that it shares with the fleet.
type gate struct {
	*run
	circuit.Machine
	store   *store // nil: the breaker is this process's own
	waiting []func(circuit.Ticket)
	pending []report // outcomes that the store does not know
	asked   float64  // when it was asked last
	busy    bool
	lost    bool
	alarm   *timer
}

type report struct {
	ticket  circuit.Ticket
	outcome circuit.Outcome
}

func newGate(r *run, s *store) *gate {
	rules := circuit.Default()
	rules.Rand = r.rng.Float64
	g := &gate{run: r, store: s, Machine: circuit.Machine{Rules: &rules}, asked: -gateCalm}
	g.alarm = &timer{clock: r.clock, ring: g.pump}
	return g
}

// time is the present as the breaker counts it.
func (g *gate) time() time.Duration { return duration(g.now) }

// Health implements line.Health.
func (g *gate) Health(*url.URL) float64 {
	m := g.Machine // a copy: the end of the slow start is for a call to notice
	return m.Health(g.time())
}

// enter runs pass when the call may go on.
func (g *gate) enter(pass func(circuit.Ticket)) {
	g.waiting = append(g.waiting, pass)
	g.pump()
}

// pump lets those pass who may, the first first.
func (g *gate) pump() {
	for len(g.waiting) > 0 {
		now := g.time()
		g.Advance(now)
		switch {
		case g.State != circuit.Open: // the limit behind it follows its health
			g.pass(false)
		case g.store != nil && !g.busy && !(g.lost && g.now-g.asked < gatePause) && (now >= g.Probe || g.now-g.asked >= gateRefresh):
			g.sync(now >= g.Probe)
			return
		case (g.store == nil || g.lost) && g.Claim(now):
			g.pass(true)
		default:
			wait := max(gateSoonest, (g.Probe - now).Seconds())
			if g.store != nil {
				wait = min(wait, gateRefresh)
			}
			g.alarm.Reset(duration(wait))
			return
		}
	}
}

// pass lets the first who waits go on.
func (g *gate) pass(probe bool) {
	first := g.waiting[0]
	g.waiting = g.waiting[1:]
	first(circuit.Ticket{Period: g.Period, Probe: probe})
}

// settle takes in the outcome of a call. It returns the seconds that the call
// waits for its report to the store.
func (g *gate) settle(t circuit.Ticket, o circuit.Outcome) (took float64) {
	g.Settle(t, o, g.time())
	if g.store != nil && (o != circuit.Neutral || t.Probe) {
		if len(g.pending) >= g.Outcomes {
			g.pending = append(g.pending[:0], g.pending[1:]...)
		}
		g.pending = append(g.pending, report{t, o})
		every := gateCalm
		if (o == circuit.Failure || g.State != circuit.Closed) && !g.lost {
			every = gateUrgent
		}
		if !g.busy && g.now-g.asked >= every {
			g.sync(false)
			took = 2 * trip
		}
	}
	g.pump()
	return took
}

// sync brings the process's record and the fleet's together, and asks to be the
// probe if that is due.
func (g *gate) sync(claim bool) {
	reports := g.pending
	g.pending, g.busy = nil, true
	own := g.Machine
	claimed := false
	g.store.ask(func() {
		own.Record = g.store.breaker
		for _, r := range reports {
			own.Settle(r.ticket, r.outcome, g.time())
		}
		own.Advance(g.time())
		claimed = claim && own.Claim(g.time())
		g.store.breaker = own.Record
	}, func(err error) {
		g.busy, g.asked, g.lost = false, g.now, err != nil
		if err == nil {
			g.Machine = own
			for _, r := range g.pending {
				g.Settle(r.ticket, r.outcome, g.time())
			}
		}
		if claimed && len(g.waiting) > 0 {
			g.pass(true)
		}
		g.pump()
	})
}

// outcomeOf judges an answer as policy/breaker does.
func outcomeOf(status int, refused bool) circuit.Outcome {
	switch {
	case refused:
		return circuit.Neutral
	case status >= http.StatusInternalServerError:
		return circuit.Failure
	}
	return circuit.Success
}
