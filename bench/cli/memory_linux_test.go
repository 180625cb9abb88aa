package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/bench/client"
	"github.com/godwit-go/godwit/bench/program"
)

// Ceilings of peak resident memory.
const (
	mib            = 1 << 20
	plainCeiling   = 20 * mib // one small GET, however many APIs are defined
	streamCeiling  = 40 * mib // a body of a gibibyte that passes through
	bombCeiling    = 64 * mib // ten gibibytes packed into ten megabytes
	streamLength   = 1 << 30
	bombLength     = 10 << 30
	memberLength   = 64 << 20
	exitUnusable   = 13 // exit code of an answer that cannot be used
	plainDocument  = "/document"
	streamDocument = "/stream"
	bombDocument   = "/bomb"
)

var set *program.Set

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if set, err = program.Build(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := set.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// upstream answers with a small document, a long one, and a bomb.
func upstream(t *testing.T) string {
	t.Helper()
	// A gzip body may have many members (RFC 1952 section 2.2).
	member := zeroMember(t)
	mux := http.NewServeMux()
	mux.Handle(plainDocument, client.Handler())
	mux.HandleFunc(streamDocument, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(streamLength))
		writeZeros(w, streamLength)
	})
	mux.HandleFunc(bombDocument, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Encoding", "gzip")
		for range bombLength / memberLength {
			if _, err := w.Write(member); err != nil {
				return // the reader left
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// zeroMember returns memberLength zeros as one gzip member.
func zeroMember(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if !writeZeros(z, memberLength) {
		t.Fatal("gzip does not take its input")
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeZeros writes n bytes and reports whether the reader took them all.
func writeZeros(w io.Writer, n int) bool {
	chunk := make([]byte, 256<<10)
	for ; n > 0; n -= len(chunk) {
		if _, err := w.Write(chunk[:min(n, len(chunk))]); err != nil {
			return false
		}
	}
	return true
}

// definition writes n APIs at base and returns the file and a home folder.
func definition(t *testing.T, base string, n int) (file, home string) {
	t.Helper()
	home = t.TempDir()
	file = filepath.Join(home, "godwit.yaml")
	if err := os.WriteFile(file, program.Definition(base, n), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, home
}

func measured(t *testing.T, home string, stdout io.Writer, args ...string) program.Usage {
	t.Helper()
	u, err := set.Measured(t.Context(), set.Godwit, program.Run{
		Args: args, Env: program.Environment(home), Dir: home, Stdout: stdout, Stderr: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func expectBelow(t *testing.T, what string, got, ceiling int64) {
	t.Helper()
	t.Logf("%s: peak %.1f MiB", what, float64(got)/mib)
	if got >= ceiling {
		t.Errorf("%s: peak resident memory is %.1f MiB, the ceiling is %d MiB", what, float64(got)/mib, ceiling/mib)
	}
}

func TestPlainGetMemory(t *testing.T) {
	t.Parallel()
	base := upstream(t)
	u := measured(t, t.TempDir(), nil, "get", base+plainDocument)
	if u.Exit != 0 {
		t.Fatalf("exit %d", u.Exit)
	}
	expectBelow(t, "no definition", u.MaxRSS, plainCeiling)
	file, home := definition(t, base, 50)
	u = measured(t, home, nil, "--definition", file, "get", "api7:"+plainDocument)
	if u.Exit != 0 {
		t.Fatalf("exit %d", u.Exit)
	}
	expectBelow(t, "50 APIs", u.MaxRSS, plainCeiling)
}

// counter counts what a pipe delivers.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func TestStreamMemory(t *testing.T) {
	t.Parallel()
	base := upstream(t)
	home := t.TempDir()

	var piped counter
	u := measured(t, home, &piped, "get", base+streamDocument)
	if u.Exit != 0 || piped.n != streamLength {
		t.Errorf("pipe: exit %d, %d bytes", u.Exit, piped.n)
	}
	expectBelow(t, "1 GiB into a pipe", u.MaxRSS, streamCeiling)

	file := filepath.Join(home, "out")
	u = measured(t, home, nil, "get", base+streamDocument, "--out", file)
	if info, err := os.Stat(file); err != nil || u.Exit != 0 || info.Size() != streamLength {
		t.Errorf("file: exit %d, %v, %v", u.Exit, info, err)
	}
	if err := os.Remove(file); err != nil {
		t.Error(err)
	}
	expectBelow(t, "1 GiB into a file", u.MaxRSS, streamCeiling)
}

func TestLM1_GzipBombMemory(t *testing.T) {
	t.Parallel()
	var out counter
	u := measured(t, t.TempDir(), &out, "get", upstream(t)+bombDocument)
	if u.Exit != exitUnusable {
		t.Errorf("exit %d, want %d", u.Exit, exitUnusable)
	}
	t.Logf("%d bytes were written before the limit", out.n)
	expectBelow(t, "10 GiB gzip bomb", u.MaxRSS, bombCeiling)
}

func TestServeMemory(t *testing.T) {
	t.Parallel()
	file, home := definition(t, upstream(t), 1)
	g, err := set.Serve(t.Context(), file, program.Environment(home))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Errorf("%v\n%s", err, g.Log())
		}
	})
	c := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(c.CloseIdleConnections)
	if n, err := fetch(t, c, g.URL+"/api0"+streamDocument); err != nil || n != streamLength {
		t.Errorf("stream: %d bytes, %v", n, err)
	}
	expectPeak(t, g, "1 GiB through the gateway", streamCeiling)
	// The bomb may pass in its coding, or break off; it must not unfold here.
	n, err := fetch(t, c, g.URL+"/api0"+bombDocument)
	t.Logf("bomb: %d bytes, %v", n, err)
	if n >= streamLength {
		t.Errorf("the bomb unfolded: %d bytes", n)
	}
	expectPeak(t, g, "10 GiB gzip bomb through the gateway", bombCeiling)
}

func expectPeak(t *testing.T, g *program.Gateway, what string, ceiling int64) {
	t.Helper()
	peak, err := program.PeakRSS(g.PID())
	if err != nil {
		t.Fatal(err)
	}
	expectBelow(t, what, peak, ceiling)
}

func fetch(t *testing.T, c *http.Client, url string) (n int64, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return io.Copy(io.Discard, resp.Body)
}

// TestMeasureSeesMemory shows that the figures above can rise: a filter needs
// the whole answer.
func TestMeasureSeesMemory(t *testing.T) {
	t.Parallel()
	doc := []byte(`["` + strings.Repeat("x", 16*mib) + `"]`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(doc); err != nil {
			return // the reader left
		}
	}))
	t.Cleanup(server.Close)
	u := measured(t, t.TempDir(), nil, "get", server.URL, "-q", "length")
	if u.Exit != 0 || u.MaxRSS < 20*mib || u.CPU <= 0 {
		t.Errorf("exit %d, peak %.1f MiB, CPU %v", u.Exit, float64(u.MaxRSS)/mib, u.CPU)
	}
}
