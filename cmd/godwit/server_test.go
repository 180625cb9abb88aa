package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// server is the API that a script calls.
type server struct {
	*httptest.Server

	mu    sync.Mutex
	log   []string
	final string
	tries map[string]int

	inside, entered int           // requests in slots, now and ever
	together        chan struct{} // closed when the first ones are there
}

func newServer() *server {
	s := &server{tries: make(map[string]int), together: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/echo/", echo)
	mux.HandleFunc("/json", text("application/json", `{"name":"ada","age":36,"big":12345678901234567890,"tags":["x","y"]}`+"\n"))
	mux.HandleFunc("/list", text("application/json", `[{"id":1},{"id":2}]`))
	mux.HandleFunc("/lines", text("application/x-ndjson", "{\"id\":1}\n{\"id\":2}\n"))
	mux.HandleFunc("/html", text("text/html", "<h1>\x1b[31mhello\u202e</h1>"))
	mux.HandleFunc("/evil", text("text/plain", "a\x1b[31mb\u009bc\u202ed\r\n"))
	mux.HandleFunc("/latin", text("text/plain; charset=iso-8859-1", "caf\xe9"))
	mux.HandleFunc("/stray", text("text/plain", "caf\xe9"))
	mux.HandleFunc("/binary", text("image/png", "\x89PNG\r\n\x1a\n\x00\x01"))
	mux.HandleFunc("/cut", cut)
	mux.HandleFunc("/gzip", zipped)
	mux.HandleFunc("/status/{code}", status)
	mux.HandleFunc("/problem", problem)
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Location"] = []string{r.URL.Query().Get("to")}
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		http.Redirect(w, r, "/loop?n="+strconv.Itoa(n+1), http.StatusFound)
	})
	mux.HandleFunc("/flaky", s.flaky)
	mux.HandleFunc("/slots", s.slots)
	mux.HandleFunc("/limited", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "86400")
		http.Error(w, "slow down", http.StatusTooManyRequests)
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices when the client leaves
		<-r.Context().Done()
	})
	mux.HandleFunc("/endless", endless)
	mux.HandleFunc("/bytes/{n}", many)
	mux.HandleFunc("/cookie", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Answer", "42")
		w.Header().Set("X-Evil", "a\u009b31mb")
		_, _ = io.WriteString(w, "ok")
	})
	s.Server = httptest.NewServer(s.record(mux))
	return s
}

// record keeps each request as text, credentials included.
func (s *server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s\nHost: %s\n", r.Method, r.RequestURI, r.Host)
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			for _, v := range r.Header[name] {
				fmt.Fprintf(&b, "%s: %s\n", name, v)
			}
		}
		fmt.Fprintf(&b, "\n%s\n", body)
		s.mu.Lock()
		s.log, s.final = append(s.log, b.String()), b.String()
		s.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func (s *server) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.log
	s.log = nil
	return got
}

func (s *server) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.final
}

// slots takes three requests at the same time and refuses a fourth. The first
// three wait for each other, so that there are as many at least once.
func (s *server) slots(w http.ResponseWriter, r *http.Request) {
	const most = 3
	s.mu.Lock()
	s.inside++
	s.entered++
	full := s.inside > most
	if s.entered == most {
		close(s.together)
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inside--
		s.mu.Unlock()
	}()
	if full {
		http.Error(w, "refused", http.StatusTooManyRequests)
		return
	}
	select {
	case <-s.together:
	case <-r.Context().Done():
	}
}

// echo answers with what it got, credentials left out.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may have left
		"method": r.Method, "path": r.URL.EscapedPath(), "query": r.URL.RawQuery, "body": string(body),
		"type": strings.Split(r.Header.Get("Content-Type"), ";")[0], "length": r.ContentLength,
		"tenant": r.Header.Get("X-Tenant"), "agent": r.Header["User-Agent"],
	})
}

func text(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body) // the client may have left
	}
}

func status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil {
		code = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if code != http.StatusNoContent && code != http.StatusNotModified {
		_, _ = fmt.Fprintf(w, `{"error":"status %d"}`, code) // as above
	}
}

func problem(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_, _ = io.WriteString(w, `{"title":"Bad contact","detail":"age is negative"}`) // as above
}

// cut announces more than it sends.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, `{"cut":`) // as above
}

func zipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, `{"zipped":true}`) // as above
	_ = z.Close()
}

// flaky fails ?fail=n times for each ?id=, with ?after=ms by refusing.
func (s *server) flaky(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("fail"))
	s.mu.Lock()
	s.tries[r.URL.Query().Get("id")]++
	failed := s.tries[r.URL.Query().Get("id")] <= n
	s.mu.Unlock()
	if failed {
		status := http.StatusServiceUnavailable
		if after := r.URL.Query().Get("after"); after != "" { // ms
			w.Header().Set("Retry-After-Ms", after)
			status = http.StatusTooManyRequests
		}
		http.Error(w, "not yet", status)
		return
	}
	_, _ = io.WriteString(w, "done") // as above
}

// endless sends until the client leaves.
func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := io.WriteString(w, strings.Repeat("line\n", 1000)); err != nil {
			return
		}
	}
}

// many sends n bytes.
func many(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		http.Error(w, "how many?", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	block := make([]byte, 64<<10)
	for n > 0 {
		k := min(n, int64(len(block)))
		if _, err := w.Write(block[:k]); err != nil {
			return
		}
		n -= k
	}
}
