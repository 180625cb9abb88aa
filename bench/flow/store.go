package main

import (
	"errors"
	"slices"

	"github.com/godwit-go/godwit/internal/circuit"
	"github.com/godwit-go/godwit/internal/line"
)

// unreachable is how long it takes to find out that the store is down.
const unreachable = 0.005

var errStoreDown = errors.New("the store is down")

// store is what the processes of a fleet share: the lines, and the record of the
// breaker.
type store struct {
	*run
	book    *line.Book
	breaker circuit.Record
}

// ask runs at in the store, and back in the process, with an error if the store
// was not there.
func (s *store) ask(at func(), back func(error)) {
	s.storeOps++
	if s.sc.StoreIsDown(s.now) {
		s.after(unreachable, func() { back(errStoreDown) })
		return
	}
	s.after(trip, func() {
		at()
		s.after(trip, func() { back(nil) })
	})
}

// exchange implements the Exchange of a line.Fleet.
func (s *store) exchange(r *line.Round, done func(line.Snapshots, error)) {
	var answer line.Snapshots
	s.ask(func() {
		if s.report == 0 {
			answer = s.book.Apply(s.now, r)
			return
		}
		late := s.report * s.rng.Float64()
		places, reports := split(r, late)
		answer = s.book.Apply(s.now, places)
		s.after(late, func() { s.book.Apply(s.now, reports) })
	}, func(err error) { done(answer, err) })
}

// split parts what a round takes from what it tells of sends and answers, which
// comes so many seconds later.
func split(r *line.Round, late float64) (places, reports *line.Round) {
	places, reports = new(*r), new(*r)
	places.Lines, reports.Lines = slices.Clone(r.Lines), slices.Clone(r.Lines)
	for i := range r.Lines {
		p, a := &places.Lines[i], &reports.Lines[i]
		p.Used, p.Answers = 0, nil
		a.Take, a.Want, a.Back, a.Own, a.Lost = 0, 0, nil, 0, false
		a.Answers = slices.Clone(a.Answers)
		for j := range a.Answers {
			ans := &a.Answers[j]
			ans.Age += late
			ans.ResetFrom, ans.ResetIn, ans.RetryIn = ans.ResetFrom-late, ans.ResetIn-late, ans.RetryIn-late
		}
	}
	return places, reports
}
