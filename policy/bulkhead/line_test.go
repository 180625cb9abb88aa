package bulkhead

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// reference is the line as a plain list: who holds a slot, who waits, in order.
type reference struct {
	slots, maxQueue int
	holders         []int
	queue           []int
}

// member is a call of the model: its waiter, if it had to wait.
type member struct {
	w        *waiter
	cancel   context.CancelFunc
	deadline time.Time
	gone     bool // canceled; it may still stand in the queue
}

// lineModel drives a line and its reference through the same history.
type lineModel struct {
	line    line
	ref     reference
	members map[int]*member
	next    int
	now     time.Time
}

func (m *lineModel) dead(id int) bool {
	c := m.members[id]
	return c.gone || !c.deadline.IsZero() && !m.now.Before(c.deadline)
}

// arrive is a call that comes in.
func (m *lineModel) arrive(t *rapid.T) {
	id := m.next
	m.next++
	ctx, cancel := context.WithCancel(context.Background())
	c := &member{cancel: cancel}
	m.members[id] = c
	entered := m.line.enter()
	if entered != (len(m.ref.holders) < m.ref.slots) {
		t.Fatalf("call %d entered: %v, with %d of %d slots taken", id, entered, len(m.ref.holders), m.ref.slots)
	}
	if entered {
		m.ref.holders = append(m.ref.holders, id)
		return
	}
	if full := m.line.full(); full != (len(m.ref.queue) >= m.ref.maxQueue) {
		t.Fatalf("full: %v, with %d of %d in the queue", full, len(m.ref.queue), m.ref.maxQueue)
	} else if full {
		return
	}
	if rapid.Bool().Draw(t, "has a deadline") {
		c.deadline = m.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
	}
	c.w = &waiter{ctx: ctx, deadline: c.deadline, ready: make(chan struct{})}
	m.line.join(c.w)
	m.ref.queue = append(m.ref.queue, id)
}

// handOn is the law: the slot goes to the first who is still there.
func (m *lineModel) handOn() {
	for len(m.ref.queue) > 0 {
		id := m.ref.queue[0]
		m.ref.queue = m.ref.queue[1:]
		if !m.dead(id) {
			m.ref.holders = append(m.ref.holders, id)
			return
		}
	}
}

func (m *lineModel) finish(t *rapid.T) {
	if len(m.ref.holders) == 0 {
		t.Skip("nobody holds a slot")
	}
	i := rapid.IntRange(0, len(m.ref.holders)-1).Draw(t, "who finishes")
	m.ref.holders = slices.Delete(m.ref.holders, i, i+1)
	m.handOn()
	m.line.leaveSlot(m.now)
}

// cancel ends the context of somebody in the queue, who may leave at once or
// not have noticed yet.
func (m *lineModel) cancel(t *rapid.T) {
	if len(m.ref.queue) == 0 {
		t.Skip("nobody waits")
	}
	id := rapid.SampledFrom(m.ref.queue).Draw(t, "who is canceled")
	c := m.members[id]
	c.cancel()
	c.gone = true
	if rapid.Bool().Draw(t, "leaves at once") {
		m.line.leave(c.w)
		m.ref.queue = slices.DeleteFunc(m.ref.queue, func(q int) bool { return q == id })
	}
}

func (m *lineModel) check(t *rapid.T) {
	if m.line.inFlight != len(m.ref.holders) || m.line.waiting != len(m.ref.queue) {
		t.Fatalf("%d in flight and %d waiting, want %d and %d", m.line.inFlight, m.line.waiting, len(m.ref.holders), len(m.ref.queue))
	}
	if m.line.waiting > 0 && m.line.inFlight < m.line.slots {
		t.Fatal("somebody waits beside a free slot")
	}
	w := m.line.first
	for _, id := range m.ref.queue {
		if w != m.members[id].w {
			t.Fatalf("call %d is not where it should be in the queue", id)
		}
		w = w.next
	}
	if w != nil {
		t.Fatal("the queue is longer than it should be")
	}
	for id, c := range m.members {
		if c.w == nil {
			continue
		}
		granted := false
		select {
		case <-c.w.ready:
			granted = true
		default:
		}
		if granted != c.w.granted {
			t.Fatalf("call %d: granted %v, told %v", id, c.w.granted, granted)
		}
		if slices.Contains(m.ref.holders, id) && !granted {
			t.Fatalf("call %d was not told of its slot", id)
		}
	}
}

// Random histories against the reference: arrivals, ends, cancellations,
// deadlines that pass.
func TestLineAgainstReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slots, queue := rapid.IntRange(1, 4).Draw(t, "slots"), rapid.IntRange(0, 5).Draw(t, "queue")
		m := &lineModel{
			line:    line{slots: slots, maxQueue: queue},
			ref:     reference{slots: slots, maxQueue: queue},
			members: make(map[int]*member), now: time.Unix(1000, 0),
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": m.arrive,
			"finish": m.finish,
			"cancel": m.cancel,
			"time":   func(t *rapid.T) { m.now = m.now.Add(time.Duration(rapid.IntRange(1, 10).Draw(t, "s")) * time.Second) },
			"":       m.check,
		})
		for _, c := range m.members {
			c.cancel()
		}
	})
}

func TestETA(t *testing.T) {
	t.Parallel()
	l := line{slots: 4, maxQueue: 100, waiting: 20}
	for range minSamples - 1 {
		l.held(time.Second)
	}
	if l.eta() != 0 {
		t.Errorf("%v promised after too few samples", l.eta())
	}
	l.held(time.Second)
	if l.eta() != 5*time.Second {
		t.Errorf("20 before it at 4 per second take %v", l.eta())
	}
	for range 200 {
		l.held(100 * time.Millisecond)
	}
	if eta := l.eta(); eta < 490*time.Millisecond || eta > 520*time.Millisecond {
		t.Errorf("with slots held for 100ms they take %v", eta)
	}
	if l.waiting = 0; l.eta() != 0 {
		t.Errorf("the first in the queue is told %v", l.eta())
	}
}
