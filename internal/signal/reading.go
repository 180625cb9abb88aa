package signal

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxRecords is how many quotas an answer can speak of.
const maxRecords = 64

// verdict says whether the call was refused for want of a quota.
type verdict uint8

const (
	undecided  verdict = iota
	refused            // it was
	notLimited         // it was not, whatever the status says
)

// rank orders the hints of when to try again: the first that an answer gives
// counts (RFC 9110 section 10.2.3, draft-ietf-httpapi-ratelimit-headers-11
// section 7). A reset comes last: it may belong to a quota that is not the one
// that refused, so the longest of several is never taken.
type rank uint8

const (
	rankDeclared   rank = iota // a mapping
	rankKnown                  // what the dialect knows better than the answer
	rankExact                  // a hint in the body, or in milliseconds
	rankRetryAfter             // Retry-After
	rankReset                  // the reset of the refusing, then of the exhausted quota
	rankDefault                // what the dialect documents where it gives no hint
	rankShortest               // the shortest reset
	ranks
)

// hint is a moment from which another try is welcome.
type hint struct {
	at     time.Time
	source string
}

// reading is one answer being read.
type reading struct {
	Answer
	dialect *dialect
	clock   Clock
	taken   []string // header fields that somebody understood
	records []Record
	parsed  bool
	doc     tree

	known bool // the dialect or the drafts gave records

	verdict verdict
	reason  string   // what decided
	ids     []string // the quotas that refused, as the server names them
	scope   string
	final   string // what says that no try can succeed
	hints   [ranks]hint
}

func newReading(a Answer, d *dialect) *reading {
	if a.Sent.IsZero() || a.Sent.After(a.Received) {
		a.Sent = a.Received
	}
	a.Body = a.Body[:min(len(a.Body), MaxBody)]
	r := &reading{Answer: a, dialect: d, clock: a.Clock}
	r.clock.Observe(a.Header, a.Sent, a.Received)
	return r
}

// json returns the body as far as it is JSON.
func (r *reading) json() tree {
	if !r.parsed {
		r.parsed, r.doc = true, tree{parseJSON(r.Body)}
	}
	return r.doc
}

// refuse says that the call was refused, by the quotas ids if the server names
// them. The first who says something about it is right.
func (r *reading) refuse(source string, ids ...string) {
	if r.verdict == notLimited {
		return
	}
	if r.verdict == undecided {
		r.verdict, r.reason = refused, source
	}
	if len(r.ids) > 0 {
		return
	}
	for _, id := range ids[:min(len(ids), maxRecords)] {
		if id = clean(id); id != "" && !slices.Contains(r.ids, id) {
			r.ids = append(r.ids, id)
		}
	}
}

// acquit says that no quota is behind the answer.
func (r *reading) acquit(source string) {
	if r.verdict == undecided {
		r.verdict, r.reason = notLimited, source
	}
}

// end says that no try can succeed.
func (r *reading) end(source string) {
	if r.final == "" {
		r.final = source
	}
}

// hint notes when another try is welcome. Of two of one rank the later counts.
func (r *reading) hint(k rank, at time.Time, source string) {
	if at.After(r.hints[k].at) {
		r.hints[k] = hint{at, source}
	}
}

// hintIn is hint with a delay, of which 0 asks for nothing.
func (r *reading) hintIn(k rank, d time.Duration, source string) {
	if d > 0 {
		r.hint(k, r.Received.Add(d), source)
	}
}

// hintNumber is hintIn with a number of units as a server writes it.
func (r *reading) hintNumber(k rank, s string, unit time.Duration, source string) {
	if f, ok := number(s); ok {
		r.hintIn(k, span(f, unit), source)
	}
}

// moment reads a moment as the bounds of it on this machine's clock; false if
// it makes no sense. What has passed is now.
func (r *reading) moment(s string, f Format) (from, to time.Time, ok bool) {
	w, ok := parseWhen(s, f, r.Received)
	if !ok {
		return from, to, false
	}
	if w.at.IsZero() {
		// The server wrote it between Sent and Received, rounded up.
		to = r.Received.Add(w.in)
		return r.Sent.Add(w.in - min(w.grain, w.in)), to, true
	}
	lo, hi := r.clock.until(w.at, r.Received)
	return r.Received.Add(max(0, lo)), r.Received.Add(max(0, hi)), true
}

// texts is a record as header fields give it.
type texts struct {
	id, unit, scope, source          string
	limit, remaining, used, reset    string
	format                           Format
	kind                             ResetKind
	window                           time.Duration
	limitV, remainingV, refill, cost Value[float64]
}

// quota adds the record, unless nothing of it can be read.
func (r *reading) quota(t texts) {
	rec := Record{
		ID: clean(t.id), Unit: t.unit, Scope: clean(t.scope), Source: t.source,
		Limit: t.limitV, Remaining: t.remainingV, Refill: t.refill, Cost: t.cost,
	}
	if !rec.Limit.OK {
		rec.Limit = amount(t.limit)
	}
	if !rec.Remaining.OK {
		rec.Remaining = amount(t.remaining)
	}
	if used := amount(t.used); used.OK && rec.Limit.OK && !rec.Remaining.OK {
		rec.Remaining = Of(max(0, rec.Limit.V-used.V))
	}
	if t.window > 0 {
		rec.Window = Of(t.window)
	}
	if from, to, ok := r.moment(firstReset(t.reset), t.format); ok {
		rec.ResetFrom, rec.ResetAt, rec.ResetKind = from, to, t.kind
	}
	if !rec.empty() {
		r.merge(rec)
	}
}

// firstReset drops what follows the first member of "50, 60" or "50;w=60"; a
// date may have a comma.
func firstReset(s string) string {
	if first := firstMember(s); digits(first) {
		return first
	}
	return s
}

func (r *Record) empty() bool {
	return !r.Limit.OK && !r.Remaining.OK && !r.Window.OK && !r.Refill.OK && !r.Cost.OK &&
		r.ResetAt.IsZero() && r.RetryAt.IsZero() && !r.Refused && !r.Final
}

// merge adds what the record knows beyond the one of the same ID: who speaks
// first is right.
func (r *reading) merge(rec Record) {
	i := slices.IndexFunc(r.records, func(have Record) bool { return have.ID == rec.ID })
	if i < 0 {
		if len(r.records) < maxRecords || rec.Refused {
			r.records = append(r.records, rec)
		}
		return
	}
	have := &r.records[i]
	news := fill(&have.Limit, rec.Limit)
	news = fill(&have.Remaining, rec.Remaining) || news
	news = fill(&have.Window, rec.Window) || news
	news = fill(&have.Refill, rec.Refill) || news
	news = fill(&have.Cost, rec.Cost) || news
	if have.ResetAt.IsZero() && !rec.ResetAt.IsZero() {
		have.ResetFrom, have.ResetAt, have.ResetKind, news = rec.ResetFrom, rec.ResetAt, rec.ResetKind, true
	}
	if have.RetryAt.IsZero() && !rec.RetryAt.IsZero() {
		have.RetryAt, news = rec.RetryAt, true
	}
	if rec.Refused && !have.Refused || rec.Final && !have.Final {
		have.Refused, have.Final, news = have.Refused || rec.Refused, have.Final || rec.Final, true
	}
	if have.Unit == "" {
		have.Unit = rec.Unit
	}
	if have.Scope == "" {
		have.Scope = rec.Scope
	}
	if news {
		have.Source = join(have.Source, rec.Source)
	}
}

func fill[T any](dst *Value[T], src Value[T]) bool {
	if dst.OK || !src.OK {
		return false
	}
	*dst = src
	return true
}

func join(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	return strings.Join(parts, ", ")
}

// finish says the rest: what the status means by itself, who is meant by a
// refusal, and when to try again.
func (r *reading) finish() []Record {
	switch {
	case r.verdict != undecided:
	case r.Status == http.StatusTooManyRequests:
		r.refuse("status 429")
	case r.Status == statusOverloaded:
		r.refuse("status 529")
	}
	if r.verdict != refused {
		h := r.first(rankRetryAfter)
		if rec := (Record{Final: r.final != "", RetryAt: h.at, Source: join(r.final, h.source)}); !rec.empty() {
			r.merge(rec)
		}
		return r.records
	}
	ids := r.refusing()
	r.resets(ids)
	h := r.first(rankShortest)
	for _, id := range ids {
		r.merge(Record{
			ID: id, Scope: clean(r.scope), Refused: true, Final: r.final != "", RetryAt: h.at,
			Source: join(r.reason, r.final, h.source),
		})
	}
	return r.records
}

// first returns the first hint up to the rank.
func (r *reading) first(last rank) hint {
	for _, h := range r.hints[:last+1] {
		if !h.at.IsZero() {
			return h
		}
	}
	return hint{}
}

// refusing returns the quotas that the refusal is about: those that the server
// names, else those that are exhausted, else all of the call's.
func (r *reading) refusing() []string {
	if len(r.ids) > 0 {
		return r.ids
	}
	var ids []string
	for i := range r.records {
		if left, ok := r.records[i].Remaining.Get(); ok && left == 0 {
			ids = append(ids, r.records[i].ID)
		}
	}
	if len(ids) > 0 {
		return ids
	}
	return []string{""}
}

// resets takes the resets for hints: first of the refusing quotas, then of
// those that are exhausted, last of any, and always the shortest.
func (r *reading) resets(refusing []string) {
	left := func(rec *Record) bool { v, ok := rec.Remaining.Get(); return ok && v == 0 }
	named := func(rec *Record) bool { return slices.Contains(refusing, rec.ID) && (rec.ID != "" || left(rec)) }
	if at := r.shortest(named); !at.IsZero() {
		r.hint(rankReset, at, "reset")
	} else if at := r.shortest(left); !at.IsZero() {
		r.hint(rankReset, at, "reset")
	}
	if at := r.shortest(func(*Record) bool { return true }); !at.IsZero() {
		r.hint(rankShortest, at, "shortest reset")
	}
}

// shortest returns the first reset to come; zero if none is to come.
func (r *reading) shortest(of func(*Record) bool) time.Time {
	var at time.Time
	for i := range r.records {
		rec := &r.records[i]
		if rec.ResetAt.After(r.Received) && of(rec) && (at.IsZero() || rec.ResetAt.Before(at)) {
			at = rec.ResetAt
		}
	}
	return at
}
