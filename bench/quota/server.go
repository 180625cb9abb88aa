package quota

import (
	"math"
	"math/rand/v2"
	"net/http"
)

// Service times in seconds.
const (
	serviceMedian = 0.060 // of a granted call; log-normal
	serviceSigma  = 0.5
	serviceFast   = 0.003 // of a refusal, and of an answer during an outage
	brownOutSlow  = 8     // how much longer a granted call takes in a brown-out
	brownOutFail  = 0.3   // share of granted calls that a brown-out fails
)

// Answer is what the server says to one call.
type Answer struct {
	Status     int
	Limit      int     // units
	Remaining  int     // units
	Reset      int     // whole seconds, rounded up; negative: no quota headers, and none of the three counts
	RetryAfter int     // whole seconds, rounded up; 0: no such header
	Service    float64 // seconds from the call's arrival to the answer
}

// Server answers calls by the law of a scenario, and counts them.
type Server struct {
	sc      Scenario
	counter *Counter
	rng     *rand.Rand

	load      []int         // calls by second of arrival
	done      []int         // successes by second of the answer
	granted   map[int64]int // calls granted by window
	refused   int
	failed    int
	successes int
}

// NewServer returns a server that nobody has called. rng draws the service
// times and the failures of a brown-out.
func NewServer(sc Scenario, rng *rand.Rand) *Server {
	return &Server{sc: sc, counter: NewCounter(sc.Law), rng: rng, granted: map[int64]int{}}
}

// Serve answers a call that arrives now.
func (s *Server) Serve(now float64) Answer {
	count(&s.load, now)
	if inSpans(s.sc.Outages, now) {
		s.failed++
		return Answer{Status: http.StatusServiceUnavailable, Reset: -1, Service: serviceFast}
	}
	g := s.counter.Take(now)
	a := Answer{Status: http.StatusOK, Limit: s.sc.Law.Limit(), Remaining: g.Remaining, Reset: ceil(g.Reset), Service: serviceFast}
	if s.sc.Silent {
		a.Limit, a.Remaining, a.Reset = 0, 0, -1
	}
	if !g.OK {
		s.refused++
		a.Status, a.RetryAfter = http.StatusTooManyRequests, max(1, ceil(g.RetryAfter))
		return a
	}
	if s.sc.Law.Window > 0 {
		s.granted[int64(now/s.sc.Law.Window)]++
	}
	a.Service = serviceMedian * math.Exp(s.rng.NormFloat64()*serviceSigma)
	if inSpans(s.sc.BrownOuts, now) {
		a.Service *= brownOutSlow
		if s.rng.Float64() < brownOutFail {
			s.failed++
			a.Status = http.StatusInternalServerError
			return a
		}
	}
	s.successes++
	count(&s.done, now+a.Service)
	return a
}

// Foreign takes a unit for the other tenant of the quota and returns the
// seconds until it comes again: a Poisson process of the scenario's rate. A
// scenario without one is not asked.
func (s *Server) Foreign(now float64) (next float64) {
	s.counter.Take(now)
	return s.rng.ExpFloat64() / s.sc.Foreign
}

func ceil(seconds float64) int { return int(math.Ceil(seconds)) }

// count adds one to the second of a moment.
func count(seconds *[]int, at float64) {
	for len(*seconds) <= int(at) {
		*seconds = append(*seconds, 0)
	}
	(*seconds)[int(at)]++
}

// at returns the count of a second.
func at(seconds []int, second int) int {
	if second < 0 || second >= len(seconds) {
		return 0
	}
	return seconds[second]
}
