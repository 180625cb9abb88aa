package line

import (
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/internal/origin"
)

// View is what is known of a line, for people. Units are those of the quota,
// times are seconds from now.
type View struct {
	Quota      string  `json:"quota"`
	Origin     string  `json:"origin"`
	Credential string  `json:"credential,omitempty"` // a hash
	Operation  string  `json:"operation,omitempty"`
	Method     string  `json:"method,omitempty"`
	Model      string  `json:"model"`
	Limit      float64 `json:"limit"`             // size of the bucket or the window, calls at the same time
	Rate       float64 `json:"rate,omitempty"`    // units a second, as the line releases them
	Issued     float64 `json:"issued"`            // units that have left
	Queue      float64 `json:"queue"`             // units that wait, in the whole fleet as far as is known
	ETA        float64 `json:"eta_seconds"`       // until the next call could leave
	Left       float64 `json:"left"`              // units that could leave at once
	Foreign    float64 `json:"foreign,omitempty"` // units a second that others take of the same quota
	Frozen     float64 `json:"frozen_seconds,omitempty"`
	Refused    float64 `json:"refused"` // calls that the server refused
	InFlight   float64 `json:"in_flight,omitempty"`
	Health     float64 `json:"health"`
	Cold       bool    `json:"cold,omitempty"`      // no answer yet
	Idle       float64 `json:"idle_seconds"`        // since it was used last
	Processes  int     `json:"processes,omitempty"` // that asked the store about the origin within the last ten seconds
}

// models are the names of the models.
var models = [...]string{bucket: "bucket", window: "window", concurrency: "concurrency", open: "open", unknown: "unknown"}

// view describes the line at its own time.
func (l *line) view() View {
	v := View{
		Model: models[l.model], Limit: l.Size(), Issued: l.issued, Refused: l.refused, Health: l.health, Cold: l.cold,
		Foreign: l.use.rate, InFlight: l.inFlight, Queue: math.Max(0, l.tail-l.issued),
		Frozen: math.Max(0, l.frozenUntil-l.t),
	}
	if l.paced {
		v.Model = "paced"
	}
	switch l.model {
	case open:
		v.Limit = 0
		v.ETA = v.Frozen
		return v
	case concurrency:
		v.Left = math.Max(0, l.q-l.inFlight)
		return v
	case unknown:
		v.Limit = 0
	}
	if v.Rate = l.slope(); math.IsInf(v.Rate, 0) || math.IsNaN(v.Rate) {
		v.Rate = 0
	}
	v.Left = math.Max(0, math.Floor(l.released-math.Max(l.issued, l.tail)+tiny))
	v.ETA = math.Max(0, math.Min(Never, l.when(math.Max(0, l.tail-l.issued)+1)-l.t))
	return v
}

// Lines returns what is known of each line, in order of origin, quota and key.
func (l *Limiter) Lines() []View {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	out := make([]View, 0, len(l.lines))
	for key, t := range l.lines {
		idle := now - t.usedAt
		used := t.usedAt
		l.advance(t, now)
		t.usedAt = used
		v := t.view()
		v.Quota, v.Origin, v.Credential, v.Operation, v.Method, v.Idle = key.quota, key.origin, key.credential, key.operation, key.method, idle
		v.Queue = math.Max(v.Queue, t.inLine())
		if t.away() && t.model == concurrency {
			v.InFlight = t.remote.inUse
		}
		out = append(out, v)
	}
	SortViews(out)
	return out
}

// SortViews brings views into order of origin, quota and key.
func SortViews(v []View) {
	slices.SortFunc(v, func(a, b View) int {
		for _, d := range []int{
			strings.Compare(a.Origin, b.Origin), strings.Compare(a.Quota, b.Quota), strings.Compare(a.Credential, b.Credential),
			strings.Compare(a.Operation, b.Operation), strings.Compare(a.Method, b.Method),
		} {
			if d != 0 {
				return d
			}
		}
		return 0
	})
}

// Hold is what one process has of a concurrency, and waits for.
type Hold struct{ Units, Want, At float64 }

// ViewOf describes a state that a store keeps under a key, at a moment of the
// store's clock; ok is false if that makes no sense.
func ViewOf(key string, law Law, s State, holds []Hold, now float64) (v View, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 4 {
		return v, false
	}
	for i, p := range parts {
		plain, err := url.QueryUnescape(p)
		if err != nil {
			return v, false
		}
		parts[i] = plain
	}
	l := newLine(law, 0)
	l.shared = true
	l.restore(s)
	idle := math.Max(0, now-l.t)
	l.advance(now)
	waiting := 0.0
	for _, h := range holds {
		if now-h.At < peerLife {
			l.inFlight += h.Units
			waiting += h.Want
		}
	}
	v = l.view()
	v.Queue += waiting
	v.Quota, v.Credential, v.Operation, v.Method, v.Idle = parts[0], parts[1], parts[2], parts[3], idle
	return v, true
}

// Views describes the lines of a book, in their order. It changes none.
func (b *Book) Views(now float64) []View {
	processes := 0
	for _, at := range b.peers {
		if now-at < peerLife {
			processes++
		}
	}
	out := make([]View, 0, len(b.lines))
	for key, e := range b.lines {
		var holds []Hold
		for _, h := range e.holds {
			holds = append(holds, Hold{h.units, h.want, h.at})
		}
		if v, ok := ViewOf(key, e.declared, e.state(), holds, now); ok {
			v.Processes = processes
			out = append(out, v)
		}
	}
	SortViews(out)
	return out
}

// Headroom returns which part of the quotas of an origin is free, from 0 to 1:
// the least of its lines; 0 while anybody waits in one.
func (l *Limiter) Headroom(u *url.URL) float64 {
	name := u.Scheme + "://" + u.Host
	if o, err := origin.Of(u); err == nil {
		name = o.String()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now, free := l.now(), 1.0
	for key, t := range l.lines {
		if key.origin != name {
			continue
		}
		l.advance(t, now)
		free = math.Min(free, t.headroom())
	}
	return free
}

// headroom returns which part of the line is free.
func (t *tracked) headroom() float64 {
	switch {
	case t.inLine() > 0, t.t < t.frozenUntil:
		return 0
	case t.model == open:
		return 1
	case t.model == concurrency:
		return math.Max(0, 1-math.Max(t.inFlight, t.remoteInUse())/t.q)
	}
	size := t.saved(t.use.rate)
	if t.model == window {
		// What is left of the window, against what its even use would have left.
		if !t.phase || t.hi <= t.t {
			return 0.5
		}
		size = math.Max(1, t.usable(t.q, t.use.rate)*(t.hi-t.t)/t.w)
		return math.Max(0, math.Min(1, (t.base+t.usable(t.q, t.use.rate)-math.Max(t.issued, t.tail))/size))
	}
	return math.Max(0, math.Min(1, (t.released-math.Max(t.issued, t.tail))/size))
}

func (t *tracked) remoteInUse() float64 {
	if t.away() {
		return t.remote.inUse
	}
	return 0
}
