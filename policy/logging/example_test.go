package logging_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/godwit-go/godwit/policy/logging"
)

// The middleware fits under any http.Client.
func ExampleNew() {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key { // what differs from run to run
			case slog.TimeKey, "duration":
				return slog.Attr{}
			case "url":
				return slog.String("url", strings.TrimPrefix(a.Value.String(), server.URL))
			}
			return a
		},
	})
	middleware, err := logging.New(logging.Config{Logger: slog.New(handler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: middleware(http.DefaultTransport)}
	resp, err := client.Get(server.URL + "/users?token=secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	// Output: level=DEBUG msg=call method=GET url="/users?token=***" status=404 attempts=0
}
