// Command consumer is what a program that uses the library imports at least.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/godwit-go/godwit"
)

type item struct {
	Name string `json:"name"`
}

func run(ctx context.Context, base string) error {
	client, err := godwit.New(godwit.Config{BaseURL: base})
	if err != nil {
		return err
	}
	defer client.Close()
	it, err := godwit.Get[item](ctx, client, "/items/{id}", godwit.Path("id", 1))
	if err != nil {
		return err
	}
	fmt.Println(it.Name)
	return nil
}

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
