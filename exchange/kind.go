package exchange

// Kind is a class of failure, told apart with [errors.Is]. Kinds form a
// two-level tree: ErrHeaderTimeout is also ErrTimeout.
type Kind struct {
	name   string
	parent *Kind
}

// Error returns the kind's name in lower case, such as "rate limited".
func (k *Kind) Error() string { return k.name }

// Is reports whether k is target or one of its descendants.
func (k *Kind) Is(target error) bool {
	t, ok := target.(*Kind)
	for ; ok && k != nil; k = k.parent {
		if k == t {
			return true
		}
	}
	return false
}

// The kinds of failure. The ones up to ErrProtocol come from the network, the
// ones from ErrUnauthenticated to ErrStatus from the answer's status, the
// others from godwit itself.
var (
	// ErrDNS: the name could not be resolved.
	ErrDNS = &Kind{name: "dns"}
	// ErrConnect: no connection, or it died before an answer.
	ErrConnect = &Kind{name: "connect"}
	// ErrTLS: the handshake or the certificate was refused, by either side.
	ErrTLS = &Kind{name: "tls"}
	// ErrProxy: the proxy refused or could not be reached.
	ErrProxy = &Kind{name: "proxy"}
	// ErrTruncated: the body ended before its announced end.
	ErrTruncated = &Kind{name: "truncated"}
	// ErrProtocol: the answer breaks HTTP.
	ErrProtocol = &Kind{name: "protocol"}

	// ErrTimeout is the parent of every timeout.
	ErrTimeout = &Kind{name: "timeout"}
	// ErrConnectTimeout: resolving the name and connecting took too long.
	ErrConnectTimeout = &Kind{name: "connect timeout", parent: ErrTimeout}
	// ErrTLSTimeout: the TLS handshake took too long.
	ErrTLSTimeout = &Kind{name: "tls timeout", parent: ErrTimeout}
	// ErrHeaderTimeout: the request was sent and no response header came.
	ErrHeaderTimeout = &Kind{name: "header timeout", parent: ErrTimeout}
	// ErrIdleTimeout: the body stopped flowing.
	ErrIdleTimeout = &Kind{name: "idle timeout", parent: ErrTimeout}
	// ErrAttemptTimeout: one attempt took too long.
	ErrAttemptTimeout = &Kind{name: "attempt timeout", parent: ErrTimeout}
	// ErrTotalTimeout: the whole call took too long.
	ErrTotalTimeout = &Kind{name: "total timeout", parent: ErrTimeout}

	// ErrUnauthenticated: 401, or no credential could be had.
	ErrUnauthenticated = &Kind{name: "unauthenticated"}
	// ErrForbidden: 403.
	ErrForbidden = &Kind{name: "forbidden"}
	// ErrNotFound: 404 or 410.
	ErrNotFound = &Kind{name: "not found"}
	// ErrConflict: 409 or 412.
	ErrConflict = &Kind{name: "conflict"}
	// ErrRateLimited: 429, or held back here by a limit.
	ErrRateLimited = &Kind{name: "rate limited"}
	// ErrServer: 5xx.
	ErrServer = &Kind{name: "server"}
	// ErrStatus: any other status that does not mean success.
	ErrStatus = &Kind{name: "status"}

	// ErrRequest: the request cannot be built; nothing was sent.
	ErrRequest = &Kind{name: "invalid request"}
	// ErrConfig: the configuration cannot be used; nothing was sent.
	ErrConfig = &Kind{name: "invalid configuration"}
	// ErrMiddleware: a middleware that the program supplied failed.
	ErrMiddleware = &Kind{name: "middleware"}
	// ErrTooManyRedirects: the redirect limit was reached, or the hops loop.
	ErrTooManyRedirects = &Kind{name: "too many redirects"}
	// ErrRedirect: a redirect that must not or cannot be followed.
	ErrRedirect = &Kind{name: "redirect refused"}
	// ErrBodyNotRewindable: the request body cannot be sent a second time.
	ErrBodyNotRewindable = &Kind{name: "body not rewindable"}
	// ErrBodyTooLarge: the response exceeds a size limit.
	ErrBodyTooLarge = &Kind{name: "body too large"}
	// ErrDecode: the response body is not what it should be.
	ErrDecode = &Kind{name: "decode"}
	// ErrValidation: the response breaks a declared constraint.
	ErrValidation = &Kind{name: "validation"}
	// ErrOriginNotAllowed: the target is not in the credential's origin set.
	ErrOriginNotAllowed = &Kind{name: "origin not allowed"}
	// ErrCircuitOpen: the breaker holds calls to this upstream back.
	ErrCircuitOpen = &Kind{name: "circuit open"}
	// ErrWouldMissDeadline: waiting would outlast the caller's deadline.
	ErrWouldMissDeadline = &Kind{name: "deadline would be missed"}
	// ErrRetryBudget: the local retry budget is spent; the cause is the answer.
	ErrRetryBudget = &Kind{name: "retry budget spent"}
	// ErrCanceled: the caller gave up; the cause is context.Cause.
	ErrCanceled = &Kind{name: "canceled"}
)

// Kinds lists every kind, for tables that must have a row for each.
func Kinds() []*Kind {
	return []*Kind{
		ErrDNS, ErrConnect, ErrTLS, ErrProxy, ErrTruncated, ErrProtocol,
		ErrTimeout, ErrConnectTimeout, ErrTLSTimeout, ErrHeaderTimeout, ErrIdleTimeout, ErrAttemptTimeout, ErrTotalTimeout,
		ErrUnauthenticated, ErrForbidden, ErrNotFound, ErrConflict, ErrRateLimited, ErrServer, ErrStatus,
		ErrRequest, ErrConfig, ErrMiddleware, ErrTooManyRedirects, ErrRedirect, ErrBodyNotRewindable, ErrBodyTooLarge, ErrDecode, ErrValidation,
		ErrOriginNotAllowed, ErrCircuitOpen, ErrWouldMissDeadline, ErrRetryBudget, ErrCanceled,
	}
}

// KindOfStatus maps a status that does not mean success to its kind.
func KindOfStatus(status int) *Kind {
	switch {
	case status == 401:
		return ErrUnauthenticated
	case status == 403:
		return ErrForbidden
	case status == 404 || status == 410:
		return ErrNotFound
	case status == 409 || status == 412:
		return ErrConflict
	case status == 429:
		return ErrRateLimited
	case status >= 500 && status <= 599:
		return ErrServer
	default:
		return ErrStatus
	}
}
