package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadAheadNoticesASilentPipe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		silence time.Duration
		notices int32
	}{
		"prompt": {4 * time.Second, 0},
		"silent": {20 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in, out := io.Pipe()
				go func() {
					time.Sleep(test.silence) // virtual
					_, err := io.WriteString(out, "body")
					time.Sleep(time.Hour) // a slow rest is no silence
					_ = out.CloseWithError(err)
				}()
				var notices atomic.Int32
				data, rest, err := readAhead(t.Context(), in, func() { notices.Add(1) })
				if string(data) != "body" || rest != nil || err != nil || notices.Load() != test.notices {
					t.Errorf("%q, %v, %v, %d notices", data, rest, err, notices.Load())
				}
			})
		})
	}
}

func TestReadAheadIsBounded(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", maxBuffered+10)
	data, rest, err := readAhead(t.Context(), strings.NewReader(body), func() {})
	if err != nil || len(data) != maxBuffered || rest == nil {
		t.Fatalf("%d bytes, %v, %v", len(data), rest, err)
	}
	tail, err := io.ReadAll(rest)
	if len(tail) != 10 || err != nil {
		t.Errorf("%d bytes follow, %v", len(tail), err)
	}
}

func TestReadAheadObeysItsContext(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	defer out.Close()
	cause := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, _, err := readAhead(ctx, in, func() {}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestImplicitBody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) *os.File {
		path := dir + "/" + name
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	closed := write("closed", "x")
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, test := range map[string]struct {
		in   *os.File
		body bool
	}{
		"file": {write("full", "x"), true}, "empty file": {write("empty", ""), false}, "closed": {closed, false}, "null": {null, false},
	} {
		p := &program{stdio: stdio{in: test.in, err: io.Discard}}
		c, err := p.implicitBody(t.Context())
		if err != nil || (c != nil) != test.body {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// TestFilesWithoutSize: the files of /proc say that they hold nothing.
func TestFilesWithoutSize(t *testing.T) {
	t.Parallel()
	const path = "/proc/self/stat"
	if info, err := os.Stat(path); err != nil || info.Size() > 0 {
		t.Skip("no such file on this system")
	}
	p := &program{stdio: stdio{err: io.Discard}}
	defer p.closeFiles()
	c, err := p.openContent(t.Context(), path)
	if err != nil || len(c.data) == 0 || c.file != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestTheQuestionOfTrustCanBeInterrupted: nobody answers, and Ctrl-C ends it.
func TestTheQuestionOfTrustCanBeInterrupted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "godwit.yaml")
	if err := os.WriteFile(path, []byte("version: 1\napis: {a: {base_url: http://localhost}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := new(program).loadProject(new(options), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.def.Close()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	stop := &signalError{os.Interrupt}
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "[y/N]") {
			cancel(stop)
		}
		return len(p), nil
	})
	p := &program{stdio: stdio{in: in, err: asked, inTerminal: true, errTerminal: true}}
	if err := p.review(ctx, f); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
