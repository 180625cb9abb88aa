package godwit

import (
	"net/http"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/bulkhead"
	"github.com/godwit-go/godwit/policy/cookie"
	"github.com/godwit-go/godwit/policy/decode"
	"github.com/godwit-go/godwit/policy/hedge"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/policy/logging"
	"github.com/godwit-go/godwit/policy/redirect"
	"github.com/godwit-go/godwit/policy/retry"
	"github.com/godwit-go/godwit/policy/timeout"
	"github.com/godwit-go/godwit/transport"
)

// Config describes one API. It mirrors one entry under apis in godwit.yaml
// field by field. The zero value is dependable.
type Config struct {
	// BaseURL is what the paths of calls are appended to, such as
	// https://api.example.com/v2. Its origin is where credentials may go.
	BaseURL string `yaml:"base_url" env:"expand"`
	// Headers are sent with every call to the client's own origins unless the
	// call sets them itself. Another origin, such as one that a foreign client
	// asks the Transport for, gets the harmless ones alone (User-Agent, Accept…).
	Headers map[string]string `yaml:"headers" env:"expand" keys:"header"`
	// Query parameters are added to every call to the client's own origins unless
	// the call sets them itself.
	Query map[string]string `yaml:"query" env:"expand"`
	// SecretHeaders names header fields that are credentials: they are never
	// shown and never leave the origin set.
	SecretHeaders []string `yaml:"secret_headers"`
	// UserAgent is the User-Agent. Default: godwit and the program's name.
	UserAgent string `yaml:"user_agent"`
	// RequestIDHeader is the field that carries a fresh id per call. Default
	// X-Request-ID; none sends no id.
	RequestIDHeader string `yaml:"request_id_header"`
	// Statuses gives statuses a meaning, which errors show.
	Statuses map[int]string `yaml:"statuses"`
	// Operations are the named calls of the API. A name has lower-case letters,
	// digits, - and _, in parts joined by / or dots, such as repos/get.
	Operations map[string]Operation `yaml:"operations"`

	// Auth is the credential and the origins it belongs to.
	Auth auth.Config `yaml:"auth"`
	// Cookie keeps cookies between calls.
	Cookie cookie.Config `yaml:"cookie"`
	// Redirect sets how redirects are followed.
	Redirect redirect.Config `yaml:"redirect"`
	// Timeout bounds the time of calls.
	Timeout timeout.Config `yaml:"timeout"`
	// Retry sets when a request is sent again.
	Retry retry.Config `yaml:"retry"`
	// Breaker sets when calls to an upstream that fails are held back.
	Breaker breaker.Config `yaml:"breaker"`
	// Bulkhead bounds how many calls are under way at the same time.
	Bulkhead bulkhead.Config `yaml:"bulkhead"`
	// Limit keeps calls within the quotas of the API.
	Limit limit.Config `yaml:"limit"`
	// Hedge sets when a slow request is sent a second time.
	Hedge hedge.Config `yaml:"hedge"`
	// Decode limits what responses may hold.
	Decode decode.Config `yaml:"decode"`
	// Logging sets what is logged.
	Logging logging.Config `yaml:"logging"`
	// TLS sets how servers are verified.
	TLS transport.TLS `yaml:"tls"`
	// Proxy sets the proxy.
	Proxy transport.Proxy `yaml:"proxy"`
	// Pool limits connections.
	Pool transport.Pool `yaml:"pool"`

	// SecretValues are values that no text may show, such as those that the
	// definition took from the environment.
	SecretValues []string `yaml:"-"`
	// Name is the API's name in the definition.
	Name string `yaml:"-"`
	// Transport replaces the network, for tests and foreign transports. TLS,
	// Proxy, Pool and the connect and TLS timeouts do not apply to it.
	Transport http.RoundTripper `yaml:"-"`
	// Middleware is put around the whole call, the first outermost.
	Middleware []exchange.Middleware `yaml:"-"`
	// AttemptMiddleware is put around each attempt, before the credential is
	// added, the first outermost.
	AttemptMiddleware []exchange.Middleware `yaml:"-"`
	// Observers receive the events of every call.
	Observers []exchange.Observer `yaml:"-"`
}

// Operation is a named call of an API.
type Operation struct {
	// Request is the method and the path template, such as GET /users/{login}.
	Request string `yaml:"request" shorthand:"true"`
	// Summary says in one line what the operation does.
	Summary string `yaml:"summary"`
	// Headers are sent with the operation.
	Headers map[string]string `yaml:"headers" env:"expand" keys:"header"`
	// Query parameters are added to the operation.
	Query map[string]string `yaml:"query" env:"expand"`
	// Params says where a named parameter goes: path, query, header or body.
	// Default: path if the template has it; otherwise the query for GET, HEAD
	// and DELETE, the body for the rest.
	Params map[string]string `yaml:"params"`
	// Idempotent declares that sending the operation twice is harmless.
	Idempotent bool `yaml:"idempotent"`
	// Statuses gives statuses a meaning for this operation.
	Statuses map[int]string `yaml:"statuses"`
	// Class says how patient the operation is: interactive, normal or batch, which
	// waits as long as it takes and has more attempts. Default normal.
	Class string `yaml:"class"`
	// Cost is how many units the operation takes of quotas, by their names, such
	// as {points: 5}. Default: what the quota says.
	Cost map[string]float64 `yaml:"cost" zero:"true"`
	// Timeout is the total timeout of the operation.
	Timeout time.Duration `yaml:"timeout"`
}
