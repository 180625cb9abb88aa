package transport

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
)

// maxPEM bounds what is read of a certificate or key file, in bytes. The
// system's bundle has about 250 KB.
const maxPEM = 16 << 20

// Config reads the files and returns the settings for connections that carry
// something else than HTTP. The server's name is left to the caller if c has
// none.
func (c TLS) Config() (*tls.Config, error) {
	origin, _, err := c.build()
	return origin, err
}

// build reads the files and returns the settings for origins and for https
// proxies. Neither has a session cache: a session that outlives a change of
// the trusted certificates would skip verification.
func (c TLS) build() (origin, proxy *tls.Config, err error) {
	origin = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	switch c.MinVersion {
	case "", "1.2":
	case "1.3":
		origin.MinVersion = tls.VersionTLS13
	default:
		return nil, nil, configError("tls.min_version: %q is neither 1.2 nor 1.3", c.MinVersion)
	}
	if c.CA != "" {
		if origin.RootCAs, err = readCA(c.CA); err != nil {
			return nil, nil, err
		}
	}
	if c.Cert != "" || c.Key != "" {
		pair, err := c.pair()
		if err != nil {
			return nil, nil, err
		}
		origin.Certificates = []tls.Certificate{pair}
	}
	proxy = &tls.Config{MinVersion: origin.MinVersion, RootCAs: origin.RootCAs}
	origin.InsecureSkipVerify = c.Insecure
	return origin, proxy, nil
}

func (c TLS) pair() (tls.Certificate, error) {
	switch {
	case c.Cert == "":
		return tls.Certificate{}, configError("tls.key: needs tls.cert as well")
	case c.Key == "":
		return tls.Certificate{}, configError("tls.cert: needs tls.key as well")
	}
	cert, err := readPEM("tls.cert", c.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readPEM("tls.key", c.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, configError("tls.cert: %s with tls.key %s: %w", c.Cert, c.Key, err)
	}
	return pair, nil
}

// readCA reads every certificate of a file. One that cannot be parsed is an
// error: x509.CertPool would leave it out silently.
func readCA(path string) (*x509.CertPool, error) {
	rest, err := readPEM("tls.ca", path)
	if err != nil {
		return nil, err
	}
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, configError("tls.ca: %s: certificate %d: %w", path, n+1, err)
		}
		pool.AddCert(cert)
		n++
	}
	if n == 0 {
		return nil, configError("tls.ca: %s holds no PEM certificate", path)
	}
	return pool, nil
}

func readPEM(field, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, configError("%s: %w", field, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	switch {
	case err != nil:
		return nil, configError("%s: %w", field, err)
	case len(b) == 0:
		return nil, configError("%s: %s is empty", field, path)
	case len(b) > maxPEM:
		return nil, configError("%s: %s is larger than %d MiB", field, path, maxPEM>>20)
	}
	return b, nil
}
