package retry

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

// ledger is a server that books what arrives, by id.
type ledger struct {
	*httptest.Server
	mu       sync.Mutex
	arrivals map[string][]string // the keys of the requests with that id
	in, out  atomic.Int64        // bytes of the last connection
}

const cutBody, cutAnswer = "the body of the request", "done"

func newLedger(t *testing.T) *ledger {
	l := &ledger{arrivals: make(map[string][]string)}
	l.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.arrivals[r.Header.Get("X-Id")] = append(l.arrivals[r.Header.Get("X-Id")], r.Header.Get("Idempotency-Key"))
		l.mu.Unlock()
		if body, err := io.ReadAll(r.Body); err != nil || r.Method == http.MethodPost && string(body) != cutBody {
			panic(http.ErrAbortHandler) // the request was cut: nobody waits for an answer
		}
		_, _ = io.WriteString(w, cutAnswer) // a client that went away fails the test by itself
	}))
	l.Config.ErrorLog = log.New(io.Discard, "", 0)
	l.Listener = meteredListener{l.Listener, l}
	l.Start()
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) of(id string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrivals[id]
}

// meteredListener counts the bytes of the connection made last.
type meteredListener struct {
	net.Listener
	l *ledger
}

func (m meteredListener) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	m.l.in.Store(0)
	m.l.out.Store(0)
	return meteredConn{c, m.l}, nil
}

type meteredConn struct {
	net.Conn
	l *ledger
}

func (c meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.l.in.Add(int64(n))
	return n, err
}

func (c meteredConn) Write(p []byte) (int, error) {
	c.l.out.Add(int64(len(p))) // before the client can have them
	return c.Conn.Write(p)
}

// cutter makes calls through a proxy that breaks the first connection of each
// and no other.
type cutter struct {
	*ledger
	proxy  *godwittest.RawServer
	fault  atomic.Pointer[godwittest.ConnFault] // of the next connection
	policy *Retry
	reused bool // a first call leaves its connection to the one that is cut
}

func newCutter(t *testing.T, reused bool) *cutter {
	c := &cutter{ledger: newLedger(t), reused: reused}
	c.proxy = godwittest.FaultProxy(t, c.Listener.Addr().String(), func(int) godwittest.ConnFault {
		if f := c.fault.Swap(nil); f != nil {
			return *f
		}
		return godwittest.ConnFault{Request: godwittest.Never, Response: godwittest.Never}
	})
	c.policy = retryOf(t, Config{Base: 1, Cap: 1, Budget: BudgetConfig{MinPerSecond: 1_000_000}})
	return c
}

// call is what came of one.
type cutCall struct {
	arrivals []string
	status   int
	body     string
	err      error
	attempts []exchange.Attempt
}

// run makes one call with the fault on the first connection; warmed is called
// after the call that leaves it behind.
func (c *cutter) run(t *testing.T, id, key string, fault godwittest.ConnFault, warmed func()) (out cutCall) {
	t.Helper()
	c.fault.Store(&fault)
	tr, err := transport.New(transport.Config{Proxy: transport.Proxy{URL: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}()
	rt := c.policy.Wrap(tr)
	if c.reused {
		resp, err := tr.RoundTrip(to(t, "GET", c.proxy.URL()))
		wantAnswer(t, resp, err, 200, cutAnswer)
		warmed()
	}
	ctx, call := exchange.WithCall(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", c.proxy.URL(), strings.NewReader(cutBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Id", id)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := rt.RoundTrip(req)
	if err == nil {
		out.status = resp.StatusCode
		var body []byte
		body, err = io.ReadAll(resp.Body)
		err = errors.Join(err, resp.Body.Close())
		out.body = string(body)
	}
	out.err, out.attempts, out.arrivals = err, call.Attempts(), c.of(id)
	return out
}

// id has the same length for all calls, so that all have the same bytes.
func id(n int) string { return "id-" + strconv.Itoa(100_000+n) }

// TestD1_CutAtEveryByte: the connection breaks after every single byte of a
// POST and of its answer. Without a key the server gets it once at most; with
// one the call succeeds, and every arrival has that key.
func TestD1_CutAtEveryByte(t *testing.T) {
	t.Parallel()
	whole := godwittest.ConnFault{Request: godwittest.Never, Response: godwittest.Never}
	for _, reused := range []bool{false, true} {
		for _, key := range []string{"", "key-0001"} {
			t.Run("reused="+strconv.FormatBool(reused)+",key="+key, func(t *testing.T) {
				t.Parallel()
				c := newCutter(t, reused)
				var fromIn, fromOut int64 // bytes of the call before
				first := c.run(t, id(0), key, whole, func() { fromIn, fromOut = c.in.Load(), c.out.Load() })
				toIn, toOut := c.in.Load(), c.out.Load()
				if first.err != nil || first.body != cutAnswer || len(first.arrivals) != 1 || toIn-fromIn < 100 || toOut-fromOut < 50 {
					t.Fatalf("without a cut: %+v, %d and %d bytes", first, toIn-fromIn, toOut-fromOut)
				}
				n, again, failed := 0, 0, 0
				check := func(fault godwittest.ConnFault) {
					n++
					got := c.run(t, id(n), key, fault, func() {})
					c.check(t, fault, key, got)
					again += len(got.attempts) - 1
					if got.err != nil {
						failed++
					}
				}
				start := fromIn
				if reused {
					start++ // a cut before the first byte breaks the call before
				}
				for at := start; at <= toIn; at++ { // every other one with a reset
					check(godwittest.ConnFault{Request: at, Response: godwittest.Never, Reset: at%2 == 1})
				}
				for at := fromOut; at < toOut; at++ {
					check(godwittest.ConnFault{Request: godwittest.Never, Response: at, Reset: at%2 == 1 && at > fromOut})
				}
				if key == "" && failed < n*9/10 || key != "" && again < n*9/10 {
					t.Errorf("of %d cuts %d failed the call, %d led to another attempt: the cuts do not hit", n, failed, again)
				}
			})
		}
	}
}

// check holds one cut call to the promise.
func (c *cutter) check(t *testing.T, fault godwittest.ConnFault, key string, got cutCall) {
	t.Helper()
	// The end of the answer's head hands the call over; what breaks in the body
	// is told, and never repeated.
	handedOver := got.status == 200 && errors.Is(got.err, exchange.ErrTruncated)
	switch {
	case key == "" && len(got.arrivals) > 1:
		t.Errorf("%+v: the server got the POST %d times: %+v", fault, len(got.arrivals), got)
	case key != "" && !handedOver && (got.err != nil || got.status != 200 || got.body != cutAnswer):
		t.Errorf("%+v: the call with a key failed: %+v", fault, got)
	case got.err == nil && got.body != cutAnswer:
		t.Errorf("%+v: a cut body passes for whole: %+v", fault, got)
	}
	for _, k := range got.arrivals {
		if k != key {
			t.Errorf("%+v: the server got the key %q, want %q", fault, k, key)
		}
	}
	for _, a := range got.attempts {
		if a.Sent == exchange.SentNo && len(got.arrivals) == len(got.attempts) {
			t.Errorf("%+v: an attempt claims not to have been sent, and all arrived: %+v", fault, got)
		}
	}
}
