package e2e

import (
	"net/http"
	"strings"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/exchange"
)

// call is one entry of the corpus and what all surfaces must make of it.
type call struct {
	name        string
	api         string // default plain
	method      string // default GET
	path        string
	query       []godwit.Pair
	header      []godwit.Pair
	contentType string
	body        string

	status  int            // default 200; 0 with own
	kind    *exchange.Kind // what the failure is; nil: none
	own     bool           // the chain fails; there is no answer
	fields  []string       // members of the JSON answer to compare in place of the bytes: the rest tells the surfaces apart
	gateway int            // status that only the gateway gives: its own, or that of a redirect, which it returns
}

// corpus is driven through the library, the command and the gateway (D14).
var corpus = []call{
	{name: "get with query", api: "bin", path: "/get", query: []godwit.Pair{{Name: "q", Value: "a b&c=d/é"}, {Name: "q", Value: "2"}, {Name: "empty"}}, fields: []string{"args", "method"}},
	{name: "path is escaped once", api: "bin", path: "/anything/a%20b%25c", fields: []string{"args", "method", "url"}},
	{name: "encoded slash", api: "bin", path: "/anything/a%2Fb", fields: []string{"args", "method", "url"}, gateway: http.StatusBadRequest},
	{name: "default header and override", api: "bin", path: "/headers", header: []godwit.Pair{{Name: "X-Default", Value: "from the call"}, {Name: "X-Call", Value: "1"}}, fields: []string{"headers.X-Default", "headers.X-Call"}},
	{name: "accept", path: "/image", header: []godwit.Pair{{Name: "Accept", Value: "image/png"}}},

	{name: "post json", api: "bin", method: "POST", path: "/post", contentType: "application/json", body: `{"name":"ada","age":36,"tags":["x","y"],"none":null}`, fields: []string{"json", "data", "headers.Content-Type", "headers.Content-Length"}},
	{name: "post form", method: "POST", path: "/post", contentType: "application/x-www-form-urlencoded", body: "a=1&a=2&b=%26", fields: []string{"form"}},
	{name: "post bytes", method: "POST", path: "/post", contentType: "application/octet-stream", body: "\x00\xff\xfe" + strings.Repeat("bytes", 1000), fields: []string{"data"}},
	{name: "put", method: "PUT", path: "/put", contentType: "text/plain", body: "text", fields: []string{"data", "method"}},
	{name: "patch", method: "PATCH", path: "/patch", contentType: "application/merge-patch+json", body: `{"a":null}`, fields: []string{"data", "headers.Content-Type"}},
	{name: "delete", method: "DELETE", path: "/delete", fields: []string{"method"}},
	{name: "wrong method", method: "DELETE", path: "/get", status: 405, kind: exchange.ErrStatus},

	{name: "created", path: "/status/201", status: 201},
	{name: "no content", path: "/status/204", status: 204},
	{name: "bad request", path: "/status/400", status: 400, kind: exchange.ErrStatus},
	{name: "unauthenticated", path: "/status/401", status: 401, kind: exchange.ErrUnauthenticated},
	{name: "forbidden", path: "/status/403", status: 403, kind: exchange.ErrForbidden},
	{name: "not found", path: "/status/404", status: 404, kind: exchange.ErrNotFound},
	{name: "gone", path: "/status/410", status: 410, kind: exchange.ErrNotFound},
	{name: "conflict", path: "/status/409", status: 409, kind: exchange.ErrConflict},
	{name: "teapot", path: "/status/418", status: 418, kind: exchange.ErrStatus},
	{name: "rate limited", path: "/status/429", status: 429, kind: exchange.ErrRateLimited},
	{name: "server", api: "bin", path: "/status/500", status: 500, kind: exchange.ErrServer},
	{name: "unavailable", api: "bin", path: "/status/503", status: 503, kind: exchange.ErrServer},

	{name: "redirects followed", path: "/redirect/3", fields: []string{"method"}, gateway: http.StatusFound},
	{name: "redirect not followed", api: "still", path: "/redirect/1", status: 302, kind: exchange.ErrStatus},
	{name: "307 keeps the body", method: "POST", path: "/redirect-to", query: []godwit.Pair{{Name: "url", Value: "/post"}, {Name: "status_code", Value: "307"}}, contentType: "text/plain", body: "again", fields: []string{"data", "method"}, gateway: http.StatusTemporaryRedirect},
	{name: "303 becomes GET", method: "POST", path: "/redirect-to", query: []godwit.Pair{{Name: "url", Value: "/get"}, {Name: "status_code", Value: "303"}}, contentType: "text/plain", body: "once", fields: []string{"method"}, gateway: http.StatusSeeOther},
	{name: "too many redirects", path: "/redirect/20", kind: exchange.ErrTooManyRedirects, own: true, gateway: http.StatusFound},

	{name: "gzip", path: "/gzip", fields: []string{"gzipped", "method"}},
	{name: "deflate", path: "/deflate", fields: []string{"deflated", "method"}},
	{name: "brotli", path: "/brotli"},

	{name: "basic", api: "user", path: "/basic-auth/ada/" + basicPassword},
	{name: "basic missing", path: "/basic-auth/ada/" + basicPassword, status: 401, kind: exchange.ErrUnauthenticated},
	{name: "bearer", api: "token", path: "/bearer"},
	{name: "bearer missing", path: "/bearer", status: 401, kind: exchange.ErrUnauthenticated},

	{name: "delay within the limits", api: "bin", path: "/delay/0.05", fields: []string{"method"}},
	{name: "header timeout", api: "header", path: "/delay/2", kind: exchange.ErrHeaderTimeout, own: true, gateway: http.StatusGatewayTimeout},
	{name: "total timeout", api: "total", path: "/delay/2", kind: exchange.ErrTotalTimeout, own: true, gateway: http.StatusGatewayTimeout},
	{name: "refused", api: "gone", path: "/get", kind: exchange.ErrConnect, own: true, gateway: http.StatusBadGateway},

	{name: "bytes", path: "/bytes/4096", query: []godwit.Pair{{Name: "seed", Value: "7"}}},
	{name: "range", path: "/range/4096", header: []godwit.Pair{{Name: "Range", Value: "bytes=100-199"}}, status: 206},
	{name: "chunked stream", path: "/stream-bytes/65536", query: []godwit.Pair{{Name: "seed", Value: "7"}, {Name: "chunk_size", Value: "777"}}},
	{name: "dripped", path: "/drip", query: []godwit.Pair{{Name: "numbytes", Value: "20"}, {Name: "duration", Value: "0.1"}, {Name: "delay", Value: "0"}}},
	{name: "not modified", path: "/etag/abc", header: []godwit.Pair{{Name: "If-None-Match", Value: `"abc"`}}, status: 304, kind: exchange.ErrStatus},

	{name: "json", path: "/json"},
	{name: "xml", path: "/xml"},
	{name: "html", path: "/html"},
	{name: "utf-8", path: "/encoding/utf8"},
	{name: "image", path: "/image/png"},
	{name: "trailers", path: "/trailers", query: []godwit.Pair{{Name: "A", Value: "1"}}, fields: []string{"args"}},
	{name: "response headers", path: "/response-headers", query: []godwit.Pair{{Name: "X-From-Server", Value: "1"}}},
}

func (c call) with() call {
	if c.api == "" {
		c.api = "plain"
	}
	if c.method == "" {
		c.method = http.MethodGet
	}
	if c.status == 0 && !c.own {
		c.status = http.StatusOK
	}
	return c
}
