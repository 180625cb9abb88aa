package exchange_test

import (
	"net/http"
	"testing"

	"github.com/godwit-go/godwit/exchange"
)

func TestLM2_Coding(t *testing.T) {
	t.Parallel()
	for want, fields := range map[string][]string{
		"":             nil,
		"gzip":         {"gzip"},
		"a, b":         {"a,", " b , identity"},
		"X-Compressed": {"Identity", "X-Compressed"},
	} {
		if got := exchange.Coding(http.Header{"Content-Encoding": fields}); got != want {
			t.Errorf("%q: %q, want %q", fields, got, want)
		}
	}
	if got := exchange.Coding(http.Header{"Content-Encoding": {" identity ,"}}); got != "" {
		t.Errorf("identity alone: %q", got)
	}
}
