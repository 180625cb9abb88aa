package hedge

import (
	"slices"
	"sync"
	"time"
)

// Bounds of what is kept of an origin.
const (
	minSamples    = 100 // answers without which nothing is said of an operation
	maxSamples    = 200 // answers that are looked back at
	sortEvery     = 20  // answers after which the shares are worked out anew
	maxOperations = 256
	maxSaved      = 10 // hedges that can be saved up
)

// origin is what is known of an upstream. The zero value knows nothing.
type origin struct {
	mu         sync.Mutex
	operations map[operation]*samples
	saved      float64 // hedges that are allowed
}

// operation tells apart what has times of its own.
type operation struct{ method, name string }

// samples are the times of the last answers of an operation.
type samples struct {
	times []time.Duration // a ring
	next  int             // where the next one goes
	share time.Duration   // 0: not known
}

// add takes over the time of an answer.
func (s *samples) add(took time.Duration, percent int) {
	if len(s.times) < maxSamples {
		s.times = append(s.times, took)
	} else {
		s.times[s.next] = took
	}
	s.next = (s.next + 1) % maxSamples
	if n := len(s.times); n >= minSamples && (s.share == 0 || s.next%sortEvery == 0) {
		sorted := slices.Sorted(slices.Values(s.times))
		s.share = sorted[min(n-1, n*percent/100)]
	}
}

// after returns how long a call of the operation may take; 0 if that is not
// known.
func (o *origin) after(op operation) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.operations[op]; s != nil {
		return s.share
	}
	return 0
}

// observe takes over the time of an answer.
func (o *origin) observe(op operation, took time.Duration, percent int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.operations[op]
	if s == nil {
		if o.operations == nil {
			o.operations = make(map[operation]*samples)
		}
		if len(o.operations) >= maxOperations {
			for other := range o.operations { // any: it comes back if it is used
				delete(o.operations, other)
				break
			}
		}
		s = new(samples)
		o.operations[op] = s
	}
	s.add(took, percent)
}

// send counts a send, which allows a share of a hedge.
func (o *origin) send(budget float64) {
	o.mu.Lock()
	o.saved = min(maxSaved, o.saved+budget)
	o.mu.Unlock()
}

// take books a hedge if one is allowed.
func (o *origin) take() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.saved < 1 {
		return false
	}
	o.saved--
	return true
}

// giveBack undoes take.
func (o *origin) giveBack() {
	o.mu.Lock()
	o.saved = min(maxSaved, o.saved+1)
	o.mu.Unlock()
}
