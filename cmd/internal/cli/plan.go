package cli

import (
	"context"
	"net/url"
	"strings"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/cmd/internal/cli/item"
	"github.com/godwit-go/godwit/cmd/internal/cli/target"
	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/typo"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

// plan is a call that is ready to be sent, shown or explained.
type plan struct {
	api       string // name from a definition; empty for a URL
	operation string // of the API; empty: method and path
	method    string
	path      string // template behind base_url
	op        godwit.Operation

	config  godwit.Config
	client  *godwit.Client
	def     *definition.Definition // nil for a URL
	changed []overlay              // settings that flags changed
	options []godwit.CallOption
	body    payload
	noAuth  bool           // an item removes the credential
	secrets []secretHeader // header fields of the call whose values are not shown
}

// secretHeader is a field whose value is not shown.
type secretHeader struct{ name, file string } // file: where the value came from; empty for an argument

// close ends what plan opened.
func (c *plan) close() {
	if c.client != nil {
		_ = c.client.Close() // only idle connections are left
	}
	if c.def != nil {
		_ = c.def.Close()
	}
}

// request is a call as the arguments give it.
type request struct {
	method    string
	api       string
	operation string
	target    target.Target
	items     []item.Item
}

// plan turns arguments and settings into a call. Nothing is sent.
func (p *program) plan(ctx context.Context, o *options, r request) (*plan, error) {
	c := &plan{api: r.api, operation: r.operation, method: r.method}
	if err := p.locate(ctx, o, r, c); err != nil {
		c.close()
		return nil, err
	}
	if err := p.fill(ctx, o, r, c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// locate finds the API or the origin, and the path.
func (p *program) locate(ctx context.Context, o *options, r request, c *plan) error {
	if r.api == "" {
		base, path := splitOrigin(r.target.Path)
		c.config.BaseURL, c.path = base, path
		return userinfo(o, r.target, &c.config)
	}
	def, err := p.open(ctx, o, r.api)
	if err != nil {
		return err
	}
	c.def = def
	if c.config, err = def.Config(r.api); err != nil {
		return err
	}
	if r.operation == "" {
		c.path = r.target.Path
		return nil
	}
	op, ok := c.config.Operations[r.operation]
	if !ok {
		return unknownOperation(r, c.config)
	}
	c.op = op
	c.method, c.path, _ = strings.Cut(strings.TrimSpace(op.Request), " ")
	c.path = strings.TrimSpace(c.path)
	return nil
}

func unknownOperation(r request, config godwit.Config) error {
	var names []string
	for name := range config.Operations {
		names = append(names, name)
	}
	f := usagef("the API %s has no operation %s", r.api, quoted(r.operation))
	if near := typo.Nearest(r.operation, names); near != "" {
		return f.hint("did you mean %s?", near)
	}
	return f.hint("it has: %s", list(names))
}

// splitOrigin cuts a URL that target has checked behind its authority.
func splitOrigin(s string) (origin, path string) {
	scheme, rest, _ := strings.Cut(s, "://")
	if i := strings.IndexAny(rest, `/\`); i >= 0 {
		return scheme + "://" + rest[:i], rest[i:]
	}
	return s, ""
}

// userinfo refuses a password in a URL, or makes it the credential.
func userinfo(o *options, t target.Target, config *godwit.Config) error {
	if !t.HasUserinfo {
		return nil
	}
	if !o.allowSecret {
		return usagef("target %s: a user or password in a URL can be seen by others", target.Shown(t.Path)).
			hint("--auth basic=USER:env:NAME; --allow-secret-argument takes it all the same")
	}
	user, err := url.PathUnescape(t.User)
	if err != nil {
		return usagef("target %s: the userinfo has a %% that begins no escape", target.Shown(t.Path))
	}
	password, err := url.PathUnescape(t.Password)
	if err != nil {
		return usagef("target %s: the userinfo has a %% that begins no escape", target.Shown(t.Path))
	}
	config.Auth = auth.Basic(user, secret.Value(password))
	config.SecretValues = append(config.SecretValues, password)
	return nil
}

// fill collects what goes into the request and makes the client.
func (p *program) fill(ctx context.Context, o *options, r request, c *plan) error {
	var err error
	if c.changed, err = o.configure(&c.config); err != nil {
		return err
	}
	items, err := p.place(ctx, o, r.items, c)
	if err != nil {
		return err
	}
	if err := refuseSecrets(o, items, c.config); err != nil {
		return err
	}
	if err := p.addFields(ctx, items, c); err != nil {
		return err
	}
	if c.body, err = p.body(ctx, o, c.method, items); err != nil {
		return err
	}
	if c.body.option != nil {
		c.options = append(c.options, c.body.option)
	}
	if err := o.addFlow(ctx, c); err != nil {
		return err
	}
	if err := p.warnInsecure(o, c); err != nil {
		return err
	}
	c.config.Logging.Logger = silent()
	if p.watcher.wanted() {
		c.config.Observers = append(c.config.Observers, exchange.ObserverFunc(p.watcher.observe))
	}
	if o.events != "" {
		c.config.Observers = append(c.config.Observers, exchange.ObserverFunc(p.events.observe))
	}
	if c.client, err = godwit.New(c.config); err != nil && c.def == nil {
		return failuref(exitUsage, "%w", err)
	}
	return err
}

// addFlow turns the flags that belong to this call into options.
func (o *options) addFlow(ctx context.Context, c *plan) error {
	if o.hasDeadline() {
		c.options = append(c.options, godwit.Timeout(o.deadline))
	}
	o.addClass(c)
	if o.retryUnsafe {
		c.options = append(c.options, godwit.Idempotent())
	}
	switch o.idempotencyKey {
	case "":
		return nil
	case "auto":
		c.options = append(c.options, godwit.IdempotencyKey(""))
		return nil
	}
	ref, err := secret.Parse(o.idempotencyKey)
	if err != nil {
		return usagef("--idempotency-key: want auto, env:NAME or file:PATH")
	}
	key, err := ref.Reveal(ctx)
	if err != nil {
		return usagef("--idempotency-key: %w", err)
	}
	c.config.SecretValues = append(c.config.SecretValues, key)
	c.options = append(c.options, godwit.IdempotencyKey(key))
	return nil
}

// addClass sets the class of the call in place of that of its operation.
func (o *options) addClass(c *plan) {
	if !o.set("class") {
		return
	}
	path := "class"
	if c.operation != "" {
		path = "operations." + c.operation + ".class"
	}
	c.changed = append(c.changed, overlay{path, o.class, o.sources["class"].text})
	switch o.class {
	case "interactive":
		c.options = append(c.options, godwit.Class(godwit.ClassInteractive))
	case "normal":
		c.options = append(c.options, godwit.Class(godwit.ClassNormal))
	case "batch":
		c.options = append(c.options, godwit.Class(godwit.ClassBatch))
	}
}

// warnInsecure is loud each time certificates are not verified.
func (p *program) warnInsecure(o *options, c *plan) error {
	if !c.config.TLS.Insecure {
		return nil
	}
	const text = "certificates are not verified: anybody on the way can read and change everything"
	if o.strict {
		return usagef("--strict: %s", text).hint("leave out --insecure and tls.insecure; --ca FILE trusts a private authority")
	}
	p.say("warning: " + text)
	return nil
}
