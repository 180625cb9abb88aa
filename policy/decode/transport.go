package decode

import (
	"net/http"

	"github.com/godwit-go/godwit/exchange"
)

type transport struct {
	next   http.RoundTripper
	config Config
}

// RoundTrip asks for the codings and puts their removal behind the body.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	out, call := exchange.Begin(req)
	byHand := len(req.Header["Accept-Encoding"]) > 0
	if !byHand && req.Method != http.MethodHead && len(req.Header["Range"]) == 0 {
		out = exchange.Own(out)
		if out.Header == nil {
			out.Header = make(http.Header, 1)
		}
		out.Header["Accept-Encoding"] = []string{accept}
	}
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	resp.Request = req
	t.wrap(resp, req, call, byHand)
	return resp, nil
}

// wrap replaces the body of resp, unless it has none or there is nothing to do.
func (t *transport) wrap(resp *http.Response, req *http.Request, call *exchange.Call, raw bool) {
	if resp.Body == nil || resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	var chain codings
	if fields := resp.Header["Content-Encoding"]; len(fields) > 0 && !raw && !untouchable(resp, req) {
		chain = parse(fields)
	}
	b := &body{src: resp.Body, call: call, req: req, status: resp.StatusCode, limit: t.config.limit(call)}
	switch {
	case chain.excess:
		b.refuse = exchange.ErrDecode
	case chain.n == 0 || chain.unknown:
		if b.limit < 0 {
			return
		}
		if resp.ContentLength > b.limit && !bodyless(resp, req) {
			b.refuse = exchange.ErrBodyTooLarge
		}
	default:
		b.coded = &coded{chain: chain, source: source{r: resp.Body}, maxRatio: int64(t.config.MaxRatio)}
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength = -1
		resp.Uncompressed = true
	}
	resp.Body = b
}

// untouchable reports whether the body is none or only a part of one.
func untouchable(resp *http.Response, req *http.Request) bool {
	return bodyless(resp, req) || resp.StatusCode == http.StatusPartialContent
}

func bodyless(resp *http.Response, req *http.Request) bool {
	return req.Method == http.MethodHead || resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified
}
