package limit

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/signal"
	"github.com/godwit-go/godwit/internal/upstream"
)

const policy = "limit"

// New returns the middleware; nil if c takes the limits out. It belongs inside
// retry, so that every attempt pays for its place.
func New(c Config) (exchange.Middleware, error) {
	l, err := NewLimiter(c)
	if err != nil {
		return nil, err
	}
	return Wrap(l, c)
}

// Wrap is [New] around lines that there are already, made from the same
// settings: clients with other credentials can share them.
func Wrap(l *Limiter, c Config) (exchange.Middleware, error) {
	parser, err := signal.New(signal.Dialect(c.Dialect), c.Signals)
	if err != nil {
		return nil, exchange.ConfigErrorf("limit.%w", err)
	}
	if c.Mode == "off" {
		return nil, nil
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return &transport{next: next, limiter: l, parser: parser, credential: c.Credential, shared: c.Store != nil, clocks: &upstream.Table[clock]{}}
	}, nil
}

type transport struct {
	next       http.RoundTripper
	limiter    *Limiter
	parser     *signal.Parser
	credential string
	shared     bool // the lines are those of a fleet
	clocks     *upstream.Table[clock]
}

// clock is what is known of an origin's clock.
type clock struct {
	mu sync.Mutex
	signal.Clock
}

// WithClass is [exchange.WithClass].
func WithClass(ctx context.Context, c Class) context.Context {
	return exchange.WithClass(ctx, exchange.Class(c))
}

// RoundTrip waits for the attempt's turn, and learns from what comes back.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	live := exchange.LiveFrom(req.Context())
	switch {
	case live == nil:
		return t.alone(req)
	case t.limiter.lawless && !t.limiter.spoken.Load():
		return t.free(req, live)
	}
	entry := t.clocks.Get(req.URL)
	defer entry.Release()
	g, err := t.acquire(req, live, entry.Origin)
	if err != nil {
		exchange.CloseBody(req)
		return nil, err
	}
	t.tell(req, live)
	open := true
	defer func() { // on a panic too: what is beneath may be the caller's own code
		if open {
			g.End()
		}
	}()
	sent := time.Now()
	resp, err := t.next.RoundTrip(req)
	switch {
	case err != nil || resp == nil:
		if err != nil && live.SentSoFar(err) == exchange.SentNo {
			g.Cancel()
		}
		return resp, err
	}
	t.learn(req, live, g, resp, t.read(resp, sent, entry.Value))
	if g.core.Holds() {
		open = !keep(resp, g)
	}
	return resp, nil
}

// free passes an attempt that no line can hold back, because there is no quota
// and no answer has said anything about a limit. The first that does is booked
// like any other.
func (t *transport) free(req *http.Request, live *exchange.Live) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil || resp == nil || t.parser.Silent(resp.StatusCode, resp.Header) {
		return resp, err
	}
	entry := t.clocks.Get(req.URL)
	defer entry.Release()
	sent := live.Record().Start
	readings := t.read(resp, sent, entry.Value)
	if len(readings) == 0 {
		return resp, nil
	}
	t.limiter.spoken.Store(true)
	op := opOf(req, live.Call(), t.credential, t.shared, entry.Origin)
	g := Grant{t.limiter.core.Book(&op, sent)}
	defer g.End()
	live.Note(exchange.FactHeld)
	t.learn(req, live, g, resp, readings)
	return resp, nil
}

// alone serves a chain in which nobody else makes attempts.
func (t *transport) alone(incoming *http.Request) (*http.Response, error) {
	req, call := exchange.Begin(incoming)
	resp, err := exchange.Send(t, req, call, 0)
	if resp != nil {
		resp.Request = incoming
	}
	return resp, err
}

// acquire waits for the turn of an attempt.
func (t *transport) acquire(req *http.Request, live *exchange.Live, origin string) (Grant, error) {
	call, ctx := live.Call(), req.Context()
	op := opOf(req, call, t.credential, t.shared, origin)
	op.Front, op.Gated = call.Refusals() > 0, live.Gated()
	for {
		op.Probe = live.Has(exchange.FactProbe)
		core, eta, err := t.limiter.core.Enter(ctx, &op)
		if err == nil && eta > 0 {
			call.Emit(req, exchange.Event{Name: exchange.EventLimitWait, Live: live, Delay: eta})
			err = core.Wait(ctx)
		}
		if err == nil {
			live.Note(exchange.FactHeld)
			return Grant{core}, nil
		}
		var own *exchange.Error
		switch {
		case !errors.As(refusal(err), &own) || ctx.Err() != nil:
			return Grant{}, call.ContextError(ctx, policy, req)
		case own.Kind == exchange.ErrCircuitOpen: // to the breaker again, and then to the front
			if err := live.Readmit(req); err != nil {
				return Grant{}, err
			}
			op.Front = true
			continue
		}
		refused := call.NewError(own.Kind, policy, req, own.Err)
		refused.RetryAfter = own.RetryAfter
		return Grant{}, refused
	}
}

// opOf says what a request needs.
func opOf(req *http.Request, call *exchange.Call, credential string, shared bool, origin string) Op {
	op := Op{
		Origin: origin, Credential: credential, Operation: call.Operation, Method: req.Method,
		Class: Class(call.Class), Cost: call.Cost, Deadline: call.Deadline,
	}
	if op.Method == "" {
		op.Method = http.MethodGet
	}
	if call.NoAuth || call.Anonymous {
		op.Credential = ""
	}
	if own := ownCredential(req.Header); own != "" && !shared {
		op.Credential = own
	}
	return op
}

// seed makes the names of the callers' own credentials worthless outside of this
// process.
var seed = maphash.MakeSeed()

// ownCredential tells apart the credentials that callers set on requests
// themselves: those of a gateway that passes them through, or of an SDK. In a
// fleet they all pass for the client's, for what is the same in every process
// could be guessed from a store.
func ownCredential(h http.Header) string {
	for _, name := range []string{"Authorization", "X-Api-Key"} {
		if v := h[name]; len(v) > 0 && v[0] != "" {
			return strconv.FormatUint(maphash.String(seed, v[0]), 36)
		}
	}
	return ""
}

// Peek returns how long a request would wait now in the lines of l for [Wrap]
// with the same settings to send it. It takes nothing.
func Peek(l *Limiter, c Config, req *http.Request) time.Duration {
	if c.Mode == "off" {
		return 0
	}
	req, call := exchange.Begin(req)
	return l.Peek(opOf(req, call, c.Credential, c.Store != nil, upstream.Name(req.URL)))
}

// read returns what the answer says about quotas.
func (t *transport) read(resp *http.Response, sent time.Time, c *clock) []Reading {
	if t.parser.Silent(resp.StatusCode, resp.Header) {
		return nil
	}
	received := time.Now()
	a := signal.Answer{Status: resp.StatusCode, Header: resp.Header, Sent: sent, Received: received}
	c.mu.Lock()
	c.Observe(resp.Header, sent, received)
	a.Clock = c.Clock
	c.mu.Unlock()
	if resp.Body != nil && resp.Body != http.NoBody && t.parser.WantsBody(resp.StatusCode, resp.Header) {
		a.Body = peek(resp)
	}
	return t.parser.Parse(a)
}

// learn tells the lines what the answer says.
func (t *transport) learn(req *http.Request, live *exchange.Live, g Grant, resp *http.Response, readings []Reading) {
	out := Outcome{Status: resp.StatusCode, Readings: readings}
	for i := range out.Readings {
		if out.Readings[i].Refused {
			live.Note(exchange.FactRefused)
		}
		if out.Readings[i].Final {
			live.Note(exchange.FactFinal)
		}
	}
	for _, n := range g.Done(out) {
		live.Call().Emit(req, exchange.Event{Name: n.Event, Live: live, Status: resp.StatusCode, Delay: n.Delay, Reason: n.Reason})
	}
}

// tell reports what the store made known since the last call.
func (t *transport) tell(req *http.Request, live *exchange.Live) {
	for _, n := range t.limiter.notices() {
		live.Call().Emit(req, exchange.Event{Name: notice(n).Event, Live: live, Reason: n.Reason})
	}
}

// peek reads a prefix of the body and puts it back.
func peek(resp *http.Response) []byte {
	b := &peeked{ReadCloser: resp.Body}
	prefix, err := io.ReadAll(io.LimitReader(resp.Body, signal.MaxBody))
	b.prefix.Reset(prefix)
	b.err = err // the reader gets it after the prefix
	resp.Body = b
	return prefix
}

// peeked is a body of which a prefix has been read.
type peeked struct {
	io.ReadCloser
	prefix bytes.Reader
	err    error
}

func (b *peeked) Read(p []byte) (int, error) {
	switch {
	case b.prefix.Len() > 0:
		return b.prefix.Read(p)
	case b.err != nil:
		return 0, b.err
	}
	return b.ReadCloser.Read(p)
}

// keep puts the end of the grant behind the end of the response body; false if
// there is no body to wait for.
func keep(resp *http.Response, g Grant) bool {
	if resp.Body == nil || resp.Body == http.NoBody {
		return false
	}
	b := &body{ReadCloser: resp.Body, grant: g}
	w, writes := resp.Body.(io.Writer)
	resp.Body = b
	if writes && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = struct {
			*body
			io.Writer
		}{b, w}
	}
	return true
}

// body is a response body that holds concurrency. A grant ends once, however
// often it is told.
type body struct {
	io.ReadCloser
	grant Grant
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.grant.End()
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.grant.End()
	return err
}
