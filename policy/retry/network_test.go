package retry

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
)

// quick makes the waits of a test over real sockets end at once.
var quick = Config{Base: 1, Cap: 1}

// counting starts a server on the loopback that counts its connections.
func counting(t *testing.T, start func(*httptest.Server), handler http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	var conns atomic.Int32
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	start(server)
	t.Cleanup(server.Close)
	return server, &conns
}

func to(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestFC8_TLSIsNeverRetried is behaviour 8: an unknown authority is dialled
// once, plain HTTP behind https too.
func TestFC8_TLSIsNeverRetried(t *testing.T) {
	t.Parallel()
	nothing := func(http.ResponseWriter, *http.Request) {}
	secure, conns := counting(t, (*httptest.Server).StartTLS, nothing)
	plain, plainConns := counting(t, (*httptest.Server).Start, nothing)
	tr := &http.Transport{} // does not know the server's authority
	defer tr.CloseIdleConnections()
	_, err := wrap(t, quick, tr).RoundTrip(to(t, "GET", secure.URL))
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) || conns.Load() != 1 {
		t.Errorf("error %v after %d connections", err, conns.Load())
	}
	_, err = wrap(t, quick, tr).RoundTrip(to(t, "GET", strings.Replace(plain.URL, "http:", "https:", 1)))
	if err == nil || plainConns.Load() != 1 {
		t.Errorf("error %v after %d connections", err, plainConns.Load())
	}
}

// The same for what cannot be sent at all.
func TestBadRequestsAreNeverRetried(t *testing.T) {
	t.Parallel()
	tr := &http.Transport{}
	ftp := to(t, "GET", "ftp://api.example/")
	header := to(t, "GET", "http://api.example/")
	header.Header.Set("X-Bad", "a\r\nb")
	for name, req := range map[string]*http.Request{"scheme": ftp, "header": header} {
		ctx, call, _ := observed(req.Context())
		if _, err := wrap(t, quick, tr).RoundTrip(req.WithContext(ctx)); err == nil || call.AttemptCount() != 1 {
			t.Errorf("%s: error %v after %d attempts", name, err, call.AttemptCount())
		}
	}
}

// closedAddr is an address that nobody listens at. A port that was just given
// back would not do: another test may get it.
const closedAddr = "127.0.0.1:1"

// TestFC1_RefusedOverRealSockets: nothing listens, so even a POST is sent
// again.
func TestFC1_RefusedOverRealSockets(t *testing.T) {
	t.Parallel()
	_, err := wrap(t, quick, &http.Transport{}).RoundTrip(to(t, "POST", "http://"+closedAddr))
	var e *exchange.Error
	if !errors.As(err, &e) || !errors.Is(err, exchange.ErrConnect) || len(e.Attempts) != 3 {
		t.Errorf("error %v", err)
	}
}

// Over the real net/http, hours of asking for patience take no time.
func TestRetriesOverNetHTTP(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		server := godwittest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if n.Add(1) < 4 {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			_, _ = fmt.Fprintf(w, "got %q", body) // a client that went away fails the test by itself
		}))
		start := time.Now()
		config := Config{Attempts: 4, MaxRetryAfter: time.Hour}
		resp, err := wrap(t, config, server.Transport()).RoundTrip(request(t, t.Context(), "POST", "the body"))
		wantAnswer(t, resp, err, 200, `got "the body"`)
		if took := time.Since(start); took < 3*time.Hour || took > 3*time.Hour+time.Minute {
			t.Errorf("took %v", took)
		}
		if server.Dials() != 1 {
			t.Errorf("%d connections", server.Dials())
		}
	})
}
