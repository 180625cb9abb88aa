package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/2", func(w http.ResponseWriter, _ *http.Request) {
		reply(t, w, item{ID: 2, Name: "lamp", Price: 20})
	})
	mux.HandleFunc("POST /items", func(w http.ResponseWriter, r *http.Request) {
		if posts.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable) // the example lives through this
			return
		}
		var in item
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		in.ID = 8
		reply(t, w, in)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	var out strings.Builder
	if err := run(t.Context(), server.URL, &out); err != nil {
		t.Fatal(err)
	}
	const want = `lamp costs 20, after 1 attempt(s)
vase has number 8
item 99: the shop does not sell this (status 404, sent: yes)
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
	if n := posts.Load(); n != 2 {
		t.Errorf("%d POSTs", n)
	}
}

func reply(t *testing.T, w http.ResponseWriter, v any) {
	t.Helper()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}
