// Command report measures godwit against its yardsticks in interleaved rounds
// and prints ratios: processor time per call, never wall time.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/godwit-go/godwit/bench/client"
)

// serveFlag makes the program the server of its own measurements: apart from
// the client, so that its processor time is not counted.
const serveFlag = "-serve"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if slices.Contains(args, serveFlag) {
		return serve(ctx)
	}
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	rounds := flags.Int("count", 10, "rounds; the first of each table is a warm-up and discarded")
	slice := flags.Duration("slice", 500*time.Millisecond, "processor time of one subject in one round")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1) // one worker each: the collector does not hide on another core
	header()
	base, stop, err := startServer(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(
		typedGet(ctx, "typed GET, stub transport", "http://stub.example", client.Stub{Body: client.Document()}, *rounds, *slice),
		typedGet(ctx, "typed GET, loopback", base, nil, *rounds, *slice),
		command(ctx, base, *rounds*2),
	)
	return errors.Join(err, stop())
}

// header says what was measured, and on what.
func header() {
	revision := "unknown"
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		revision = strings.TrimSpace(string(out))
	} else if info, ok := debug.ReadBuildInfo(); ok {
		revision = info.Main.Version
	}
	fmt.Printf("%s %s/%s, %d cores, commit %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), revision)
}

func serve(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	server := &http.Server{Handler: client.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		// The parent holds the other end: it is gone when reading ends.
		bufio.NewScanner(os.Stdin).Scan()
		server.Close() // the process ends
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// startServer runs this program as the server and returns its URL.
func startServer(ctx context.Context) (base string, stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, serveFlag)
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error { return errors.Join(stdin.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return "", nil, errors.Join(err, stop())
	}
	return strings.TrimSpace(line), stop, nil
}
