package godwittest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for tests. Validity is counted from time.Now, so
// inside a bubble of synctest it must be made inside.
type Authority struct {
	tb   testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Leaf describes a certificate. The zero value is a valid one for 127.0.0.1,
// ::1, localhost and example.com with its sub-domains.
type Leaf struct {
	Hosts       []string // names and addresses it is for
	Expired     bool     // its validity ended an hour ago
	NotYetValid bool     // its validity begins in an hour
	SelfSigned  bool     // signed by its own key in place of the authority's
	Client      bool     // identifies a client
}

// NewAuthority makes a certificate authority.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{tb: tb}
	template := a.template("godwit test authority")
	template.NotBefore, template.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(365*24*time.Hour)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.ExtKeyUsage = nil // it would restrict what the leaves may be for
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	a.key = a.newKey()
	a.cert = a.sign(template, template, &a.key.PublicKey, a.key)
	return a
}

// Pool returns the pool that trusts the authority and nobody else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// PEM returns the authority's certificate in PEM.
func (a *Authority) PEM() []byte { return encodePEM("CERTIFICATE", a.cert.Raw) }

// Issue makes a certificate with its key.
func (a *Authority) Issue(leaf Leaf) tls.Certificate {
	a.tb.Helper()
	hosts := leaf.Hosts
	if len(hosts) == 0 {
		hosts = []string{"127.0.0.1", "::1", "localhost", "example.com", "*.example.com"}
	}
	template := a.template(hosts[0])
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if leaf.Expired {
		template.NotBefore, template.NotAfter = time.Now().Add(-24*time.Hour), time.Now().Add(-time.Hour)
	}
	if leaf.NotYetValid {
		template.NotBefore = time.Now().Add(time.Hour)
	}
	if leaf.Client {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	key := a.newKey()
	parent, signer := a.cert, a.key
	if leaf.SelfSigned {
		parent, signer = template, key
	}
	cert := a.sign(template, parent, &key.PublicKey, signer)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// Server returns the configuration of a server with such a certificate, which
// speaks the given protocols; none means HTTP/1.1.
func (a *Authority) Server(leaf Leaf, protocols ...string) *tls.Config {
	a.tb.Helper()
	if len(protocols) == 0 {
		protocols = []string{"http/1.1"}
	}
	return &tls.Config{Certificates: []tls.Certificate{a.Issue(leaf)}, NextProtos: protocols, MinVersion: tls.VersionTLS12}
}

// Client returns the configuration of a client that trusts the authority.
func (a *Authority) Client() *tls.Config {
	return &tls.Config{RootCAs: a.Pool(), MinVersion: tls.VersionTLS12}
}

// Files writes the authority's certificate, and a certificate with its key,
// into a folder of the test, and returns the three paths.
func (a *Authority) Files(leaf Leaf) (ca, cert, key string) {
	a.tb.Helper()
	issued := a.Issue(leaf)
	der, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	a.check(err)
	dir := a.tb.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		a.check(os.WriteFile(path, content, 0o600))
		return path
	}
	return write("ca.pem", a.PEM()),
		write("cert.pem", encodePEM("CERTIFICATE", issued.Certificate[0])),
		write("key.pem", encodePEM("PRIVATE KEY", der))
}

func (a *Authority) template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	a.check(err)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.check(err)
	return key
}

func (a *Authority) sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, signer *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	a.check(err)
	cert, err := x509.ParseCertificate(der)
	a.check(err)
	return cert
}

func (a *Authority) check(err error) {
	a.tb.Helper()
	if err != nil {
		a.tb.Fatalf("godwittest: certificate: %v", err)
	}
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
