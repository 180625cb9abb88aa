package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

func TestInformationalResponsesPass(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusProcessing)
		_, _ = io.WriteString(w, "done")
	}))
	var got []string
	req := r.request("GET", "/x", nil)
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			got = append(got, fmt.Sprint(code, h.Get("Link")))
			return nil
		},
	}))
	resp := r.do(req)
	if body := string(all(t, resp.Body)); body != "done" || !slices.Equal(got, []string{"103</style.css>", "102"}) {
		t.Errorf("hints %q, then %q", got, body)
	}
	if resp.Header.Get("Link") != "" {
		t.Error("a field of the hint is in the answer")
	}
	if old := r.raw("GET /up/x HTTP/1.0\r\n\r\n"); !strings.HasPrefix(old, "HTTP/1.0 200 OK\r\n") || !strings.HasSuffix(old, "\r\n\r\ndone") {
		t.Errorf("an HTTP/1.0 client got %q", old)
	}
}

func TestExpectContinue(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		n, err := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, "%d %v", n, err)
	}))
	conn := r.dial()
	for _, size := range []int{3, maxReplay + 1} {
		_, err := fmt.Fprintf(conn, "POST /up/take HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", size)
		check(t, err)
		in := bufio.NewReader(conn)
		if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%d bytes: %q, %v", size, line, err)
		}
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		_, err = conn.Write(make([]byte, size))
		check(t, err)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(all(t, resp.Body)); got != fmt.Sprintf("%d <nil>", size) {
			t.Errorf("%d bytes: %q", size, got)
		}
	}
	// Refused before the body was sent: no 100, and the connection ends.
	got := r.raw(fmt.Sprintf("POST /up/refuse HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", maxReplay+1))
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") {
		t.Errorf("got %q", got)
	}
}

func TestGW10_ConnectTraceUpgradesAndForeignPagesAreRefused(t *testing.T) {
	t.Parallel()
	var up seen
	r := newRig(t, &up)
	for _, c := range []struct{ request, want string }{
		{"CONNECT up.example:443 HTTP/1.1\r\nHost: up.example\r\n", "501"},
		{"TRACE /up/x HTTP/1.1\r\nHost: h\r\n", "501"},
		{"GET /up/x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", "501"},
		{"OPTIONS * HTTP/1.1\r\nHost: h\r\n", "400"},
		{"PRI * HTTP/2.0\r\nHost: h\r\n", "400"},
		{"POST /up/x HTTP/1.1\r\nHost: h\r\nSec-Fetch-Site: cross-site\r\n", "403"},
		{"POST /up/x HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\n", "403"},
	} {
		if got := r.raw(c.request + "Connection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 "+c.want+" ") || !strings.Contains(got, "application/problem+json") {
			t.Errorf("%q got %q", c.request, got)
		}
	}
	if up.last.Load() != nil {
		t.Error("the upstream was asked")
	}
	// Java's client offers h2c with every first request.
	r.raw("GET /up/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n")
	if got := up.last.Load(); got == nil || got.Header.Get("Upgrade") != "" || got.Header.Get("Http2-Settings") != "" {
		t.Errorf("an offer of h2c was not passed over: %v", got)
	}
}
