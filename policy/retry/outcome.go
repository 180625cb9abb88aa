package retry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/retryafter"
)

// outcomeOf reads the result of the attempt.
func outcomeOf(resp *http.Response, err error, live *exchange.Live) outcome {
	if err == nil {
		o := outcome{status: resp.StatusCode, sent: exchange.SentYes, refused: live.Has(exchange.FactRefused), final: live.Has(exchange.FactFinal)}
		o.held = o.refused && live.Has(exchange.FactHeld)
		if _, ok := resp.Header["Retry-After"]; ok { // the clock has its price
			o.delay = retryafter.Delay(resp.Header, time.Now())
		}
		return o
	}
	o := outcome{sent: live.Record().Sent}
	var own *exchange.Error
	if errors.As(err, &own) {
		o.kind = own.Kind
		o.hopeless = own.Kind == exchange.ErrProxy && own.Status >= 400 && own.Status <= 499 || unknownName(err) || badCertificate(err)
		if o.local = heldBack(own.Kind, o.sent, live.Phase()); o.local {
			o.delay = own.RetryAfter
		}
		return o
	}
	o.kind = foreignKind(err)
	o.hopeless = unknownName(err)
	if o.sent == exchange.SentMaybe && live.Record().Resent == 0 && undialled(err) {
		o.sent = exchange.SentNo
	}
	return o
}

// heldBack reports whether a breaker, a limit or a bulkhead of this client kept
// the attempt from being sent.
func heldBack(kind *exchange.Kind, sent exchange.Sent, phase exchange.Phase) bool {
	switch kind {
	case exchange.ErrCircuitOpen, exchange.ErrWouldMissDeadline, exchange.ErrRateLimited:
		return sent == exchange.SentNo
	case exchange.ErrTotalTimeout: // it ended in one of their queues
		return sent == exchange.SentNo && phase == exchange.PhaseStart
	}
	return false
}

// unknownName reports whether the resolver said that there is no such name;
// every other failure of it can pass.
func unknownName(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// badCertificate reports whether either side refused the other's certificate.
func badCertificate(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		alert   tls.AlertError
		record  tls.RecordHeaderError
	)
	return errors.As(err, &verify) || errors.As(err, &invalid) || errors.As(err, &host) ||
		errors.As(err, &unknown) || errors.As(err, &alert) || errors.As(err, &record)
}

// undialled reports whether err proves that there was no connection to send
// anything on.
func undialled(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

// foreignKind returns the kind of an error that did not come from godwit's own
// transport; nil if it is not known to be one of the network's.
func foreignKind(err error) *exchange.Kind {
	var dns *net.DNSError
	var network net.Error
	var errno syscall.Errno
	switch {
	case badCertificate(err):
		return exchange.ErrTLS
	case errors.As(err, &dns):
		return exchange.ErrDNS
	case errors.As(err, &network) && network.Timeout():
		return exchange.ErrTimeout
	case errors.As(err, &network), errors.As(err, &errno),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return exchange.ErrConnect
	}
	return nil
}

// withReason gives the last error of a call the reason for stopping. An error
// of godwit keeps its kind; one that has none gets the kind it was judged by,
// and with it the history of the attempts.
func withReason(call *exchange.Call, req *http.Request, err error, kind *exchange.Kind, v verdict) error {
	if v.reason == "" {
		return err
	}
	var e *exchange.Error
	if own, ok := err.(*exchange.Error); ok {
		copied := *own // whoever made it may still hold it
		e = &copied
	} else {
		e = call.NewError(kind, "", req, err)
	}
	e.Err = &stopped{cause: e.Err, reason: v.reason, kind: v.kind}
	e.Attempts, e.RetryAfter = call.Attempts(), max(e.RetryAfter, call.RetryAfter())
	return e
}

// stopped adds to a cause why it was the last.
type stopped struct {
	cause  error // fit to be shown; may be nil
	reason string
	kind   *exchange.Kind // may be nil
}

func (s *stopped) Error() string {
	if s.cause == nil {
		return "not sent again: " + s.reason
	}
	return s.cause.Error() + " (not sent again: " + s.reason + ")"
}

// Unwrap returns the cause and the kind of the reason.
func (s *stopped) Unwrap() []error {
	var out []error
	if s.cause != nil {
		out = append(out, s.cause)
	}
	if s.kind != nil {
		out = append(out, s.kind)
	}
	return out
}
