package godwittest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestServe_HoursTakeNoTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-time.After(3 * time.Hour)
			fmt.Fprintf(w, "%s from %s", r.Host, r.RemoteAddr)
		}))
		start := time.Now()
		for range 2 {
			resp, err := (&http.Client{Transport: s.Transport()}).Get(s.URL("api.example.com"))
			if err != nil {
				t.Fatal(err)
			}
			if body := consume(resp); body != "api.example.com from 127.0.0.1:40001" {
				t.Errorf("body %q", body)
			}
		}
		if took := time.Since(start); took != 6*time.Hour {
			t.Errorf("it took %v of virtual time", took)
		}
		if n := s.Dials(); n != 1 {
			t.Errorf("%d dials for two requests, want one connection", n)
		}
	})
}

func TestServeTLS_Protocols(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string]string{"h2": "HTTP/2.0", "http/1.1": "HTTP/1.1"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ca := NewAuthority(t)
				s := ServeTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }), ca.Server(Leaf{}, protocol))
				rt := s.Transport()
				rt.TLSClientConfig, rt.ForceAttemptHTTP2 = ca.Client(), true
				resp, err := (&http.Client{Transport: rt}).Get(s.URL("api.example.com"))
				if err != nil {
					t.Fatal(err)
				}
				if body := consume(resp); body != want {
					t.Errorf("protocol %s, want %s", body, want)
				}
			})
		})
	}
}

func TestTL5_Certificates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		leaf Leaf
		host string
		want any
	}{
		{"valid", Leaf{}, "api.example.com", nil},
		{"valid for an address", Leaf{}, "127.0.0.1", nil},
		{"expired", Leaf{Expired: true}, "api.example.com", &x509.CertificateInvalidError{}},
		{"not yet valid", Leaf{NotYetValid: true}, "api.example.com", &x509.CertificateInvalidError{}},
		{"wrong host", Leaf{Hosts: []string{"other.example.net"}}, "api.example.com", &x509.HostnameError{}},
		{"self-signed", Leaf{SelfSigned: true}, "api.example.com", &x509.UnknownAuthorityError{}},
		{"for clients only", Leaf{Client: true}, "api.example.com", &x509.CertificateInvalidError{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ca := NewAuthority(t)
				s := ServeTLS(t, http.NotFoundHandler(), ca.Server(c.leaf))
				rt := s.Transport()
				rt.TLSClientConfig = ca.Client()
				resp, err := get(t, t.Context(), hostOf{rt, c.host})
				if consume(resp); c.want == nil && err != nil || c.want != nil && !errors.As(err, c.want) {
					t.Errorf("err = %v, want %T", err, c.want)
				}
			})
		})
	}
}

// hostOf sends requests to another host.
type hostOf struct {
	http.RoundTripper
	host string
}

func (h hostOf) RoundTrip(req *http.Request) (*http.Response, error) {
	own := req.Clone(req.Context())
	own.URL.Host, own.Host = h.host, h.host
	return h.RoundTripper.RoundTrip(own)
}

func TestAuthority_Files(t *testing.T) {
	t.Parallel()
	ca := NewAuthority(t)
	caFile, certFile, keyFile := ca.Files(Leaf{Client: true, Hosts: []string{"client"}})
	if _, err := tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Error(err)
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) || !pool.Equal(ca.Pool()) {
		t.Error("the CA file is not the authority's certificate")
	}
}

func TestListener_Ends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := Listen()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var op *net.OpError
		if _, err := l.Dial(ctx, "tcp", "x:80"); !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &op) {
			t.Errorf("Dial without Accept = %v", err)
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if _, err := l.Dial(t.Context(), "tcp", "x:80"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Dial after Close = %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close = %v", err)
		}
	})
}

func ExampleServe() {
	// In a test, so that an hour of waiting takes no time:
	_ = func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			resp, err := (&http.Client{Transport: s.Transport()}).Get(s.URL("api.example.com"))
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func ExampleNewAuthority() {
	_ = func(t *testing.T) {
		ca := NewAuthority(t)
		s := ServeTLS(t, http.NotFoundHandler(), ca.Server(Leaf{Expired: true}))
		rt := s.Transport()
		rt.TLSClientConfig = ca.Client()
		if _, err := (&http.Client{Transport: rt}).Get(s.URL("example.com")); !strings.Contains(fmt.Sprint(err), "expired") {
			t.Error("an expired certificate was accepted")
		}
	}
}

func drain(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}
