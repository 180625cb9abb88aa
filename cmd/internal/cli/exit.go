package cli

import (
	"errors"

	"github.com/godwit-go/godwit/exchange"
)

// The exit codes. 3 to 6 agree with HTTPie, xh and restish. After 10 and 11
// nothing was sent.
const (
	exitOK           = 0
	exitFailure      = 1
	exitUsage        = 2
	exitRedirect     = 3 // final 3xx that was not followed
	exitClientError  = 4 // final 4xx
	exitServerError  = 5 // final 5xx
	exitTooManyHops  = 6
	exitNetwork      = 7
	exitTimeout      = 8
	exitTLS          = 9
	exitNoCredential = 10 // none, or not for this origin
	exitHeldBack     = 11 // held back here before anything was sent
	exitRateLimited  = 12 // still 429 at the end
	exitBadAnswer    = 13
	exitDefinition   = 16 // bad, or not trusted
	exitInterrupted  = 130
	exitPipe         = 141
	exitTerminated   = 143
)

// row says which code a kind of error has: local if nothing was sent, remote
// otherwise. 0 in remote leaves it to the outcome of the last attempt.
type row struct{ local, remote int }

// codes is the one table from kinds to exit codes. Every kind has a row.
var codes = map[*exchange.Kind]row{
	exchange.ErrDNS:               {exitNetwork, exitNetwork},
	exchange.ErrConnect:           {exitNetwork, exitNetwork},
	exchange.ErrProxy:             {exitNetwork, exitNetwork},
	exchange.ErrTLS:               {exitTLS, exitTLS},
	exchange.ErrTruncated:         {exitBadAnswer, exitBadAnswer},
	exchange.ErrProtocol:          {exitBadAnswer, exitBadAnswer},
	exchange.ErrTimeout:           {exitTimeout, exitTimeout},
	exchange.ErrConnectTimeout:    {exitTimeout, exitTimeout},
	exchange.ErrTLSTimeout:        {exitTimeout, exitTimeout},
	exchange.ErrHeaderTimeout:     {exitTimeout, exitTimeout},
	exchange.ErrIdleTimeout:       {exitTimeout, exitTimeout},
	exchange.ErrAttemptTimeout:    {exitTimeout, exitTimeout},
	exchange.ErrTotalTimeout:      {exitTimeout, exitTimeout},
	exchange.ErrUnauthenticated:   {exitNoCredential, exitClientError},
	exchange.ErrForbidden:         {exitClientError, exitClientError},
	exchange.ErrNotFound:          {exitClientError, exitClientError},
	exchange.ErrConflict:          {exitClientError, exitClientError},
	exchange.ErrRateLimited:       {exitHeldBack, exitRateLimited},
	exchange.ErrServer:            {exitServerError, exitServerError},
	exchange.ErrStatus:            {exitFailure, 0},
	exchange.ErrRequest:           {exitUsage, exitUsage},
	exchange.ErrConfig:            {exitDefinition, exitDefinition},
	exchange.ErrMiddleware:        {exitFailure, exitFailure},
	exchange.ErrTooManyRedirects:  {exitTooManyHops, exitTooManyHops},
	exchange.ErrRedirect:          {exitRedirect, exitRedirect},
	exchange.ErrBodyNotRewindable: {exitFailure, 0},
	exchange.ErrBodyTooLarge:      {exitBadAnswer, exitBadAnswer},
	exchange.ErrDecode:            {exitBadAnswer, exitBadAnswer},
	exchange.ErrValidation:        {exitBadAnswer, exitBadAnswer},
	exchange.ErrOriginNotAllowed:  {exitNoCredential, 0},
	exchange.ErrCircuitOpen:       {exitHeldBack, 0},
	exchange.ErrWouldMissDeadline: {exitHeldBack, 0},
	exchange.ErrRetryBudget:       {exitHeldBack, 0},
	exchange.ErrCanceled:          {exitFailure, exitFailure},
}

// codeOf returns the exit code of err.
func codeOf(err error) int {
	var own *failure
	if errors.As(err, &own) {
		return own.code
	}
	var e *exchange.Error
	if errors.As(err, &e) {
		return codeOfError(e)
	}
	if errors.Is(err, exchange.ErrConfig) { // such as definition.Errors
		return exitDefinition
	}
	if isUsage(err) {
		return exitUsage
	}
	return exitFailure
}

func codeOfError(e *exchange.Error) int {
	r, ok := codes[e.Kind]
	switch {
	case !ok:
		return exitFailure
	case e.Sent == exchange.SentNo && !anySent(e):
		return r.local
	case r.remote != 0:
		return r.remote
	}
	return codeOfOutcome(e)
}

// anySent reports whether an attempt went out, or may have.
func anySent(e *exchange.Error) bool {
	for _, a := range e.Attempts {
		if a.Sent != exchange.SentNo {
			return true
		}
	}
	return false
}

// codeOfOutcome is the code of the last attempt that went out.
func codeOfOutcome(e *exchange.Error) int {
	if e.Status != 0 {
		return codeOfStatus(e.Status)
	}
	for i := len(e.Attempts) - 1; i >= 0; i-- {
		a := e.Attempts[i]
		switch {
		case a.Sent == exchange.SentNo:
			continue
		case a.Status != 0:
			return codeOfStatus(a.Status)
		case a.Err != nil:
			return codeOfCause(a.Err)
		}
	}
	return exitFailure
}

// codeOfCause is the code of the error that an attempt ended with.
func codeOfCause(err error) int {
	for _, k := range exchange.Kinds() {
		if r := codes[k]; errors.Is(err, k) && r.remote != 0 {
			return r.remote
		}
	}
	return exitFailure
}

// codeOfStatus is the code of a final status that is no success.
func codeOfStatus(status int) int {
	switch {
	case status == 429:
		return exitRateLimited
	case status >= 300 && status <= 399:
		return exitRedirect
	case status >= 400 && status <= 499:
		return exitClientError
	case status >= 500 && status <= 599:
		return exitServerError
	}
	return exitFailure
}
