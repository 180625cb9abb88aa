package exchange_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

var errReason = errors.New("the user closed the window")

// An ended context answers for its own error and for the cause it was given.
func TestFC16_ContextError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		canceled, cancel := context.WithCancelCause(t.Context())
		cancel(errReason)
		plain, stop := context.WithCancel(t.Context())
		stop()
		late, stopLate := context.WithTimeoutCause(t.Context(), time.Second, errReason)
		defer stopLate()
		<-late.Done()
		for _, tc := range []struct {
			name string
			ctx  context.Context
			kind *exchange.Kind
			is   []error
			text string
		}{
			{"cancelled", plain, exchange.ErrCanceled, []error{context.Canceled}, "retry: canceled: context canceled"},
			{"cancelled with a cause", canceled, exchange.ErrCanceled, []error{context.Canceled, errReason}, "retry: canceled: the user closed the window"},
			{"deadline with a cause", late, exchange.ErrTotalTimeout, []error{context.DeadlineExceeded, errReason}, "retry: total timeout: the user closed the window"},
		} {
			ctx, call := exchange.WithCall(tc.ctx)
			err := call.ContextError(ctx, "retry", nil)
			for _, is := range append(tc.is, tc.kind) {
				if !errors.Is(err, is) {
					t.Errorf("%s: %v is not %v", tc.name, err, is)
				}
			}
			if err.Error() != tc.text {
				t.Errorf("%s: text %q, want %q", tc.name, err, tc.text)
			}
		}
	})
}

// A call inside an attempt of another call, such as one for a token, is not
// part of that attempt.
func TestCallInsideAnAttempt(t *testing.T) {
	t.Parallel()
	ctx, outer := exchange.WithCall(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	inner := exchange.RoundTripFunc(func(req *http.Request) (*http.Response, error) {
		if live := exchange.LiveFrom(req.Context()); live == nil || live.Call() != outer || outer.LastAttempt() != live {
			t.Error("the attempt is not found inside itself")
		}
		ctx, call := exchange.WithCall(req.Context())
		if exchange.LiveFrom(ctx) != nil || exchange.CallFrom(ctx) != call {
			t.Error("the new call is inside the attempt of the other")
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})
	if outer.LastAttempt() != nil {
		t.Error("there is an attempt before the first")
	}
	if _, err := exchange.Send(inner, req, outer, 0); err != nil {
		t.Fatal(err)
	}
}

func TestRetryAfterOfTheCall(t *testing.T) {
	t.Parallel()
	_, call := exchange.WithCall(t.Context())
	if call.RetryAfter() != 0 || call.StopReason() != "" {
		t.Errorf("a new call tells %v and %q", call.RetryAfter(), call.StopReason())
	}
	call.SetRetryAfter(time.Minute)
	call.SetStop("3 attempts were made", exchange.ErrRetryBudget)
	if e := call.NewError(exchange.ErrServer, "", nil, nil); e.RetryAfter != time.Minute || call.StopReason() != "3 attempts were made" {
		t.Errorf("the error tells %v, the call %q", e.RetryAfter, call.StopReason())
	}
}
