// Package e2e drives a real go-httpbin through the library, the command and the
// gateway with one definition and one corpus of calls, and compares what comes
// of it.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/godwit-go/godwit/bench/program"
	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/exchange"
)

var set *program.Set

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// The definition refers to these; the command and the gateway get them too.
	err := errors.Join(os.Setenv("E2E_TOKEN", bearerToken), os.Setenv("E2E_PASSWORD", basicPassword))
	if err == nil {
		set, err = program.Build(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := set.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestD14_SameBehaviourOnAllSurfaces: the same definition and the same call
// give the same status, the same body and the same kind of failure.
func TestD14_SameBehaviourOnAllSurfaces(t *testing.T) {
	t.Parallel()
	file := writeDefinition(t, startServer(t))
	def, err := definition.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := def.Close(); err != nil {
			t.Error(err)
		}
	})
	env := program.Environment(t.TempDir())
	gateway, err := set.Serve(t.Context(), file, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gateway.Stop(); err != nil {
			t.Errorf("%v\n%s", err, gateway.Log())
		}
	})
	inLibrary, inCommand, inGateway := library(def), command(set.Godwit, file, env), plainClient(gateway.URL)
	t.Run("corpus", func(t *testing.T) {
		for _, c := range corpus {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c := c.with()
				compare(t, c, "library", inLibrary)
				compare(t, c, "command", inCommand)
				compareGateway(t, c, inGateway)
				compareBodies(t, c, inLibrary, inCommand, inGateway)
			})
		}
	})
}

// compare checks a surface that sees failures as kinds.
func compare(t *testing.T, c call, name string, s surface) {
	t.Helper()
	got, err := s(t.Context(), c)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	want := ""
	if c.kind != nil {
		want = c.kind.Error()
	}
	if got.kind != want {
		t.Errorf("%s: kind %q, want %q", name, got.kind, want)
	}
	if !c.own && got.status != c.status {
		t.Errorf("%s: status %d, want %d", name, got.status, c.status)
	}
	if code := exitCode(c); name == "command" && got.exit != code {
		t.Errorf("command: exit code %d, want %d", got.exit, code)
	}
}

// compareGateway checks the surface that returns statuses: those of the API
// and, for failures of the chain, its own with the kind in the problem.
func compareGateway(t *testing.T, c call, s surface) {
	t.Helper()
	got, err := s(t.Context(), c)
	if err != nil {
		t.Errorf("gateway: %v", err)
		return
	}
	status := c.status
	if c.gateway != 0 {
		status = c.gateway
	}
	if got.status != status {
		t.Errorf("gateway: status %d, want %d: %s", got.status, status, got.body)
	}
	if c.own && c.gateway >= 500 && got.kind != c.kind.Error() {
		t.Errorf("gateway: kind %q, want %q", got.kind, c.kind)
	}
}

// compareBodies checks that all surfaces deliver the same body. What the
// gateway answers by itself, and redirects, are its own.
func compareBodies(t *testing.T, c call, inLibrary, inCommand, inGateway surface) {
	t.Helper()
	if c.own {
		return
	}
	bodies := map[string]string{}
	for name, s := range map[string]surface{"library": inLibrary, "command": inCommand, "gateway": inGateway} {
		if name == "gateway" && c.gateway != 0 {
			continue
		}
		got, err := s(t.Context(), c)
		if err == nil {
			bodies[name], err = comparableBody(c, got.body)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range bodies {
		if b != bodies["library"] {
			t.Errorf("the body differs:\nlibrary %s\n%s %s", bodies["library"], name, b)
		}
	}
}

// exitCode is what the command promises for the call's outcome.
func exitCode(c call) int {
	switch {
	case c.kind == nil:
		return 0
	case errors.Is(c.kind, exchange.ErrTooManyRedirects):
		return 6
	case errors.Is(c.kind, exchange.ErrConnect):
		return 7
	case errors.Is(c.kind, exchange.ErrTimeout):
		return 8
	case errors.Is(c.kind, exchange.ErrRateLimited):
		return 12
	}
	return c.status / 100
}
