package origin

import (
	"net/http"
	"net/url"
	"testing"
)

// hops links requests the way http.Client does and returns the last.
func hops(t *testing.T, urls ...string) *http.Request {
	t.Helper()
	var last *http.Request
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		next := &http.Request{URL: u}
		if last != nil {
			next.Response = &http.Response{Request: last}
		}
		last = next
	}
	return last
}

func TestRD3_Left(t *testing.T) {
	t.Parallel()
	set := NewSet(mustParse(t, "https://a.test"), mustParse(t, "http://b.test"))
	for _, c := range []struct {
		left bool
		urls []string
	}{
		{false, []string{"https://a.test/1"}},
		{false, []string{"https://a.test/1", "https://a.test/2"}},
		{false, []string{"http://b.test/1", "https://b.test/2"}},
		{true, []string{"https://a.test/1", "https://evil.test/2"}},
		{true, []string{"https://a.test/1", "https://evil.test/2", "https://a.test/3"}},
		{true, []string{"https://evil.test/1", "https://a.test/2"}},
		{true, []string{"https://a.test/1", "https://a.test:8443/2"}},
		{true, []string{"https://b.test/1", "http://b.test/2"}},
		{true, []string{"https://b.test/1", "http://b.test/2", "https://b.test/3"}},
	} {
		last := hops(t, c.urls...)
		if got := set.Left(last); got != c.left {
			t.Errorf("%v: left %v", c.urls, got)
		}
		if got := First(last).String(); got != c.urls[0] {
			t.Errorf("%v: first %s", c.urls, got)
		}
	}
	unseen := hops(t, "https://a.test/2")
	unseen.Response = &http.Response{}
	if !set.Left(unseen) {
		t.Error("a hop that cannot be seen counts as inside")
	}
	long := make([]string, maxHops+2)
	for i := range long {
		long[i] = "https://a.test/"
	}
	if !set.Left(hops(t, long...)) {
		t.Error("an endless history counts as inside")
	}
}

func TestNeutral(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"Accept": true, "User-Agent": true, "Authorization": false, "Cookie": false, "X-Api-Key": false, "Referer": false, "X-Request-Id": false} {
		if Neutral(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
