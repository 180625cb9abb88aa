// Package godwit calls other people's HTTP APIs dependably: nothing is sent
// that will be refused, nothing is sent twice that must not be, and no secret
// leaves its origin.
//
// # Make a client
//
// [New] takes a [Config], whose zero value is dependable: timeouts for every
// phase, three attempts for calls that may be repeated, size limits, redirects
// that leave credentials behind. A definition file (godwit.yaml) holds the same
// fields; see package definition. Clients are safe for concurrent use and
// immutable; [Client.With] derives a changed one.
//
// # Call
//
// [Get], [Post], [Put], [Patch], [Delete], [Head] and [Do] send one request and
// return a value of the type asked for, or an error; never an empty value with
// a nil error. [Call] does the same for an operation that the definition names.
// [Client.Do] returns the [Response] with its body still open, for everything
// that is not one value.
//
// Options say what goes into a call: [Path], [Query], [Header], a body such as
// [JSON], [Form] or [Multipart], and what is special about it, such as
// [Idempotent], [Timeout] or [Class].
//
// # Use it under another client
//
// [Client.Transport] is the same chain as an [http.RoundTripper]: put it into
// the *http.Client that an SDK accepts. [CallContext] carries per call options
// to it.
//
// # Handle failure
//
// Every failure is an [*Error] of one [Kind]. Tell kinds apart with errors.Is:
//
//	switch {
//	case errors.Is(err, godwit.ErrRateLimited):
//	case errors.Is(err, godwit.ErrTimeout):
//	}
//
// The error names method, redacted URL, status, request id and attempts, and
// what a person can do (Hint); it holds no secret, and no query value or path
// parameter but where the server repeats one.
//
// # Extend
//
// A [Middleware] is a plain func(http.RoundTripper) http.RoundTripper. Config
// takes some around the call and some around each attempt, and an [Observer]
// for everything that happens.
//
// # Limits
//
// Exactly-once is not promised: a request whose answer was lost is repeated only
// if it is idempotent by its method, by [Idempotent] or by [IdempotencyKey]. A
// body from a reader that can be read once has one attempt. Typed calls and
// [Response.Bytes] hold a body of at most 32 MiB in memory, which [MaxBody]
// changes; [Response.Body] streams without bound. An [Error] keeps 64 KiB of the
// answer's body and shows 512 bytes of it: what the server wrote, without the
// secrets that are known, so a server that repeats a query value shows it there.
// Default headers and parameters go to the client's own origins alone; what the
// program itself puts into a call for another origin goes there.
package godwit

import (
	"net/http"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/decode"
)

// Names of package exchange that users of the client need.
type (
	// Error is the one error type; see [exchange.Error].
	Error = exchange.Error
	// Kind is a class of failure; see [exchange.Kind].
	Kind = exchange.Kind
	// Problem holds RFC 9457 problem details; see [exchange.Problem].
	Problem = exchange.Problem
	// Attempt is the record of one send; see [exchange.Attempt].
	Attempt = exchange.Attempt
	// Timings says where the time of an attempt went; see [exchange.Timings].
	Timings = exchange.Timings
	// Redirect is one hop of a redirect history; see [exchange.Redirect].
	Redirect = exchange.Redirect
	// Sent says whether a request can have reached the server; see
	// [exchange.Sent].
	Sent = exchange.Sent
	// Middleware wraps a RoundTripper; see [exchange.Middleware].
	Middleware = exchange.Middleware
	// Observer receives events; see [exchange.Observer].
	Observer = exchange.Observer
	// Event is one thing that happened to a call; see [exchange.Event].
	Event = exchange.Event
	// Size is a number of bytes; see [decode.Size].
	Size = decode.Size
)

// The values of Sent; see package exchange.
const (
	SentNo    = exchange.SentNo
	SentMaybe = exchange.SentMaybe
	SentYes   = exchange.SentYes
)

// The classes of calls; see package exchange.
const (
	ClassNormal      = exchange.ClassNormal
	ClassInteractive = exchange.ClassInteractive
	ClassBatch       = exchange.ClassBatch
)

// The kinds of failure; see package exchange for what each means.
var (
	ErrDNS               = exchange.ErrDNS
	ErrConnect           = exchange.ErrConnect
	ErrTLS               = exchange.ErrTLS
	ErrProxy             = exchange.ErrProxy
	ErrTruncated         = exchange.ErrTruncated
	ErrProtocol          = exchange.ErrProtocol
	ErrTimeout           = exchange.ErrTimeout
	ErrConnectTimeout    = exchange.ErrConnectTimeout
	ErrTLSTimeout        = exchange.ErrTLSTimeout
	ErrHeaderTimeout     = exchange.ErrHeaderTimeout
	ErrIdleTimeout       = exchange.ErrIdleTimeout
	ErrAttemptTimeout    = exchange.ErrAttemptTimeout
	ErrTotalTimeout      = exchange.ErrTotalTimeout
	ErrUnauthenticated   = exchange.ErrUnauthenticated
	ErrForbidden         = exchange.ErrForbidden
	ErrNotFound          = exchange.ErrNotFound
	ErrConflict          = exchange.ErrConflict
	ErrRateLimited       = exchange.ErrRateLimited
	ErrServer            = exchange.ErrServer
	ErrStatus            = exchange.ErrStatus
	ErrRequest           = exchange.ErrRequest
	ErrConfig            = exchange.ErrConfig
	ErrMiddleware        = exchange.ErrMiddleware
	ErrTooManyRedirects  = exchange.ErrTooManyRedirects
	ErrRedirect          = exchange.ErrRedirect
	ErrBodyNotRewindable = exchange.ErrBodyNotRewindable
	ErrBodyTooLarge      = exchange.ErrBodyTooLarge
	ErrDecode            = exchange.ErrDecode
	ErrValidation        = exchange.ErrValidation
	ErrOriginNotAllowed  = exchange.ErrOriginNotAllowed
	ErrCircuitOpen       = exchange.ErrCircuitOpen
	ErrWouldMissDeadline = exchange.ErrWouldMissDeadline
	ErrRetryBudget       = exchange.ErrRetryBudget
	ErrCanceled          = exchange.ErrCanceled
)

// Chain puts middlewares around rt, the first outermost; see [exchange.Chain].
func Chain(rt http.RoundTripper, outermostFirst ...Middleware) http.RoundTripper {
	return exchange.Chain(rt, outermostFirst...)
}
