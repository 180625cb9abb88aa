package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/godwit-go/godwit/exchange"
	"golang.org/x/net/http/httpguts"
)

// client is a RoundTripper with the guards and the error kinds.
type client struct {
	next    http.RoundTripper
	base    *http.Transport // next, if New built it; nil for a foreign one
	dialer  *dialer         // of base
	proxies *proxies
	private hostSet
	limited bool // the dialer may have to wait for a place
}

// Wrap gives any RoundTripper, such as a scripted one or a foreign
// *http.Transport, the same guards and error kinds. New uses it; what New
// returned comes back as it is.
//
// It is the innermost middleware: inside an attempt it is part of it, elsewhere
// each request is an attempt of its own.
//
// It refuses with [exchange.ErrRequest], before anything is sent, a scheme
// other than http and https and any CR, LF, NUL or DEL in method, host, header
// and query. Proxy-Authorization is never passed on: the credential of a proxy
// belongs into its settings.
//
// A foreign transport does not say how far a request came: unless it is an
// *http.Transport that could not connect, Sent is maybe.
func Wrap(rt http.RoundTripper) http.RoundTripper {
	if c, ok := rt.(*client); ok {
		return c
	}
	return &client{next: rt}
}

// Close closes the idle connections. Ones in use are closed when they become
// idle.
func (c *client) Close() error {
	c.CloseIdleConnections()
	return nil
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (c *client) CloseIdleConnections() {
	if t, ok := c.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// RoundTrip sends one request, once.
func (c *client) RoundTrip(req *http.Request) (*http.Response, error) {
	live := exchange.LiveFrom(req.Context())
	if live == nil {
		return c.asAttempt(req)
	}
	route, err := c.admit(live, req)
	if err != nil {
		exchange.CloseBody(req)
		return nil, c.fail(live, req, nil, err)
	}
	wire := c.prepare(req, route)
	sent := trackBody(wire)
	live.Wire(wire)
	live.LimitInformational(c.maxHeader())
	if c.base == nil { // nobody will tell when it dials
		live.Reach(exchange.MarkConn, exchange.PhaseExchange)
	}
	resp, err := c.next.RoundTrip(wire)
	live.Unwire()
	switch refused := live.Refused(); {
	case refused != nil:
		err = discard(resp, refused)
	case err == nil:
		err = c.judge(live, wire, resp)
	}
	if err != nil {
		return nil, c.fail(live, req, sent, err)
	}
	resp.Request = req
	return resp, nil
}

// maxHeader is the limit on the bytes of response headers.
func (c *client) maxHeader() int64 {
	if c.base != nil {
		return c.base.MaxResponseHeaderBytes
	}
	return defaultMaxHeaderBytes
}

// asAttempt makes an attempt of a request that is not part of one.
func (c *client) asAttempt(req *http.Request) (*http.Response, error) {
	inner, call := exchange.Begin(req)
	resp, err := exchange.Send(c, inner, call, 0)
	if err == nil {
		resp.Request = req
	}
	return resp, err
}

// admit checks req and returns its way; nil for a direct connection.
func (c *client) admit(live *exchange.Live, req *http.Request) (*route, error) {
	if err := check(req); err != nil {
		return nil, err
	}
	route, err := c.proxies.route(req.Context(), req.URL)
	if err != nil {
		return nil, err
	}
	if c.base == nil || !live.DataChosen() || c.private.has(hostPort(req.URL)) {
		return route, nil
	}
	if route != nil { // the proxy dials
		return route, refuseLiteral(req.URL.Hostname())
	}
	live.Guard(refusePrivateConn) // the pool may have what another call dialled
	return nil, nil
}

// prepare returns what net/http gets: without any sign that makes it send a
// request again by itself (a GetBody; an Idempotency-Key in canonical spelling,
// which names are compared with), and with what the dialer must know.
func (c *client) prepare(req *http.Request, route *route) *http.Request {
	wire := exchange.Own(req)
	wire.GetBody = nil
	if wire.Header == nil {
		wire.Header = make(http.Header)
	}
	delete(wire.Header, "Proxy-Authorization")
	lower(wire.Header, "Idempotency-Key", "idempotency-key")
	lower(wire.Header, "X-Idempotency-Key", "x-idempotency-key")
	if route != nil || c.limited {
		ctx := req.Context()
		wire = wire.WithContext(context.WithValue(ctx, dialKey{}, &dialFacts{route: route, ctx: ctx}))
	}
	return wire
}

// lower moves a field to a key that is spelled in lower case.
func lower(h http.Header, canonical, key string) {
	if v, ok := h[canonical]; ok {
		delete(h, canonical)
		h[key] = append(h[key], v...)
	}
}

var (
	errUnsolicited = errors.New("the server sent an answer before the request")
	errSwitched    = errors.New("the server switched protocols without being asked")
)

// judge closes and refuses a response that no server may send.
func (c *client) judge(live *exchange.Live, wire *http.Request, resp *http.Response) error {
	var f *fault
	switch {
	case resp.StatusCode < 100 || resp.StatusCode > 599:
		f = &fault{kind: exchange.ErrProtocol, err: fmt.Errorf("status %d is outside 100 to 599", resp.StatusCode)}
	case resp.StatusCode == http.StatusSwitchingProtocols && !asksUpgrade(wire.Header),
		resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols:
		f = &fault{kind: exchange.ErrProtocol, err: errSwitched}
	case unsolicited(live):
		// Bytes that followed the last answer on the connection. A 408 is what
		// servers say when they tire of an idle connection.
		f = &fault{kind: exchange.ErrProtocol, err: errUnsolicited}
		if resp.StatusCode == http.StatusRequestTimeout {
			f.kind = exchange.ErrConnect
		}
		_ = live.Conn().Close() // without a body the connection is back in the pool already
	default:
		return nil
	}
	return discard(resp, f)
}

// discard closes a response, if there is one, that is refused because of err.
func discard(resp *http.Response, err error) error {
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // it is refused whatever closing it says
	}
	return err
}

func asksUpgrade(h http.Header) bool {
	return h.Get("Upgrade") != "" && httpguts.HeaderValuesContainsToken(h["Connection"], "upgrade")
}

// unsolicited reports whether the answer was read before this attempt got its
// reused connection: net/http takes bytes left over from an earlier answer for
// the answer to the next request.
func unsolicited(live *exchange.Live) bool {
	n, ok := live.Received()
	return ok && n == 0 && live.Record().Reused
}

// sentBody watches how net/http reads the request body, to tell the caller's
// failure from the network's.
type sentBody struct {
	io.ReadCloser
	length int64 // announced; 0 or less: not
	n      atomic.Int64
	ended  atomic.Bool
	failed atomic.Pointer[error]
}

func trackBody(wire *http.Request) *sentBody {
	if wire.Body == nil || wire.Body == http.NoBody {
		return nil
	}
	b := &sentBody{ReadCloser: wire.Body, length: wire.ContentLength}
	wire.Body = b
	return b
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	switch {
	case err == io.EOF:
		b.ended.Store(true)
	case err != nil:
		b.failed.Store(&err)
	}
	return n, err
}

// fault returns why the body could not be sent; nil if it is not to blame. net/http
// closes the body when an attempt fails for another reason: a read after that
// fails too and proves nothing.
func (b *sentBody) fault(roundTrip error) *fault {
	if b == nil {
		return nil
	}
	if err := b.failed.Load(); err != nil && errors.Is(roundTrip, *err) {
		return &fault{kind: exchange.ErrRequest, policy: "transport", text: "the request body could not be read", err: *err}
	}
	n := b.n.Load()
	if b.length > 0 && (n > b.length || b.ended.Load() && n < b.length) {
		return &fault{
			kind: exchange.ErrRequest, policy: "transport",
			text: fmt.Sprintf("the request body does not have the %d bytes that were announced", b.length),
		}
	}
	return nil
}
