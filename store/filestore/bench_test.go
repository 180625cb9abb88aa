package filestore

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkSwap is one change in a file of its own: lock, read, replace.
func BenchmarkSwap(b *testing.B) {
	s, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	var prev []byte
	for i := 0; b.Loop(); i++ {
		a, err := s.Swap(b.Context(), origin, prev, fmt.Append(nil, i), time.Hour)
		if err != nil || !a.Put {
			b.Fatalf("%+v, %v", a, err)
		}
		prev = a.Record
	}
}
