package main

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// pageSize is the number of items on one page of the list.
const pageSize = 3

// maxItem bounds the body of a new item, in bytes.
const maxItem = 64 << 10

// item is what the shop sells.
type item struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Price int    `json:"price"`
}

// shop is a small HTTP API: a list in pages, items that anybody may read and
// only the holder of the token may add, a report that is not ready at first,
// and a slow stream. Its state lives as long as the process.
type shop struct {
	token string
	tick  time.Duration // between two lines of the stream

	mu     sync.Mutex
	items  []item
	report int // requests for the report so far
}

func newShop(token string, tick time.Duration) *shop {
	s := &shop{token: token, tick: tick}
	for i, name := range []string{"kettle", "lamp", "chair", "table", "mirror", "clock", "carpet"} {
		s.items = append(s.items, item{ID: i + 1, Name: name, Price: 10 * (i + 1)})
	}
	return s
}

// handler routes the API's requests.
func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items", s.list)
	mux.HandleFunc("GET /items/{id}", s.get)
	mux.HandleFunc("POST /items", s.authorized(s.add))
	mux.HandleFunc("GET /report", s.authorized(s.makeReport))
	mux.HandleFunc("GET /prices", s.prices)
	return mux
}

// list answers one page, with the RFC 8288 links to its neighbours.
func (s *shop) list(w http.ResponseWriter, r *http.Request) {
	page := 1
	if p := r.URL.Query().Get("page"); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 {
			problem(w, http.StatusBadRequest, "page must be a number from 1 on")
			return
		}
		page = n
	}
	s.mu.Lock()
	from := min((page-1)*pageSize, len(s.items))
	to := min(from+pageSize, len(s.items))
	items, more := s.items[from:to:to], to < len(s.items)
	s.mu.Unlock()
	if more {
		w.Header().Set("Link", fmt.Sprintf(`</items?page=%d>; rel="next"`, page+1))
	}
	answer(w, http.StatusOK, items)
}

func (s *shop) get(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || id < 1 || id > len(s.items) {
		problem(w, http.StatusNotFound, "there is no item "+strconv.Quote(r.PathValue("id")))
		return
	}
	answer(w, http.StatusOK, s.items[id-1])
}

func (s *shop) add(w http.ResponseWriter, r *http.Request) {
	var in item
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxItem))
	if err != nil {
		problem(w, http.StatusRequestEntityTooLarge, "the item is too large")
		return
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Name == "" {
		problem(w, http.StatusUnprocessableEntity, "an item is a JSON object with a name")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in.ID = len(s.items) + 1
	s.items = append(s.items, in)
	w.Header().Set("Location", "/items/"+strconv.Itoa(in.ID))
	answer(w, http.StatusCreated, in)
}

// makeReport is what APIs under load are like: the first request of three is
// told to come back, the second that it came too often, the third gets its
// answer.
func (s *shop) makeReport(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report++
	switch s.report % 3 {
	case 1:
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, "the report is being made")
	case 2:
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusTooManyRequests, "one request a second")
	default:
		answer(w, http.StatusOK, map[string]int{"items": len(s.items), "requests": s.report})
	}
}

// prices streams one line of JSON per tick until each item had its turn.
func (s *shop) prices(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	items := s.items[:pageSize:pageSize]
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w)
	ticker := time.NewTicker(s.tick)
	defer ticker.Stop()
	for _, it := range items {
		if err := json.NewEncoder(w).Encode(it); err != nil {
			return // the reader left
		}
		if err := flush.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

// authorized lets only requests with the bearer token through (RFC 6750).
func (s *shop) authorized(next http.HandlerFunc) http.HandlerFunc {
	want := []byte("Bearer " + s.token)
	return func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="shop"`)
			problem(w, http.StatusUnauthorized, "a bearer token is needed")
			return
		}
		next(w, r)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	write(w, status, "application/json", v)
}

// problem answers with RFC 9457 problem details.
func problem(w http.ResponseWriter, status int, detail string) {
	write(w, status, "application/problem+json", map[string]any{
		"title": http.StatusText(status), "status": status, "detail": detail,
	})
}

func write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		return // the reader left: nobody to tell
	}
}
