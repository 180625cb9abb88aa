package redirect

import (
	"net/http"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/internal/origin"
)

// want holds, per status, what becomes of GET, HEAD, POST, PUT, PATCH, DELETE
// and OPTIONS: the method, and whether a body stays.
var decisions = map[int]string{
	301: "GET+ HEAD+ GET- PUT+ PATCH+ DELETE+ OPTIONS+",
	302: "GET+ HEAD+ GET- PUT+ PATCH+ DELETE+ OPTIONS+",
	303: "GET- HEAD- GET- GET- GET- GET- GET-",
	307: "GET+ HEAD+ POST+ PUT+ PATCH+ DELETE+ OPTIONS+",
	308: "GET+ HEAD+ POST+ PUT+ PATCH+ DELETE+ OPTIONS+",
}

var decisionMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func TestRD6_MethodTable(t *testing.T) {
	t.Parallel()
	for status, row := range decisions {
		for i, want := range strings.Fields(row) {
			method, keep := nextMethod(status, decisionMethods[i])
			got := method + "-"
			if keep {
				got = method + "+"
			}
			if got != want {
				t.Errorf("%d after %s: %s, want %s", status, decisionMethods[i], got, want)
			}
		}
	}
}

func TestFollowedStatuses(t *testing.T) {
	t.Parallel()
	for status := 200; status < 600; status++ {
		_, want := decisions[status]
		if got := isRedirect(status); got != want {
			t.Errorf("%d: followed is %v, want %v", status, got, want)
		}
	}
}

func TestRD1_RD2_Leaves(t *testing.T) {
	t.Parallel()
	parse := func(s string) origin.Origin {
		o, err := origin.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	cases := []struct {
		set      []string
		from, to string
		want     bool
	}{
		{[]string{"https://a.example"}, "https://a.example", "https://A.example.:443", false},
		{[]string{"https://a.example"}, "https://a.example", "https://a.example:8443", true},
		{[]string{"https://a.example"}, "https://a.example", "https://sub.a.example", true},
		{[]string{"https://a.example"}, "https://a.example", "https://b.example", true},
		{[]string{"https://a.example"}, "https://a.example", "http://a.example", true},
		{[]string{"http://a.example"}, "http://a.example", "https://a.example", false},
		{[]string{"http://a.example"}, "https://a.example", "http://a.example", true}, // what https was meant for stays
		{[]string{"http://a.example:8080"}, "http://a.example:8080", "https://a.example", true},
		{[]string{"https://a.example", "https://b.example"}, "https://a.example", "https://b.example", false},
	}
	for _, c := range cases {
		var all []origin.Origin
		for _, s := range c.set {
			all = append(all, parse(s))
		}
		if got := leaves(origin.NewSet(all...), parse(c.from), parse(c.to)); got != c.want {
			t.Errorf("set %v: %s to %s: leaves is %v, want %v", c.set, c.from, c.to, got, c.want)
		}
	}
}

func TestRD4_KeepNeutral(t *testing.T) {
	t.Parallel()
	h := http.Header{
		"Authorization": {"Bearer one", "Bearer two"}, "authorization": {"Bearer three"}, "AUTHORIZATION": {"x"},
		"Cookie": {"a=b"}, "X-Api-Key": {"k"}, "x-signature": {"s"}, "Idempotency-Key": {"i"}, "Referer": {"r"},
		"Proxy-Authorization": {"p"}, "Host": {"h"}, "Content-Digest": {"d"},
		"Accept": {"a", "b"}, "accept-language": {"de"}, "User-Agent": {"u"}, "If-None-Match": {`"e"`},
		"Content-Type": {"text/plain"},
	}
	with := h.Clone()
	odd := "accept-language" // a key that is not canonical
	for range 2 {            // a second time drops no more
		keepNeutral(h, false, nil)
		if len(h) != 4 || h["Accept"] == nil || len(h[odd]) == 0 || h["User-Agent"] == nil || h["If-None-Match"] == nil {
			t.Errorf("left over: %v", h)
		}
	}
	if keepNeutral(with, true, nil); with.Get("Content-Type") == "" || len(with) != 5 {
		t.Errorf("with a body, left over: %v", with)
	}
	if keepNeutral(with, true, []string{"Accept-Language", "Content-Type"}); len(with) != 3 {
		t.Errorf("what the Config calls secret has left: %v", with)
	}
}

func TestRD6_BodyFieldsGo(t *testing.T) {
	t.Parallel()
	h := http.Header{
		"Content-Type": {"a"}, "content-length": {"3"}, "Content-Encoding": {"gzip"}, "Content-Digest": {"d"}, "Expect": {"100-continue"},
		"Trailer": {"X"}, "Transfer-Encoding": {"chunked"}, "Authorization": {"Bearer t"}, "X-Content-Kind": {"k"},
	}
	dropBodyFields(h)
	if len(h) != 2 || h.Get("Authorization") == "" || h.Get("X-Content-Kind") == "" {
		t.Errorf("left over: %v", h)
	}
}

func TestRD8_HistoryIsBounded(t *testing.T) {
	t.Parallel()
	if got := chain([]string{"a", "b", "c"}, 100); got != "a -> b -> c" {
		t.Errorf("short history: %q", got)
	}
	long := make([]string, 50)
	for i := range long {
		long[i] = "https://host.example/" + strings.Repeat("é", i)
	}
	got := chain(long, 360)
	if len(got) > 400 || !strings.HasPrefix(got, "https://host.example/ -> …") || strings.ContainsRune(got, '�') {
		t.Errorf("long history, %d bytes: %q", len(got), got)
	}
	if got := chain([]string{strings.Repeat("x", 1000), strings.Repeat("y", 1000)}, 360); len(got) > 400 {
		t.Errorf("two long URLs give %d bytes", len(got))
	}
}
