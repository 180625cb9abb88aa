package breaker

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/circuit"
)

// How a gate deals with its store.
const (
	storeKeep    = 10 * time.Minute       // how long a record outlives its last change
	storeTimeout = 250 * time.Millisecond // for one answer
	storePause   = time.Second            // between two tries of a store that does not answer
	storeUrgent  = 100 * time.Millisecond // between two reports while something is wrong
	storeCalm    = 250 * time.Millisecond // and while nothing is
	storeRefresh = 250 * time.Millisecond // age at which the record of an open breaker is read anew
	storeTries   = 5                      // swaps before others are left to it
)

// shared is what a gate knows of the fleet's record. The gate's own record is a
// copy of it with the own outcomes taken in.
type shared struct {
	raw     []byte        // the record as the store has it
	skew    time.Duration // the store's clock less ours
	met     bool          // the skew is known
	busy    bool          // somebody is asking
	lost    bool          // the last time it did not answer
	asked   time.Duration // when that was, by our own clock
	pending []report      // outcomes that it does not know
}

type report struct {
	ticket  ticket
	outcome outcome
}

// note keeps a report for the store; the oldest one gives way.
func (s *shared) note(r report, limit int) {
	if r.outcome == neutral && !r.ticket.Probe {
		return
	}
	if len(s.pending) >= limit {
		s.pending = append(s.pending[:0], s.pending[1:]...)
	}
	s.pending = append(s.pending, r)
}

// fresh reports whether nothing is known of the fleet's record yet. Nobody waits
// while somebody else asks for it.
func (s *shared) fresh() bool { return s != nil && !s.met && !s.lost && !s.busy }

// due reports whether it is time to report.
func (s *shared) due(now time.Duration, urgent bool) bool {
	every := storeCalm
	if urgent && !s.lost {
		every = storeUrgent
	}
	return !s.busy && len(s.pending) > 0 && (!s.met && !s.lost || now-s.asked >= every)
}

// local is our own clock, whatever the store's shows.
func (g *gate) local() time.Duration { return time.Since(g.b.start) }

// report brings the outcomes to the store. The call that they are of may have
// been ended by its context, so it does not bound this; the timeout does.
func (v visit) report() { v.sync(context.WithoutCancel(v.req.Context()), false) }

// ask reads the record of an open breaker anew if it is old, and asks to be the
// probe if one is due.
func (v visit) ask() (claimed bool) {
	if v.shared == nil {
		return false
	}
	v.mu.Lock()
	open, now := v.State == Open, v.now()
	claim := open && now >= v.Probe
	stale := open && v.local()-v.shared.asked >= storeRefresh
	v.mu.Unlock()
	if !claim && !stale {
		return false
	}
	return v.sync(v.req.Context(), claim)
}

// greet reads the record before the first call: a process that has just begun,
// and may end soon, need not find out what others know. Its first outcome is
// reported at once all the same.
func (v visit) greet() {
	v.mu.Lock()
	fresh := v.shared.fresh()
	v.mu.Unlock()
	if !fresh {
		return
	}
	v.sync(v.req.Context(), false)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shared.met {
		v.shared.asked -= storeCalm
	}
}

// sync brings gate and store to one record, and reports whether the call is the
// fleet's probe. Without the store the gate decides alone.
func (v visit) sync(ctx context.Context, claim bool) (claimed bool) {
	v.mu.Lock()
	s := v.shared
	if s.busy || s.lost && v.local()-s.asked < storePause {
		claimed = claim && !s.busy && v.Claim(v.now())
		v.mu.Unlock()
		return claimed
	}
	d := dialog{store: v.b.store, origin: v.origin, clock: v.local, own: v.machine, raw: s.raw, skew: s.skew, met: s.met, reports: s.pending, claim: claim}
	s.busy, s.pending = true, nil
	v.mu.Unlock()

	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	err := d.run(bounded)
	cancel()

	v.mu.Lock()
	before, wasLost := v.State, s.lost
	s.busy, s.asked = false, v.local()
	switch {
	case err == nil:
		claimed = d.claimed
		v.adopt(&d)
	case ctx.Err() != nil: // the caller's doing: nothing is known against the store
		s.pending = append(d.reports, s.pending...)
	default:
		s.lost = true
		claimed = claim && v.Claim(v.now())
	}
	c := v.since(before)
	v.mu.Unlock()
	v.tell(c)
	switch {
	case err == nil && wasLost:
		v.emit(exchange.Event{Name: exchange.EventBreakerStoreBack, Reason: "the store answers again"})
	case err != nil && ctx.Err() == nil && !wasLost:
		v.emit(exchange.Event{Name: exchange.EventBreakerStoreLost, Cause: err, Reason: "the store does not answer: this process decides alone"})
	}
	return claimed
}

// adopt takes over the fleet's record, and then what was learnt meanwhile.
func (g *gate) adopt(d *dialog) {
	s := g.shared
	s.raw, s.skew, s.met, s.lost = d.raw, d.skew, true, false
	g.Record, g.Opened = d.own.Record, d.own.Opened
	now := g.now()
	for _, r := range s.pending {
		g.machine.Settle(r.ticket, r.outcome, now)
	}
	g.wake()
}

// dialog is one round of swaps with the store. It works on copies.
type dialog struct {
	store   Store
	origin  string
	clock   func() time.Duration
	own     machine // in: what the gate has; out: the record agreed on
	raw     []byte
	skew    time.Duration
	met     bool
	reports []report
	claim   bool
	claimed bool
}

// run swaps until nobody came in between. When others always do, it leaves with
// the newest record and without the claim.
func (d *dialog) run(ctx context.Context) error {
	if !d.met {
		if err := d.meet(ctx); err != nil {
			return err
		}
	}
	for range storeTries {
		m, claimed := d.next()
		next, err := json.Marshal(versioned{1, m.Record})
		if err != nil {
			return err
		}
		there := d.raw
		put, err := d.swap(ctx, there, next)
		if err != nil {
			return err
		}
		if put || bytes.Equal(there, next) && bytes.Equal(d.raw, there) { // there was nothing to put
			d.own, d.claimed = m, claimed
			return nil
		}
	}
	d.claim = false
	d.own, _ = d.next()
	return nil
}

// meet reads the record and learns the store's clock. What the gate knows so far
// was timed by its own.
func (d *dialog) meet(ctx context.Context) error {
	if _, err := d.swap(ctx, nil, nil); err != nil {
		return err
	}
	d.met = true
	d.own.Probe += d.skew
	d.own.Ramp += d.skew
	return nil
}

// swap is one question to the store.
func (d *dialog) swap(ctx context.Context, prev, next []byte) (put bool, err error) {
	a, err := d.store.Swap(ctx, d.origin, prev, next, storeKeep)
	if err != nil {
		return false, err
	}
	d.raw, d.skew = a.Record, time.Duration(a.Clock.UnixNano())-d.clock()
	return a.Put, nil
}

// next applies what this process has to say to the fleet's record. A store that
// has none gets the gate's own, which has the reports in it already.
func (d *dialog) next() (m machine, claimed bool) {
	now := d.clock() + d.skew
	m = d.own
	if r, ok := decode(d.own.Rules, d.raw, now); ok {
		m.Record, m.Opened = r, circuit.Counts{}
		for _, r := range d.reports {
			m.Settle(r.ticket, r.outcome, now)
		}
	}
	m.Advance(now)
	return m, d.claim && m.Claim(now)
}

// versioned is the form of a record in the store.
type versioned struct {
	Version int `json:"v"`
	record
}

// decode reads a record; one of another form, or one that was made with other
// settings, does not count. Moments that cannot be are put right: the store's
// clock may have been set.
func decode(r *rules, raw []byte, now time.Duration) (record, bool) {
	var v versioned
	if raw == nil || json.Unmarshal(raw, &v) != nil || v.Version != 1 {
		return record{}, false
	}
	sound := v.State >= Closed && v.State <= HalfOpen && v.Count >= 0 && v.Count <= r.Outcomes &&
		v.At >= 0 && v.At < r.Outcomes && v.Fails >= 0 && v.Fails <= v.Count && v.Gap >= 0
	if !sound {
		return record{}, false
	}
	v.Gap = min(v.Gap, r.ProbeCap)
	v.Probe = min(v.Probe, now+r.ProbeCap*5/4)
	v.Ramp = min(v.Ramp, now)
	return v.record, true
}

// View is what a fleet's record says, for people.
type View struct {
	State    State
	Failures int           // among the last outcomes
	Outcomes int           // how many those are
	Probe    time.Duration // until the next probe of an open breaker; 0: one is due or under way
}

// Shared reads the record that the fleet has of an origin, such as
// https://api.example.com; ok is false if there is none, or no store. It changes
// nothing.
func (b *Breaker) Shared(ctx context.Context, origin string) (v View, ok bool, err error) {
	if b == nil || b.store == nil {
		return View{}, false, nil
	}
	a, err := b.store.Swap(ctx, origin, nil, nil, storeKeep)
	if err != nil {
		return View{}, false, err
	}
	now := time.Duration(a.Clock.UnixNano())
	m := machine{Rules: &b.rules}
	if m.Record, ok = decode(m.Rules, a.Record, now); !ok {
		return View{}, false, nil
	}
	m.Advance(now)
	v = View{State: m.State, Failures: m.Fails, Outcomes: m.Count}
	if m.State == Open {
		v.Probe = max(0, m.Probe-now)
	}
	return v, true, nil
}
