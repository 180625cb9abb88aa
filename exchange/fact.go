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
	// is, so it is no failure of the upstream. Set by limit.
	FactRefused
)

// Note adds facts to the attempt.
func (l *Live) Note(f Fact) { l.facts.Or(uint32(f)) }

// Has reports whether all of the facts were noted.
func (l *Live) Has(f Fact) bool { return Fact(l.facts.Load())&f == f }
