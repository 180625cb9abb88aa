// Package signal reads what a response says about quotas: the rate limit
// fields of the standards and of the vendors' dialects, refusals that hide in a
// status or a body, and the moment from which another try is welcome.
//
// It is pure: it holds no state but what [New] was given, starts nothing and
// knows no request. It reads no more than 64 KiB of a body and 8 KiB of a
// field, in linear time; what it cannot understand it ignores, because a wrong
// reading costs more than none. What it returns is a claim of the server:
// remaining > 0 promises nothing, answers arrive out of order, and others use
// the same quota.
package signal

import (
	"net/http"
	"time"
)

// MaxBody is how much of a body is read, in bytes.
const MaxBody = 64 << 10

// maxField is how much of a header field is read, in bytes.
const maxField = 8 << 10

// statusOverloaded is not registered; Anthropic and others use it for load that
// they cannot take.
const statusOverloaded = 529

// Answer is a response as far as it concerns quotas.
type Answer struct {
	Status   int
	Header   http.Header // the header section, never trailers; keys in canonical form
	Body     []byte      // a prefix of the decoded body, or nil: see Parser.WantsBody
	Sent     time.Time   // when the request left
	Received time.Time   // when the header section was there
	Clock    Clock       // what earlier answers told about the server's clock; zero: nothing
}

// Record is one claim about one quota.
type Record struct {
	// ID is the server's name of the quota or bucket, such as "core", "tokens"
	// or "burst". Empty: the server names none, so all quotas of the call are
	// meant.
	ID string
	// Unit is what is counted, such as "requests", "tokens" or "points"; empty
	// if that is not said.
	Unit string
	// Scope says in the server's words who shares the quota, such as "user" or
	// "global"; a partition key in base64; empty if that is not said.
	Scope string

	Limit     Value[float64]       // the quota, or the size of the bucket
	Remaining Value[float64]       // what is left of it
	Window    Value[time.Duration] // the time for which Limit holds
	Refill    Value[float64]       // units that come back per second
	Cost      Value[float64]       // what this call took, or would have taken

	// ResetFrom and ResetAt bound the moment of ResetKind: no sooner, no later.
	// Both are times of this machine; zero if there is no reset. A reset that
	// has passed is at the moment of receipt.
	ResetFrom, ResetAt time.Time
	ResetKind          ResetKind

	// RetryAt is the moment before which another try is not welcome, by this
	// machine's clock, however far away: the caller decides what is too long.
	// Zero: no hint.
	RetryAt time.Time
	// Refused: the call was not processed, for want of this quota.
	Refused bool
	// Final: no try will ever succeed, or the server asks for none.
	Final bool

	// Source names the fields and members that were read, for people:
	// "x-ratelimit-*, status 429, retry-after".
	Source string
}

// Value is a value that a response may or may not give.
type Value[T any] struct {
	V  T    // the value, if OK
	OK bool // whether there is one
}

// Of returns a value that is there.
func Of[T any](v T) Value[T] { return Value[T]{V: v, OK: true} }

// Get returns the value and whether there is one.
func (v Value[T]) Get() (T, bool) { return v.V, v.OK }

// ResetKind says what happens at a reset.
type ResetKind uint8

// The kinds of reset.
const (
	ResetNone   ResetKind = iota // no reset is given
	ResetFull                    // the bucket is full again
	ResetNext                    // the claim ends: until then at most Remaining, then some more
	ResetWindow                  // the window ends and counting begins anew
)

// String returns none, full, next or window.
func (k ResetKind) String() string {
	switch k {
	case ResetFull:
		return "full"
	case ResetNext:
		return "next"
	case ResetWindow:
		return "window"
	}
	return "none"
}

// Parser reads the answers of one API. It is immutable and safe for concurrent
// use.
type Parser struct {
	dialect  *dialect
	mappings []mapping
}

// New returns the parser of an API that speaks dialect d, where mappings take
// precedence over it. The error names the mapping and what is wrong with it.
func New(d Dialect, mappings []Mapping) (*Parser, error) {
	known, err := find(d)
	if err != nil {
		return nil, err
	}
	compiled, err := compile(mappings)
	if err != nil {
		return nil, err
	}
	return &Parser{dialect: known, mappings: compiled}, nil
}

// Parse reads an answer of an API that speaks dialect d; of an unknown dialect,
// it reads the standards alone.
func Parse(d Dialect, a Answer) []Record {
	known, err := find(d)
	if err != nil {
		known = &standardDialect
	}
	return (&Parser{dialect: known}).Parse(a)
}

// Parse returns what the answer claims, nil if it claims nothing. A status 429
// always gives a record that says Refused, unless the body shows that no quota
// is behind it. A response out of a cache (Age above 0) says nothing: it tells
// of another time (draft-ietf-httpapi-ratelimit-headers-11 section 7.3).
func (p *Parser) Parse(a Answer) []Record {
	if p.silent(&a) || aged(a.Header) {
		return nil
	}
	return p.parse(a)
}

// parse takes the answer by value, so that it is on the heap only if it says
// something.
func (p *Parser) parse(a Answer) []Record {
	r := newReading(a, p.dialect)
	r.declared(p.mappings)
	declared := len(r.records)
	if p.dialect.read != nil {
		p.dialect.read(r)
	}
	r.standards()
	r.known = len(r.records) > declared
	if !p.dialect.strict {
		r.guess()
	}
	return r.finish()
}

// WantsBody reports whether a prefix of the body can add something to the
// answer's status and header, so that it is worth reading ahead: that of an
// error, or a JSON document where the dialect or a mapping looks into it. Of a
// stream it never is: its next bytes may be a long time coming.
func (p *Parser) WantsBody(status int, h http.Header) bool {
	if status >= 400 {
		return true
	}
	if p.dialect.wantsBody == nil && len(p.mappings) == 0 || !isJSON(h) {
		return false
	}
	if p.dialect.wantsBody != nil && p.dialect.wantsBody(h) {
		return true
	}
	for i := range p.mappings {
		if m := &p.mappings[i]; m.path != nil && (m.status == 0 || m.status == status) {
			return true
		}
	}
	return false
}

// Silent reports that the answer says nothing, whatever is in its body.
func (p *Parser) Silent(status int, h http.Header) bool {
	return !p.WantsBody(status, h) && p.silent(&Answer{Status: status, Header: h})
}

// standardFields are looked for in every answer.
var standardFields = []string{
	"Ratelimit", "Ratelimit-Policy", "Ratelimit-Remaining", "Ratelimit-Limit",
	"X-Ratelimit-Remaining", "X-Ratelimit-Limit", "Grpc-Retry-Pushback-Ms",
}

// retryFields are looked for where a call did not succeed.
var retryFields = []string{"Retry-After", "Retry-After-Ms", "X-Ms-Retry-After-Ms", "X-Should-Retry"}

// silent reports, without allocating, that the answer says nothing. A named
// dialect asks for the fields that it knows; guessing looks at every name.
func (p *Parser) silent(a *Answer) bool {
	if a.Status == http.StatusTooManyRequests || a.Status == statusOverloaded || a.Status >= 400 && len(a.Body) > 0 {
		return false
	}
	for i := range p.mappings {
		if p.mappings[i].concerns(a) {
			return false
		}
	}
	d := p.dialect
	if d.speaks != nil && len(a.Body) > 0 && d.speaks(a.Body) {
		return false
	}
	if d.name == Guess {
		return !anyRelevant(a.Header)
	}
	return !(a.Status >= 300 && anyOf(a.Header, retryFields) || anyOf(a.Header, standardFields) || anyOf(a.Header, d.fields))
}
