package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"golang.org/x/net/proxy"
)

// viaProxy connects to the proxy of r and makes it connect to target, unless
// net/http will send it absolute-form requests. Every error but that of the
// proxy's certificate is of kind ErrProxy.
func (d *dialer) viaProxy(ctx context.Context, r *route, target string) (net.Conn, error) {
	c, err := d.through(ctx, r, target)
	if err != nil {
		return nil, proxyFault(r, err)
	}
	if live := exchange.LiveFrom(ctx); live != nil && r.forward == nil {
		live.Reach(exchange.MarkTunnel, exchange.PhaseHandshake)
	}
	return c, nil
}

func (d *dialer) through(ctx context.Context, r *route, target string) (net.Conn, error) {
	if r.forward != nil {
		return d.toProxy(ctx, r)
	}
	user, err := r.login(ctx) // before the dial: without it there is no use in one
	if err != nil {
		return nil, err
	}
	if r.scheme == "socks5" || r.scheme == "socks5h" {
		return d.socks(ctx, r, user, target)
	}
	c, err := d.toProxy(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := d.connectThrough(ctx, r, user, c, target); err != nil {
		_ = c.Close() // the failure that is reported came before
		return nil, err
	}
	return c, nil
}

func proxyFault(r *route, err error) error {
	if own := (*fault)(nil); errors.As(err, &own) && (own.kind == exchange.ErrProxy || own.kind == exchange.ErrTLS) {
		return own
	}
	return &fault{kind: exchange.ErrProxy, text: "proxy " + r.addr, err: err}
}

// toProxy connects to an http or https proxy.
func (d *dialer) toProxy(ctx context.Context, r *route) (net.Conn, error) {
	c, err := d.tcp(ctx, new(net.Dialer), "tcp", r.addr)
	if err != nil || r.scheme == "http" {
		return c, err
	}
	conf := d.proxyTLS.Clone()
	if conf.ServerName, _, err = net.SplitHostPort(r.addr); err != nil {
		_ = c.Close() // never used
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.tlsTimeout)
	defer cancel()
	tc := tls.Client(c, conf)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = c.Close() // the handshake's failure says more
		if tlsFailure(err) {
			return nil, &fault{kind: exchange.ErrTLS, text: "proxy " + r.addr, hint: "this is the proxy's own TLS: " + tlsHint(err), err: err}
		}
		return nil, err
	}
	return tc, nil
}

// connectThrough asks the proxy for a tunnel to target (RFC 9110 section
// 9.3.6), within the connect timeout and the limit on headers.
func (d *dialer) connectThrough(ctx context.Context, r *route, user *url.Userinfo, c net.Conn, target string) error {
	req := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target,
		Header: http.Header{"User-Agent": {""}}, // an empty one is not sent
	}
	if user != nil {
		req.Header.Set("Proxy-Authorization", basic(user))
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // ends the exchange below; a closed c has ended it
	defer stop()
	if err := c.SetDeadline(time.Now().Add(d.timeout)); err != nil {
		return err
	}
	if err := req.Write(c); err != nil {
		return err
	}
	limited := &io.LimitedReader{R: c, N: d.maxHeader}
	br := bufio.NewReader(limited)
	resp, err := finalResponse(br, req)
	switch {
	case err != nil && limited.N <= 0:
		return fmt.Errorf("the answer to CONNECT has more than %d bytes of headers", d.maxHeader)
	case err != nil:
		return fmt.Errorf("no answer to CONNECT: %w", err)
	case resp.StatusCode/100 != 2:
		return connectRefused(r, resp.StatusCode)
	case br.Buffered() > 0:
		return errors.New("the proxy sent bytes before the tunnel was used")
	case !stop():
		return context.Cause(ctx)
	}
	return c.SetDeadline(time.Time{})
}

// finalResponse passes over 1xx answers. The caller's reader bounds them.
func finalResponse(br *bufio.Reader, req *http.Request) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(br, req)
		if err != nil || resp.StatusCode/100 != 1 {
			return resp, err
		}
	}
}

func connectRefused(r *route, status int) error {
	f := &fault{kind: exchange.ErrProxy, status: status, text: "proxy " + r.addr + " answered CONNECT"}
	if status == http.StatusProxyAuthRequired {
		f.hint = "set proxy.username and proxy.password, or check them"
	}
	return f
}

func basic(user *url.Userinfo) string {
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// socks connects through a SOCKS 5 proxy (RFC 1928, RFC 1929), which resolves
// the name of target, for socks5 as for socks5h.
func (d *dialer) socks(ctx context.Context, r *route, user *url.Userinfo, target string) (net.Conn, error) {
	var auth *proxy.Auth
	if user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	s, err := proxy.SOCKS5("tcp", r.addr, auth, forwardDialer{d})
	if err != nil {
		return nil, err
	}
	cd, ok := s.(proxy.ContextDialer)
	if !ok {
		return nil, errors.New("the SOCKS dialer does not obey contexts")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*d.timeout) // one for reaching the proxy, one for its answer
	defer cancel()
	return cd.DialContext(ctx, "tcp", target)
}

// forwardDialer is how the SOCKS dialer reaches the proxy.
type forwardDialer struct{ d *dialer }

func (f forwardDialer) Dial(network, addr string) (net.Conn, error) {
	return f.DialContext(context.Background(), network, addr)
}

func (f forwardDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return f.d.tcp(ctx, new(net.Dialer), network, addr)
}
