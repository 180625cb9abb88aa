package transport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

func ok(http.ResponseWriter, *http.Request) {}

// Verified and unverified calls to one bad server take turns: the verified ones
// always fail.
func TestTL1_InsecureStaysWithItsTransport(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	s := serveTLS(t, a, godwittest.Leaf{SelfSigned: true}, ok, "h2", "http/1.1")
	insecure := build(t, transport.Config{TLS: transport.TLS{Insecure: true}})
	secure := build(t, transport.Config{})
	for range 3 {
		if o := get(t, insecure, s.URL); o.err != nil {
			t.Error(o.err)
		}
		wantKind(t, "verified", get(t, secure, s.URL), exchange.ErrTLS)
	}
}

// A transport made after the CA was taken away resumes no session of the one
// before.
func TestTL2_RemovedCA(t *testing.T) {
	t.Parallel()
	a, other := godwittest.NewAuthority(t), godwittest.NewAuthority(t)
	s := serveTLS(t, a, godwittest.Leaf{}, ok)
	ca, _, _ := a.Files(godwittest.Leaf{})
	otherCA, _, _ := other.Files(godwittest.Leaf{})
	for range 2 {
		if o := get(t, build(t, transport.Config{TLS: transport.TLS{CA: ca}}), s.URL); o.err != nil || o.resp.TLS.DidResume {
			t.Fatal(o.err)
		}
		wantKind(t, "other CA", get(t, build(t, transport.Config{TLS: transport.TLS{CA: otherCA}}), s.URL), exchange.ErrTLS)
	}
}

func TestTL4_FilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, cert, key := a.Files(godwittest.Leaf{Client: true})
	_, _, otherKey := a.Files(godwittest.Leaf{Client: true})
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	missing, empty, junk := filepath.Join(dir, "missing.pem"), file("empty.pem", ""), file("junk.pem", "no PEM here")
	torn := file("torn.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	for name, c := range map[string]struct {
		tls   transport.TLS
		field string
		file  string
	}{
		"missing ca":       {transport.TLS{CA: missing}, "tls.ca", missing},
		"empty ca":         {transport.TLS{CA: empty}, "tls.ca", empty},
		"ca without PEM":   {transport.TLS{CA: junk}, "tls.ca", junk},
		"torn ca":          {transport.TLS{CA: torn}, "tls.ca", torn},
		"ca is a folder":   {transport.TLS{CA: dir}, "tls.ca", dir},
		"ca is a key":      {transport.TLS{CA: key}, "tls.ca", key},
		"missing cert":     {transport.TLS{Cert: missing, Key: key}, "tls.cert", missing},
		"empty cert":       {transport.TLS{Cert: empty, Key: key}, "tls.cert", empty},
		"empty key":        {transport.TLS{Cert: cert, Key: empty}, "tls.key", empty},
		"cert without key": {transport.TLS{Cert: cert}, "tls.cert", "tls.key"},
		"key without cert": {transport.TLS{Key: key}, "tls.key", "tls.cert"},
		"not a pair":       {transport.TLS{Cert: cert, Key: otherKey}, "tls.cert", otherKey},
		"version":          {transport.TLS{MinVersion: "1.1"}, "tls.min_version", "1.1"},
	} {
		_, err := transport.New(transport.Config{TLS: c.tls, Proxy: transport.Proxy{URL: "none"}})
		if !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), c.field) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if os.Getuid() > 0 {
		if err := os.Chmod(ca, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := transport.New(transport.Config{TLS: transport.TLS{CA: ca}}); !errors.Is(err, exchange.ErrConfig) {
			t.Errorf("unreadable: %v", err)
		}
	}
}

func TestTL5_FC8_CertificatesTold(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	trusting := transport.TLS{CA: ca}
	for name, c := range map[string]struct {
		leaf godwittest.Leaf
		tls  transport.TLS
		hint string // empty: it is accepted
	}{
		"good":                 {godwittest.Leaf{}, trusting, ""},
		"address":              {godwittest.Leaf{Hosts: []string{"127.0.0.1"}}, trusting, ""},
		"expired":              {godwittest.Leaf{Expired: true}, trusting, "has expired"},
		"not yet valid":        {godwittest.Leaf{NotYetValid: true}, trusting, "not valid yet"},
		"wrong host":           {godwittest.Leaf{Hosts: []string{"elsewhere.test"}}, trusting, "another host"},
		"other address":        {godwittest.Leaf{Hosts: []string{"127.0.0.9"}}, trusting, "another host"},
		"self-signed":          {godwittest.Leaf{SelfSigned: true}, trusting, "self-signed"},
		"unknown CA":           {godwittest.Leaf{}, transport.TLS{}, "issuer is not trusted"},
		"client's certificate": {godwittest.Leaf{Client: true}, trusting, "not valid for this use"},
		"server_name":          {godwittest.Leaf{Hosts: []string{"elsewhere.test"}}, transport.TLS{CA: ca, ServerName: "elsewhere.test"}, ""},
		"wildcard":             {godwittest.Leaf{Hosts: []string{"*.deep.test"}}, transport.TLS{CA: ca, ServerName: "a.deep.test"}, ""},
		"wildcard depth":       {godwittest.Leaf{Hosts: []string{"*.deep.test"}}, transport.TLS{CA: ca, ServerName: "a.b.deep.test"}, "another host"},
	} {
		for _, protocols := range [][]string{nil, {"h2", "http/1.1"}} {
			s := serveTLS(t, a, c.leaf, ok, protocols...)
			o := get(t, build(t, transport.Config{TLS: c.tls}), s.URL)
			if c.hint == "" {
				if o.err != nil {
					t.Errorf("%s: %v", name, o.err)
				}
				continue
			}
			e := wantKind(t, name, o, exchange.ErrTLS)
			if !strings.Contains(e.Hint, c.hint) || o.attempt.Sent != exchange.SentNo {
				t.Errorf("%s: hint %q, sent %v", name, e.Hint, o.attempt.Sent)
			}
		}
	}
}

// TL5: a certificate signed with SHA-1 is refused although its issuer is
// trusted, and the hint says which of the two it is.
func TestTL5_SHA1(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(template, parent *x509.Certificate) *x509.Certificate {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root = sign(root, root)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for algorithm, hint := range map[x509.SignatureAlgorithm]string{x509.ECDSAWithSHA256: "", x509.ECDSAWithSHA1: "SHA-1"} {
		leaf := sign(&x509.Certificate{
			SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, SignatureAlgorithm: algorithm,
		}, root)
		url := startTLS(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}}, ok)
		o := get(t, build(t, transport.Config{TLS: transport.TLS{CA: ca}}), url)
		if hint == "" {
			if o.err != nil {
				t.Error(o.err)
			}
			continue
		}
		if e := wantKind(t, algorithm.String(), o, exchange.ErrTLS); !strings.Contains(e.Hint, hint) || e.Sent != exchange.SentNo {
			t.Errorf("hint %q, sent %v: %v", e.Hint, e.Sent, e)
		}
	}
}

func TestFC8_PlainHTTPOnTheTLSPort(t *testing.T) {
	t.Parallel()
	s := godwittest.Raw(t, func(c *godwittest.Conn) { c.Send("HTTP/1.1 400 Bad Request\r\n\r\n"); c.Hang() })
	e := wantKind(t, "plain", get(t, build(t, transport.Config{}), "https://"+s.Addr()), exchange.ErrTLS)
	if !strings.Contains(e.Hint, "plain HTTP") {
		t.Errorf("hint %q", e.Hint)
	}
	s = godwittest.Raw(t, func(c *godwittest.Conn) { c.Send("220 mail.test ESMTP\r\n"); c.Hang() })
	e = wantKind(t, "mail", get(t, build(t, transport.Config{}), "https://"+s.Addr()), exchange.ErrTLS)
	if !strings.Contains(e.Hint, "does not speak TLS") {
		t.Errorf("hint %q", e.Hint)
	}
}

func TestFC8_ClosedDuringTheHandshake(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*godwittest.Conn){
		"closed": func(c *godwittest.Conn) { _, _ = c.Read(make([]byte, 5000)) },
		"reset":  func(c *godwittest.Conn) { _, _ = c.Read(make([]byte, 5000)); c.Reset() },
	} {
		s := godwittest.Raw(t, end)
		o := get(t, build(t, transport.Config{}), "https://"+s.Addr())
		wantKind(t, name, o, exchange.ErrConnect)
		if o.attempt.Sent != exchange.SentNo {
			t.Errorf("%s: sent %v", name, o.attempt.Sent)
		}
	}
}

func TestFC8_StalledHandshake(t *testing.T) {
	t.Parallel()
	s := godwittest.Raw(t, func(c *godwittest.Conn) { c.Hang() })
	o := get(t, build(t, transport.Config{TLSTimeout: 50 * time.Millisecond}), "https://"+s.Addr())
	wantKind(t, "stall", o, exchange.ErrTLSTimeout)
	if o.attempt.Sent != exchange.SentNo {
		t.Errorf("sent %v", o.attempt.Sent)
	}
}

// With TLS 1.3 the server's refusal comes with the first read.
func TestFC8_ClientCertificateRefused(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, protocol := range []string{"http/1.1", "h2"} {
			conf := a.Server(godwittest.Leaf{}, protocol)
			conf.ClientAuth, conf.ClientCAs, conf.MaxVersion = tls.RequireAndVerifyClientCert, a.Pool(), version
			s := startTLS(t, conf, ok)
			o := get(t, build(t, transport.Config{TLS: transport.TLS{CA: ca}}), s)
			e := wantKind(t, tls.VersionName(version)+" "+protocol, o, exchange.ErrTLS)
			if !strings.Contains(e.Hint, "tls.cert") {
				t.Errorf("hint %q of %v", e.Hint, e)
			}
		}
	}
}

// startTLS serves with exactly conf.
func startTLS(t testing.TB, conf *tls.Config, h http.HandlerFunc) (url string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, TLSConfig: conf, ErrorLog: silent}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		_ = s.Close() // what it reports are connections that the client has closed
		wg.Wait()
	})
	return "https://" + l.Addr().String()
}

// A name in a certificate is text from outside.
func TestTL7_TextOfACertificate(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	var names []string
	for i := range 2000 {
		names = append(names, strings.Repeat("x", 40)+string(rune('a'+i%26))+".test")
	}
	s := serveTLS(t, a, godwittest.Leaf{Hosts: names}, ok)
	ca, _, _ := a.Files(godwittest.Leaf{})
	e := wantKind(t, "2000 names", get(t, build(t, transport.Config{TLS: transport.TLS{CA: ca}}), s.URL), exchange.ErrTLS)
	for err := error(e); err != nil; err = e.Err {
		if n := len(err.Error()); n > 1024 {
			t.Errorf("%d bytes of text", n)
		}
		if err == e.Err {
			break
		}
	}
	scripted := transport.Wrap(exchange.RoundTripFunc(func(*http.Request) (*http.Response, error) {
		return nil, x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"\x1b[31m\r\nred\u202e.test"}}, Host: "h"}
	}))
	wantKind(t, "escapes", get(t, scripted, "https://h/?q=hidden"), exchange.ErrTLS)
}

// Two identities for one host: each has its own connection, whatever the order.
func TestCR6_IdentitiesDoNotShareConnections(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	for _, protocol := range []string{"http/1.1", "h2"} {
		var mu sync.Mutex
		seen := map[string]string{} // connection → identity
		conf := a.Server(godwittest.Leaf{}, protocol)
		conf.ClientAuth, conf.ClientCAs = tls.RequireAndVerifyClientCert, a.Pool()
		url := startTLS(t, conf, func(w http.ResponseWriter, r *http.Request) {
			id := r.TLS.PeerCertificates[0].DNSNames[0]
			mu.Lock()
			defer mu.Unlock()
			if other, ok := seen[r.RemoteAddr]; ok && other != id {
				t.Errorf("%s: %s and %s share a connection", protocol, other, id)
			}
			seen[r.RemoteAddr] = id
			w.Header().Set("Identity", id)
		})
		clients := map[string]transport.Transport{}
		for _, id := range []string{"alice.test", "bob.test"} {
			_, cert, key := a.Files(godwittest.Leaf{Hosts: []string{id}, Client: true})
			clients[id] = build(t, transport.Config{TLS: transport.TLS{CA: ca, Cert: cert, Key: key}})
		}
		for range 3 {
			for id, c := range clients {
				if o := get(t, c, url); o.err != nil || o.resp.Header.Get("Identity") != id {
					t.Fatalf("%s: %s: %v", protocol, id, o.err)
				}
			}
		}
		if mu.Lock(); len(seen) != 2 {
			t.Errorf("%s: %d connections", protocol, len(seen))
		}
		mu.Unlock()
	}
}

func TestHTTP2Switch(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	s := serveTLS(t, a, godwittest.Leaf{}, ok, "h2", "http/1.1")
	for mode, want := range map[string]string{"": "HTTP/2.0", "auto": "HTTP/2.0", "off": "HTTP/1.1"} {
		o := get(t, build(t, transport.Config{TLS: transport.TLS{CA: ca}, Pool: transport.Pool{HTTP2: mode}}), s.URL)
		if o.err != nil || o.resp.Proto != want {
			t.Errorf("%q: %v, %v", mode, o.err, o.resp)
		}
	}
}

// A server that speaks TLS 1.2 only is refused by min_version 1.3.
func TestMinVersion(t *testing.T) {
	t.Parallel()
	a := godwittest.NewAuthority(t)
	ca, _, _ := a.Files(godwittest.Leaf{})
	conf := a.Server(godwittest.Leaf{})
	conf.MaxVersion = tls.VersionTLS12
	url := startTLS(t, conf, ok)
	if o := get(t, build(t, transport.Config{TLS: transport.TLS{CA: ca}}), url); o.err != nil {
		t.Error(o.err)
	}
	e := wantKind(t, "1.3", get(t, build(t, transport.Config{TLS: transport.TLS{CA: ca, MinVersion: "1.3"}}), url), exchange.ErrTLS)
	if e.Hint == "" {
		t.Error("no hint")
	}
	var op *net.OpError
	if !errors.As(e, &op) {
		t.Errorf("%T", e.Err)
	}
}
