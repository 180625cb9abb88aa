package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
)

func TestEveryKindHasARow(t *testing.T) {
	t.Parallel()
	kinds := exchange.Kinds()
	for _, kind := range kinds {
		s, ok := kindSituations[kind]
		if !ok {
			t.Errorf("%v has no row", kind)
			continue
		}
		if s.status < 400 || s.status > 599 || s.text == "" {
			t.Errorf("%v: status %d, text %q", kind, s.status, s.text)
		}
		if s.kind != "" || situationOf(kind).kind != kind.Error() {
			t.Errorf("%v: its name must come from the kind itself", kind)
		}
		if kind.Is(exchange.ErrTimeout) && s.status != http.StatusGatewayTimeout {
			t.Errorf("%v: status %d, want 504", kind, s.status)
		}
	}
	if len(kindSituations) != len(kinds) {
		t.Errorf("%d rows for %d kinds", len(kindSituations), len(kinds))
	}
	if got := situationOf(nil); got.status != 500 {
		t.Errorf("an error without kind: status %d, want 500", got.status)
	}
}

func TestRefusalsTellWhatIsKnown(t *testing.T) {
	t.Parallel()
	r := refuse(&exchange.Error{
		Kind: exchange.ErrRateLimited, Policy: "limit", RetryAfter: 1500 * time.Millisecond, Sent: exchange.SentNo,
		Attempts: make([]exchange.Attempt, 2), Err: errors.New("7 ahead"),
	})
	var got map[string]any
	if err := json.Unmarshal(r.body("id-1", "Too Many Requests"), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"type": "about:blank", "title": "Too Many Requests", "status": 429.0, "kind": "rate limited", "policy": "limit",
		"request_id": "id-1", "attempts": 2.0, "sent": "no", "detail": "the rate limit is reached: 7 ahead",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	header := http.Header{}
	for _, f := range r.fields() {
		header.Set(f.name, f.value)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/problem+json", "Retry-After": "2", "Retry-After-Ms": "1500",
		"Proxy-Status": `godwit;error=http_request_denied;details="rate limited"`, "Cache-Control": "no-store",
	} {
		if header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, header.Get(name), want)
		}
	}
}

func TestConnectErrorsSayHowFarTheyCame(t *testing.T) {
	t.Parallel()
	for sent, want := range map[exchange.Sent]string{exchange.SentNo: "destination_unavailable", exchange.SentMaybe: "connection_terminated"} {
		r := refuse(&exchange.Error{Kind: exchange.ErrConnect, Sent: sent, Err: syscall.ECONNRESET})
		if r.status != 502 || r.proxyError != want {
			t.Errorf("sent %v: %d %s, want 502 %s", sent, r.status, r.proxyError, want)
		}
	}
	if r := refuse(errors.New("foreign: secret")); r.status != 500 || strings.Contains(r.shownDetail(), "secret") {
		t.Errorf("a foreign error: %d %q", r.status, r.shownDetail())
	}
}

func TestProxyStatusIsAStructuredField(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"", "", `godwit`},
		{"dns_error", "", `godwit;error=dns_error`},
		{"dns_error", "a \"b\" \\ c\r\nd\x7fä", `godwit;error=dns_error;details="a \"b\" \\ c??d??"`},
	} {
		if got := proxyStatus(c[0], c[1]); got != c[2] {
			t.Errorf("got %s, want %s", got, c[2])
		}
	}
}
