package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func ask(t *testing.T, h http.Handler, method, target, token, body string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func TestShopAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, target, token, body string
		status                            int
		want                              string
	}{
		{"first page", "GET", "/items", "", "", 200, `"chair"`},
		{"last page", "GET", "/items?page=3", "", "", 200, `"carpet"`},
		{"page beyond the end", "GET", "/items?page=9", "", "", 200, `[]`},
		{"no page", "GET", "/items?page=x", "", "", 400, "page must be"},
		{"item", "GET", "/items/2", "", "", 200, `"lamp"`},
		{"no such item", "GET", "/items/99", "", "", 404, `there is no item`},
		{"no number", "GET", "/items/x", "", "", 404, `there is no item`},
		{"add", "POST", "/items", "right", `{"name":"vase","price":80}`, 201, `"id":8`},
		{"add without token", "POST", "/items", "", `{"name":"vase"}`, 401, "bearer token"},
		{"add with a wrong token", "POST", "/items", "wrong", `{"name":"vase"}`, 401, "bearer token"},
		{"add nothing", "POST", "/items", "right", `{}`, 422, "with a name"},
		{"add too much", "POST", "/items", "right", `{"name":"` + strings.Repeat("x", maxItem) + `"}`, 413, "too large"},
		{"report without token", "GET", "/report", "", "", 401, "bearer token"},
		{"wrong method", "DELETE", "/items/1", "", "", 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := ask(t, newShop("right", time.Millisecond).handler(), c.method, c.target, c.token, c.body)
			if rec.Code != c.status || !strings.Contains(rec.Body.String(), c.want) {
				t.Errorf("got %d %s, want %d with %s", rec.Code, rec.Body, c.status, c.want)
			}
		})
	}
}

func TestShopLinksPages(t *testing.T) {
	t.Parallel()
	h := newShop("right", time.Millisecond).handler()
	if got, want := ask(t, h, "GET", "/items", "", "").Header().Get("Link"), `</items?page=2>; rel="next"`; got != want {
		t.Errorf("first page links to %q, want %q", got, want)
	}
	if got := ask(t, h, "GET", "/items?page=3", "", "").Header().Get("Link"); got != "" {
		t.Errorf("last page links to %q", got)
	}
}

func TestShopReportIsReadyAtTheThirdRequest(t *testing.T) {
	t.Parallel()
	h := newShop("right", time.Millisecond).handler()
	for i, want := range []int{503, 429, 200, 503} {
		rec := ask(t, h, "GET", "/report", "right", "")
		if rec.Code != want {
			t.Errorf("request %d: %d, want %d", i+1, rec.Code, want)
		}
		if after := rec.Header().Get("Retry-After"); (after == "1") != (want != 200) {
			t.Errorf("request %d: Retry-After %q", i+1, after)
		}
	}
}

func TestShopStreamsPrices(t *testing.T) {
	t.Parallel()
	rec := ask(t, newShop("right", time.Millisecond).handler(), "GET", "/prices", "", "")
	if lines := strings.Count(rec.Body.String(), "\n"); lines != pageSize || !rec.Flushed {
		t.Errorf("%d lines, flushed %v", lines, rec.Flushed)
	}
}
