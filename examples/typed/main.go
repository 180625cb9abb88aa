// Command typed reads, adds and misses an item of a small API with typed calls,
// and shows what an error knows. Usage: typed URL
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/godwit-go/godwit"
)

type item struct {
	ID    int    `json:"id,omitempty"`
	Name  string `json:"name"`
	Price int    `json:"price"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: typed URL")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base string, out io.Writer) (err error) {
	client, err := godwit.New(godwit.Config{
		BaseURL:  base,
		Statuses: map[int]string{404: "the shop does not sell this"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()

	var meta godwit.Meta
	lamp, err := godwit.Get[item](ctx, client, "/items/{id}", godwit.Path("id", 2), godwit.Into(&meta))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s costs %d, after %d attempt(s)\n", lamp.Name, lamp.Price, len(meta.Attempts))

	// A POST is repeated only because the call carries a key.
	vase, err := godwit.Post[item](ctx, client, "/items", item{Name: "vase", Price: 80}, godwit.IdempotencyKey(""))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s has number %d\n", vase.Name, vase.ID)

	_, err = godwit.Get[item](ctx, client, "/items/{id}", godwit.Path("id", 99))
	failure, ok := errors.AsType[*godwit.Error](err)
	if !ok || !errors.Is(err, godwit.ErrNotFound) {
		return fmt.Errorf("item 99: expected a not found, got %w", err)
	}
	fmt.Fprintf(out, "item 99: %s (status %d, sent: %s)\n", failure.Meaning, failure.Status, failure.Sent)
	return nil
}
