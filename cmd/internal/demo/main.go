// Command demo shows godwit at work: it starts a small HTTP API on loopback,
// runs the built program against it from the shell's side and through the
// gateway, checks what comes back, and stops everything that it started. It
// exits 1 when a step does not do what it should. Nothing leaves the machine.
//
// With -serve it serves the API alone, for the commands of the README.
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
	address := flag.String("serve", "", "serve the API alone at this address until it is stopped; SHOP_TOKEN is its token")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *address != "" {
		err = serveShop(ctx, *address, os.Getenv("SHOP_TOKEN"), os.Stdout)
	} else {
		err = demonstrate(ctx, *binary, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demonstrate takes the tour of an API that nobody else knows.
func demonstrate(ctx context.Context, binary string, out io.Writer) error {
	token := rand.Text()
	return withShop(ctx, "127.0.0.1:0", token, func(url string) error {
		t, err := newTour(binary, url, token, out)
		if err != nil {
			return err
		}
		return errors.Join(t.take(ctx), t.close())
	})
}

// serveShop serves the API until ctx ends.
func serveShop(ctx context.Context, address, token string, out io.Writer) error {
	if token == "" {
		return errors.New("SHOP_TOKEN is empty: set it to the token that the shop shall ask for")
	}
	return withShop(ctx, address, token, func(url string) error {
		fmt.Fprintln(out, "the shop is at "+url+"; its token is that in SHOP_TOKEN; Ctrl-C stops it")
		<-ctx.Done()
		return nil
	})
}

// withShop serves the API while use runs.
func withShop(ctx context.Context, address, token string, use func(url string) error) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newShop(token, 300*time.Millisecond).handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = errors.Join(use("http://"+listener.Addr().String()), server.Close())
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}
