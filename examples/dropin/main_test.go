package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godwit-go/godwit/secret"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer t0ken-of-the-test" {
			t.Errorf("Authorization %q", got)
		}
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if _, err := io.WriteString(w, "all is well\n"); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)

	var out strings.Builder
	if err := run(t.Context(), server.URL, secret.Value("t0ken-of-the-test"), &out); err != nil {
		t.Fatal(err)
	}
	if want := "200 OK\nall is well\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
