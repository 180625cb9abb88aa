package breaker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/godwit-go/godwit/exchange"
)

const policy = "breaker"

type transport struct {
	*Breaker
	next http.RoundTripper
}

// RoundTrip lets the attempt pass or turns it away, and learns from its outcome.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	live := exchange.LiveFrom(req.Context())
	if live == nil {
		return t.alone(req)
	}
	entry := t.gates.Get(req.URL)
	defer entry.Release()
	v := visit{entry.Value, req, live}
	if err := v.admit(t); err != nil {
		exchange.CloseBody(req)
		return nil, err
	}
	o := neutral                      // a panic beneath says nothing
	defer func() { v.discharge(o) }() // on a panic too: a probe must not be waited for
	resp, err := t.next.RoundTrip(req)
	o = outcomeOf(req, live, resp, err)
	return resp, err
}

// Readmit implements [exchange.Gate]: the attempt begins anew at the gate.
func (t *transport) Readmit(req *http.Request) error {
	entry := t.gates.Get(req.URL)
	defer entry.Release()
	v := visit{entry.Value, req, exchange.LiveFrom(req.Context())}
	v.discharge(neutral)
	return v.admit(t)
}

// admit lets the attempt in, or says why it may not.
func (v visit) admit(t *transport) error {
	tick, ok := v.quick()
	if !ok {
		var err error
		if tick, err = v.enter(); err != nil {
			return err
		}
	}
	admission := tick.Period<<2 | 1
	if tick.Probe {
		admission |= 2
	}
	v.live.Admit(t, admission)
	return nil
}

// discharge settles what admit has let in, once.
func (v visit) discharge(o outcome) {
	admission := v.live.Admission()
	if admission&1 == 0 {
		return
	}
	v.live.Admit(nil, 0)
	v.settle(ticket{Period: admission >> 2, Probe: admission&2 != 0}, o)
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

// outcomeOf judges what came back.
func outcomeOf(req *http.Request, live *exchange.Live, resp *http.Response, err error) outcome {
	switch {
	case err != nil:
		return outcomeOfError(req.Context(), live, err)
	case resp == nil: // against the contract
		return neutral
	case resp.StatusCode == http.StatusTooManyRequests || live.Has(exchange.FactRefused):
		return neutral
	case resp.StatusCode >= 500 && resp.StatusCode <= 599:
		return failure
	}
	return success
}

// outcomeOfError tells failures of the upstream from what this client or its
// caller did.
func outcomeOfError(ctx context.Context, live *exchange.Live, err error) outcome {
	var own *exchange.Error
	switch {
	case errors.As(err, &own):
		return outcomeOfKind(own, live)
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), exchange.ErrTimeout),
		errors.Is(ctx.Err(), context.DeadlineExceeded):
		return failedIf(live.Phase() > exchange.PhaseStart)
	case ctx.Err() != nil:
		return neutral
	}
	return failedIf(broken(err))
}

func outcomeOfKind(e *exchange.Error, live *exchange.Live) outcome {
	switch e.Kind {
	case exchange.ErrDNS, exchange.ErrConnect, exchange.ErrTLS, exchange.ErrTruncated, exchange.ErrProtocol,
		exchange.ErrTimeout, exchange.ErrConnectTimeout, exchange.ErrTLSTimeout,
		exchange.ErrHeaderTimeout, exchange.ErrIdleTimeout, exchange.ErrAttemptTimeout:
		return failure
	case exchange.ErrProxy: // a proxy that wants something of this client is no outage
		return failedIf(e.Status < 400 || e.Status > 499)
	case exchange.ErrTotalTimeout: // it may have been spent in a queue of this client
		return failedIf(live.Phase() > exchange.PhaseStart)
	}
	return neutral
}

func failedIf(failed bool) outcome {
	if failed {
		return failure
	}
	return neutral
}

// broken reports whether an error that did not come from godwit's own transport
// is one of the network's.
func broken(err error) bool {
	var (
		network net.Error
		errno   syscall.Errno
		verify  *tls.CertificateVerificationError
		alert   tls.AlertError
		record  tls.RecordHeaderError
	)
	return errors.As(err, &network) || errors.As(err, &errno) ||
		errors.As(err, &verify) || errors.As(err, &alert) || errors.As(err, &record) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
