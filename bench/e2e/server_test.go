package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

const (
	bearerToken   = "canary-bearer-7f3a9c51"
	basicPassword = "canary-basic-2b8e6d40"
)

// startServer runs a real go-httpbin on loopback. It has no brotli, so that
// path is answered beside it.
func startServer(t *testing.T) string {
	t.Helper()
	bin := httpbin.New(httpbin.WithMaxDuration(5 * time.Second))
	mux := http.NewServeMux()
	mux.Handle("/", bin)
	mux.HandleFunc("/brotli", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Encoding", "br")
		bw := brotli.NewWriter(w)
		_, err := io.WriteString(bw, strings.Repeat("coded in brotli\n", 100))
		if err == nil {
			err = bw.Close()
		}
		if err != nil {
			t.Log(err) // the client left
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// writeDefinition writes the one definition that all three surfaces use.
func writeDefinition(t *testing.T, base string) string {
	t.Helper()
	const text = `version: 1
apis:
  bin:
    base_url: BASE
    user_agent: end-to-end
    headers: {X-Default: from the definition}
    query: {source: definition}
    retry: {attempts: 2, base: 1ms, cap: 2ms}
    operations:
      anything: GET /anything/{id}
      post: POST /post
  plain:
    base_url: BASE
    retry: {attempts: 1}
  still:
    base_url: BASE
    redirect: {follow: never}
  token:
    base_url: BASE
    auth: {bearer: "env:E2E_TOKEN"}
  user:
    base_url: BASE
    auth: {basic: {username: ada, password: "env:E2E_PASSWORD"}}
  header:
    base_url: BASE
    timeout: {header: 150ms}
    retry: {attempts: 1}
  total:
    base_url: BASE
    timeout: {total: 150ms}
    retry: {attempts: 1}
  gone:
    base_url: http://127.0.0.1:1 # nobody listens there
    retry: {attempts: 1}
`
	path := filepath.Join(t.TempDir(), "godwit.yaml")
	body := strings.ReplaceAll(text, "BASE", base)
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
