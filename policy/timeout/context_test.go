package timeout_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/timeout"
)

var errReason = errors.New("the user closed the window")

// TestFC16_CallersContext ends the caller's context while headers or body are
// awaited, in each of the ways in which a context can end.
func TestFC16_CallersContext(t *testing.T) {
	t.Parallel()
	type end func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	cancelIn := func(cause error) end {
		return func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			timer := time.AfterFunc(d, func() { cancel(cause) })
			return ctx, func() { timer.Stop(); cancel(nil) }
		}
	}
	for _, tc := range []struct {
		name string
		end  end
		kind *exchange.Kind
		is   []error
	}{
		{"cancel", cancelIn(nil), exchange.ErrCanceled, []error{context.Canceled}},
		{"cancel with a cause", cancelIn(errReason), exchange.ErrCanceled, []error{context.Canceled, errReason}},
		{"deadline", context.WithTimeout, exchange.ErrTotalTimeout, []error{context.DeadlineExceeded, exchange.ErrTimeout}},
		{"deadline with a cause", func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, d, errReason)
		}, exchange.ErrTotalTimeout, []error{context.DeadlineExceeded, errReason}},
	} {
		for place, reply := range map[string]godwittest.Reply{
			"headers": {Fault: godwittest.FaultSilent},
			"body":    {Body: "begin and end", Fault: godwittest.FaultStall, At: 5},
		} {
			t.Run(tc.name+", "+place, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := tc.end(t.Context(), 4*time.Second)
					defer cancel()
					start := time.Now()
					err := outcome(both(t, timeout.Config{}, godwittest.Script(reply)), get(t, ctx))
					if took := time.Since(start); took != 4*time.Second {
						t.Errorf("returned after %v", took)
					}
					for _, is := range append(tc.is, tc.kind) {
						if !errors.Is(err, is) {
							t.Errorf("error %v is not %v", err, is)
						}
					}
					if errors.Is(err, exchange.ErrCanceled) && errors.Is(err, exchange.ErrTimeout) {
						t.Errorf("error %v is both", err)
					}
				})
			})
		}
	}
}

// What a policy inside refused is not blamed on the context.
func TestRefusalOutlivesTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	refusal := &exchange.Error{Kind: exchange.ErrOriginNotAllowed, Policy: "auth"}
	rt := both(t, timeout.Config{}, exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) {
		cancel()
		return nil, refusal
	}))
	if err := outcome(rt, get(t, ctx)); !errors.Is(err, exchange.ErrOriginNotAllowed) || errors.Is(err, exchange.ErrCanceled) {
		t.Errorf("error %v", err)
	}
}

// A failure of the network that is no end of the context passes through.
func TestOtherErrorsPass(t *testing.T) {
	t.Parallel()
	rt := both(t, timeout.Config{}, godwittest.Script(godwittest.Fail(io.ErrUnexpectedEOF)))
	if err := outcome(rt, get(t, t.Context())); err != io.ErrUnexpectedEOF {
		t.Errorf("error %v", err)
	}
}

// serverOf answers over the real net/http after a delay.
func serverOf(t *testing.T, delay time.Duration) *godwittest.Server {
	return godwittest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
		}
	}))
}

// Header counts from the moment at which the connection stands: dialling has
// a limit of its own.
func TestHeaderDoesNotCountTheDial(t *testing.T) {
	t.Parallel()
	const dial = 8 * time.Second
	for name, tc := range map[string]struct{ answer, fails time.Duration }{
		"slow dial, prompt answer": {answer: time.Second},
		"slow dial, late answer":   {answer: time.Hour, fails: dial + 2*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := serverOf(t, tc.answer)
				tr := server.Transport()
				tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					exchange.LiveFrom(ctx).Reach(exchange.MarkDial, exchange.PhaseDial)
					pause(t, dial)
					return server.Dial(ctx, network, addr)
				}
				config := none
				config.Header = 2 * time.Second
				start := time.Now()
				err := outcome(both(t, config, tr), get(t, t.Context()))
				if tc.fails == 0 {
					if err != nil {
						t.Errorf("%v after %v", err, time.Since(start))
					}
					return
				}
				wantTimeout(t, err, exchange.ErrHeaderTimeout, start, tc.fails)
			})
		})
	}
}

// slowBody gives a byte a second.
type slowBody struct {
	t    *testing.T
	left int
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	b.left--
	pause(b.t, time.Second)
	p[0] = 'x'
	return 1, nil
}

func (b *slowBody) Close() error { return nil }

// Header counts from the end of the request body, so that an upload may take
// its time.
func TestHeaderDoesNotCountTheUpload(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ answer, fails time.Duration }{
		"slow upload, prompt answer": {answer: time.Second},
		"slow upload, late answer":   {answer: time.Hour, fails: 22 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := serverOf(t, tc.answer)
				config := none
				config.Header = 2 * time.Second
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.example/x?key=canary", &slowBody{t: t, left: 20})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				err = outcome(both(t, config, server.Transport()), req)
				if tc.fails == 0 {
					if err != nil {
						t.Errorf("%v after %v", err, time.Since(start))
					}
					return
				}
				wantTimeout(t, err, exchange.ErrHeaderTimeout, start, tc.fails)
			})
		})
	}
}

// Over the real net/http, with the second request on the connection of the
// first.
func TestHeaderOnReusedConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := serverOf(t, time.Second)
		config := none
		config.Header = 2 * time.Second
		rt := both(t, config, server.Transport())
		for range 3 {
			if err := outcome(rt, get(t, t.Context())); err != nil {
				t.Error(err)
			}
		}
		if n := server.Dials(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestRequestOfTheResponse(t *testing.T) {
	t.Parallel()
	for name, rt := range map[string]http.RoundTripper{
		"both":    both(t, timeout.Config{}, godwittest.Script(godwittest.Status(200))),
		"whole":   whole(t, timeout.Config{})(godwittest.Script(godwittest.Status(200))),
		"attempt": attempt(t, timeout.Config{})(godwittest.Script(godwittest.Status(200))),
	} {
		req := get(t, t.Context())
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Request != req {
			t.Errorf("%s: the response names another request", name)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}
