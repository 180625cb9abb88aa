package breaker

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/internal/circuit"
)

const apiURL = "http://api.example/x?token=secret"

func encode(tb interface{ Fatal(...any) }, r record) []byte {
	b, err := json.Marshal(versioned{1, r})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// middle is the draw that moves nothing.
func middle() float64 { return 0.5 }

// breakerOf makes a breaker whose probes come exactly at their time.
func breakerOf(tb testing.TB, c Config) *Breaker {
	tb.Helper()
	b, err := newBreaker(c, middle)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// client sends through a breaker and keeps the events.
type client struct {
	tb testing.TB
	rt http.RoundTripper

	mu     sync.Mutex
	events []exchange.Event
}

func newClient(tb testing.TB, b *Breaker, rt http.RoundTripper) *client {
	tb.Helper()
	return &client{tb: tb, rt: b.Wrap(rt)}
}

func (c *client) Observe(_ context.Context, e exchange.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

// names returns the names of the breaker's events so far.
func (c *client) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, e := range c.events {
		if e.Name != exchange.EventAttemptStart && e.Name != exchange.EventAttemptDone && e.Name != exchange.EventCallBody {
			out = append(out, e.Name)
		}
	}
	return out
}

func (c *client) wantEvents(want ...string) {
	c.tb.Helper()
	if got := c.names(); !slices.Equal(got, want) {
		c.tb.Errorf("events %v, want %v", got, want)
	}
}

// get makes one call and returns its status, or its error.
func (c *client) get(ctx context.Context) (int, error) {
	return c.getWith(ctx, func(*exchange.Call) {})
}

func (c *client) getWith(ctx context.Context, set func(*exchange.Call)) (int, error) {
	ctx, call := exchange.WithCall(ctx)
	call.Observe(c)
	set(call)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, apiURL, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// break15 makes the calls that open a breaker with the default settings.
func (c *client) break15() {
	c.tb.Helper()
	for range circuit.Default().MinOutcomes {
		if status, err := c.get(context.Background()); err == nil && status < 500 {
			c.tb.Fatalf("status %d: the upstream is not down", status)
		}
	}
}

// server is an upstream that is down until it is told to be up.
type server struct {
	mu    sync.Mutex
	reply godwittest.Reply
	*godwittest.Transport
}

func newServer(reply godwittest.Reply) *server {
	s := &server{reply: reply}
	s.Transport = godwittest.Always(godwittest.Func(func(*godwittest.Request) godwittest.Reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.reply
	}))
	return s
}

func (s *server) set(reply godwittest.Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply = reply
}
