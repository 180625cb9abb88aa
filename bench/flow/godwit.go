package main

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/godwit-go/godwit/bench/quota"
	"github.com/godwit-go/godwit/internal/backoff"
	"github.com/godwit-go/godwit/internal/circuit"
	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/internal/signal"
)

const origin = "https://api.example"

// What calls of class batch have; the other defaults belong to limit and retry.
const (
	batchAttempts = 10
	backoffBase   = 500 * time.Millisecond
	backoffCap    = 5 * time.Second
	maxFreeze     = 3600.0 // seconds
	lookahead     = 30.0
)

// godwit is a process that calls through the product's own decisions: breaker,
// limit and retry, in that order from the outside in.
type godwit struct {
	*run
	gate    *gate
	limiter *line.Limiter
	backoff backoff.Backoff
	flying  map[*job]flight
}

// flight is what an attempt holds.
type flight struct {
	ticket circuit.Ticket
	grant  line.Grant
	sent   time.Time
}

// mode is how the limit is set up.
type mode struct{ drain, solo bool }

// newGodwit makes the processes of a fleet with one store; solo ones have none.
func newGodwit(m mode) maker {
	return func(r *run) func() policy {
		shared := &store{run: r, book: line.NewBook()}
		n := 0
		return func() policy {
			n++
			return r.godwit(m, shared, "p"+strconv.Itoa(n))
		}
	}
}

func (r *run) godwit(m mode, s *store, name string) *godwit {
	if m.solo {
		s = nil
	}
	g := &godwit{run: r, gate: newGate(r, s), flying: map[*job]flight{}}
	g.backoff = backoff.Backoff{Base: backoffBase, Cap: backoffCap, Rand: func(n int64) int64 { return r.rng.Int64N(n) }}
	o := line.Options{Clock: lineClock{r.clock}, Health: g.gate, Draw: r.rng.Float64, Quotas: []line.Quota{declared(r.sc, m)}}
	if s != nil {
		rounds := 0
		o.Fleet = &line.Fleet{Process: name, Exchange: s.exchange, NewID: func() string {
			rounds++
			return name + "-" + strconv.Itoa(rounds)
		}}
	}
	g.limiter = line.New(o)
	return g
}

// declared is the quota as the API's definition has it.
func declared(sc quota.Scenario, m mode) line.Quota {
	l := sc.DeclaredLaw()
	law := line.Bucket(l.Rate, l.Burst)
	if l.Window > 0 {
		law = line.Window(float64(l.Units), l.Window)
	}
	law.Ban = l.BanAfter > 0
	law.Drain, law.Solo = m.drain, m.solo
	law.MaxFreeze, law.Lookahead = maxFreeze, lookahead
	return line.Quota{Name: "core", Unit: "requests", Law: law, Usual: 1}
}

func (g *godwit) acquire(p *process, j *job, send func()) {
	g.gate.enter(func(t circuit.Ticket) { g.queue(p, j, t, j.refused, send) })
}

// queue waits for the attempt's turn in the line; what was refused in its turn
// waits at the front.
func (g *godwit) queue(p *process, j *job, t circuit.Ticket, front bool, send func()) {
	op := line.Op{Origin: origin, Method: http.MethodGet, Class: line.Batch, Front: front, Gated: true, Probe: t.Probe}
	var grant line.Grant
	leave := func() {
		g.flying[j] = flight{t, grant, g.date()}
		send()
	}
	// The limiter holds its lock while it calls: what follows comes after it.
	grant, eta, err := g.limiter.Call(&op, func() {
		g.after(0, func() {
			if err := grant.Result(); err != nil {
				g.turnedAway(p, j, t, err, send)
				return
			}
			leave()
		})
	})
	switch {
	case err != nil:
		g.turnedAway(p, j, t, err, send)
	case eta == 0:
		leave()
	}
}

// turnedAway deals with an attempt that the limit has no place for; nothing was
// sent. When the upstream has failed meanwhile it goes to the breaker again, and
// then to the front; otherwise the job is over.
func (g *godwit) turnedAway(p *process, j *job, t circuit.Ticket, err error, send func()) {
	g.gate.settle(t, circuit.Neutral)
	var r *line.Refusal
	if errors.As(err, &r) && r.Why == line.Unwell {
		g.gate.enter(func(t circuit.Ticket) { g.queue(p, j, t, true, send) })
		return
	}
	p.giveUp()
}

func (g *godwit) result(_ *process, j *job, a quota.Answer) (again bool, delay float64) {
	f := g.flying[j]
	delete(g.flying, j)
	readings := signal.Parse("", signal.Answer{Status: a.Status, Header: headers(a), Sent: f.sent, Received: g.date()})
	refused := slices.ContainsFunc(readings, func(r signal.Record) bool { return r.Refused })
	f.grant.Done(line.Outcome{Status: a.Status, Readings: readings})
	f.grant.End()
	took := g.gate.settle(f.ticket, outcomeOf(a.Status, refused))
	switch {
	case refused: // the line makes it wait
		j.refused = true
		return true, took
	case f.ticket.Probe: // it was sent for the sake of all
		return true, took + g.backoff.Draw(1).Seconds()
	}
	j.charged++
	return j.charged < batchAttempts, took + g.backoff.Draw(j.charged).Seconds()
}

// headers are the answer's, as the server writes them.
func headers(a quota.Answer) http.Header {
	h := make(http.Header, 4)
	if a.Reset >= 0 {
		h["X-Ratelimit-Limit"] = []string{strconv.Itoa(a.Limit)}
		h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(a.Remaining)}
		h["X-Ratelimit-Reset"] = []string{strconv.Itoa(a.Reset)}
	}
	if a.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(a.RetryAfter)}
	}
	return h
}
