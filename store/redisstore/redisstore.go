// Package redisstore keeps what a fleet shares in Redis or Valkey.
//
// It holds scripts and keys and no client: a [Client] has two methods, which
// every client library has under these names. Each question is one script, so
// it happens as a whole or not at all; the only clock is the server's; all keys
// of an origin begin with godwit: and carry the origin as their hash tag, so
// that a cluster keeps them on one node; every key expires.
//
// A question that failed may have happened: a server that was stopped does what
// it was sent as soon as it goes on. Nothing is asked twice, and the client must
// not do it either: turn its retries off.
//
// Limits: Redis 5 or newer, or Valkey. What is stored is not durable and need
// not be. A server that is full must refuse to write (maxmemory-policy
// noeviction) rather than drop keys that are in use.
package redisstore

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/breaker"
)

// Client runs scripts on a server. It must obey ctx, be safe for concurrent
// use, and send each command at most once. All answers are lists of strings.
// The text of an error from the server begins with its code, such as NOSCRIPT.
type Client interface {
	// EvalSha runs the script with this SHA-1, in hexadecimal.
	EvalSha(ctx context.Context, sha string, keys, args []string) ([]string, error)
	// Eval runs a script, which the server then knows.
	Eval(ctx context.Context, script string, keys, args []string) ([]string, error)
}

// Store is a [breaker.Store] and a [limit.Store] on a server. It is safe for concurrent use.
type Store struct {
	client            Client
	swap, sync, lines script
}

// New returns a store that asks client. It asks nothing yet.
func New(client Client) (*Store, error) {
	if client == nil {
		return nil, exchange.ConfigErrorf("redisstore: no client; set one")
	}
	return &Store{client: client, swap: newScript(breakerSource), sync: newScript(limitSource), lines: newScript(linesSource)}, nil
}

//go:embed breaker.lua
var breakerSource string

// Swap implements [breaker.Store].
func (s *Store) Swap(ctx context.Context, origin string, prev, next []byte, keep time.Duration) (breaker.Answer, error) {
	// A key cannot be kept for less than a millisecond.
	ms := strconv.FormatInt(max(1, keep.Milliseconds()), 10)
	answer, err := s.swap.run(ctx, s.client, []string{key(origin, "breaker")}, optional(prev), optional(next), ms)
	if err != nil {
		return breaker.Answer{}, err
	}
	if len(answer) != 4 || answer[2] == "" {
		return breaker.Answer{}, fmt.Errorf("redisstore: the server answers with %d values", len(answer))
	}
	clock, err := clockOf(answer[0], answer[1])
	if err != nil {
		return breaker.Answer{}, err
	}
	a := breaker.Answer{Put: answer[3] == "1", Clock: clock}
	if answer[2][0] == present {
		a.Record = []byte(answer[2][1:])
	}
	return a, nil
}

// An optional value is told from an empty one by its first byte.
const (
	present = '+'
	absent  = "-"
)

func optional(b []byte) string {
	if b == nil {
		return absent
	}
	return string(present) + string(b)
}

// clockOf reads what TIME answers: seconds and microseconds.
func clockOf(seconds, micros string) (time.Time, error) {
	s, err := strconv.ParseInt(seconds, 10, 64)
	us, err2 := strconv.ParseInt(micros, 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return time.Time{}, fmt.Errorf("redisstore: the server's time: %w", err)
	}
	return time.Unix(s, us*1000), nil
}

// key is the name of one thing of an origin. What the braces hold is the hash
// tag, by which a cluster chooses the node.
func key(origin, thing string) string { return "godwit:{" + origin + "}:" + thing }

// script is a script and the name that a server gives it.
type script struct{ source, sha string }

func newScript(source string) script {
	sum := sha1.Sum([]byte(source)) // no secret: it is how the protocol names a script
	return script{source, hex.EncodeToString(sum[:])}
}

// run asks for the script by its name, and sends it to a server that does not
// know it, or no longer. That server has done nothing yet: nothing is done twice.
func (s script) run(ctx context.Context, c Client, keys []string, args ...string) ([]string, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	answer, err := c.EvalSha(ctx, s.sha, keys, args)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		return c.Eval(ctx, s.source, keys, args)
	}
	return answer, err
}
