package exchange_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redact"
)

func TestLG1_AnswerRedactor(t *testing.T) {
	t.Parallel()
	_, call := exchange.WithCall(context.Background())
	call.Redactor = new(redact.Redactor)
	call.AddSecret("session-1")
	sent := http.Header{"Authorization": {"Bearer token-1"}}
	if got := call.AnswerRedactor(sent).Text("session-1 token-1 other"); got != "*** *** other" {
		t.Errorf("%q", got)
	}
	if got := call.Redactor.Text("session-1 token-1"); got != "session-1 token-1" {
		t.Errorf("the client has learnt what belongs to one call: %q", got)
	}
	if got := (*exchange.Call)(nil).AnswerRedactor(sent).Text("token-1"); got != "***" {
		t.Errorf("without a call: %q", got)
	}
}
