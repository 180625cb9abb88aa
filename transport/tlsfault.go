package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

// tlsFault returns the fault for an error of TLS; nil if err is none.
func tlsFault(err error) *fault {
	if !tlsFailure(err) {
		return nil
	}
	return &fault{kind: exchange.ErrTLS, hint: tlsHint(err), err: err}
}

// tlsFailure reports whether TLS itself failed, and not the network under it.
func tlsFailure(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.ECHRejectionError](err); ok {
		return true
	}
	if certificateHint(err) != "" {
		return true
	}
	_, ok := alertOf(err)
	return ok
}

// alertOf returns the error that TLS got from the other side ("remote error")
// or told it ("local error").
func alertOf(err error) (op *net.OpError, ok bool) {
	op, ok = errors.AsType[*net.OpError](err)
	return op, ok && (op.Op == "remote error" || op.Op == "local error")
}

// tlsHint says what a person can do about a TLS failure.
func tlsHint(err error) string {
	if hint := certificateHint(err); hint != "" {
		return hint
	}
	if h, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(h.RecordHeader[:]) == "HTTP/" {
			return "the server speaks plain HTTP on this port: use http:// or another port"
		}
		return "the server does not speak TLS on this port"
	}
	if op, ok := alertOf(err); ok && op.Op == "remote error" {
		return alertHint(op.Err.Error())
	}
	return "the server and this client found no common TLS version, cipher or certificate"
}

// alertHint goes by the text, because the alert's type is not exported.
func alertHint(alert string) string {
	for _, word := range []string{"certificate", "unknown CA", "access denied"} {
		if strings.Contains(alert, word) {
			return "the server refused the client certificate, or wants one: see tls.cert and tls.key"
		}
	}
	return "the server refused the handshake: it may want a client certificate (tls.cert), not know the host, or want another TLS version"
}

const weakSignature = "the certificate is signed with SHA-1 or another algorithm that is not safe any more: the server's owner must replace it"

// certificateHint is the remedy for a certificate that was not accepted; empty
// if err is not about one.
func certificateHint(err error) string {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return invalidHint(e)
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is for another host: check base_url, or set tls.server_name if that is meant"
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		if strings.Contains(e.Error(), "insecure algorithm") { // all that it tells of why no issuer would do
			return weakSignature
		}
		if e.Cert != nil && string(e.Cert.RawIssuer) == string(e.Cert.RawSubject) {
			return "the certificate is self-signed: if it is the right one, name it in tls.ca"
		}
		return "the certificate's issuer is not trusted: if it should be, name its certificate in tls.ca"
	}
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return "the system has no trusted certificates: install them, or set tls.ca"
	}
	if _, ok := errors.AsType[x509.InsecureAlgorithmError](err); ok {
		return weakSignature
	}
	if _, ok := errors.AsType[x509.ConstraintViolationError](err); ok {
		return "the certificate breaks a constraint of its issuer"
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return "the certificate has a critical extension that is not understood"
	}
	return ""
}

// invalidHint tells an expired certificate from one that is not valid yet:
// both have the reason Expired.
func invalidHint(e x509.CertificateInvalidError) string {
	switch {
	case e.Reason != x509.Expired:
		return "the server's certificate is not valid for this use"
	case e.Cert != nil && e.Cert.NotBefore.After(time.Now()):
		return "the certificate is not valid yet: check the clock of this machine"
	}
	return "the certificate has expired: the server's owner must renew it; check the clock of this machine too"
}
