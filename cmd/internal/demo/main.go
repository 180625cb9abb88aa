// Command demo shows godwit at work: it starts a small HTTP API on loopback,
// runs the built program against it from the shell's side and through the
// gateway, checks what comes back, and stops everything that it started. It
// exits 1 when a step does not do what it should. Nothing leaves the machine.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	binary := flag.String("godwit", "bin/godwit", "the program to show")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demonstrate(ctx, *binary, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demonstrate starts the API, takes the tour, and stops the API.
func demonstrate(ctx context.Context, binary string, out io.Writer) error {
	token := rand.Text()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newShop(token, 300*time.Millisecond).handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	t, err := newTour(binary, "http://"+listener.Addr().String(), token, out)
	if err == nil {
		err = errors.Join(t.take(ctx), t.close())
	}
	err = errors.Join(err, server.Close())
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}
