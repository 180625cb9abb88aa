package line

import "math"

// State is a line in numbers, in the order of [StateFields]: what a store keeps.
// Its first [SnapshotSize] numbers are what a process needs to know of it. All
// times are seconds of the store's clock; infinities are written as ±[Never].
type State []float64

// Never stands for a moment, or a bound, that does not come.
const Never = 1e300

// coder walks over the numbers of a line, one way or the other.
type coder struct {
	v     []float64
	names []string
	i     int
	load  bool
}

func (c *coder) num(name string, x *float64) {
	if c.load {
		if c.i < len(c.v) {
			*x = finite(c.v[c.i])
		}
		c.i++
		return
	}
	v := *x
	switch {
	case math.IsNaN(v):
		v = 0
	case v > Never:
		v = Never
	case v < -Never:
		v = -Never
	}
	c.v, c.names = append(c.v, v), append(c.names, name)
}

// finite undoes what num does to infinities.
func finite(v float64) float64 {
	switch {
	case v >= Never:
		return math.Inf(1)
	case v <= -Never:
		return math.Inf(-1)
	case math.IsNaN(v):
		return 0
	}
	return v
}

func (c *coder) flag(name string, x *bool) {
	var v float64
	if *x {
		v = 1
	}
	c.num(name, &v)
	*x = v != 0
}

func (c *coder) count(name string, x *int) {
	v := float64(*x)
	c.num(name, &v)
	*x = int(math.Max(0, math.Min(1<<30, v)))
}

// code names every number of a line once. The order is the format of the stores:
// a change needs a new formatVersion.
func (l *line) code(c *coder) {
	c.num("t", &l.t)
	c.num("epoch", &l.epoch)
	c.num("issued", &l.issued)
	c.num("tail", &l.tail)
	c.num("released", &l.released)
	c.num("cap", &l.cap)
	c.num("not_after", &l.notAfter)
	c.num("base", &l.base)
	c.num("own", &l.own)
	c.num("turned", &l.turned)
	c.flag("phase", &l.phase)
	c.num("lo", &l.lo)
	c.num("hi", &l.hi)
	c.flag("cold", &l.cold)
	c.flag("begun", &l.begun)
	c.count("probing", &l.probing)
	c.num("probed_at", &l.probedAt)
	c.num("rate", &l.rate)
	c.num("burst", &l.burst)
	c.num("q", &l.q)
	c.num("foreign", &l.use.rate)
	c.num("trim", &l.trim)
	c.flag("readings", &l.readings)
	c.num("frozen_until", &l.frozenUntil)
	c.num("frozen_at", &l.frozenAt)
	c.num("retry_at", &l.retryAt)
	c.count("strikes", &l.strikes)
	c.num("told", &l.told)
	c.num("health", &l.health)
	c.num("want", &l.want)
	c.num("refused", &l.refused)
	if c.load && c.i == len(c.v) {
		return // a snapshot ends here
	}
	c.num("last_at", &l.lastAt)
	c.num("health_at", &l.healthAt)
	c.num("back_at", &l.backAt)
	c.num("foreign_est", &l.use.est)
	c.num("foreign_at", &l.use.at)
	c.num("foreign_remaining", &l.use.remaining)
	c.num("foreign_ticket", &l.use.ticket)
	c.num("top", &l.top)
	c.num("top_at", &l.topAt)
	c.count("views", &l.views.n)
	for i := range l.views.upTo {
		c.num("view_up_to", &l.views.upTo[i])
		c.num("view_at", &l.views.at[i])
	}
}

// SnapshotSize is how many numbers of a State a process is given.
const SnapshotSize = 31

// StateFields returns the names of the numbers of a [State], in their order.
func StateFields() []string {
	var c coder
	new(line).code(&c)
	return c.names
}

// state returns the line in numbers.
func (l *line) state() State {
	c := coder{v: make([]float64, 0, 70)}
	l.code(&c)
	return c.v
}

// restore takes over a whole state, or a snapshot. Numbers that are missing
// leave what they stand for alone.
func (l *line) restore(s State) {
	l.code(&coder{v: s, load: true})
	l.views.n = min(l.views.n, 1<<20)
}

// LawFields are the names of the numbers of a law, in the order of
// [Law.Numbers].
var LawFields = [...]string{"model", "rate", "burst", "q", "w", "paced", "drain", "trust", "ban", "max_freeze", "lookahead"}

// Numbers returns the law in numbers. Models are 0 bucket, 1 window, 2
// concurrency, 3 open, 4 unknown.
func (l *Law) Numbers() [len(LawFields)]float64 {
	bit := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	return [...]float64{float64(l.model), l.rate, l.burst, l.q, l.w, bit(l.paced), bit(l.Drain), bit(l.Trust), bit(l.Ban), l.MaxFreeze, l.Lookahead}
}

// LawOf returns the law that has these numbers; ok is false if there is none.
func LawOf(v []float64) (l Law, ok bool) {
	if len(v) != len(LawFields) || !(v[0] >= 0 && v[0] <= float64(unknown)) {
		return l, false
	}
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			return l, false
		}
	}
	l = Law{
		model: model(v[0]), rate: v[1], burst: v[2], q: v[3], w: v[4], paced: v[5] != 0,
		Drain: v[6] != 0, Trust: v[7] != 0, Ban: v[8] != 0, MaxFreeze: v[9], Lookahead: v[10],
	}
	sound := l.rate > 0 && l.burst > 0
	switch l.model {
	case window:
		sound = l.rate > 0 && l.q >= 1 && l.w > 0
	case concurrency:
		sound = l.q >= 1
	case open:
		sound = true
	}
	return l, sound
}
