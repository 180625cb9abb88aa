package redisstore

import (
	"context"
	"strconv"

	"github.com/godwit-go/godwit/policy/limit"
)

// SyncAt is Sync at a time of the test's choice, in seconds.
func (s *Store) SyncAt(ctx context.Context, r limit.Round, now float64) (limit.Snapshots, error) {
	return s.syncAt(ctx, r, strconv.FormatFloat(now, 'g', 17, 64))
}
