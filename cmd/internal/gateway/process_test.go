package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-go/godwit/godwittest"
)

// TestProcess runs the program itself.
func TestProcess(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "godwit")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", program, "github.com/godwit-go/godwit/cmd/godwit").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, run := range map[string]func(*testing.T, string){
		"D13_FG6_SIGTERM under load loses nothing accepted": testDrainUnderLoad,
		"FG6_second signal":                      testSecondSignal,
		"1 GiB each way in 40 MiB":               testMemory,
		"bad configurations":                     testBadConfigurations,
		"LG1_secrets stay out of what it prints": testPrintedSecrets,
		"LG5_so does what nobody asked for":      testUnsolicited,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, program)
		})
	}
}

// process is a running "godwit serve".
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	err  bytes.Buffer // stderr; read it after wait
	done chan struct{}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "godwit.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serve starts the program with a definition and waits until it listens.
func serve(t *testing.T, program, definition string, env ...string) *process {
	t.Helper()
	p := &process{t: t, done: make(chan struct{})}
	p.cmd = exec.Command(program, "serve", "-f", write(t, definition), "--listen", "127.0.0.1:0")
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.err
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // its outcome is in ProcessState
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done
	})
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Fatalf("it said %q, %v\n%s", line, err, p.err.String())
	}
	p.url = address
	return p
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		p.t.Fatal("the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Error(err)
	}
}

func needSignals(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGTERM")
	}
}

// testDrainUnderLoad: every request that reached the upstream was answered
// whole, and the process ended well.
func testDrainUnderLoad(t *testing.T, program string) {
	needSignals(t)
	const workers, before = 8, 300
	var accepted, answered sync.Map
	var count atomic.Int64
	enough := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepted.Store(r.Header.Get("X-Request-Id"), true)
		if count.Add(1) == before {
			close(enough)
		}
		_, _ = io.WriteString(w, "first half, ")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "second half")
	}))
	defer upstream.Close()
	p := serve(t, program, fmt.Sprintf("version: 1\napis: {up: {base_url: %q}}\ngateway: {drain_delay: 300ms}\n", upstream.URL))

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var load sync.WaitGroup
	for worker := range workers {
		load.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", worker, i)
				req, err := http.NewRequest("POST", p.url+"/up/x", strings.NewReader("body"))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-Request-Id", id)
				resp, err := client.Do(req)
				if err != nil {
					return // the gateway accepts no more
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != 200 || string(got) != "first half, second half" {
					t.Errorf("request %s: %d %q %v", id, resp.StatusCode, got, err)
				}
				answered.Store(id, true)
			}
		})
	}
	<-enough
	p.signal(syscall.SIGTERM)
	load.Wait()
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
	lost := 0
	accepted.Range(func(id, _ any) bool {
		if _, ok := answered.Load(id); !ok {
			lost++
		}
		return true
	})
	if lost > 0 {
		t.Errorf("%d of %d accepted requests were lost", lost, count.Load())
	}
}

func testSecondSignal(t *testing.T, program string) {
	needSignals(t)
	there, hold := make(chan struct{}), make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(there); <-hold }))
	defer upstream.Close()
	defer close(hold)
	p := serve(t, program, fmt.Sprintf("version: 1\napis: {up: {base_url: %q}}\ngateway: {drain_delay: 1h}\n", upstream.URL))
	ended := make(chan error, 1)
	go func() {
		resp, err := http.Get(p.url + "/up/x")
		if err == nil {
			_ = resp.Body.Close()
			err = errors.New("it was answered: " + resp.Status)
		}
		ended <- err
	}()
	<-there
	p.signal(syscall.SIGTERM)
	for { // not ready, yet alive
		resp, err := http.Get(p.url + "/-/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable {
			break
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 143 {
		t.Errorf("exit code %d, want 143\n%s", code, p.err.String())
	}
	if err := <-ended; err == nil || strings.Contains(err.Error(), "answered") {
		t.Errorf("the request in flight: %v", err)
	}
}

// testMemory streams 1 GiB in each direction through one process.
func testMemory(t *testing.T, program string) {
	const size = 1 << 30
	zeros := make([]byte, 256<<10)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); r.Method == "POST" && (n != size || err != nil) {
			t.Errorf("%d bytes arrived, %v", n, err)
		}
		if r.Method == "POST" {
			return
		}
		for range size / len(zeros) {
			if _, err := w.Write(zeros); err != nil {
				t.Error(err)
				return
			}
		}
	}))
	defer upstream.Close()
	p := serve(t, program, fmt.Sprintf("version: 1\napis: {up: {base_url: %q}}\n", upstream.URL))
	resp, err := http.Get(p.url + "/up/x")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if n != size || err != nil {
		t.Errorf("%d bytes came down, %v", n, err)
	}
	body := struct{ io.Reader }{io.LimitReader(endless{}, size)}
	if resp, err = http.Post(p.url+"/up/x", "application/octet-stream", body); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("the upload got %s", resp.Status)
	}
	if runtime.GOOS != "linux" {
		return // the peak is read from /proc
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if peak == nil {
		t.Fatalf("no peak in\n%s", status)
	}
	if kib, err := strconv.Atoi(string(peak[1])); err != nil || kib >= 40<<10 {
		t.Errorf("peak of %d KiB, want less than 40 MiB (%v)", kib, err)
	} else {
		t.Logf("peak of %d KiB", kib)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func testBadConfigurations(t *testing.T, program string) {
	for _, c := range []struct{ definition, want string }{
		{"version: 1\napis: {up: {base_url: 'http://h', bogus: 1}}\n", "godwit.yaml:2:35: apis.up.bogus"},
		{"version: 1\napis: {up: {}}\n", "godwit.yaml:2:8: apis.up.base_url"},
		{"version: 1\napis: {up: {base_url: 'http://h', auth: {bearer: env:GODWIT_TEST_UNSET}}}\n", "GODWIT_TEST_UNSET"},
		{"version: 1\napis: {up: {base_url: 'http://h'}}\ngateway: {listen: [nowhere]}\n", "godwit.yaml:3:20: gateway.listen"},
		{"version: 1\napis: {up: {base_url: 'http://h'}}\ngateway: {apis: {un: {pass_through: true}}}\n", "gateway.apis.un"},
		{"version: 1\napis: {up: {base_url: 'http://h'}}\ngateway: {trusted_proxies: [10.0.0.0/33]}\n", "godwit.yaml:3:29: gateway.trusted_proxies[0]"},
		{"version: 1\napis: {up: {base_url: 'http://h'}}\ngateway: {grace: none}\n", "godwit.yaml:3:18: gateway.grace"},
		{"version: 1\napis: {}\n", "there is no api to serve"},
	} {
		out, err := exec.CommandContext(t.Context(), program, "serve", "-f", write(t, c.definition)).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 16 || !strings.Contains(string(out), c.want) {
			t.Errorf("%q: %v, want exit code 16 and %q:\n%s", c.definition, err, c.want, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), program, "serve", "-f", filepath.Join(t.TempDir(), "none.yaml")).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 16 || !strings.Contains(string(out), "none.yaml") {
		t.Errorf("no file: %v\n%s", err, out)
	}
	for want, args := range map[string][]string{"godwit serve -f FILE": {"serve", "godwit.yaml"}, "missing port": {"serve", "--listen", "8080"}} {
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v, want exit code 2 and %q:\n%s", args, err, want, out)
		}
	}
}

// testUnsolicited: net/http prints what an idle connection receives to the
// standard logger; the program does not.
func testUnsolicited(t *testing.T, program string) {
	needSignals(t)
	canary := godwittest.NewCanary(t)
	idle, closed := make(chan struct{}), make(chan struct{})
	upstream := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		<-idle
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + canary.Secret())
		c.Hang() // until the other side closes it
		close(closed)
	})
	p := serve(t, program, fmt.Sprintf("version: 1\napis: {up: {base_url: %q}}\n", upstream.URL()))
	resp, err := http.Get(p.url + "/up/x")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "ok" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	close(idle)
	<-closed
	p.signal(os.Interrupt)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d after SIGINT", code)
	}
	if p.err.Len() == 0 {
		t.Error("the record of the request is missing")
	}
	canary.Record("stderr", p.err.Bytes())
	canary.Assert()
	if strings.Contains(p.err.String(), "nsolicited") {
		t.Errorf("it printed\n%s", p.err.String())
	}
}

func testPrintedSecrets(t *testing.T, program string) {
	canary := godwittest.NewCanary(t)
	var got atomic.Value
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		w.Header().Set("Content-Length", "100") // and the answer breaks off
		_, _ = io.WriteString(w, "part")
	}))
	defer upstream.Close()
	p := serve(t, program, fmt.Sprintf("version: 1\napis:\n  up: {base_url: %q, auth: {bearer: env:GODWIT_TEST_TOKEN}}\n", upstream.URL),
		"GODWIT_TEST_TOKEN="+canary.Secret())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/up/x?q="+canary.Secret(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if part, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a clean end behind %q", part)
	}
	_ = resp.Body.Close()
	if got.Load() != "Bearer "+canary.Secret() {
		t.Error("the credential did not arrive")
	}
	_ = p.cmd.Process.Signal(os.Interrupt) // windows kills it in the cleanup
	if runtime.GOOS != "windows" {
		if code := p.wait(); code != 0 {
			t.Errorf("exit code %d after SIGINT", code)
		}
		if !strings.Contains(p.err.String(), `"msg":"request"`) {
			t.Errorf("no record:\n%s", p.err.String())
		}
		if !strings.Contains(p.err.String(), `"delay":0,"grace":30}`) { // not 30000000000
			t.Errorf("times must be in seconds:\n%s", p.err.String())
		}
		canary.Record("stderr", p.err.Bytes())
	}
	canary.Assert()
}
