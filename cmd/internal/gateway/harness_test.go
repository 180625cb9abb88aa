package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/godwittest"
)

// patience bounds every wait of these tests; none is expected to last.
const patience = time.Minute

// rig is a gateway that serves one API, "up", on loopback.
type rig struct {
	t       *testing.T
	gateway *Gateway
	addr    string
	url     string // of the API
	logs    *logBuffer
	client  *http.Client

	stop func()        // as a first signal
	now  chan struct{} // closed: as a second one
	done chan struct{} // closed when Serve has returned
	err  error         // what it returned
}

type option func(*Config, *godwit.Config)

// newRig serves upstream on loopback. A nil upstream is for options that set a
// base URL of their own.
func newRig(t *testing.T, upstream http.Handler, options ...option) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := ""
	if upstream != nil {
		server := httptest.NewUnstartedServer(upstream)
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.Start()
		t.Cleanup(server.Close)
		base = server.URL
	}
	network := &http.Transport{DisableCompression: true}
	return start(t, l, network, append([]option{func(_ *Config, up *godwit.Config) { up.BaseURL = base }}, options...))
}

// newBubble serves upstream in memory, for bubbles of synctest.
func newBubble(t *testing.T, upstream http.Handler, options ...option) *rig {
	t.Helper()
	// net/http waits that long before it closes a connection with unread bytes;
	// the bubble must not end before.
	t.Cleanup(func() { <-time.After(time.Second) })
	server := godwittest.Serve(t, upstream)
	l := godwittest.Listen()
	network := &http.Transport{DisableCompression: true, DialContext: l.Dial}
	return start(t, l, network, append([]option{func(_ *Config, up *godwit.Config) {
		up.BaseURL, up.Transport = "http://up.example", server.Transport()
	}}, options...))
}

func start(t *testing.T, l net.Listener, network *http.Transport, options []option) *rig {
	t.Helper()
	r := &rig{t: t, logs: &logBuffer{}, now: make(chan struct{}), done: make(chan struct{})}
	logger := slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	config, up := Config{Logger: logger}, godwit.Config{Name: "up"}
	up.Logging.Logger, up.Retry.Attempts = logger, 1
	for _, o := range options {
		o(&config, &up)
	}
	client, err := godwit.New(up)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, client.Close()) })
	api := API{Name: "up", Client: client}
	if len(config.APIs) == 1 {
		api.PassThrough = config.APIs[0].PassThrough
	}
	config.APIs = []API{api}
	if r.gateway, err = New(config); err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	r.url = "http://" + r.addr + "/up"
	r.client = &http.Client{
		Transport:     network,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r.serve(l)
	return r
}

// serve runs the gateway until the test ends.
func (r *rig) serve(l net.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		defer close(r.done)
		r.err = r.gateway.Serve(ctx, r.now, l)
	}()
	r.t.Cleanup(func() {
		r.client.CloseIdleConnections()
		stop()
		select {
		case <-r.now:
		default:
			close(r.now)
		}
		<-r.done
		check(r.t, r.gateway.Close())
		if r.t.Failed() {
			r.t.Logf("log:\n%s", r.logs.text())
		}
	})
}

func passThrough(c *Config, _ *godwit.Config) { c.APIs = []API{{PassThrough: true}} }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// request makes a request to the API.
func (r *rig) request(method, path string, body io.Reader) *http.Request {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // mostly virtual time
	r.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return req
}

// do sends req and returns the answer, whose body is closed with the test.
func (r *rig) do(req *http.Request) *http.Response {
	r.t.Helper()
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func (r *rig) get(path string) *http.Response {
	r.t.Helper()
	return r.do(r.request("GET", path, nil))
}

// problem is the answer's problem document; the test fails if it is none.
func (r *rig) problem(resp *http.Response) problem {
	r.t.Helper()
	var p problem
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		r.t.Fatalf("status %d with Content-Type %q: %s", resp.StatusCode, got, all(r.t, resp.Body))
	}
	if err := json.Unmarshal(all(r.t, resp.Body), &p); err != nil {
		r.t.Fatal(err)
	}
	if p.Status != resp.StatusCode || p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.Kind == "" || p.RequestID != resp.Header.Get("X-Request-Id") {
		r.t.Errorf("incomplete problem under status %d: %+v", resp.StatusCode, p)
	}
	if got := resp.Header.Get("Proxy-Status"); !strings.HasPrefix(got, "godwit;error=") {
		r.t.Errorf("Proxy-Status %q", got)
	}
	return p
}

func all(t *testing.T, body io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// raw sends bytes on a connection of their own and returns all that comes back
// until the gateway closes it.
func (r *rig) raw(request string) string {
	r.t.Helper()
	conn := r.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil && len(got) == 0 {
		r.t.Fatalf("%q: %v", request, err)
	}
	return string(got)
}

func (r *rig) dial() net.Conn {
	r.t.Helper()
	dial := (&net.Dialer{}).DialContext
	if d := r.client.Transport.(*http.Transport).DialContext; d != nil {
		dial = d
	}
	conn, err := dial(context.Background(), "tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	check(r.t, conn.SetDeadline(time.Now().Add(time.Hour)))
	return conn
}

// line waits for the record of a request and returns it.
func (r *rig) line(id string) map[string]any {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		lines, changed := r.logs.lines()
		for _, l := range lines {
			if l["msg"] == "request" && l["request_id"] == id {
				return l
			}
		}
		select {
		case <-changed:
		case <-time.After(time.Until(deadline)):
			r.t.Fatalf("no record of request %s in\n%s", id, r.logs.text())
		}
	}
}

// logBuffer keeps log records and tells when there is another one.
type logBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return b.buf.Write(p)
}

func (b *logBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) lines() (records []map[string]any, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := bufio.NewScanner(bytes.NewReader(b.buf.Bytes())); s.Scan(); {
		var l map[string]any
		if json.Unmarshal(s.Bytes(), &l) == nil {
			records = append(records, l)
		}
	}
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return records, b.changed
}

// await fails the test if c is not ready soon.
func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing for %v", what, patience)
		panic("unreachable")
	}
}
