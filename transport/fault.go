package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"syscall"

	"github.com/godwit-go/godwit/exchange"
)

// fault is an error whose kind was known where it arose.
type fault struct {
	kind   *exchange.Kind
	policy string // who refused; empty when the network failed
	text   string
	hint   string
	status int // of a proxy's answer to CONNECT
	err    error
}

func (f *fault) Error() string {
	switch {
	case f.err == nil:
		return f.text
	case f.text == "":
		return f.err.Error()
	}
	return f.text + ": " + f.err.Error()
}

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.err }

// Is makes the kind known also where the fault is the cause of another.
func (f *fault) Is(target error) bool { return f.kind.Is(target) }

// fail makes an *exchange.Error of err. The end of the attempt's context comes
// first: what the network then says is its consequence.
func (c *client) fail(live *exchange.Live, req *http.Request, body *sentBody, err error) error {
	f := body.fault(err) // first: the caller's body may be that of another call, and fail with its error
	if own := (*exchange.Error)(nil); f == nil && errors.As(err, &own) {
		return err
	}
	if f == nil {
		f = c.classify(live, err)
	}
	cause := error(f)
	if f.text == "" && f.err != nil { // the fault adds nothing to the chain
		cause = f.err
	}
	e := live.ContextKind(live.Call().NewError(f.kind, f.policy, req, cause))
	if e.Kind == f.kind {
		e.Hint, e.Status = f.hint, f.status
		if e.Hint == "" && c.base != nil {
			e.Hint = limitHint(err)
		}
	}
	return e
}

// classify tells failures apart by type, then by how far the attempt came and
// what its connection saw.
func (c *client) classify(live *exchange.Live, err error) *fault {
	var own *fault
	if errors.As(err, &own) {
		return own
	}
	if f := stillborn(live, err); f != nil {
		return f
	}
	if f := byType(err, live.Phase()); f != nil {
		if c.base == nil && f.kind != exchange.ErrProxy && beforeSending(err) && live.Conn() == nil {
			live.Reach(exchange.MarkDial, exchange.PhaseDial) // provably not sent
		}
		return f
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() && err != context.DeadlineExceeded { // net/http's own timeouts claim to be it
		return c.timeout(live, err)
	}
	return &fault{kind: c.answerKind(live, err), err: plain(err)}
}

// plain leaves out what net/http puts before every failure of HTTP/1.
func plain(err error) error {
	if inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: ") {
		return inner
	}
	return err
}

// limitHint knows the texts of the limit on headers.
func limitHint(err error) string {
	text := err.Error()
	for _, part := range []string{"response headers exceeded", "response header list larger", "informational responses"} {
		if strings.Contains(text, part) {
			return "decode.max_header sets the limit"
		}
	}
	return ""
}

// byType returns the fault that the type of err means; nil if it means none.
func byType(err error, phase exchange.Phase) *fault {
	if f := tlsFault(err); f != nil {
		return f
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		f := &fault{kind: exchange.ErrDNS, err: err}
		if dns.IsNotFound {
			f.hint = "check the spelling of the host, and the network"
		}
		return f
	}
	if stream, ok := errors.AsType[streamError](err); ok {
		return &fault{kind: stream.kind(), err: err}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		switch {
		case op.Op == "proxyconnect":
			return &fault{kind: exchange.ErrProxy, err: err}
		case op.Op == "dial" && op.Timeout():
			return &fault{kind: exchange.ErrConnectTimeout, err: err}
		case op.Op == "dial" && errors.Is(err, syscall.ECONNREFUSED):
			return &fault{kind: exchange.ErrConnect, hint: "nothing listens at this address: check host and port, and that the server runs", err: err}
		}
		return &fault{kind: exchange.ErrConnect, err: err}
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return &fault{kind: exchange.ErrConnect, err: err}
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe} {
		if errors.Is(err, end) {
			f := &fault{kind: exchange.ErrConnect, text: "the connection was closed before the answer", err: plain(err)}
			if phase == exchange.PhaseHandshake {
				f.text = "the connection was closed during the handshake"
			}
			return f
		}
	}
	return nil
}

// beforeSending reports whether err is one that net/http meets before it has a
// connection.
func beforeSending(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// timeout is for timeouts that have no type: net/http's own for the TLS
// handshake, and those that a foreign transport was set to.
func (c *client) timeout(live *exchange.Live, err error) *fault {
	_, std := c.next.(*http.Transport)
	switch {
	case c.base != nil && live.Phase() == exchange.PhaseHandshake:
		return &fault{kind: exchange.ErrTLSTimeout, text: fmt.Sprintf("no TLS handshake within %v", c.dialer.tlsTimeout), err: err}
	case live.Phase() == exchange.PhaseHandshake, c.base == nil && std && live.Conn() == nil:
		return &fault{kind: exchange.ErrTLSTimeout, err: err}
	case std && live.Conn() != nil:
		return &fault{kind: exchange.ErrHeaderTimeout, err: err}
	}
	return &fault{kind: exchange.ErrTimeout, err: err}
}

// answerKind judges an error about the answer. net/http has hardly a type for
// one that it cannot parse, none for a connection that it found dead, and takes
// what was cut off for malformed: what the connection saw decides.
func (c *client) answerKind(live *exchange.Live, err error) *exchange.Kind {
	switch {
	case live.Phase() == exchange.PhaseHandshake:
		return exchange.ErrTLS
	case connectionLost(err):
		return exchange.ErrConnect
	}
	own := ownConn(live)
	if own == nil {
		return foreignKind(live, err)
	}
	if n, ok := live.Received(); ok && n == 0 { // nothing came that could be wrong
		return exchange.ErrConnect
	}
	if own.Broken() && !own.strange.Load() {
		return exchange.ErrConnect
	}
	return exchange.ErrProtocol
}

// ownConn returns the connection of this package's dialer below TLS, nil if the
// attempt got none or another's.
func ownConn(live *exchange.Live) *conn {
	nc := live.Conn()
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	own, _ := nc.(*conn)
	return own
}

// stillborn looks for the reason why a connection died at its first request,
// such as a client certificate that the server refused: net/http tells of the
// failed write, or on HTTP/2 nothing at all, but the connection, which is
// closed, still knows.
func stillborn(live *exchange.Live, err error) *fault {
	t, ok := live.Conn().(*tls.Conn)
	if !ok || live.Record().Reused {
		return nil
	}
	if err.Error() != "http2: client conn could not be established" {
		op, failed := errors.AsType[*net.OpError](err)
		own := ownConn(live)
		if !failed || op.Op != "write" || own == nil || !own.closed.Load() { // a read of one that is open might wait
			return nil
		}
	}
	_, cause := t.Read(make([]byte, 1))
	return tlsFault(cause)
}

// foreignKind has only the error to go by.
func foreignKind(live *exchange.Live, err error) *exchange.Kind {
	if _, mime := errors.AsType[textproto.ProtocolError](err); mime || live.Conn() != nil {
		return exchange.ErrProtocol
	}
	return exchange.ErrConnect
}

// connectionLost knows the texts of net/http for a connection that ended, where
// neither a type nor the connection itself can tell: on HTTP/2 a stream that
// the server refused, reset or said good-bye to, and on a foreign connection an
// idle one that was closed.
func connectionLost(err error) bool {
	text := err.Error()
	for _, prefix := range []string{
		"http2: Transport: cannot retry err",
		"http2: Transport received Server's graceful shutdown GOAWAY",
		"http2: server sent GOAWAY",
		"http2: client conn",
		"http: server closed idle connection",
	} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// streamError takes the error of an HTTP/2 stream out of net/http, whose own
// type is not exported but fills in any struct with these fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "stream error" }

// kind: a stream that the server ended is a connection that died; one that
// net/http ended is an answer that it could not accept. The cause has no type.
func (e streamError) kind() *exchange.Kind {
	if e.Cause != nil && e.Cause.Error() == "received from peer" {
		return exchange.ErrConnect
	}
	return exchange.ErrProtocol
}
