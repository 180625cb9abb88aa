package redirect_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/redirect"
	"github.com/godwit-go/godwit/transport"
)

// TestGW7_RedirectToAPrivateAddress: a server may not send us to loopback under
// a name that the definition does not hold.
func TestGW7_RedirectToAPrivateAddress(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer inside.Close()
	target := strings.Replace(inside.URL, "127.0.0.1", "localhost", 1)
	outside := httptest.NewServer(http.RedirectHandler(target, http.StatusFound))
	defer outside.Close()

	for _, named := range []bool{false, true} {
		var hosts []string
		if named {
			hosts = []string{"localhost"}
		}
		inner, err := transport.New(transport.Config{PrivateHosts: hosts, Proxy: transport.Proxy{URL: "none"}})
		if err != nil {
			t.Fatal(err)
		}
		rt := around(t, redirect.Config{PrivateHosts: hosts}, inner)
		req, _ := newRequest(t, http.MethodGet, outside.URL, "")
		resp, err := rt.RoundTrip(req)
		if named != (err == nil) {
			t.Fatalf("named %v: %v", named, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		} else if e := (*exchange.Error)(nil); !errors.As(err, &e) {
			t.Errorf("%T is no *exchange.Error: %v", err, err)
		}
		if got := hits.Load() > 0; got != named {
			t.Errorf("named %v: reached %v", named, got)
		}
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
	}
}
