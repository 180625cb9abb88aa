package breaker

import "github.com/godwit-go/godwit/internal/circuit"

// State is what a breaker does with calls.
type State = circuit.State

// The states.
const (
	Closed   = circuit.Closed   // calls pass
	Open     = circuit.Open     // calls are held back, but for a probe now and then
	HalfOpen = circuit.HalfOpen // the upstream answers; calls pass, as many as the slow start allows
)

// The law of the breaker, by the names that it has here.
type (
	rules   = circuit.Rules
	record  = circuit.Record
	machine = circuit.Machine
	outcome = circuit.Outcome
	ticket  = circuit.Ticket
)

const (
	neutral = circuit.Neutral
	success = circuit.Success
	failure = circuit.Failure
)
