package exchange

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"
)

// Phase says how far an attempt has come on its way to the server.
type Phase int32

// The phases, in order.
const (
	PhaseStart     Phase = iota // no connection was asked for yet, or none is free
	PhaseDial                   // resolving and connecting
	PhaseHandshake              // proxy CONNECT and TLS
	PhaseExchange               // the request is being sent or the answer awaited
)

// Mark is a moment of a dial.
type Mark int

// The marks, in the usual order.
const (
	MarkDial     Mark = iota // the dial begins
	MarkDNSStart             // the resolver is asked
	MarkDNSDone              // it has answered
	MarkDialed               // the TCP connection stands
	MarkTunnel               // the proxy has answered CONNECT
	MarkConn                 // the connection is usable
	marks
)

// Reach notes that a moment of the dial has come, and the phase it begins. It
// is safe after the attempt has ended: a dial can outlive the call that began
// it.
func (l *Live) Reach(m Mark, p Phase) {
	l.marks[m].Store(max(1, int64(time.Since(l.start))))
	l.phase.Store(int32(p))
	if m == MarkDial {
		l.pauseHeader()
	}
}

// Phase returns how far the attempt has come.
func (l *Live) Phase() Phase { return Phase(l.phase.Load()) }

// Wire tells the attempt which request net/http is about to get. It must not be
// shared with anyone. Connections that were got before were for requests that
// others made with the attempt's context, such as a hook that fetches a token:
// they are forgotten.
func (l *Live) Wire(req *http.Request) {
	l.before = l.wire != nil
	l.wire = req
	l.over.Store(false)
	if l.conns.Swap(0) == 0 && !l.before {
		return
	}
	l.conn, l.written, l.received = nil, nil, nil
	l.phase.Store(int32(PhaseStart))
	for m := range l.marks {
		l.marks[m].Store(0)
	}
	l.mu.Lock()
	l.record.Reused, l.record.Resent = false, 0
	l.mu.Unlock()
}

// Unwire tells the attempt that net/http is done with the request: what is got
// from now on is for others.
func (l *Live) Unwire() { l.over.Store(true) }

// Guard makes check judge each connection of the attempt before anything is
// written to it. What it refuses ends the attempt; an HTTP/1 connection is
// closed, one of HTTP/2 is left to the others that use it. It is for the
// goroutine of RoundTrip, before the request is passed on.
func (l *Live) Guard(check func(net.Conn) error) { l.guard = check }

// Refused returns what the check of [Live.Guard] said; nil if it refused
// nothing. It is for the goroutine of RoundTrip.
func (l *Live) Refused() error { return l.refused }

var errInformational = errors.New("informational responses have more header bytes than the limit")

// LimitInformational bounds the header bytes of all informational responses
// together. net/http counts them itself unless a hook of the caller's looks at
// them ([httptrace.ClientTrace.Got1xxResponse]): then it leaves that to the
// hook. It is for the goroutine of RoundTrip, before the request is passed on.
func (l *Live) LimitInformational(most int64) {
	hook := l.trace.Got1xxResponse // the attempt has none of its own
	if hook == nil {
		return
	}
	var n atomic.Int64
	l.trace.Got1xxResponse = func(status int, h textproto.MIMEHeader) error {
		if n.Add(headerBytes(h)) > most {
			return errInformational
		}
		return hook(status, h)
	}
}

// headerBytes is about what a header takes on the wire, the status line
// included.
func headerBytes(h textproto.MIMEHeader) int64 {
	n := len("HTTP/1.1 103\r\n\r\n")
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return int64(n)
}

// connCounter is what the transport's connections implement.
type connCounter interface {
	BytesWritten() int64
	BytesRead() int64
}

// Conn returns the connection that the attempt got last, nil if it got none. It
// is for the goroutine of RoundTrip.
func (l *Live) Conn() net.Conn { return l.conn }

// Received returns how many bytes came from the connection since the attempt
// got it; ok is false if that is not known: HTTP/2 connections are shared. It
// is for the goroutine of RoundTrip.
func (l *Live) Received() (n int64, ok bool) {
	if l.received == nil {
		return 0, false
	}
	return l.received() - l.readBase, true
}

// Resent returns how often net/http sent the request again by itself.
func (l *Live) Resent() int { return max(0, int(l.conns.Load())-1) }

// gotConn runs in the goroutine of RoundTrip, before anything is written. A
// second call for one request is net/http sending again by itself.
func (l *Live) gotConn(info httptrace.GotConnInfo) {
	if l.over.Load() {
		return
	}
	l.Reach(MarkConn, PhaseExchange)
	resent := int(l.conns.Add(1)) - 1
	l.restartHeader(l.trace.WroteRequest != nil)
	conn, h2 := belowTLS(info.Conn)
	l.conn, l.written, l.received = info.Conn, nil, nil
	if h2 {
		l.guardReplay()
	} else if c, ok := conn.(connCounter); ok {
		l.written, l.base = c.BytesWritten, c.BytesWritten()
		l.received, l.readBase = c.BytesRead, c.BytesRead()
	}
	l.mu.Lock()
	l.record.Reused, l.record.Resent = info.Reused, resent
	l.mu.Unlock()
	if l.guard != nil {
		l.judge(info.Conn, h2)
	}
}

// belowTLS returns the connection that carries conn, and whether HTTP/2 is
// spoken on it.
func belowTLS(conn net.Conn) (carrier net.Conn, h2 bool) {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn(), t.ConnectionState().NegotiatedProtocol == "h2"
	}
	return conn, false
}

// intact reports whether the attempt has a connection for itself that neither
// the server nor the network has ended; false if that is not known.
func (l *Live) intact() bool {
	if l.received == nil {
		return false
	}
	carrier, _ := belowTLS(l.conn)
	c, ok := carrier.(interface{ Broken() bool })
	return ok && !c.Broken()
}

// judge keeps the attempt off a connection that its guard refuses. The end of
// the context comes before net/http opens a stream, and before it would try
// another connection.
func (l *Live) judge(conn net.Conn, h2 bool) {
	err := l.guard(conn)
	if err == nil {
		return
	}
	l.refused = err
	l.cancel(err)
	if !h2 {
		_ = conn.Close() // it is not used, whatever closing it says
	}
}

// wroteRequest runs in the goroutine that wrote the request, possibly after
// RoundTrip has returned.
func (l *Live) wroteRequest(httptrace.WroteRequestInfo) { l.restartHeader(false) }

// hasBody reports whether req carries a body to send.
func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// guardReplay gives a body-less request a body that cannot be replayed: HTTP/2
// in net/http resends any request without a body after a stream error that
// proves nothing (a peer's PROTOCOL_ERROR), and it looks at the body only after
// GotConn has run. GET and HEAD may be resent; they are counted.
func (l *Live) guardReplay() {
	if l.wire == nil || l.wire.Method == "" || l.wire.Method == http.MethodGet || l.wire.Method == http.MethodHead {
		return
	}
	if l.wire.Body == nil || l.wire.Body == http.NoBody {
		l.wire.Body = emptyBody{}
	}
}

type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

// sent judges a failed attempt: no, if a policy held it back, no connection was
// had or its write counter did not move. HTTP/2 connections are shared by
// calls, so their counter proves nothing; neither does the error of a transport
// that nobody told about the attempt.
func (l *Live) sent(err error) Sent {
	switch {
	case l.wire == nil:
		var own *Error
		if errors.As(err, &own) && l.conns.Load() == 0 {
			return SentNo
		}
		return SentMaybe
	case l.before: // an earlier request of the attempt may have arrived
		return SentMaybe
	case l.conns.Load() == 0 && l.Phase() < PhaseExchange,
		l.conns.Load() == 1 && l.refused != nil:
		return SentNo
	case l.conns.Load() == 1 && l.written != nil && l.written() == l.base:
		return SentNo
	}
	return SentMaybe
}

// dialTimings turns the marks into durations. A reused connection has none.
func (l *Live) dialTimings(t *Timings) {
	at := func(m Mark) time.Duration { return time.Duration(l.marks[m].Load()) }
	if l.record.Reused {
		return
	}
	if at(MarkDNSDone) > at(MarkDNSStart) && at(MarkDNSStart) > 0 {
		t.DNS = at(MarkDNSDone) - at(MarkDNSStart)
	}
	if at(MarkDialed) > 0 {
		t.Connect = at(MarkDialed) - at(MarkDial) - t.DNS
		if conn := at(MarkConn); conn > 0 && l.req.URL.Scheme == "https" {
			t.TLS = max(0, conn-max(at(MarkDialed), at(MarkTunnel)))
		}
	}
}
