package client

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/godwit-go/godwit/bench/cpu"
)

// subjects returns both ways to do the work over the stub, or over loopback.
func subjects(tb testing.TB, loopback bool) []Subject {
	tb.Helper()
	base, rt := "http://stub.example", http.RoundTripper(Stub{Document()})
	if loopback {
		server := httptest.NewServer(Handler())
		tb.Cleanup(server.Close)
		base, rt = server.URL, nil
	}
	plain := NetHTTP(base, rt)
	own, err := Godwit(base, rt)
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range []Subject{plain, own} {
		tb.Cleanup(func() {
			if err := s.Close(); err != nil {
				tb.Error(err)
			}
		})
	}
	return []Subject{plain, own}
}

func TestSubjectsDoTheSameWork(t *testing.T) {
	t.Parallel()
	for _, loopback := range []bool{false, true} {
		for _, s := range subjects(t, loopback) {
			if err := s.Get(t.Context()); err != nil {
				t.Errorf("%s, loopback %v: %v", s.Name, loopback, err)
			}
		}
	}
}

// BenchmarkTypedGet reports processor time per call beside the usual figures.
// Over loopback it includes the server; make bench measures without it.
func BenchmarkTypedGet(b *testing.B) {
	for _, place := range []string{"stub", "loopback"} {
		for _, s := range subjects(b, place == "loopback") {
			b.Run(place+"/"+s.Name, func(b *testing.B) {
				b.ReportAllocs()
				before, ok := cpu.Used()
				for b.Loop() {
					if err := s.Get(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				if after, _ := cpu.Used(); ok {
					b.ReportMetric(float64(after-before)/float64(b.N), "cpu-ns/op")
				}
			})
		}
	}
}
