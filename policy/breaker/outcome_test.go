package breaker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// timeoutError is what net.Error users see of a timeout.
type timeoutError struct{ error }

func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// What counts as a failure of the upstream, and what does not.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	kinds := map[*exchange.Kind]outcome{
		exchange.ErrDNS: failure, exchange.ErrConnect: failure, exchange.ErrTLS: failure, exchange.ErrProxy: failure,
		exchange.ErrTruncated: failure, exchange.ErrProtocol: failure, exchange.ErrTimeout: failure,
		exchange.ErrConnectTimeout: failure, exchange.ErrTLSTimeout: failure, exchange.ErrHeaderTimeout: failure,
		exchange.ErrIdleTimeout: failure, exchange.ErrAttemptTimeout: failure,
	}
	live := func(phase exchange.Phase) (l *exchange.Live, req *http.Request) {
		ctx, call := exchange.WithCall(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, apiURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = exchange.Send(exchange.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			l, req = exchange.LiveFrom(r.Context()), r
			l.Reach(exchange.MarkDial, phase)
			return nil, io.EOF
		}), r, call, 0)
		return l, req.WithContext(context.Background())
	}
	started, req := live(exchange.PhaseExchange)
	waiting, _ := live(exchange.PhaseStart)
	for _, kind := range exchange.Kinds() {
		want := kinds[kind]
		if kind == exchange.ErrTotalTimeout {
			want = failure
		}
		err := fmt.Errorf("wrapped: %w", &exchange.Error{Kind: kind})
		if got := outcomeOf(req, started, nil, err); got != want {
			t.Errorf("%v: outcome %v, want %v", kind, got, want)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, stop := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer stop()
	for _, c := range []struct {
		name string
		live *exchange.Live
		ctx  context.Context
		err  error
		want outcome
	}{
		{"total timeout in a queue of this client", waiting, t.Context(), &exchange.Error{Kind: exchange.ErrTotalTimeout}, neutral},
		{"deadline in a queue of this client", waiting, expired, context.DeadlineExceeded, neutral},
		{"deadline in flight", started, expired, context.DeadlineExceeded, failure},
		{"canceled", started, canceled, context.Canceled, neutral},
		{"canceled, as the network shows it", started, canceled, io.EOF, neutral},
		{"proxy wants a password", started, t.Context(), &exchange.Error{Kind: exchange.ErrProxy, Status: 407}, neutral},
		{"foreign EOF", started, t.Context(), io.EOF, failure},
		{"foreign timeout", started, t.Context(), timeoutError{errors.New("slow")}, failure},
		{"a middleware's own", started, t.Context(), errors.New("no"), neutral},
	} {
		if got := outcomeOf(req.WithContext(c.ctx), c.live, nil, c.err); got != c.want {
			t.Errorf("%s: outcome %v, want %v", c.name, got, c.want)
		}
	}
	for status, want := range map[int]outcome{200: success, 304: success, 401: success, 404: success, 408: success, 429: neutral, 500: failure, 503: failure, 504: failure, 599: failure} {
		if got := outcomeOf(req, started, &http.Response{StatusCode: status}, nil); got != want {
			t.Errorf("status %d: outcome %v, want %v", status, got, want)
		}
	}
	started.Note(exchange.FactRefused)
	if got := outcomeOf(req, started, &http.Response{StatusCode: 503}, nil); got != neutral {
		t.Errorf("a 503 that is a refusal: outcome %v", got)
	}
}
