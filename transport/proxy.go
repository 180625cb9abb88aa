package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/origin"
	"github.com/godwit-go/godwit/secret"
	"golang.org/x/net/http/httpproxy"
)

// proxies decides which proxy a request goes through.
type proxies struct {
	pick     func(*url.URL) (*url.URL, error) // nil URL: none
	direct   noProxy
	username string
	password secret.Secret
}

// build checks the settings; nil if there can be no proxy at all.
func (p Proxy) build() (*proxies, error) {
	direct, err := parseNoProxy(p.NoProxy)
	if err != nil {
		return nil, err
	}
	login := p.Username != "" || !p.Password.IsZero()
	out := &proxies{direct: direct, username: p.Username, password: p.Password}
	switch p.URL {
	case "none", "", "environment":
		if login {
			return nil, configError("proxy.username, proxy.password: need a proxy.url to be sent to")
		}
		if p.URL == "none" {
			return nil, nil
		}
		out.pick, err = fromEnvironment()
		if out.pick == nil {
			return nil, err
		}
		return out, nil
	}
	u, err := parseProxyURL(p.URL)
	switch {
	case err != nil:
		return nil, configError("proxy.url: %w", err)
	case u.User != nil:
		return nil, configError("proxy.url: userinfo does not belong here: use proxy.username and proxy.password")
	case p.Username == "" && !p.Password.IsZero():
		return nil, configError("proxy.password: needs proxy.username as well")
	case strings.ContainsAny(p.Username, ":\r\n\x00\x7f"):
		return nil, configError("proxy.username: must not hold a colon or a control character")
	}
	out.pick = func(*url.URL) (*url.URL, error) { return u, nil }
	return out, nil
}

// fromEnvironment reads the variables now; nil if none names a proxy. A value
// that is no proxy URL is an error, which does not repeat it: it may hold a
// password.
func fromEnvironment() (func(*url.URL) (*url.URL, error), error) {
	c := httpproxy.FromEnvironment()
	if c.HTTPProxy == "" && c.HTTPSProxy == "" {
		return nil, nil
	}
	for _, v := range []struct{ name, value string }{{"HTTP_PROXY", c.HTTPProxy}, {"HTTPS_PROXY", c.HTTPSProxy}} {
		if v.value == "" {
			continue
		}
		if os.Getenv(v.name) == "" {
			v.name = strings.ToLower(v.name)
		}
		if _, err := parseProxyURL(v.value); err != nil {
			return nil, configError("proxy.url: the environment variable %s: %w", v.name, err)
		}
	}
	pick := c.ProxyFunc()
	return func(u *url.URL) (*url.URL, error) {
		if origin.LocalName(u.Hostname()) { // ProxyFunc makes an exception for localhost, but not for the names below it
			return nil, nil
		}
		return pick(u)
	}, nil
}

// parseProxyURL reads scheme://[user:password@]host[:port]; without a scheme it
// is http. Its errors hold no part of s.
func parseProxyURL(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("not a URL of the form scheme://host:port")
	}
	if defaultPort(u.Scheme) == "" {
		return nil, fmt.Errorf("scheme %q: a proxy is http, https, socks5 or socks5h", u.Scheme)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("a proxy has no path, query or fragment")
	}
	return u, nil
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	case "socks5", "socks5h":
		return "1080"
	}
	return ""
}

// route is the way of one request through a proxy.
type route struct {
	scheme  string   // of the proxy
	addr    string   // of the proxy, host:port
	forward *url.URL // absolute-form: what net/http is told; nil for a tunnel
	login   func(context.Context) (*url.Userinfo, error)
}

// route returns the way to u; nil for a direct connection.
func (p *proxies) route(ctx context.Context, u *url.URL) (*route, error) {
	if p == nil || p.direct.matches(u) {
		return nil, nil
	}
	proxy, err := p.pick(u)
	if err != nil {
		return nil, &fault{kind: exchange.ErrProxy, err: err}
	}
	if proxy == nil {
		return nil, nil
	}
	port := proxy.Port()
	if port == "" {
		port = defaultPort(proxy.Scheme)
	}
	r := &route{scheme: proxy.Scheme, addr: net.JoinHostPort(proxy.Hostname(), port)}
	r.login = func(ctx context.Context) (*url.Userinfo, error) { return p.login(ctx, proxy) }
	if u.Scheme == "http" && strings.HasPrefix(proxy.Scheme, "http") {
		user, err := r.login(ctx)
		if err != nil {
			return nil, err
		}
		// The dialer speaks TLS to an https proxy, so net/http must not.
		r.forward = &url.URL{Scheme: "http", Host: r.addr, User: user}
	}
	return r, nil
}

// login returns the user and password for the proxy, nil if it needs none, and
// makes them known to the redactor of the call.
func (p *proxies) login(ctx context.Context, proxy *url.URL) (*url.Userinfo, error) {
	user := proxy.User
	if p.username != "" {
		password := ""
		if !p.password.IsZero() {
			var err error
			// A secret that cannot be read is found out even if nobody waits for the dial.
			if password, err = p.password.Reveal(context.WithoutCancel(ctx)); err != nil {
				return nil, &fault{kind: exchange.ErrProxy, text: "proxy.password", err: err}
			}
		}
		user = url.UserPassword(p.username, password)
	}
	if password, ok := user.Password(); ok {
		if call := exchange.CallFrom(ctx); call != nil && call.Redactor != nil {
			call.Redactor.Add(password)
			call.Redactor.Add(user.Username() + ":" + password)
		}
	}
	return user, nil
}
