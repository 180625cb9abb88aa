package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit/cmd/internal/gateway"
	"github.com/godwit-go/godwit/definition"
)

// newServe runs the gateway.
func (p *program) newServe() *cobra.Command {
	o := new(options)
	var file string
	var listen []string
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the APIs of a definition, each at /<name>/…",
		Example: "godwit serve -f godwit.yaml\ngodwit serve -f godwit.yaml --listen 127.0.0.1:0",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("serve: it takes no argument").hint("godwit serve -f FILE")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.prepare(cmd, o); err != nil {
				return err
			}
			if file != "" {
				o.definition = file
			}
			return p.serve(cmd, o, listen)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the definition `FILE`, as --definition")
	cmd.Flags().StringArrayVar(&listen, "listen", nil, "listen on `HOST:PORT` in place of gateway.listen; port 0 takes a free one")
	o.bind(cmd.Flags(), definitionGroup)
	return cmd
}

// serve runs the gateway until a signal drains it.
func (p *program) serve(cmd *cobra.Command, o *options, listen []string) error {
	for _, address := range listen {
		if _, err := net.ResolveTCPAddr("tcp", address); err != nil {
			return usagef("--listen %s: %w", quoted(address), plainListen(err)).hint("write HOST:PORT, such as 127.0.0.1:8080")
		}
	}
	p.log = p.serverLog()
	def, err := p.served(cmd.Context(), o, "name one: godwit serve -f FILE")
	if err != nil {
		return err
	}
	defer def.Close() // its clients are idle by then
	settings, err := p.checkServed(cmd, o, def)
	if err != nil {
		return err
	}
	if len(listen) > 0 {
		settings.Listen = listen
	}
	listeners, err := openListeners(cmd.Context(), settings.Listen)
	if err != nil {
		return err
	}
	defer closeAll(listeners) // unless Serve has
	config, err := gatewayConfig(def, settings, listeners)
	if err != nil {
		return err
	}
	config.Logger = p.log
	g, err := gateway.New(config)
	if err != nil {
		return err
	}
	p.announce(listeners)
	return errors.Join(g.Serve(cmd.Context(), nil, listeners...), g.Close()) // a second signal ends the process
}

// served finds the definition: the file that is named, or the project file if
// it is trusted.
func (p *program) served(ctx context.Context, o *options, hint string) (*definition.Definition, error) {
	if o.definition != "" {
		return p.loadDefinition(o, o.definition)
	}
	path, err := p.findProject()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, failuref(exitDefinition, "there is no godwit.yaml here or above, up to the root of the repository").
			hint("%s", hint)
	}
	f, err := p.loadProject(o, path)
	if err != nil {
		return nil, err
	}
	return f.def, p.accept(ctx, f, o)
}

// checkServed reads the whole definition and each secret once, so that what
// cannot work fails now and not in the middle of the night.
func (p *program) checkServed(cmd *cobra.Command, o *options, def *definition.Definition) (definition.Gateway, error) {
	var none definition.Gateway
	if err := def.Check(cmd.Context()); err != nil {
		return none, err
	}
	warnings := def.Warnings()
	for _, w := range warnings {
		p.say("warning: " + w)
	}
	if len(warnings) > 0 && o.strict {
		return none, failuref(exitDefinition, "%d warnings, and --strict makes them errors", len(warnings))
	}
	return def.Gateway()
}

// gatewayConfig turns the definition into the gateway's configuration.
func gatewayConfig(def *definition.Definition, settings definition.Gateway, listeners []net.Listener) (gateway.Config, error) {
	config := gateway.Config{Grace: settings.Grace, DrainDelay: settings.DrainDelay, Hosts: servedHosts(settings, listeners)}
	for _, n := range settings.TrustedProxies {
		config.TrustedProxies = append(config.TrustedProxies, n.Prefix)
	}
	for _, name := range def.APIs() {
		client, err := def.Client(name)
		if err != nil {
			return config, err
		}
		config.APIs = append(config.APIs, gateway.API{Name: name, Client: client, PassThrough: settings.APIs[name].PassThrough})
	}
	return config, nil
}

// servedHosts are the names that the gateway answers to. On loopback they are
// loopback's: a web page whose name is made to resolve to 127.0.0.1 must not be
// able to use the gateway's credentials from a browser.
func servedHosts(settings definition.Gateway, listeners []net.Listener) []string {
	hosts := []string{"localhost", "*.localhost", "127.0.0.1", "::1"}
	for _, l := range listeners {
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok || !addr.IP.IsLoopback() {
			return settings.Hosts
		}
		hosts = append(hosts, addr.IP.String())
	}
	for _, address := range settings.Listen {
		if host, _, err := net.SplitHostPort(address); err == nil && host != "" {
			hosts = append(hosts, host)
		}
	}
	return append(hosts, settings.Hosts...)
}

// openListeners listens on all addresses or on none.
func openListeners(ctx context.Context, addresses []string) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, address := range addresses {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			closeAll(listeners)
			return nil, failuref(exitFailure, "listen on %s: %w", quoted(address), plainListen(err)).
				hint("choose another address: --listen HOST:PORT; port 0 takes a free one")
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// plainListen is the cause without the address, which the message has.
func plainListen(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close() // nothing was accepted, or Serve has closed it already
	}
}

// announce prints where the gateway listens, one line each, and warns where
// more than this machine can reach it.
func (p *program) announce(listeners []net.Listener) {
	for _, l := range listeners {
		_, _ = fmt.Fprintf(p.out, "listening on http://%s\n", l.Addr()) // serving goes on without a reader
		if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
			p.say(fmt.Sprintf("warning: %s can be reached from other machines, and whoever reaches it "+
				"uses the credentials of every API: there is no authentication of consumers", l.Addr()))
		}
	}
}

// serverLog writes records to stderr: for people at a terminal, JSON elsewhere.
func (p *program) serverLog() *slog.Logger {
	if p.errTerminal {
		return slog.New(slog.NewTextHandler(p.err, nil))
	}
	return slog.New(slog.NewJSONHandler(p.err, &slog.HandlerOptions{ReplaceAttr: inSeconds}))
}

// inSeconds writes durations as seconds, like Retry-After; slog's JSON would
// count nanoseconds.
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Round(time.Microsecond).Seconds())
	}
	return a
}
