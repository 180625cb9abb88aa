package auth_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-go/godwit/godwittest"
)

// The origins of the world, as host:port of their URLs.
const (
	home      = "api.example.com:443"
	otherPort = "api.example.com:8443"
	subDomain = "x.api.example.com:443"
	otherHost = "other.example:443"
	plainHome = "api.example.com:80"
)

// world is a handful of servers on loopback that stand for the origins above.
// Everything that reaches one of them is recorded for the canary, but for the
// first requests to home: they must have the secret.
type world struct {
	t      *testing.T
	canary *godwittest.Canary
	hops   map[string]func(r *http.Request) string // host:port and path to Location

	mu    sync.Mutex
	addrs map[string]string // host:port to listener
	first strings.Builder   // requests that home must answer with the secret
	seen  []string          // host:port and path of each request
}

func newWorld(t *testing.T, canary *godwittest.Canary, authority *godwittest.Authority, cert tls.Certificate) (*world, *http.Transport) {
	w := &world{t: t, canary: canary, addrs: map[string]string{}, hops: map[string]func(*http.Request) string{}}
	for _, place := range []string{home, otherPort, subDomain, otherHost} {
		w.serve(place, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	}
	w.serve(plainHome, nil)
	rt := &http.Transport{DialContext: w.dial, TLSClientConfig: authority.Client()}
	t.Cleanup(rt.CloseIdleConnections)
	return w, rt
}

// serve starts the server of one origin. What its connections read is recorded
// below HTTP, after TLS; home is recorded per request.
func (w *world) serve(place string, config *tls.Config) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.addrs[place] = l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	if place != home {
		l = w.canary.Listen(place, l)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.answer(place, rw, r) }))
	_ = s.Listener.Close() // ours takes its place
	s.Listener = l
	s.Start()
	w.t.Cleanup(s.Close)
}

func (w *world) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	to, ok := w.addrs[addr]
	w.mu.Unlock()
	if !ok {
		w.t.Errorf("dial to %s", addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, to)
}

func (w *world) answer(place string, rw http.ResponseWriter, r *http.Request) {
	head, err := httputil.DumpRequest(r, true)
	if err != nil {
		w.t.Errorf("%s: %v", place, err)
	}
	w.mu.Lock()
	w.seen = append(w.seen, place+r.URL.Path)
	before := len(w.seen)
	w.mu.Unlock()
	switch {
	case place == home && (before == 1 || r.URL.Path == "/start"):
		w.mu.Lock()
		w.first.Write(head)
		w.mu.Unlock()
	case place == home:
		w.canary.Record("home, on the way back", head)
	}
	if r.URL.Path == "/login" {
		http.SetCookie(rw, &http.Cookie{Name: "sid", Value: w.canary.Secret(), Domain: "example.com", Path: "/"})
		return
	}
	if to := w.hops[place+r.URL.Path]; to != nil {
		rw.Header().Set("Location", to(r))
		rw.WriteHeader(http.StatusFound)
	}
}

// route makes a place redirect.
func (w *world) route(from string, to string) {
	w.hops[from] = func(*http.Request) string { return to }
}

// echo makes a place repeat the query, once as it is and once inside another
// URL, the way a login page does.
func (w *world) echo(from, to string) {
	w.hops[from] = func(r *http.Request) string {
		return to + "?" + r.URL.RawQuery + "&return_to=" + url.QueryEscape("https://"+r.Host+r.RequestURI)
	}
}

// wantHome checks that the secret has reached its own origin: otherwise the test
// proves nothing.
func (w *world) wantHome(spellings ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range spellings {
		if strings.Contains(w.first.String(), s) {
			return
		}
	}
	w.t.Errorf("the secret did not reach home: %s", w.first.String())
}

// wantSeen checks that the last requests went where they should.
func (w *world) wantSeen(places ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := strings.Join(w.seen, " ")
	if !strings.HasSuffix(got, strings.Join(places, " ")) {
		w.t.Errorf("requests %s, want %s", got, strings.Join(places, " "))
	}
}
