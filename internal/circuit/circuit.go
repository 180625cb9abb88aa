// Package circuit is the law of the circuit breaker: what is remembered of an
// upstream's outcomes, when the breaker opens, who may probe, and how the load
// comes back. It knows neither requests nor the clock.
package circuit

import (
	"math/rand/v2"
	"time"
)

// MostOutcomes is how far back a record can look.
const MostOutcomes = 1000

// State is what a breaker does with calls.
type State int

// The states.
const (
	Closed   State = iota // calls pass
	Open                  // calls are held back, but for a probe now and then
	HalfOpen              // the upstream answers; calls pass, as many as the slow start allows
)

// String returns closed, open or half-open.
func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return "closed"
}

// Rules say when a breaker opens and how it closes. Start from [Default].
type Rules struct {
	OpenAt      float64       // share of failures that opens it, above 0 and up to 1
	Outcomes    int           // how many outcomes are looked back at, up to MostOutcomes
	MinOutcomes int           // how many there must be before it can open
	ProbeFirst  time.Duration // until the first probe; doubled with each
	ProbeCap    time.Duration // longest time between two probes
	SlowStart   time.Duration // from an eighth of the load to the whole
	// Rand returns an even draw from [0, 1). Nil means the runtime's own source.
	Rand func() float64
}

// Default returns the rules of a breaker that nobody has set.
func Default() Rules {
	return Rules{
		OpenAt: 0.8, Outcomes: 20, MinOutcomes: 15,
		ProbeFirst: 500 * time.Millisecond, ProbeCap: 2 * time.Second, SlowStart: 3 * time.Second,
	}
}

// spread moves d by up to a quarter, so that processes do not probe together.
func (r *Rules) spread(d time.Duration) time.Duration {
	draw := r.Rand
	if draw == nil {
		draw = rand.Float64
	}
	return time.Duration(float64(d) * (0.75 + 0.5*draw()))
}

// Record is all that a breaker knows of an upstream; it is what a fleet shares.
// Moments are durations since some beginning: the process's or the store's.
type Record struct {
	State   State         `json:"state"`
	Period  uint64        `json:"period"`            // counts openings and half-openings: which outcomes belong here
	Bits    [16]uint64    `json:"bits"`              // the last outcomes, as a ring; set: a failure
	At      int           `json:"at"`                // where the next outcome goes
	Count   int           `json:"count"`             // how many there are
	Fails   int           `json:"fails"`             // how many of them are failures
	Gap     time.Duration `json:"gap,omitempty"`     // between the next probe and the one after it
	Probe   time.Duration `json:"probe,omitempty"`   // when the next probe is due
	Probing bool          `json:"probing,omitempty"` // one is under way
	Ramp    time.Duration `json:"ramp,omitempty"`    // when the slow start began
}

// Outcome is what a call came to.
type Outcome uint8

// The outcomes.
const (
	Neutral Outcome = iota // says nothing about the upstream
	Success
	Failure
)

// Ticket is what an admitted call remembers until its outcome is known.
type Ticket struct {
	Period uint64
	Probe  bool
}

// Machine is a breaker at work. It is not safe for concurrent use. Moments are
// those of its record.
type Machine struct {
	*Rules
	Record
	Opened Counts // what opened it last
}

// Counts are the outcomes that a decision was made on.
type Counts struct{ Fails, Of int }

// Advance lets time pass: the slow start ends by itself.
func (m *Machine) Advance(now time.Duration) {
	if m.State == HalfOpen && now-m.Ramp >= m.SlowStart {
		m.State = Closed
	}
}

// Claim asks to be the probe; it is granted once each time that a probe is due.
// A probe that never comes back blocks nothing: the next one is due anyway.
func (m *Machine) Claim(now time.Duration) bool {
	if m.State != Open || now < m.Probe {
		return false
	}
	m.Probe = now + m.spread(m.Gap)
	m.Gap = min(m.ProbeCap, 2*m.Gap)
	m.Probing = true
	return true
}

// Settle takes in the outcome of an admitted call. It counts in the period in
// which the call was admitted only: what was sent before an outage says nothing
// about its end.
func (m *Machine) Settle(t Ticket, o Outcome, now time.Duration) {
	m.Advance(now)
	if t.Period != m.Period {
		return
	}
	if m.State == Open {
		m.probed(o, now)
		return
	}
	if o == Neutral {
		return
	}
	m.add(o == Failure)
	switch {
	case o == Success:
	case m.State == HalfOpen && 2*m.Fails >= m.Count,
		m.State == Closed && m.Count >= m.MinOutcomes && float64(m.Fails) >= m.OpenAt*float64(m.Count)-1e-9:
		m.open(now)
	}
}

// probed takes in the outcome of a probe.
func (m *Machine) probed(o Outcome, now time.Duration) {
	m.Probing = false
	if o != Success {
		return
	}
	m.State, m.Ramp = HalfOpen, now
	m.Period++
	m.forget()
	m.add(false) // the probe is the first of the ramp
}

func (m *Machine) open(now time.Duration) {
	m.Opened = Counts{m.Fails, m.Count}
	m.State, m.Probing = Open, false
	m.Period++
	m.Probe, m.Gap = now+m.spread(m.ProbeFirst), min(m.ProbeCap, 2*m.ProbeFirst)
	m.forget()
}

func (m *Machine) forget() {
	m.Bits, m.At, m.Count, m.Fails = [16]uint64{}, 0, 0, 0
}

// add puts an outcome in the place of the oldest one.
func (m *Machine) add(failed bool) {
	word, bit := m.At/64, uint64(1)<<(m.At%64)
	if m.Bits[word]&bit != 0 {
		m.Fails--
		m.Bits[word] &^= bit
	}
	if failed {
		m.Fails++
		m.Bits[word] |= bit
	}
	m.Count = min(m.Outcomes, m.Count+1)
	if m.At++; m.At == m.Outcomes {
		m.At = 0
	}
}

// Health returns the share of the usual load that the upstream can take.
// Outcomes that are not there yet count as successes: nothing is known against
// the upstream.
func (m *Machine) Health(now time.Duration) float64 {
	m.Advance(now)
	switch m.State {
	case Open:
		return 0
	case HalfOpen:
		return m.ramp(now)
	}
	return min(1, 2*float64(m.Outcomes-m.Fails)/float64(m.Outcomes))
}

// ramp returns the health during the slow start: 1/8, doubled in each third.
func (m *Machine) ramp(now time.Duration) float64 {
	steps := 3 * (now - m.Ramp) / m.SlowStart
	return 0.125 * float64(int(1)<<min(3, max(0, steps)))
}

// NextStep returns when the ramp grows again.
func (m *Machine) NextStep(now time.Duration) time.Duration {
	steps := 3 * (now - m.Ramp) / m.SlowStart
	return m.Ramp + (steps+1)*m.SlowStart/3 + 1 // past what the division cuts off
}
