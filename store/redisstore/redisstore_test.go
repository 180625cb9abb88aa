//go:build unix

package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redistest"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/redisstore"
	"github.com/godwit-go/godwit/store/storetest"
)

const origin = "https://api.example.com"

func newStore(t *testing.T, c redisstore.Client) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBreaker_Conformance(t *testing.T) {
	t.Parallel()
	// Each test of the suite has a server of its own, and all its handles share it.
	servers := storetest.PerTest(func(t *testing.T) *redistest.Server { return redistest.Start(t) })
	storetest.Breaker(t, func(t *testing.T) breaker.Store { return newStore(t, servers(t)) })
}

func TestLimit_Conformance(t *testing.T) {
	t.Parallel()
	servers := storetest.PerTest(func(t *testing.T) *redistest.Server { return redistest.Start(t) })
	storetest.Limit(t, func(t *testing.T) limit.Store { return newStore(t, servers(t)) })
}

func put(t *testing.T, s *redisstore.Store, prev, next string) error {
	t.Helper()
	var p []byte
	if prev != "" {
		p = []byte(prev)
	}
	a, err := s.Swap(t.Context(), origin, p, []byte(next), time.Hour)
	if err == nil && (string(a.Record) != next || !a.Put) {
		t.Errorf("%q to %q: %q, %v", prev, next, a.Record, a.Put)
	}
	return err
}

// What a server refuses is a plain error, and does not last longer than its
// cause.
func TestFG10_Refusals(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server)
	if err := put(t, s, "", "1"); err != nil { // the server does not know the script yet
		t.Fatal(err)
	}
	server.FlushScripts()
	if err := put(t, s, "1", "2"); err != nil {
		t.Errorf("without its scripts: %v", err)
	}
	refused := func(name string, begin, end func()) {
		t.Helper()
		begin()
		if err := put(t, s, "2", "3"); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
		end()
	}
	refused("OOM", server.Full, server.Room)
	refused("READONLY", server.Demote, server.Promote)
	if err := put(t, s, "2", "3"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	server.Restart()
	if a, err := s.Swap(t.Context(), origin, []byte("3"), []byte("4"), time.Hour); err != nil || a.Record != nil || a.Put {
		t.Errorf("come back empty: %q, %v, %v", a.Record, a.Put, err)
	}
	server.Kill()
	if err := put(t, s, "", "1"); err == nil {
		t.Error("a server that is not there answers")
	}
}

// A question that was given up still happens when the server goes on.
func TestFG10_TimeoutIsAmbiguous(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server)
	if err := put(t, s, "", "1"); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Swap(ctx, origin, []byte("1"), []byte("2"), time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped: %v", err)
	}
	server.Cont()
	for server.Do("GET", "godwit:{"+origin+"}:breaker") != "2" {
	}
	if err := put(t, s, "2", "3"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Every key is one of the origin's, and goes by itself.
func TestKeys(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStore(t, server)
	if err := put(t, s, "", "1"); err != nil {
		t.Fatal(err)
	}
	keys := server.Do("KEYS", "*").([]any)
	for _, k := range keys {
		if name := k.(string); !strings.HasPrefix(name, "godwit:{"+origin+"}:") {
			t.Errorf("key %q", name)
		} else if ttl := server.Do("PTTL", name).(int64); ttl <= 0 || ttl > time.Hour.Milliseconds() {
			t.Errorf("key %q is kept for %d ms", name, ttl)
		}
	}
	if len(keys) != 1 {
		t.Errorf("keys %q", keys)
	}
}

// answers is a client with one answer. It counts its calls.
type answers struct {
	list  []string
	err   error
	calls atomic.Int64
}

func (a *answers) EvalSha(context.Context, string, []string, []string) ([]string, error) {
	a.calls.Add(1)
	return a.list, a.err
}

func (a *answers) Eval(context.Context, string, []string, []string) ([]string, error) {
	a.calls.Add(1)
	return nil, errors.New("ERR not twice")
}

// A client that fails, or answers nonsense, is asked once.
func TestAskedOnce(t *testing.T) {
	t.Parallel()
	lost := errors.New("i/o timeout")
	for _, c := range []struct {
		list []string
		err  error
		want string
	}{
		{nil, lost, "i/o timeout"},
		{nil, nil, "0 values"},
		{[]string{"1", "2", "", "1"}, nil, "4 values"},
		{[]string{"1", "2", "-", "1", "1"}, nil, "5 values"},
		{[]string{"x", "2", "-", "1"}, nil, "time"},
		{[]string{"1", "", "-", "1"}, nil, "time"},
	} {
		client := &answers{list: c.list, err: c.err}
		_, err := newStore(t, client).Swap(t.Context(), origin, nil, []byte("1"), time.Hour)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%q, %v: %v", c.list, c.err, err)
		}
		if n := client.calls.Load(); n != 1 {
			t.Errorf("%q, %v: asked %d times", c.list, c.err, n)
		}
	}
}

func TestNew_NoClient(t *testing.T) {
	t.Parallel()
	if _, err := redisstore.New(nil); !errors.Is(err, exchange.ErrConfig) {
		t.Error(err)
	}
}

func ExampleNew() {
	var client redisstore.Client // of the client library, with its retries off
	if _, err := redisstore.New(client); err != nil {
		fmt.Println(err)
	}
	// Output: redisstore: no client; set one
}
