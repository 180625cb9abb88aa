// Command dropin puts godwit's chain under code that knows nothing of it: any
// SDK that takes an *http.Client gets timeouts, retries, limits on what a
// response may hold, and credentials that stay with their origin. The token
// comes from the environment variable API_TOKEN. Usage: dropin URL
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/auth"
	"github.com/godwit-go/godwit/secret"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dropin URL")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], secret.Env("API_TOKEN"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base string, token secret.Secret, out io.Writer) (err error) {
	client, err := godwit.New(godwit.Config{BaseURL: base, Auth: auth.Bearer(token)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return legacy(ctx, &http.Client{Transport: client.Transport()}, base, out)
}

// legacy stands for an SDK: it only knows net/http.
func legacy(ctx context.Context, c *http.Client, base string, out io.Writer) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/report", nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	_, err = fmt.Fprintln(out, resp.Status)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, resp.Body)
	return err
}
