package gateway

import "github.com/godwit-go/godwit/exchange"

// situation is a reason for which the gateway answers by itself: what it says
// to the client, and to those who watch (RFC 9209 section 2.3).
type situation struct {
	status     int
	kind       string // member kind of the problem document
	proxyError string // Proxy-Status error type; empty: none fits
	text       string // what the problem says when nothing more exact is known
}

// The situations that no exchange.Kind stands for.
var (
	malformedRequest  = situation{400, "invalid request", "http_request_error", "the request is malformed"}
	noRoute           = situation{404, "no route", "http_request_denied", "no api is served under this path; the first segment is the name of one: /NAME/path"}
	slowClient        = situation{408, "client timeout", "http_request_error", "the request body stopped flowing"}
	brokenUpload      = situation{400, "invalid request", "http_request_error", "the request body ended early or its framing is broken"}
	foreignPage       = situation{403, "cross-site request", "http_request_denied", "a page of another site made a browser send this; a page under the same host name may, and programs may"}
	wrongHost         = situation{421, "wrong host", "http_request_denied", "gateway.hosts does not list this name"}
	refusedMethod     = situation{501, "method not supported", "http_request_denied", "CONNECT, TRACE and TRACK are not forwarded"}
	refusedUpgrade    = situation{501, "upgrade not supported", "http_upgrade_failed", "protocol upgrades are not forwarded"}
	loopDetected      = situation{502, "loop", "proxy_loop_detected", "the request has come through this gateway before"}
	stalledUpload     = situation{504, "upload timeout", "connection_write_timeout", "the upstream stopped taking the request body"}
	shuttingDown      = situation{503, "draining", "proxy_internal_response", "the gateway is shutting down"}
	wrongMethodHealth = situation{405, "method not allowed", "http_request_denied", "health is asked with GET or HEAD"}
	internalDefect    = situation{500, "internal", "proxy_internal_error", "the gateway failed; the log has more under the request id"}
)

// kindSituations is the one table from error kinds to answers. A test fails
// when a kind has no row. Kinds that stand for an upstream's status reach it
// only when a policy refuses by itself: statuses pass unchanged.
var kindSituations = map[*exchange.Kind]situation{
	exchange.ErrDNS:       {502, "", "dns_error", "the upstream's name could not be resolved"},
	exchange.ErrConnect:   {502, "", "destination_unavailable", "the upstream could not be reached, or hung up before it answered"},
	exchange.ErrTLS:       {502, "", "tls_protocol_error", "the TLS handshake with the upstream failed"},
	exchange.ErrProxy:     {502, "", "destination_unavailable", "the proxy on the way to the upstream failed"},
	exchange.ErrTruncated: {502, "", "http_response_incomplete", "the upstream's answer ended early"},
	exchange.ErrProtocol:  {502, "", "http_protocol_error", "the upstream's answer breaks HTTP"},

	exchange.ErrTimeout:        {504, "", "http_response_timeout", "the upstream took too long"},
	exchange.ErrConnectTimeout: {504, "", "connection_timeout", "connecting to the upstream took too long"},
	exchange.ErrTLSTimeout:     {504, "", "connection_timeout", "the TLS handshake with the upstream took too long"},
	exchange.ErrHeaderTimeout:  {504, "", "http_response_timeout", "the upstream did not answer in time"},
	exchange.ErrIdleTimeout:    {504, "", "connection_read_timeout", "the upstream's answer stopped flowing"},
	exchange.ErrAttemptTimeout: {504, "", "http_response_timeout", "the upstream did not answer in time"},
	exchange.ErrTotalTimeout:   {504, "", "http_response_timeout", "the upstream did not answer in time"},

	// The gateway's own credential for the upstream cannot be had: that is no
	// fault of the caller, so no 401.
	exchange.ErrUnauthenticated: {500, "", "proxy_configuration_error", "the gateway has no credential for the upstream"},
	exchange.ErrForbidden:       {403, "", "http_request_denied", "the request is not allowed"},
	exchange.ErrNotFound:        {404, "", "http_request_denied", "there is no such thing"},
	exchange.ErrConflict:        {409, "", "http_request_denied", "the request conflicts with another"},
	exchange.ErrRateLimited:     {429, "", "http_request_denied", "the rate limit is reached"},
	exchange.ErrServer:          {502, "", "proxy_internal_response", "the upstream failed"},
	exchange.ErrStatus:          {502, "", "proxy_internal_response", "the upstream's answer cannot be used"},

	exchange.ErrRequest:           {400, "", "http_request_error", "the request cannot be sent"},
	exchange.ErrConfig:            {500, "", "proxy_configuration_error", "the gateway's configuration cannot be used"},
	exchange.ErrMiddleware:        {500, "", "proxy_internal_error", "the gateway failed"},
	exchange.ErrTooManyRedirects:  {502, "", "proxy_internal_response", "the upstream redirects without end"},
	exchange.ErrRedirect:          {502, "", "proxy_internal_response", "the upstream's redirect cannot be followed"},
	exchange.ErrBodyNotRewindable: {502, "", "proxy_internal_response", "the request body cannot be sent a second time"},
	exchange.ErrBodyTooLarge:      {502, "", "http_response_body_size", "the upstream's answer is too large"},
	exchange.ErrDecode:            {502, "", "http_response_content_coding", "the upstream's answer cannot be decoded"},
	exchange.ErrValidation:        {502, "", "proxy_internal_response", "the upstream's answer breaks its contract"},
	exchange.ErrOriginNotAllowed:  {502, "", "destination_ip_prohibited", "the upstream's origin is not allowed"},
	exchange.ErrCircuitOpen:       {503, "", "destination_unavailable", "calls to the upstream are held back"},
	exchange.ErrWouldMissDeadline: {429, "", "http_request_denied", "the request would wait longer than it has time"},
	exchange.ErrRetryBudget:       {503, "", "destination_unavailable", "the upstream fails and the retry budget is spent"},
	exchange.ErrCanceled:          {499, "", "", "the client has left"}, // for the log: there is nobody to read it
}

// situationOf finds the row of a kind.
func situationOf(kind *exchange.Kind) situation {
	s, ok := kindSituations[kind]
	if !ok {
		return internalDefect
	}
	s.kind = kind.Error()
	return s
}
