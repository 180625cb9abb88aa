package filestore

import (
	"bytes"
	"context"
	"time"

	"github.com/godwit-go/godwit/policy/breaker"
)

// Swap implements [breaker.Store].
func (s *Store) Swap(ctx context.Context, origin string, prev, next []byte, keep time.Duration) (breaker.Answer, error) {
	var a breaker.Answer
	err := s.update(ctx, origin, func(st *state, now time.Time) (bool, error) {
		a.Clock = now
		current, there := st.Breakers[origin]
		there = there && now.UnixNano() < current.Until
		if there {
			a.Record = current.Record
		}
		if next == nil || prev != nil && bytes.Equal(prev, next) || there != (prev != nil) || !bytes.Equal(a.Record, prev) {
			return false, nil
		}
		a.Record, a.Put = bytes.Clone(next), true
		st.Breakers[origin] = kept{Record: a.Record, Until: now.Add(keep).UnixNano()}
		return true, nil
	})
	if err != nil {
		return breaker.Answer{}, err
	}
	return a, nil
}
