// Command full loads a definition, and so imports all that the library has.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/definition"
)

type item struct {
	Name string `json:"name"`
}

func run(ctx context.Context, file string) error {
	def, err := definition.Load(file)
	if err != nil {
		return err
	}
	defer def.Close()
	client, err := def.Client("shop")
	if err != nil {
		return err
	}
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
