package breaker

import (
	"math/rand/v2"
	"time"
)

// Bounds of what can be set.
const (
	maxOutcomes = 1000
	maxDuration = 24 * time.Hour
)

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

// rules are a Config with its defaults.
type rules struct {
	openAt                          float64
	outcomes, minOutcomes           int
	probeFirst, probeCap, slowStart time.Duration
	draw                            func() float64 // from [0, 1)
}

func draw() float64 { return rand.Float64() }

// spread moves d by up to a quarter, so that processes do not probe together.
func (r *rules) spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + 0.5*r.draw()))
}

// record is all that a breaker knows of an upstream; it is what a fleet shares.
// Moments are durations since some beginning: the process's or the store's.
type record struct {
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

// outcome is what a call came to.
type outcome uint8

const (
	neutral outcome = iota // says nothing about the upstream
	success
	failure
)

// ticket is what an admitted call remembers until its outcome is known.
type ticket struct {
	period uint64
	probe  bool
}

// machine is the law of the breaker: it knows neither requests nor the clock,
// and is not safe for concurrent use.

type machine struct {
	*rules
	record
	opened counts // what opened it last
}

// counts are the outcomes that a decision was made on.
type counts struct{ fails, of int }

// advance lets time pass: the slow start ends by itself.
func (m *machine) advance(now time.Duration) {
	if m.State == HalfOpen && now-m.Ramp >= m.slowStart {
		m.State = Closed
	}
}

// claim asks to be the probe; it is granted once each time that a probe is due.
// A probe that never comes back blocks nothing: the next one is due anyway.
func (m *machine) claim(now time.Duration) bool {
	if m.State != Open || now < m.Probe {
		return false
	}
	m.Probe = now + m.spread(m.Gap)
	m.Gap = min(m.probeCap, 2*m.Gap)
	m.Probing = true
	return true
}

// settle takes in the outcome of an admitted call. It counts in the period in
// which the call was admitted only: what was sent before an outage says nothing
// about its end.
func (m *machine) settle(t ticket, o outcome, now time.Duration) {
	m.advance(now)
	if t.period != m.Period {
		return
	}
	if m.State == Open {
		m.probed(o, now)
		return
	}
	if o == neutral {
		return
	}
	m.add(o == failure)
	switch {
	case o == success:
	case m.State == HalfOpen && 2*m.Fails >= m.Count,
		m.State == Closed && m.Count >= m.minOutcomes && float64(m.Fails) >= m.openAt*float64(m.Count)-1e-9:
		m.open(now)
	}
}

// probed takes in the outcome of a probe.
func (m *machine) probed(o outcome, now time.Duration) {
	m.Probing = false
	if o != success {
		return
	}
	m.State, m.Ramp = HalfOpen, now
	m.Period++
	m.forget()
	m.add(false) // the probe is the first of the ramp
}

func (m *machine) open(now time.Duration) {
	m.opened = counts{m.Fails, m.Count}
	m.State, m.Probing = Open, false
	m.Period++
	m.Probe, m.Gap = now+m.spread(m.probeFirst), min(m.probeCap, 2*m.probeFirst)
	m.forget()
}

func (m *machine) forget() {
	m.Bits, m.At, m.Count, m.Fails = [16]uint64{}, 0, 0, 0
}

// add puts an outcome in the place of the oldest one.
func (m *machine) add(failed bool) {
	word, bit := m.At/64, uint64(1)<<(m.At%64)
	if m.Bits[word]&bit != 0 {
		m.Fails--
		m.Bits[word] &^= bit
	}
	if failed {
		m.Fails++
		m.Bits[word] |= bit
	}
	m.Count = min(m.outcomes, m.Count+1)
	if m.At++; m.At == m.outcomes {
		m.At = 0
	}
}

// health returns the share of the usual load that the upstream can take.
// Outcomes that are not there yet count as successes: nothing is known against
// the upstream.
func (m *machine) health(now time.Duration) float64 {
	m.advance(now)
	switch m.State {
	case Open:
		return 0
	case HalfOpen:
		return m.ramp(now)
	}
	return min(1, 2*float64(m.outcomes-m.Fails)/float64(m.outcomes))
}

// ramp returns the health during the slow start: 1/8, doubled in each third.
func (m *machine) ramp(now time.Duration) float64 {
	steps := 3 * (now - m.Ramp) / m.slowStart
	return 0.125 * float64(int(1)<<min(3, max(0, steps)))
}

// nextStep returns when the ramp grows again.
func (m *machine) nextStep(now time.Duration) time.Duration {
	steps := 3 * (now - m.Ramp) / m.slowStart
	return m.Ramp + (steps+1)*m.slowStart/3 + 1 // past what the division cuts off
}
