package logging_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/policy/logging"
)

func TestContract(t *testing.T) {
	for name, level := range map[string]slog.Level{"everything": slog.LevelDebug, "nothing": slog.LevelError + 1} {
		t.Run(name, func(t *testing.T) {
			godwittest.TestMiddleware(t, func(t *testing.T) exchange.Middleware {
				logger := slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: level}))
				m, err := logging.New(logging.Config{Headers: true, Logger: logger})
				if err != nil {
					t.Fatal(err)
				}
				return m
			})
		})
	}
}
