package redisstore

import (
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/secret"
	"github.com/godwit-go/godwit/transport"
)

// Config says where the server is. A program reads it with the rest of its
// settings and makes its client from it.
type Config struct {
	// URL is redis://host:port/database, rediss:// for TLS, or
	// unix:///path/to/socket?db=database. Port 6379 and database 0 may be left
	// out; userinfo is refused: use username and password.
	URL string `yaml:"url" shorthand:"true"`
	// Username authenticates to the server. Default: that of the server, default.
	Username string `yaml:"username"`
	// Password refers to the password.
	Password secret.Secret `yaml:"password"`
	// TLS are the settings of rediss://.
	TLS transport.TLS `yaml:"tls"`
}

// Address is where a server listens.
type Address struct {
	Network  string // tcp or unix
	Address  string // host:port, or a path
	Host     string // the name that its certificate has to have
	TLS      bool
	Database int
}

// Address reads the URL. The error is one of kind [exchange.ErrConfig].
func (c Config) Address() (Address, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme == "" {
		return Address{}, exchange.ConfigErrorf("redis.url: it is no URL such as redis://127.0.0.1:6379") // it may hold a password
	}
	switch {
	case u.User != nil:
		return Address{}, exchange.ConfigErrorf("redis.url: a user or a password in it is refused; set redis.username and redis.password")
	case u.Fragment != "":
		return Address{}, exchange.ConfigErrorf("redis.url: a fragment means nothing here; remove it")
	case c.Username != "" && c.Password.IsZero():
		return Address{}, exchange.ConfigErrorf("redis.username: needs redis.password as well")
	}
	var a Address
	var database string
	switch u.Scheme {
	case "redis", "valkey", "rediss", "valkeys":
		if u.Hostname() == "" || u.RawQuery != "" {
			return Address{}, exchange.ConfigErrorf("redis.url: want redis://host:port/database and nothing else")
		}
		port := u.Port()
		if port == "" {
			port = "6379"
		}
		a = Address{Network: "tcp", Address: net.JoinHostPort(u.Hostname(), port), Host: u.Hostname(), TLS: strings.HasSuffix(u.Scheme, "s") && u.Scheme != "redis"}
		database = strings.TrimPrefix(u.Path, "/")
	case "unix":
		query := u.Query()
		database = query.Get("db")
		query.Del("db")
		if u.Host != "" || len(query) > 0 || !filepath.IsAbs(u.Path) {
			return Address{}, exchange.ConfigErrorf("redis.url: want unix:///path/to/socket, or with ?db=database after it")
		}
		a = Address{Network: "unix", Address: u.Path}
	default:
		return Address{}, exchange.ConfigErrorf("redis.url: %.20q is none of redis, rediss and unix", u.Scheme)
	}
	if database != "" {
		if a.Database, err = strconv.Atoi(database); err != nil || a.Database < 0 || a.Database > 1<<16 {
			return Address{}, exchange.ConfigErrorf("redis.url: %.20q is no number of a database", database)
		}
	}
	if !a.TLS && c.TLS != (transport.TLS{}) {
		return Address{}, exchange.ConfigErrorf("redis.tls: needs a redis.url that begins with rediss://")
	}
	return a, nil
}
