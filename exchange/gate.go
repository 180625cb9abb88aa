package exchange

import "net/http"

// Gate lets attempts in, and can be asked again about one that was held up
// behind it. The breaker is one.
type Gate interface {
	// Readmit asks whether an attempt that was let in before, and of which nothing
	// was sent, may still go on. It may wait; an error is the end of the attempt.
	Readmit(req *http.Request) error
}

// Admit notes who let the attempt in, and what that one wants to remember of it.
func (l *Live) Admit(g Gate, admission uint64) { l.gate, l.admission = g, admission }

// Admission returns what Admit noted.
func (l *Live) Admission() uint64 { return l.admission }

// Gated reports whether there is a gate to ask again.
func (l *Live) Gated() bool { return l.gate != nil }

// Readmit asks the gate again, if there is one: whoever holds an attempt up calls
// it when the upstream has failed meanwhile.
func (l *Live) Readmit(req *http.Request) error {
	if l.gate == nil {
		return nil
	}
	return l.gate.Readmit(req)
}
