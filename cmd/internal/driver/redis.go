package driver

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/godwit-go/godwit/store/redisstore"
)

// Bounds of what is asked of a server.
const (
	dialTimeout = time.Second      // to connect, greeting included
	askTimeout  = 2 * time.Second  // for an answer, whoever waits for it; then the connection is given up
	keepAlive   = 15 * time.Second // between two signs of life of a connection
	bufferSize  = 32 << 10         // of a connection, for each direction
	ringScale   = 8                // 2^8 questions may be under way on it
)

// client is a [redisstore.Client] on one connection per node, which is made when
// it is first needed.
type client struct {
	option valkey.ClientOption
	base   context.Context // of everything that it does
	stop   context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	server valkey.Client
	dial   *dial // under way
}

// dial is an attempt to connect, for whoever waits for it.
type dial struct {
	done chan struct{}
	err  error
}

func newClient(c redisstore.Config) (*client, error) {
	option, err := optionOf(c)
	if err != nil {
		return nil, err
	}
	base, stop := context.WithCancel(context.Background())
	return &client{option: option, base: base, stop: stop}, nil
}

// optionOf translates the settings. Nothing is ever sent again by the client: a
// question that has no answer may have been answered.
func optionOf(c redisstore.Config) (valkey.ClientOption, error) {
	a, err := c.Address()
	if err != nil {
		return valkey.ClientOption{}, err
	}
	o := valkey.ClientOption{
		InitAddress: []string{a.Address}, SelectDB: a.Database, ClientName: "godwit", ClientSetInfo: valkey.DisableClientSetInfo,
		DisableRetry: true, DisableCache: true, PipelineMultiplex: -1, RingScaleEachConn: ringScale,
		ReadBufferEachConn: bufferSize, WriteBufferEachConn: bufferSize,
		Dialer: net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}, ConnWriteTimeout: askTimeout,
	}
	if a.Network == "unix" {
		o.DialCtxFn = func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		}
	}
	if a.TLS {
		if o.TLSConfig, err = c.TLS.Config(); err != nil {
			return valkey.ClientOption{}, err
		}
		if o.TLSConfig.ServerName == "" {
			o.TLSConfig.ServerName = a.Host
		}
	}
	if !c.Password.IsZero() { // read for each connection, so that one that is replaced is used
		o.AuthCredentialsFn = func(valkey.AuthCredentialsContext) (valkey.AuthCredentials, error) {
			password, err := c.Password.Reveal(context.Background())
			return valkey.AuthCredentials{Username: c.Username, Password: password}, err
		}
	}
	return o, nil
}

// EvalSha implements [redisstore.Client].
func (c *client) EvalSha(ctx context.Context, sha string, keys, args []string) ([]string, error) {
	return c.ask(ctx, func(b valkey.Builder) valkey.Completed {
		return b.Evalsha().Sha1(sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
	})
}

// Eval implements [redisstore.Client].
func (c *client) Eval(ctx context.Context, script string, keys, args []string) ([]string, error) {
	return c.ask(ctx, func(b valkey.Builder) valkey.Completed {
		return b.Eval().Script(script).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
	})
}

type answer struct {
	list []string
	err  error
}

// ask sends a command. The wait ends with ctx, the command with its answer or
// its own time: a connection carries the questions of many callers, and the end
// of one of them must not be felt by the others.
func (c *client) ask(ctx context.Context, command func(valkey.Builder) valkey.Completed) ([]string, error) {
	server, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answered := make(chan answer, 1)
	if !c.start(func() {
		own, cancel := context.WithTimeout(c.base, askTimeout)
		defer cancel()
		list, err := server.Do(own, command(server.B())).AsStrSlice()
		answered <- answer{list, err}
	}) {
		return nil, errClosed
	}
	select {
	case a := <-answered:
		return a.list, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// start runs f beside the caller, unless the client is closed; close waits for
// it.
func (c *client) start(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.work.Go(f)
	return true
}

// connected returns the connection; the first who needs one makes it for all.
func (c *client) connected(ctx context.Context) (valkey.Client, error) {
	c.mu.Lock()
	if c.server != nil || c.closed {
		defer c.mu.Unlock()
		if c.closed {
			return nil, errClosed
		}
		return c.server, nil
	}
	d := c.dial
	if d == nil {
		d = &dial{done: make(chan struct{})}
		c.dial = d
		c.work.Go(func() { c.connect(d) })
	}
	c.mu.Unlock()
	select {
	case <-d.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if d.err != nil {
		return nil, d.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	return c.server, nil
}

// connect takes no longer than a few times the time to dial.
func (c *client) connect(d *dial) {
	server, err := valkey.NewClient(c.option)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dial, d.err = nil, err
	if err == nil {
		c.server = server
	}
	close(d.done)
}

// close ends what is under way and closes the connection.
func (c *client) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		c.server.Close()
	}
}
