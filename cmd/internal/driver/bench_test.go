//go:build unix

package driver

import (
	"fmt"
	"testing"

	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/internal/redistest"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/redisstore"
)

// BenchmarkSync is one round about one line, without company.
func BenchmarkSync(b *testing.B) {
	for _, kind := range []string{"file", "redis"} {
		b.Run(kind, func(b *testing.B) {
			stores := New(Config{
				Dir:   func() (string, error) { return b.TempDir(), nil },
				Redis: func() (redisstore.Config, error) { return at(redistest.Start(b)), nil },
			})
			s, err := stores.Store(kind)
			if err != nil {
				b.Fatal(err)
			}
			law := line.Bucket(100, 100)
			law.Lookahead, law.MaxFreeze = 30, 3600
			for i := 0; b.Loop(); i++ {
				r := limit.Round{ID: fmt.Sprint(i), Process: "p", Origin: origin, Lines: []limit.Ask{{Key: "core", Law: law, Health: 1, Take: 1, Want: 1}}}
				if _, err := s.Sync(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
			if err := stores.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}
