package godwittest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func zip(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	_, err := zw.Write(b)
	if err = errors.Join(err, zw.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestLG1_CanaryFinds proves that the device sees the secret in every disguise.
func TestLG1_CanaryFinds(t *testing.T) {
	t.Parallel()
	const secret = `k/7+Q"w&é zX19pLm4`
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	for name, seen := range map[string][]byte{
		"raw":                []byte("x " + secret + " y"),
		"query":              []byte("?k=" + url.QueryEscape(secret)),
		"path":               []byte("/" + url.PathEscape(secret)),
		"json":               quoted,
		"base64":             []byte(b64([]byte(secret))),
		"base64 behind one":  []byte("Basic " + b64([]byte("u"+secret))),
		"base64 behind two":  []byte("Basic " + b64([]byte("u:"+secret+":x"))),
		"base64 behind more": []byte("Basic " + b64([]byte("user:"+secret+"!!"))),
		"base64 for URLs":    []byte(base64.RawURLEncoding.EncodeToString([]byte("u" + secret))),
		"hex":                []byte(hex.EncodeToString([]byte(secret))),
		"gzip":               append([]byte("junk"), zip(t, []byte("x"+secret))...),
		"gzip of base64":     zip(t, []byte(b64([]byte(secret)))),
		"gzip in gzip":       zip(t, append([]byte("y"), zip(t, []byte(secret))...)),
		"cut gzip":           zip(t, []byte(secret+strings.Repeat("z", 1<<16)))[:80],
		"prefix":             []byte(secret[:8] + "****"),
		"suffix":             []byte("****" + secret[len(secret)-8:]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := &complaints{}
			c := CanaryFor(tb, secret)
			c.Record("log", []byte("harmless"))
			c.Record("server", seen)
			c.Assert()
			if got := tb.end(); !strings.Contains(got, "the secret reached server") || strings.Contains(got, "reached log") {
				t.Errorf("Assert said %q", got)
			}
			if !c.Seen("server") || c.Seen("log") || c.Seen("nobody") {
				t.Error("Seen is wrong")
			}
		})
	}
}

func TestCanary_Quiet(t *testing.T) {
	t.Parallel()
	c := NewCanary(t)
	c.Record("log", []byte("Authorization: ***"))
	c.Record("file", zip(t, []byte("nothing")))
	c.Record("file", []byte{0x1f, 0x8b, 0x08, 0, 1})
	c.Assert()
	if other := NewCanary(t); other.Secret() == c.Secret() || len(c.Secret()) < 20 {
		t.Error("the secrets are not random")
	} else {
		other.Record("log", []byte(c.Secret()))
		other.Assert()
	}
}

// A part that all secrets share would make a fragment of one look like a leak of
// another.
func TestCanary_NoFixedPart(t *testing.T) {
	t.Parallel()
	first := NewCanary(&complaints{}).Secret()
	varies := make([]bool, len(first))
	for range 64 {
		for i, b := range []byte(NewCanary(&complaints{}).Secret()) {
			varies[i] = varies[i] || b != first[i]
		}
	}
	if i := slices.Index(varies, false); i >= 0 {
		t.Errorf("byte %d of 65 secrets is always %q", i, first[i])
	}
}

func TestCanary_ProvesNothingWithoutUse(t *testing.T) {
	t.Parallel()
	for want, use := range map[string]func(tb testing.TB){
		"Assert was never called": func(tb testing.TB) { NewCanary(tb).Record("log", []byte("x")) },
		"nothing was recorded":    func(tb testing.TB) { NewCanary(tb).Assert() },
		"were recorded; the rest": func(tb testing.TB) {
			c := NewCanary(tb)
			for range 5 {
				c.Record("log", make([]byte, maxCanaryBytes/4))
			}
			c.Assert()
		},
	} {
		tb := &complaints{}
		use(tb)
		if got := tb.end(); !strings.Contains(got, want) {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}

type leaky struct{ Token string }

func (leaky) Error() string { return "harmless" }

func TestLG2_CanaryReadsErrorsAtEveryLevel(t *testing.T) {
	t.Parallel()
	secret := "canary0123456789"
	for name, err := range map[string]error{
		"message":     errors.New(secret),
		"wrapped":     fmt.Errorf("x: %w", errors.New(secret)),
		"joined":      errors.Join(io.EOF, errors.New(secret)),
		"a field":     leaky{secret},
		"hidden deep": fmt.Errorf("x: %w", errors.Join(io.EOF, leaky{secret})),
	} {
		tb := &complaints{}
		c := CanaryFor(tb, secret)
		c.RecordError("error", err)
		c.RecordError("none", nil)
		c.Assert()
		if got := tb.end(); !strings.Contains(got, "the secret reached error") {
			t.Errorf("%s: Assert said %q", name, got)
		}
	}
}

func TestCanary_HandlerAndListener(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewCanary(t)
		l := Listen()
		server := &http.Server{Handler: http.NewServeMux()}
		mux := http.NewServeMux()
		server.Handler = mux
		for _, place := range []string{"header", "query", "path", "body", "unread body", "trailer", "nowhere"} {
			mux.Handle("/"+strings.ReplaceAll(place, " ", "-")+"/", c.Handler(place, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if place != "unread body" {
					drain(t, r.Body)
				}
			})))
		}
		done := make(chan error)
		go func() { done <- server.Serve(c.Listen("wire", l)) }()
		rt := &http.Transport{DialContext: l.Dial}
		send := func(place string, change func(r *http.Request)) {
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://h/"+place+"/", strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			change(req)
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			consume(resp)
		}
		body := func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.Secret())), -1
		}
		send("header", func(r *http.Request) { r.Header.Set("X-Key", c.Secret()) })
		send("query", func(r *http.Request) { r.URL.RawQuery = "k=" + c.Secret() })
		send("path", func(r *http.Request) { r.URL.Path += c.Secret() })
		send("body", body)
		send("unread-body", body)
		send("trailer", func(r *http.Request) {
			body(r)
			r.Body = io.NopCloser(strings.NewReader("hello"))
			r.Trailer = http.Header{"X-Key": {c.Secret()}}
		})
		send("nowhere", func(*http.Request) {})
		rt.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		for _, place := range []string{"header", "query", "path", "body", "unread body", "trailer", "wire"} {
			if !c.Seen(place) {
				t.Errorf("the secret in the %s was not recorded", place)
			}
		}
		if c.Seen("nowhere") {
			t.Error("the secret was found where none was sent")
		}
		c.tb = &complaints{} // what Assert says is the subject of other tests
		c.Assert()
	})
}

func TestCanary_Writer(t *testing.T) {
	t.Parallel()
	c := NewCanary(t)
	n, err := fmt.Fprintf(c.Writer("log"), "one %s", "two")
	if n != 7 || err != nil || c.records["log"].String() != "one two" {
		t.Errorf("Fprintf = %d, %v; recorded %q", n, err, c.records["log"])
	}
	c.Assert()
}

func ExampleNewCanary() {
	_ = func(t *testing.T) {
		c := NewCanary(t)
		stranger := Serve(t, c.Handler("another origin", http.NotFoundHandler()))
		client := &http.Client{Transport: stranger.Transport()} // use c.Secret() as its credential for some other origin
		resp, err := client.Get(stranger.URL("other.example.net"))
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		c.Assert() // the stranger has not seen it
	}
}
