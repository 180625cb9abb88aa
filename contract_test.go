package godwit_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/logging"
	"github.com/godwit-go/godwit/policy/retry"
	"github.com/godwit-go/godwit/policy/timeout"
	"github.com/godwit-go/godwit/secret"
)

// contractOrigin is where the contract's requests go, without their path.
var contractOrigin = strings.Join(strings.SplitN(godwittest.ContractURL, "/", 4)[:3], "/")

// TestContract holds the whole chain to the RoundTripper contract.
func TestContract(t *testing.T) {
	godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
		return func(next http.RoundTripper) http.RoundTripper {
			client, err := godwit.New(godwit.Config{
				BaseURL: contractOrigin, Transport: next, Retry: retry.Config{Attempts: 1},
				Auth: auth.Bearer(secret.Value("token-1234")), Timeout: timeout.Config{},
				Logging: logging.Config{Logger: slog.New(slog.DiscardHandler)},
			})
			if err != nil {
				t.Fatal(err)
			}
			return client.Transport()
		}
	})
}

// TestSecretHeadersAreHidden: what the definition calls secret is shown nowhere,
// even if the field usually may be.
func TestSecretHeadersAreHidden(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "hush-hush")
		reply("text/plain", "x")(w, r)
	}, func(c *godwit.Config) { c.SecretHeaders = []string{"server"} })
	resp, err := client.Do(t.Context(), "GET", "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Close()
	if shown := resp.Record().Header["Server"]; strings.Contains(shown, "hush") {
		t.Errorf("the record shows a secret header: %s", shown)
	}
}
