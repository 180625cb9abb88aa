//go:build unix

package driver

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/internal/line"
	"github.com/godwit-go/godwit/internal/redistest"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/secret"
	"github.com/godwit-go/godwit/store/redisstore"
	"github.com/godwit-go/godwit/store/storetest"
	"github.com/godwit-go/godwit/transport"
)

const origin = "https://api.example.com"

// redis returns the store of a server, closed with the test.
func redis(t *testing.T, c redisstore.Config) Store {
	t.Helper()
	stores := New(Config{Redis: func() (redisstore.Config, error) { return c, nil }})
	t.Cleanup(func() {
		if err := stores.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := stores.Store("redis")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(s *redistest.Server) redisstore.Config { return redisstore.Config{URL: "unix://" + s.Socket()} }

func TestRedis_Conformance(t *testing.T) {
	t.Parallel()
	servers := storetest.PerTest(func(t *testing.T) *redistest.Server { return redistest.Start(t) })
	t.Run("Breaker", func(t *testing.T) {
		t.Parallel()
		storetest.Breaker(t, func(t *testing.T) breaker.Store { return redis(t, at(servers(t))) })
	})
	t.Run("Limit", func(t *testing.T) {
		t.Parallel()
		storetest.Limit(t, func(t *testing.T) limit.Store { return redis(t, at(servers(t))) })
	})
}

// A cluster takes every question: all keys of an origin are in one slot.
func TestRedis_Cluster(t *testing.T) {
	t.Parallel()
	port, bus := freePort(t), freePort(t)
	server := redistest.Start(t, "--bind", "127.0.0.1", "--port", port, "--cluster-port", bus, "--cluster-enabled", "yes")
	server.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	await(t, "the cluster does not come up", func() bool {
		return strings.Contains(server.Do("CLUSTER", "INFO").(string), "cluster_state:ok")
	})
	s := redis(t, redisstore.Config{URL: "redis://127.0.0.1:" + port})
	for i := range 20 {
		r := limit.Round{ID: "1", Process: "p", Origin: fmt.Sprintf("https://%d.example.com", i), Lines: make([]limit.Ask, 3)}
		for j := range r.Lines {
			r.Lines[j] = limit.Ask{Key: fmt.Sprint("quota", j), Law: line.Bucket(1, 1), Take: 1, Want: 1}
		}
		if _, err := s.Sync(t.Context(), r); err != nil {
			t.Error(err)
		}
		if a, err := s.Swap(t.Context(), r.Origin, nil, []byte("1"), time.Hour); err != nil || !a.Put {
			t.Errorf("%+v, %v", a, err)
		}
	}
}

// freePort is a port below those that the system gives out, so that nobody gets
// it by chance.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprint("127.0.0.1:", 15000+rand.IntN(15000))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		_, port, _ := strings.Cut(address, ":")
		return port
	}
	t.Fatal("no port is free")
	return ""
}

// take takes a place with a round of this id.
func take(ctx context.Context, s Store, id string) (float64, error) {
	law := line.Bucket(100, 100)
	law.Lookahead, law.MaxFreeze = 30, 3600
	got, err := s.Sync(ctx, limit.Round{ID: id, Process: "p", Origin: origin, Lines: []limit.Ask{{Key: "core", Law: law, Health: 1, Take: 1, Want: 1}}})
	if err != nil {
		return 0, err
	}
	return got.Lines[0].Given.To, nil
}

func wantPlace(t *testing.T, s Store, id string, want float64) {
	t.Helper()
	if got, err := take(t.Context(), s, id); err != nil || got != want {
		t.Errorf("round %s: place %v, %v; want %v", id, got, err, want)
	}
}

// eventually asks until the server answers: a connection that broke is noticed
// by the question that fails.
func eventually(t *testing.T, s Store, id string, want float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		got, err := take(ctx, s, id)
		if err == nil {
			if got != want {
				t.Errorf("round %s: place %v, want %v", id, got, want)
			}
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("round %s: %v", id, err)
		}
	}
}

// FG10: whatever happens to the server, the error says so, and it ends with its
// cause.
func TestFG10_Server(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := redis(t, at(server))
	wantPlace(t, s, "1", 1)
	server.FlushScripts()
	wantPlace(t, s, "2", 2)
	for name, change := range map[string][2]func(){"OOM": {server.Full, server.Room}, "READONLY": {server.Demote, server.Promote}} {
		change[0]()
		if _, err := take(t.Context(), s, "3"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
		change[1]()
	}
	eventually(t, s, "3", 3)
	server.Kill()
	if _, err := take(t.Context(), s, "4"); err == nil {
		t.Error("a server that is not there answers")
	}
	server.Restart()
	eventually(t, s, "4", 1) // it came back empty
}

// FG10: a server that is stopped does later what it was asked, once.
func TestFG10_StoppedServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := redis(t, at(server))
	wantPlace(t, s, "1", 1)
	server.Stop()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := take(ctx, s, "2"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped: %v", err)
		}
		cancel()
	}
	server.Cont()
	eventually(t, s, "2", 2)
	eventually(t, s, "3", 3)
}

// A server that is away when the program starts is used when it is there.
func TestFG10_AbsentAtStart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	s := redis(t, at(server))
	if _, err := take(t.Context(), s, "1"); err == nil {
		t.Error("a server that is not there answers")
	}
	server.Restart()
	eventually(t, s, "1", 1)
}

// What takes connections and says nothing holds a caller up for its own time
// only, and nobody else; closing does not wait for it either.
func TestFG10_Silence(t *testing.T) {
	t.Parallel()
	path := listen(t, func(conn net.Conn) {
		_, _ = io.Copy(io.Discard, conn) // until it is closed
	})
	s := redis(t, redisstore.Config{URL: "unix://" + path})
	gone := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := take(ctx, s, "1")
		first <- err
	}()
	cancel(gone)
	if err := <-first; !errors.Is(err, gone) {
		t.Errorf("the caller's end: %v", err)
	}
	if _, err := take(t.Context(), s, "2"); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("another caller: %v", err)
	}
}

// listen serves every connection with serve until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "driver") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	serveAll(t, l, serve)
	return path
}

func serveAll(t *testing.T, l net.Listener, serve func(net.Conn)) {
	t.Helper()
	var mu sync.Mutex
	open := make(map[net.Conn]bool)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed below
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			work.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // nobody else closes it
		mu.Lock()
		for conn := range open {
			_ = conn.Close() // it may be closed already
		}
		mu.Unlock()
		work.Wait()
	})
}

// relay passes bytes on to a server until one side ends.
func relay(conn net.Conn, server *redistest.Server) {
	up, err := net.Dial("unix", server.Socket())
	if err != nil {
		return
	}
	defer up.Close()
	go func() { // ends with conn
		_, _ = io.Copy(up, conn)
		_ = up.Close() // as does the other direction
	}()
	_, _ = io.Copy(conn, up)
}

// rediss:// verifies the server, by the CA and the name of the settings.
func TestRedis_TLS(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	certified := httptest.NewTLSServer(nil) // for its certificate, of 127.0.0.1 and example.com
	t.Cleanup(certified.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	serveAll(t, l, func(conn net.Conn) { relay(conn, server) })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "rediss://" + l.Addr().String()
	for i, c := range []transport.TLS{{CA: ca}, {CA: ca, ServerName: "example.com"}, {Insecure: true}} {
		wantPlace(t, redis(t, redisstore.Config{URL: url, TLS: c}), fmt.Sprint(i), float64(i+1))
	}
	for _, c := range []transport.TLS{{}, {CA: ca, ServerName: "other.example"}} {
		var bad *tls.CertificateVerificationError
		if _, err := take(t.Context(), redis(t, redisstore.Config{URL: url, TLS: c}), "bad"); !errors.As(err, &bad) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// A question whose connection breaks is not asked again: the server may have
// answered it.
func TestFG10_NothingIsSentTwice(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var mu sync.Mutex
	cut := false
	path := listen(t, func(conn net.Conn) {
		up, err := net.Dial("unix", server.Socket())
		if err != nil {
			return
		}
		defer up.Close()
		go func() { // ends with conn
			_, _ = io.Copy(up, conn)
			_ = up.Close() // as does the other direction
		}()
		answers := make([]byte, 64<<10)
		for {
			n, err := up.Read(answers)
			mu.Lock()
			broken := cut
			mu.Unlock()
			if err != nil || broken { // the server has answered, and nobody hears it
				return
			}
			if _, err := conn.Write(answers[:n]); err != nil {
				return
			}
		}
	})
	s := redis(t, redisstore.Config{URL: "unix://" + path})
	wantPlace(t, s, "1", 1)
	asked := calls(server)
	mu.Lock()
	cut = true
	mu.Unlock()
	if _, err := take(t.Context(), s, "2"); err == nil {
		t.Error("an answer came through")
	}
	if n := calls(server) - asked; n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
	mu.Lock()
	cut = false
	mu.Unlock()
	eventually(t, s, "2", 2)
	eventually(t, s, "3", 3)
}

// calls is how many scripts the server was told to run by name.
func calls(server *redistest.Server) (n int) {
	for row := range strings.Lines(server.Do("INFO", "commandstats").(string)) {
		if _, err := fmt.Sscanf(row, "cmdstat_evalsha:calls=%d,", &n); err == nil {
			return n
		}
	}
	return 0
}

// The password is read for each connection, and appears in no error.
func TestRedis_Password(t *testing.T) {
	t.Parallel()
	const canary, next = "correct-horse-battery", "staple-canary-second"
	server := redistest.Start(t, "--user", "app", "on", ">"+canary, "~*", "+@all", "--enable-debug-command", "local")
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := at(server)
	c.Username, c.Password = "app", secret.File(file)
	s := redis(t, c)
	if _, err := take(t.Context(), s, "1"); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("no file: %v", err)
	}
	write("wrong-" + canary)
	if _, err := take(t.Context(), s, "1"); err == nil || !strings.Contains(err.Error(), "WRONGPASS") || strings.Contains(err.Error(), canary) {
		t.Errorf("wrong: %v", err)
	}
	write(canary)
	wantPlace(t, s, "1", 1)
	server.Do("ACL", "SETUSER", "app", "resetpass", ">"+next)
	server.Do("CLIENT", "KILL", "USER", "app")
	write(next)
	eventually(t, s, "2", 2)
}

// Settings that cannot be used are named; no server is called for it.
func TestRedis_Settings(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{"": "redis.url", "http://h": "redis.url", "rediss://h": "tls.ca"} {
		c := redisstore.Config{URL: url}
		if strings.HasPrefix(url, "rediss") {
			c.TLS.CA = filepath.Join(t.TempDir(), "none.pem")
		}
		stores := New(Config{Redis: func() (redisstore.Config, error) { return c, nil }})
		if _, err := stores.Store("redis"); !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", url, err)
		}
		if err := stores.Close(); err != nil {
			t.Error(err)
		}
	}
}

// After Close nothing is asked any more, and a question under way ends.
func TestRedis_Close(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	stores := New(Config{Redis: func() (redisstore.Config, error) { return at(server), nil }})
	s, err := stores.Store("redis")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := stores.Store("redis"); err != nil || again != s {
		t.Errorf("%v, %v", again, err)
	}
	wantPlace(t, s, "1", 1)
	server.Stop()
	failed := make(chan error, 1)
	go func() {
		_, err := take(t.Context(), s, "2")
		failed <- err
	}()
	for range 2 {
		if err := stores.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-failed; err == nil {
		t.Error("the question under way was answered")
	}
	if _, err := take(t.Context(), s, "3"); !errors.Is(err, errClosed) {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := stores.Store("redis"); !errors.Is(err, errClosed) {
		t.Errorf("another store: %v", err)
	}
}
