package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

// limits are the watches that a test arms, the way the timeout policy does.
type limits struct{ header, idle, attempt, total time.Duration }

// watched sends one attempt over a scripted answer.
func watched(t *testing.T, ctx context.Context, reply godwittest.Reply, l limits) (*http.Response, error) {
	t.Helper()
	ctx, call := exchange.WithCall(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://h/p?q=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	rt := godwittest.Script(reply)
	next := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		live := exchange.LiveFrom(req.Context())
		live.Wire(req)
		for w, d := range map[exchange.Watch]time.Duration{exchange.WatchHeader: l.header, exchange.WatchAttempt: l.attempt, exchange.WatchTotal: l.total} {
			if d > 0 {
				live.Arm(w, d, d)
			}
		}
		live.WatchReads(l.idle)
		resp, err := rt.RoundTrip(req)
		live.Disarm(exchange.WatchHeader)
		if err != nil {
			return nil, live.ContextKind(call.NewError(exchange.ErrConnect, "", req, err))
		}
		return resp, nil
	})
	return exchange.Send(next, req, call, 0)
}

// TestFC5_Watches: each watch ends what it watches, at its time, with its kind,
// and nothing else.
func TestFC5_Watches(t *testing.T) {
	t.Parallel()
	const long = 1000 * time.Hour
	trickle := godwittest.Reply{Body: strings.Repeat("x", 100), Chunk: 1, Pace: time.Minute}
	for _, c := range []struct {
		name  string
		reply godwittest.Reply
		l     limits
		kind  *exchange.Kind
		text  string
		after time.Duration
		read  int
	}{
		{"header", godwittest.Reply{Fault: godwittest.FaultSilent}, limits{header: 30 * time.Second, idle: time.Second, attempt: long, total: long}, exchange.ErrHeaderTimeout, "no response header within 30s", 30 * time.Second, 0},
		{"header in time", godwittest.Reply{Delay: 29 * time.Second}, limits{header: 30 * time.Second}, nil, "", 29 * time.Second, 0},
		{"a stream outlives the header watch", trickle, limits{header: time.Second, idle: 61 * time.Second}, nil, "", 101 * time.Minute, 100},
		{"idle", godwittest.Reply{Body: "hello", Fault: godwittest.FaultStall, At: 3}, limits{header: time.Second, idle: time.Minute, attempt: long, total: long}, exchange.ErrIdleTimeout, "no byte of the body for 1m0s", time.Minute, 3},
		{"idle, the others armed nearer than a poll", godwittest.Reply{Body: "hello", Fault: godwittest.FaultStall, At: 3}, limits{idle: 5 * time.Second, total: 10 * time.Second}, exchange.ErrIdleTimeout, "no byte of the body for 5s", 5 * time.Second, 3},
		{"attempt", trickle, limits{header: time.Second, idle: 61 * time.Second, attempt: 10*time.Minute + time.Second, total: long}, exchange.ErrAttemptTimeout, "not finished within 10m1s", 10*time.Minute + time.Second, 10},
		{"total", trickle, limits{idle: 61 * time.Second, attempt: long, total: 5*time.Minute + time.Second}, exchange.ErrTotalTimeout, "not finished within 5m1s", 5*time.Minute + time.Second, 5},
		{"total before the header", godwittest.Reply{Fault: godwittest.FaultSilent}, limits{header: time.Hour, total: time.Minute}, exchange.ErrTotalTimeout, "not finished within 1m0s", time.Minute, 0},
		{"no watch", trickle, limits{}, nil, "", 101 * time.Minute, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				resp, err := watched(t, t.Context(), c.reply, c.l)
				read := 0
				if err == nil {
					var b []byte
					b, err = io.ReadAll(resp.Body)
					read = len(b)
					if closed := resp.Body.Close(); closed != nil {
						t.Error(closed)
					}
				}
				if took := time.Since(start); took != c.after || read != c.read {
					t.Errorf("it took %v and read %d, want %v and %d", took, read, c.after, c.read)
				}
				if c.kind == nil {
					if err != nil {
						t.Errorf("err = %v", err)
					}
					return
				}
				e, ok := errors.AsType[*exchange.Error](err)
				if !ok || e.Kind != c.kind || e.Policy != "timeout" || !errors.Is(err, exchange.ErrTimeout) || !e.Timeout() || e.Err.Error() != c.text {
					t.Errorf("err = %#v", err)
				}
				if e.URL != "https://h/p?q=***" || len(e.Attempts) != 1 {
					t.Errorf("URL %s, %d attempts", e.URL, len(e.Attempts))
				}
			})
		})
	}
}

func TestWatch_SlowConsumerIsNotIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resp, err := watched(t, t.Context(), godwittest.Reply{Body: "hello", Chunk: 1, Pace: 59 * time.Second}, limits{idle: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for {
			var one [1]byte
			n, err := resp.Body.Read(one[:])
			got = append(got, one[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(24 * time.Hour) // the consumer's own time
		}
		if err := resp.Body.Close(); err != nil || string(got) != "hello" {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestWatch_Canceled(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]godwittest.Reply{
		"before the header": {Fault: godwittest.FaultSilent},
		"in the body":       {Body: "hello", Fault: godwittest.FaultStall, At: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, cause := range []error{nil, errors.New("the user left")} {
					ctx, cancel := context.WithCancelCause(t.Context())
					time.AfterFunc(time.Second, func() { cancel(cause) })
					resp, err := watched(t, ctx, reply, limits{header: time.Hour, idle: time.Hour, total: time.Hour})
					if err == nil {
						_, err = io.ReadAll(resp.Body)
						if closed := resp.Body.Close(); closed != nil {
							t.Error(closed)
						}
					}
					if !errors.Is(err, exchange.ErrCanceled) || !errors.Is(err, context.Canceled) || errors.Is(err, exchange.ErrTimeout) || cause != nil && !errors.Is(err, cause) {
						t.Errorf("cause %v: err = %v", cause, err)
					}
				}
			})
		})
	}
}

func TestWatch_CallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, cause := range []error{nil, errors.New("the job is over")} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
			_, err := watched(t, ctx, godwittest.Reply{Fault: godwittest.FaultSilent}, limits{header: time.Hour})
			if !errors.Is(err, exchange.ErrTotalTimeout) || !errors.Is(err, context.DeadlineExceeded) || cause != nil && !errors.Is(err, cause) {
				t.Errorf("cause %v: err = %v", cause, err)
			}
			cancel()
		}
	})
}

// TestFC3_CutBody: what net/http calls unexpected EOF is truncated, and stays so.
func TestFC3_CutBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resp, err := watched(t, t.Context(), godwittest.Reply{Body: "hello", Fault: godwittest.FaultCut, At: 3}, limits{idle: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		e, ok := errors.AsType[*exchange.Error](err)
		if string(b) != "hel" || !ok || e.Kind != exchange.ErrTruncated || !errors.Is(err, io.ErrUnexpectedEOF) || e.Status != 200 || e.Sent != exchange.SentYes {
			t.Errorf("read %q, %#v", b, err)
		}
		if _, again := resp.Body.Read(make([]byte, 1)); again != err {
			t.Errorf("the next Read gives %v", again)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestBody_ReadAndCloseAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			resp, err := watched(t, t.Context(), godwittest.Reply{Body: strings.Repeat("x", 100), Chunk: 1, Pace: time.Millisecond}, limits{idle: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error)
			go func() {
				_, err := io.Copy(io.Discard, resp.Body)
				done <- err
			}()
			<-time.After(10*time.Millisecond + time.Microsecond)
			for range 2 {
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := <-done; !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("the read ended with %v", err)
			}
			if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("a read after Close gives %v", err)
			}
		}
	})
}

// upgraded is the body of a 101: a connection in both directions.
type upgraded struct {
	io.ReadCloser
	bytes.Buffer
}

func (u *upgraded) Read(p []byte) (int, error) { return u.ReadCloser.Read(p) }

func TestSend_SwitchingProtocolsKeepsTheWriter(t *testing.T) {
	t.Parallel()
	for status, writable := range map[int]bool{101: true, 200: false} {
		conn := &upgraded{ReadCloser: io.NopCloser(strings.NewReader("from the server"))}
		next := exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: conn}, nil
		})
		req, call := exchange.Begin(newRequest(t, t.Context(), "GET"))
		resp, err := exchange.Send(next, req, call, 0)
		if err != nil {
			t.Fatal(err)
		}
		w, ok := resp.Body.(io.Writer)
		if ok != writable {
			t.Fatalf("status %d: the body is a writer: %v", status, ok)
		}
		if ok {
			if _, err := io.WriteString(w, "to the server"); err != nil || conn.String() != "to the server" {
				t.Errorf("wrote %q, %v", conn.String(), err)
			}
		}
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "from the server" {
			t.Errorf("read %q, %v", b, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWatch_HeaderWaitsForTheUpload: the time that a request body takes does not
// count as the server's silence.
func TestWatch_HeaderWaitsForTheUpload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, call := exchange.WithCall(t.Context())
		pr, pw := io.Pipe()
		req := newRequest(t, ctx, http.MethodPost)
		req.Body = pr
		go func() {
			for range 10 {
				<-time.After(time.Minute)
				if _, err := pw.Write([]byte("x")); err != nil {
					t.Error(err)
				}
			}
			if err := pw.Close(); err != nil {
				t.Error(err)
			}
		}()
		rt := godwittest.Script(godwittest.Reply{Fault: godwittest.FaultSilent})
		start := time.Now()
		_, err := exchange.Send(exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
			live := exchange.LiveFrom(req.Context())
			live.Wire(req)
			live.Arm(exchange.WatchHeader, 30*time.Second, 30*time.Second)
			if httptrace.ContextClientTrace(req.Context()) == nil {
				t.Error("the attempt has no trace")
			}
			_, err := rt.RoundTrip(req)
			return nil, live.ContextKind(call.NewError(exchange.ErrConnect, "", req, err))
		}), req, call, 0)
		if !errors.Is(err, exchange.ErrHeaderTimeout) || time.Since(start) != 10*time.Minute+30*time.Second {
			t.Errorf("err = %v after %v", err, time.Since(start))
		}
	})
}
