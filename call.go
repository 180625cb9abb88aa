package godwit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/redact"
	"github.com/godwit-go/godwit/policy/auth"
)

// call is one call being built: what the options said.
type call struct {
	path    []Pair
	query   []Pair
	headers []Pair
	removed []string
	body    *bodySource

	operation  string
	opHeaders  []Pair // the operation's defaults
	opQuery    []Pair
	statuses   map[int]string // meanings that the operation adds
	key        string
	idempotent bool
	timeouts   exchange.Timeouts
	maxBody    int64
	noAuth     bool
	requestID  string
	class      *exchange.Class // nil: that of the context
	costs      []cost

	err error // why there is nothing to send, from before the options

	anyStatus  bool
	okStatuses []int
	assumeJSON bool
	strict     bool
	meta       *Meta

	accept    string // Accept when neither call nor client set one
	readsBody bool   // the body is read to its end within the call

	// What the call becomes; kept here so that one allocation serves all.
	carrier  exchange.Carrier
	url      url.URL
	response Response
}

// Do sends one request and returns the response with its body open; the caller
// closes it. A status outside 2xx is an *[Error] unless [AnyStatus] or
// [OKStatus] allow it. path is a template behind base_url, or an absolute URL
// where the client has no base_url or the same origin.
func (c *Client) Do(ctx context.Context, method, path string, opts ...CallOption) (*Response, error) {
	return c.do(ctx, method, path, &call{}, opts)
}

// Call sends the operation of that name; else it is like [Client.Do].
func (c *Client) Call(ctx context.Context, operation string, opts ...CallOption) (*Response, error) {
	var b call
	method, path := c.useOperation(operation, &b)
	return c.do(ctx, method, path, &b, opts)
}

// NewRequest returns the request that [Client.Do] would hand to the chain, for
// a look at it: without credential, cookies and what the policies add.
func (c *Client) NewRequest(ctx context.Context, method, path string, opts ...CallOption) (*http.Request, error) {
	return c.request(ctx, method, path, &call{}, opts)
}

// NewOperationRequest is [Client.NewRequest] for a named operation.
func (c *Client) NewOperationRequest(ctx context.Context, operation string, opts ...CallOption) (*http.Request, error) {
	var b call
	method, path := c.useOperation(operation, &b)
	return c.request(ctx, method, path, &b, opts)
}

// useOperation puts what the definition says of an operation into b.
func (c *Client) useOperation(name string, b *call) (method, path string) {
	op, ok := c.config.Operations[name]
	if !ok {
		b.err = c.noOperation(name)
		return "", ""
	}
	b.operation, b.statuses, b.idempotent, b.timeouts.Total = name, op.Statuses, op.Idempotent, op.Timeout
	b.opHeaders, b.opQuery = sortedPairs(op.Headers), sortedPairs(op.Query)
	for quota, units := range op.Cost {
		b.costs = append(b.costs, cost{quota, units})
	}
	for i, p := range b.opHeaders {
		b.opHeaders[i].Name = http.CanonicalHeaderKey(p.Name)
	}
	b.class, b.err = classNamed(op.Class)
	if b.err == nil {
		method, path, b.err = op.split()
	}
	if b.err != nil {
		b.err = c.refuse("", "", ErrConfig, b.err)
	}
	return method, path
}

// noOperation is the error for a name that the definition does not have.
func (c *Client) noOperation(name string) error {
	api := "the client"
	if c.config.Name != "" {
		api = fmt.Sprintf("the api %q", c.config.Name)
	}
	e := &exchange.Error{Kind: ErrRequest, Err: fmt.Errorf("%s has no operation %q", api, clip(name))}
	const most = 20
	known := slices.Sorted(maps.Keys(c.config.Operations))
	switch {
	case len(known) == 0:
		e.Hint = "it has no operations at all; name them under operations"
	case len(known) > most:
		e.Hint = fmt.Sprintf("operations: %s and %d more", strings.Join(known[:most], ", "), len(known)-most)
	default:
		e.Hint = "operations: " + strings.Join(known, ", ")
	}
	return e
}

// check reports what cannot be used of an operation.
func (o Operation) check() error {
	_, path, err := o.split()
	if err != nil {
		return err
	}
	if err := checkTemplate(path); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	for _, p := range sortedPairs(o.Headers) {
		if err := checkField(p.Name, p.Value); err != nil {
			return fmt.Errorf("headers: %w", err)
		}
	}
	if o.Timeout < 0 {
		return errors.New("timeout: it is negative")
	}
	if _, err := classNamed(o.Class); err != nil {
		return err
	}
	for _, quota := range slices.Sorted(maps.Keys(o.Cost)) {
		if units := o.Cost[quota]; !(units >= 0 && units <= maxCost) {
			return fmt.Errorf("cost: %g units of %q are not between 0 and %g", units, clip(quota), float64(maxCost))
		}
	}
	return nil
}

// split returns the method and the path template of the operation.
func (o Operation) split() (method, path string, err error) {
	method, path, ok := strings.Cut(strings.TrimSpace(o.Request), " ")
	path = strings.TrimSpace(path)
	if !ok || checkField(method, "") != nil || !strings.HasPrefix(path, "/") {
		return "", "", fmt.Errorf("request: %q is not a method and a path, such as GET /users/{login}", clip(o.Request))
	}
	return method, path, nil
}

func (c *Client) do(ctx context.Context, method, path string, b *call, opts []CallOption) (*Response, error) {
	req, err := c.request(ctx, method, path, b, opts)
	if err != nil {
		return nil, err
	}
	return c.send(req, b)
}

// request builds the request. It fails with ErrRequest before anything is
// sent, and then closes the body that the options gave.
func (c *Client) request(ctx context.Context, method, path string, b *call, opts []CallOption) (*http.Request, error) {
	req, err := c.compose(ctx, method, path, b, opts)
	if err != nil {
		b.body.close()
		return nil, err
	}
	return req, nil
}

// use applies all options, also behind one that fails: only so it is known what
// there is to close. The error is the first.
func (b *call) use(opts []CallOption) error {
	var first error
	for _, o := range opts {
		if o == nil { // an option that a condition left out
			continue
		}
		if err := o(b); first == nil {
			first = err
		}
	}
	return first
}

func (c *Client) compose(ctx context.Context, method, path string, b *call, opts []CallOption) (*http.Request, error) {
	optErr := b.use(opts)
	switch {
	case b.err != nil:
		return nil, b.err
	case c.closed.Load():
		return nil, c.refuse(method, path, ErrRequest, errClosed)
	case ctx == nil:
		return nil, c.refuse(method, path, ErrRequest, errors.New("the context is nil"))
	case optErr != nil:
		return nil, c.refuse(method, path, ErrRequest, optErr)
	}
	if err := checkField(method, ""); err != nil {
		return nil, c.refuse("", path, ErrRequest, fmt.Errorf("%q is no method", clip(method)))
	}
	values, err := resolve(&b.url, c.base, path, b.path)
	if err != nil {
		kind := ErrRequest
		if errors.Is(err, ErrOriginNotAllowed) {
			kind = ErrOriginNotAllowed
		}
		return nil, c.refuse(method, path, kind, err)
	}
	where := c.placeOf(&b.url)
	if where == away {
		for _, p := range b.headers {
			if c.declaredSecret(p.Name) {
				return nil, c.refuse(method, path, ErrOriginNotAllowed, secretOutside(p.Name))
			}
		}
	}
	b.url.RawQuery = mergeQuery(b.url.RawQuery, b.query, c.defaultQuery(where), b.opQuery)

	ctx, state, err := c.begin(ctx, b)
	if err != nil {
		return nil, c.refuse(method, path, ErrRequest, err)
	}
	state.Template, state.PathValues = path, values
	req := (&http.Request{
		Method: method, URL: &b.url, Host: b.url.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.header(b, state, where),
	}).WithContext(ctx)
	takeHost(req)
	if b.body != nil {
		if err := b.body.apply(req); err != nil {
			return nil, c.refuse(method, path, ErrRequest, err)
		}
	}
	return req, nil
}

// takeHost moves a Host among the fields to where net/http wants it.
func takeHost(req *http.Request) {
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
}

// begin starts the call's shared facts.
func (c *Client) begin(ctx context.Context, b *call) (context.Context, *exchange.Call, error) {
	costs, err := c.costs(b)
	if err != nil {
		return nil, nil, err
	}
	ctx, state := b.carrier.Begin(ctx)
	state.Cost = costs
	if b.class != nil {
		state.Class = *b.class
	}
	state.API, state.Operation = c.config.Name, b.operation
	state.Redactor = c.redactor
	c.configure(state, b)
	for _, o := range c.config.Observers {
		if o != nil {
			state.Observe(o)
		}
	}
	return ctx, state, nil
}

// configure gives the options to the policies that obey them.
func (c *Client) configure(state *exchange.Call, b *call) {
	state.Idempotent = b.idempotent
	state.Timeouts = b.timeouts
	state.MaxBody = b.maxBody
	state.NoAuth = b.noAuth
	state.ReadsBody = b.readsBody
	state.RequestID = b.requestID
	switch {
	case c.requestID == "":
		state.RequestID = "" // none is sent
	case state.RequestID == "":
		state.RequestID = newID()
	}
}

// header collects the fields: the call's own first, then the operation's and
// the client's defaults that it neither sets nor removes and that may go there.
func (c *Client) header(b *call, state *exchange.Call, where place) http.Header {
	h := make(http.Header, len(c.headers)+len(b.headers)+4)
	values := make([]string, 0, len(c.headers)+4) // one backing array for the defaults
	set := func(name, value string) {
		if _, ok := h[name]; ok || slices.Contains(b.removed, name) {
			return
		}
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for _, p := range b.headers {
		h[p.Name] = append(h[p.Name], p.Value)
	}
	for _, p := range b.opHeaders {
		set(p.Name, p.Value)
	}
	if b.body != nil && b.body.contentType != "" {
		set("Content-Type", b.body.contentType)
	}
	for _, p := range c.headers {
		if where == home || c.neutral(p.Name) {
			set(p.Name, p.Value)
		}
	}
	if b.accept != "" {
		set("Accept", b.accept)
	}
	if b.key != "" && where != left {
		set("Idempotency-Key", b.key)
	}
	state.IdempotencyKey = h.Get("Idempotency-Key")
	if c.requestID != "" && where != left {
		set(c.requestID, state.RequestID)
		state.RequestID = h.Get(c.requestID)
	}
	if slices.Contains(b.removed, "User-Agent") {
		h["User-Agent"] = []string{""} // net/http would send its own otherwise
	}
	return h
}

// send runs the chain and judges the answer.
func (c *Client) send(req *http.Request, b *call) (*Response, error) {
	state := exchange.CallFrom(req.Context())
	resp, err := c.chain.RoundTrip(req)
	if err != nil {
		return nil, c.finishError(req, state, b, err)
	}
	r := c.newResponse(resp, state, b)
	if b.meta != nil {
		*b.meta = r.Meta()
	}
	if b.success(r.Status) {
		return r, nil
	}
	return nil, c.statusError(req, state, b, r)
}

func (b *call) success(status int) bool {
	return b.anyStatus || status >= 200 && status <= 299 || slices.Contains(b.okStatuses, status)
}

// finishError makes sure that what the chain returned is an *Error.
func (c *Client) finishError(req *http.Request, state *exchange.Call, b *call, err error) error {
	var e *exchange.Error
	switch {
	case errors.As(err, &e):
		copied := *e // the policy may have shared it
		e = &copied
		e.Attempts = state.Attempts()
	case req.Context().Err() != nil:
		e = state.ContextError(req.Context(), "", req)
	default:
		e = state.NewError(exchange.ErrMiddleware, "", req, err)
	}
	if e.Status != 0 && e.Meaning == "" {
		e.Meaning = c.meaning(b, e.Status)
	}
	if b.meta != nil {
		*b.meta = metaOf(state)
		b.meta.Status, b.meta.Header = e.Status, e.Header
	}
	return e
}

// statusError turns a response that is no success into an Error and closes it.
func (c *Client) statusError(req *http.Request, state *exchange.Call, b *call, r *Response) error {
	e := state.NewError(exchange.KindOfStatus(r.Status), "", req, nil)
	e.URL = state.RedactURL(r.URL)
	e.Status, e.Header, e.Sent = r.Status, r.Header, exchange.SentYes
	e.Meaning = c.meaning(b, r.Status)
	e.Hint = c.statusHint(state, r)
	if kind := state.StopKind(); kind != nil {
		e.Err = kind
	}
	body, err := readBounded(r.Body, maxErrorRead)
	if err != nil {
		err = fmt.Errorf("its body could not be read: %w", err)
		if e.Err != nil {
			err = fmt.Errorf("%w; %w", e.Err, err)
		}
		e.Err = err
	}
	e.SetBody(r.Header.Get("Content-Type"), body, state.AnswerRedactor(r.Request.Header))
	return e
}

// statusHint says what a person can do about a status, if anything is known.
func (c *Client) statusHint(state *exchange.Call, r *Response) string {
	if reason := state.StopReason(); reason != "" {
		return "not sent again: " + reason
	}
	if r.Status != http.StatusUnauthorized {
		return ""
	}
	in, name, _ := c.config.Auth.Preview()
	switch {
	case state.Anonymous:
		return "a redirect led to another origin and the credential stayed behind; auth.origins lists who may receive it"
	case r.Request.Header.Get("Authorization") != "" || in == "header" && r.Request.Header.Get(name) != "":
		return "" // the caller's own
	case state.NoAuth:
		return "no credential was sent, as the call asked"
	case c.config.Auth.IsZero():
		return "no credential was sent; set auth"
	}
	return "the server refused the credential " + credentialOf(c.config.Auth)
}

// credentialOf names the setting and the reference of a credential.
func credentialOf(a auth.Config) string {
	switch {
	case a.Bearer != nil:
		return "auth.bearer " + a.Bearer.Token.String()
	case a.Basic != nil:
		return strings.TrimSpace("auth.basic " + a.Basic.Password.String())
	case a.Header != nil:
		return "auth.header " + a.Header.Value.String()
	case a.Query != nil:
		return "auth.query " + a.Query.Value.String()
	}
	return "of its custom scheme"
}

func (c *Client) meaning(b *call, status int) string {
	if m, ok := b.statuses[status]; ok {
		return m
	}
	return c.config.Statuses[status]
}

// refuse returns the Error of a call that was not sent.
func (c *Client) refuse(method, template string, kind *exchange.Kind, cause error) error {
	return &exchange.Error{Kind: kind, Method: method, URL: c.shownTarget(template), Hint: hintOf(cause), Err: cause}
}

// shownTarget is what an error shows of a target that did not become a URL.
func (c *Client) shownTarget(template string) string {
	path, _, _ := strings.Cut(template, "?")
	if c.base == nil || isAbsolute(path) {
		u, err := url.Parse(path)
		if err != nil {
			return ""
		}
		return c.redactor.URL(u)
	}
	base := strings.TrimSuffix(c.redactor.URL(c.base), "/")
	if !strings.HasPrefix(path, "/") {
		return base // the cause says what is wrong with the path
	}
	return redact.Printable(c.redactor.Text(base + clip(path)))
}

// maxErrorRead bounds what is read of a failed answer's body, in bytes: one more
// than an Error keeps, so that it knows of a longer one.
const maxErrorRead = 64<<10 + 1

var errClosed = errors.New("the client is closed")
