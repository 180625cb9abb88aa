package exchange

// Fact is something that one policy of an attempt tells the others. Facts are
// combined with |.
type Fact uint32

// The facts of an attempt.
const (
	// FactProbe: the attempt finds out whether the upstream is back, so a line
	// that holds everything back lets it pass. Set by breaker.
	FactProbe Fact = 1 << iota
	// FactRefused: the answer says that a limit was reached, whatever its status
	// is: the request was not processed, and that is no failure of the upstream.
	// Set by limit.
	FactRefused
	// FactHeld: a line holds the call. If it is refused and sent again, the line
	// makes it wait as long as is right, so nobody else need. Set by limit.
	FactHeld
	// FactFinal: the answer says that no further try can succeed, or that none is
	// wanted. Set by limit.
	FactFinal
	// FactFree: the attempt is not charged to the attempts that the call has: it
	// was refused and goes back to its line, it was the failed probe of a patient
	// call, or it ran beside another one. Set by retry and [Beside].
	FactFree
)

// Note adds facts to the attempt.
func (l *Live) Note(f Fact) { l.facts.Or(uint32(f)) }

// Has reports whether all of the facts were noted.
func (l *Live) Has(f Fact) bool { return Fact(l.facts.Load())&f == f }
