package cli

import (
	"errors"
	"fmt"
	"testing"

	"github.com/godwit-go/godwit/cmd/internal/cli/item"
	"github.com/godwit-go/godwit/cmd/internal/cli/target"
	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/exchange"
)

func TestCL2_EveryKindHasACode(t *testing.T) {
	t.Parallel()
	for _, kind := range exchange.Kinds() {
		if _, ok := codes[kind]; !ok {
			t.Errorf("%v has no row", kind)
		}
		for _, sent := range []exchange.Sent{exchange.SentNo, exchange.SentMaybe, exchange.SentYes} {
			if code := codeOf(&exchange.Error{Kind: kind, Sent: sent}); code == exitOK {
				t.Errorf("%v, sent %v: code 0", kind, sent)
			}
		}
	}
	if len(codes) != len(exchange.Kinds()) {
		t.Errorf("%d rows for %d kinds", len(codes), len(exchange.Kinds()))
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	attempt := func(status int, sent exchange.Sent, err error) []exchange.Attempt {
		return []exchange.Attempt{{Status: status, Sent: sent, Err: err}}
	}
	timeout := &exchange.Error{Kind: exchange.ErrHeaderTimeout}
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"usage":                 {usagef("x"), 2},
		"item":                  {&item.Error{}, 2},
		"target":                {&target.Error{}, 2},
		"definition":            {definition.Errors{{Msg: "x"}}, 16},
		"wrapped":               {fmt.Errorf("x: %w", &exchange.Error{Kind: exchange.ErrTLS}), 9},
		"other":                 {errors.New("x"), 1},
		"dns":                   {&exchange.Error{Kind: exchange.ErrDNS}, 7},
		"proxy":                 {&exchange.Error{Kind: exchange.ErrProxy}, 7},
		"idle":                  {&exchange.Error{Kind: exchange.ErrIdleTimeout, Sent: exchange.SentYes}, 8},
		"no credential":         {&exchange.Error{Kind: exchange.ErrUnauthenticated}, 10},
		"401":                   {&exchange.Error{Kind: exchange.ErrUnauthenticated, Sent: exchange.SentYes, Status: 401}, 4},
		"foreign origin":        {&exchange.Error{Kind: exchange.ErrOriginNotAllowed}, 10},
		"foreign origin, later": {&exchange.Error{Kind: exchange.ErrOriginNotAllowed, Attempts: attempt(302, exchange.SentYes, nil)}, 3},
		"limited here":          {&exchange.Error{Kind: exchange.ErrRateLimited}, 11},
		"limited there":         {&exchange.Error{Kind: exchange.ErrRateLimited, Sent: exchange.SentYes, Status: 429}, 12},
		"deadline, unsent":      {&exchange.Error{Kind: exchange.ErrWouldMissDeadline}, 11},
		"deadline after 503":    {&exchange.Error{Kind: exchange.ErrWouldMissDeadline, Sent: exchange.SentYes, Attempts: attempt(503, exchange.SentYes, nil)}, 5},
		"breaker after 429":     {&exchange.Error{Kind: exchange.ErrCircuitOpen, Attempts: attempt(429, exchange.SentYes, nil)}, 12},
		"budget after timeout":  {&exchange.Error{Kind: exchange.ErrRetryBudget, Sent: exchange.SentMaybe, Attempts: attempt(0, exchange.SentMaybe, timeout)}, 8},
		"budget, unknown":       {&exchange.Error{Kind: exchange.ErrRetryBudget, Sent: exchange.SentMaybe, Attempts: attempt(0, exchange.SentMaybe, errors.New("x"))}, 1},
		"status 304":            {&exchange.Error{Kind: exchange.ErrStatus, Sent: exchange.SentYes, Status: 304}, 3},
		"status 418":            {&exchange.Error{Kind: exchange.ErrStatus, Sent: exchange.SentYes, Status: 418}, 4},
		"status 600":            {&exchange.Error{Kind: exchange.ErrStatus, Sent: exchange.SentYes, Status: 600}, 1},
		"not rewindable, 503":   {&exchange.Error{Kind: exchange.ErrBodyNotRewindable, Sent: exchange.SentYes, Status: 503}, 5},
	} {
		if got := codeOf(test.err); got != test.want {
			t.Errorf("%s: code %d, want %d", name, got, test.want)
		}
	}
}
