package line

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Round is what a process tells and asks a store at once. All its lines belong
// to one origin.
type Round struct {
	ID      string // of this round: a store that has answered it answers the same again
	Process string // who asks
	Origin  string // such as https://api.example.com
	Lines   []Ask
}

// Ask is the part of a round that is about one line. Times are durations, in
// seconds before or after the moment of asking.
type Ask struct {
	Key       string  // of the line, among those of the origin
	Law       Law     // as this process declares it
	Health    float64 // of the upstream, 0 to 1
	Recovered bool    // the last time that this process asked it was 0
	Lost      bool    // the store was lost to this process until now

	// Places.
	Take float64 // units wanted
	Want float64 // the dearest call among them
	Used float64 // the last ticket with which a call has left
	Back []Span  // places given back, the last ones of the line
	Own  float64 // units that left without a place; below 0: units paid for and not used

	// Concurrency: units in use. Take are those wanted besides.
	Hold float64

	Answers []Answer // oldest first
}

// Span is the tickets above From, up to To.
type Span struct{ From, To float64 }

// Answer is what one response says about a line. Numbers below 0 are not given,
// and times that are NaN.
type Answer struct {
	Age       float64 // since the call left
	Ticket    float64 // with which it left
	Success   bool    // the server took the call
	Failed    bool    // it broke, which says nothing about quotas
	Refused   bool    // the server refused it for this quota
	Limit     float64
	Remaining float64
	Refill    float64 // units that come back per second
	ResetFrom float64 // bounds of the end of the window
	ResetIn   float64
	RetryIn   float64 // when the server wants another call
}

// answer converts times to the clock of the line.
func (a *Answer) answer(now float64) answer {
	return answer{
		sent: now - a.Age, ticket: a.Ticket, success: a.Success, failed: a.Failed,
		reading: reading{
			limit: a.Limit, remaining: a.Remaining, refill: a.Refill, refused: a.Refused,
			resetFrom: now + a.ResetFrom, resetAt: now + a.ResetIn, retryAt: now + a.RetryIn,
		},
	}
}

// Snapshots are the answer of a store to a round, a Snapshot per Ask, in the
// same order.
type Snapshots struct {
	Processes int // that have asked within the last ten seconds
	Lines     []Snapshot
}

// Snapshot is a line as the store has it.
type Snapshot struct {
	Given Span  // places given; of concurrency, To are the units given and From is how many may be held while others wait
	State State // at least the first SnapshotSize numbers
}

// peerLife is how long a process counts that does not ask any more, in seconds.
const peerLife = 10

// Book is the lines of one store: the law that every driver follows. It holds
// no lock and no clock.
type Book struct {
	lines map[string]*entry
	peers map[string]float64
}

type entry struct {
	line
	holds map[string]hold
}

// hold is what a process has of a concurrency.
type hold struct {
	units, want float64
	at          float64 // when it last asked
	served      float64 // when it last got something
}

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{lines: make(map[string]*entry), peers: make(map[string]float64)}
}

// Apply takes in a round at now, in seconds of the store's clock.
func (b *Book) Apply(now float64, r *Round) Snapshots {
	for p, at := range b.peers {
		if now-at >= peerLife {
			delete(b.peers, p)
		}
	}
	b.peers[r.Process] = now
	out := Snapshots{Processes: len(b.peers), Lines: make([]Snapshot, len(r.Lines))}
	for i := range r.Lines {
		a := &r.Lines[i]
		e := b.entry(now, a)
		if a.Law.model == concurrency {
			out.Lines[i].Given = e.lend(now, r.Process, a)
		} else {
			out.Lines[i].Given = e.serve(now, a)
		}
		out.Lines[i].State = e.state()
	}
	return out
}

// entry returns the line of an ask. Of different declarations the latest counts.
func (b *Book) entry(now float64, a *Ask) *entry {
	e := b.lines[a.Key]
	if e == nil {
		e = &entry{line: *newLine(a.Law, now)}
		e.shared, e.epoch = true, now
		b.lines[a.Key] = e
	}
	if e.declared != a.Law {
		if e.declared.model != a.Law.model || e.declared.w != a.Law.w {
			*e = entry{line: *newLine(a.Law, now)}
			e.shared, e.epoch = true, now
		}
		e.Law, e.declared = a.Law, a.Law
	}
	return e
}

// serve is a turn of a process at a line.
func (l *line) serve(now float64, a *Ask) Span {
	l.hear(now, math.Min(1, math.Max(0, a.Health)), a.Recovered)
	l.advance(now)
	if a.Take > 0 {
		l.want = math.Max(1, a.Want)
	}
	l.leftUpTo(a.Used)
	if a.Lost { // nothing was saved up while nobody was asked
		l.released = math.Min(l.released, math.Max(l.issued, l.tail)+1)
	}
	for _, s := range a.Back {
		l.takeBack(s)
	}
	if a.Own != 0 {
		l.settle(a.Own)
	}
	if l.health == 0 { // what probes took comes back while nothing else leaves
		l.released = math.Max(l.released, l.issued)
	}
	for i := range a.Answers {
		l.learn(now, a.Answers[i].answer(now))
	}
	given := l.give(a.Take, a.Want)
	l.advance(now) // a cold line may let one of them go
	return given
}

// For how long the worst that a process has said of the upstream counts, in
// seconds: others may not have noticed yet. That it has failed counts longer,
// until one that has said so sees it come back; for a moment after that, those
// who say that it has failed are late.
const (
	healthLife = 0.5
	failedLife = 4
	newsLife   = 3
	rampHealth = 0.3 // only a slow start is below: a breaker that is closed says more
)

// hear takes in what a process thinks of the upstream; back says that it has
// thought it failed until now.
func (l *line) hear(now, health float64, back bool) {
	life := healthLife
	if l.health == 0 {
		life = failedLife
	}
	switch {
	case l.health == 0 && back && health > 0 && health < rampHealth:
		l.backAt = now
	case health == 0 && l.health > 0 && now-l.backAt < newsLife:
		return
	case health > l.health && now-l.healthAt < life:
		return
	}
	l.health, l.healthAt = health, now
}

// leftUpTo notes that calls have left with the places up to a ticket.
func (l *line) leftUpTo(ticket float64) {
	if ticket = math.Min(ticket, l.tail); ticket > l.issued {
		l.issued, l.lastAt = ticket, l.t
		l.released = math.Max(l.released, l.issued)
	}
}

// settle books units that left without a place; below 0, places that were not
// used. After an outage many were not, and must not leave as a crowd now.
func (l *line) settle(own float64) {
	before := l.released
	l.refund(-own)
	if own < 0 && l.health < 1 {
		l.released = math.Min(l.released, math.Max(before, l.issued+math.Max(1, 0.25*l.rate*l.health)))
	}
}

// takeBack makes places free again that are still the last ones of the line.
func (l *line) takeBack(s Span) {
	if s.From >= l.released-tiny && s.From < s.To && math.Abs(s.To-l.tail) <= tiny {
		l.tail = math.Max(s.From, l.issued)
	}
}

// give hands out places at the end of the line, no further ahead than its
// lookahead; one call always has a place.
func (l *line) give(units, want float64) Span {
	l.tail = math.Max(l.tail, l.issued)
	if !(units > 0) {
		return Span{l.tail, l.tail}
	}
	want = math.Max(1, want)
	room := math.Max(0, math.Max(l.released+l.rateNow()*l.Lookahead, l.released+want)-l.tail)
	if units > room { // whole calls: nobody can use a part of a place
		units = math.Floor(room/want+tiny) * want
	}
	s := Span{l.tail, l.tail + math.Min(units, MaxUnits)}
	l.tail = s.To
	return s
}

// lend is a turn of a process at a concurrency: To are the units that it gets
// besides those that it holds, From is how many it may hold while others wait.
// Nobody gets or keeps more than an equal share while somebody has less than
// that and wants it; if there is not even one for each, they take turns.
func (e *entry) lend(now float64, process string, a *Ask) (given Span) {
	e.advance(now)
	for i := range a.Answers {
		e.learn(now, a.Answers[i].answer(now))
	}
	self := e.holds[process]
	others, sharers := 0.0, 1.0
	for p, h := range e.holds {
		switch {
		case p == process:
		case now-h.at >= peerLife:
			delete(e.holds, p)
		default:
			others += h.units
			if h.want > 0 || h.units > 0 {
				sharers++
			}
		}
	}
	share := math.Max(1, math.Floor(e.q/sharers))
	most := e.q
	for p, h := range e.holds {
		if p == process || h.want <= 0 || h.units >= share {
			continue
		}
		most = math.Min(most, share)
		if e.q < sharers && (a.Hold > 0 || h.served < self.served) {
			most = 0 // it is the other one's turn
		}
	}
	units := math.Max(0, math.Min(a.Take, math.Min(e.q-others, most)-a.Hold))
	if now < e.frozenUntil {
		units = 0
	}
	if e.holds == nil {
		e.holds = make(map[string]hold)
	}
	if units > 0 {
		self.served = now
	}
	e.holds[process] = hold{a.Hold + units, a.Take - units, now, self.served}
	e.inFlight = others + a.Hold + units
	return Span{most, units}
}

// Sweep forgets lines that would be the same if they were new, and returns how
// many are left.
func (b *Book) Sweep(now float64) (left int) {
	for key, e := range b.lines {
		if now >= e.expires() {
			delete(b.lines, key)
		}
	}
	return len(b.lines)
}

// expires returns when the line may be forgotten.
func (l *line) expires() float64 {
	keep := math.Max(60, 2*l.declared.w)
	if l.declared.rate > 0 {
		keep = math.Max(keep, 2*l.declared.burst/l.declared.rate)
	}
	return math.Max(l.t+keep, l.frozenUntil)
}

// formatVersion is that of a book in JSON.
const formatVersion = 1

type bookJSON struct {
	Version int                 `json:"version"`
	Lines   map[string]lineJSON `json:"lines"`
	Peers   map[string]float64  `json:"peers"`
}

type lineJSON struct {
	Law   []float64             `json:"law"`
	State State                 `json:"state"`
	Holds map[string][4]float64 `json:"holds,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (b *Book) MarshalJSON() ([]byte, error) {
	out := bookJSON{formatVersion, make(map[string]lineJSON, len(b.lines)), b.peers}
	for key, e := range b.lines {
		law := e.declared.Numbers()
		j := lineJSON{Law: law[:], State: e.state()}
		for p, h := range e.holds {
			if j.Holds == nil {
				j.Holds = make(map[string][4]float64)
			}
			j.Holds[p] = [4]float64{h.units, h.want, h.at, h.served}
		}
		out.Lines[key] = j
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements [json.Unmarshaler]. A book of another version, or one
// that makes no sense, is an error.
func (b *Book) UnmarshalJSON(data []byte) error {
	var in bookJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Version != formatVersion {
		return fmt.Errorf("line: a book of version %d, want %d", in.Version, formatVersion)
	}
	*b = *NewBook()
	for p, at := range in.Peers {
		b.peers[p] = at
	}
	for key, j := range in.Lines {
		e, err := j.entry()
		if err != nil {
			return fmt.Errorf("line: %.80q: %w", key, err)
		}
		b.lines[key] = e
	}
	return nil
}

func (j *lineJSON) entry() (*entry, error) {
	law, ok := LawOf(j.Law)
	if !ok || len(j.State) != len(StateFields()) || slices.ContainsFunc(j.State, math.IsNaN) {
		return nil, fmt.Errorf("its numbers make no sense")
	}
	e := &entry{line: *newLine(law, 0)}
	e.shared = true
	e.restore(j.State)
	for p, h := range j.Holds {
		if e.holds == nil {
			e.holds = make(map[string]hold)
		}
		e.holds[p] = hold{h[0], h[1], h[2], h[3]}
	}
	return e, nil
}
