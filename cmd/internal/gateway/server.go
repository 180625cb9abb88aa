package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The server's limits.
const (
	headerTimeout = 10 * time.Second  // to read a request's head
	keepAlive     = 120 * time.Second // of an idle connection
	maxHead       = 64 << 10          // bytes of a request's head; more is 431
	lastWords     = time.Second       // for requests that were cut to end
)

// ErrCut is what [Gateway.Serve] returns when requests in flight were broken
// off: their grace was over, or a second signal asked for it.
var ErrCut = errors.New("the gateway stopped before every request had finished")

// Serve answers on listeners until ctx ends, then drains: the gateway is not
// ready any more, after the drain delay it accepts no more connections, and
// requests in flight have the grace to finish. Those that have not are broken
// off, event streams with a last event. When now is closed, what is left of all
// that is skipped. It returns nil if everything has finished, [ErrCut] if not,
// and otherwise why a listener failed. The listeners are closed.
func (g *Gateway) Serve(ctx context.Context, now <-chan struct{}, listeners ...net.Listener) error {
	srv := g.server()
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- srv.Serve(l) }()
	}
	g.ready.Store(true)
	running := len(listeners)
	var err error
	select {
	case <-ctx.Done():
		err = g.drain(srv, now)
	case err = <-failed:
		running--
		g.draining.Store(true)
		g.cut(errStopping)
		err = errors.Join(err, srv.Close())
	}
	for ; running > 0; running-- {
		if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (g *Gateway) server() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // no h2c: one more way to disagree about where a request ends
	return &http.Server{
		Handler:           g,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return g.requests },

		DisableGeneralOptionsHandler: true,
	}
}

// drain ends the server without losing a request that was begun.
func (g *Gateway) drain(srv *http.Server, now <-chan struct{}) error {
	g.draining.Store(true)
	g.log.Info("draining", "delay", g.config.DrainDelay, "grace", g.config.Grace)
	delay := time.NewTimer(g.config.DrainDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-now:
		return g.stop(srv, 0)
	}
	grace, cancel := context.WithTimeout(context.Background(), g.config.Grace)
	defer cancel()
	go func() {
		select {
		case <-now:
			cancel()
		case <-grace.Done():
		}
	}()
	err := srv.Shutdown(grace)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return g.stop(srv, 0)
	}
	return g.stop(srv, lastWords)
}

// stop breaks every request off and gives the last answers some time to leave.
func (g *Gateway) stop(srv *http.Server, words time.Duration) error {
	g.cut(errStopping)
	last, cancel := context.WithTimeout(context.Background(), words)
	defer cancel()
	err := srv.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // Close ends the rest
	}
	return errors.Join(ErrCut, err, srv.Close())
}
