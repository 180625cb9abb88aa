//go:build linux && !race

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLM3_AllocMemory sends 1 GiB through get, to a pipe and to a file, and
// looks at the most memory that the program has ever had before the last byte
// is sent. The race detector needs more: hence the build tag.
func TestLM3_AllocMemory(t *testing.T) {
	t.Parallel()
	const size, most = 1 << 30, 40 << 10 // bytes, KiB
	for _, test := range []string{"pipe", "file"} {
		t.Run(test, func(t *testing.T) {
			nearEnd, goOn := make(chan struct{}), make(chan struct{})
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				block := make([]byte, 64<<10)
				w.Header().Set("Content-Length", fmt.Sprint(size+1))
				for n := 0; n < size; n += len(block) {
					if _, err := w.Write(block); err != nil {
						return
					}
				}
				if err := http.NewResponseController(w).Flush(); err != nil {
					return
				}
				close(nearEnd)
				<-goOn
				_, _ = w.Write(block[:1]) // a failure shows in the count
			}))
			defer s.Close()
			out := filepath.Join(t.TempDir(), "out")
			args := []string{"get", s.URL}
			if test == "file" {
				args = append(args, "-O", out)
			}
			cmd, stderr := command(t, args...)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			count := make(chan int64, 1)
			go func() {
				n, _ := io.Copy(io.Discard, stdout) // ends with the program
				count <- n
			}()
			<-nearEnd
			peak := peakMemory(t, cmd.Process.Pid)
			close(goOn)
			n := <-count
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			if test == "file" {
				info, err := os.Stat(out)
				if err != nil {
					t.Fatal(err)
				}
				n = info.Size()
			}
			if n != size+1 || peak > most {
				t.Errorf("%d bytes, peak %d KiB, most %d", n, peak, most)
			}
			t.Logf("peak %d KiB", peak)
		})
	}
}

// TestStart_AllocMemory bounds the whole process for one small document.
func TestStart_AllocMemory(t *testing.T) {
	t.Parallel()
	const most = 20 << 10 // KiB
	arrived, goOn := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "8")
		_, _ = io.WriteString(w, `{"a":1}`) // a failure ends the program with an error
		_ = http.NewResponseController(w).Flush()
		close(arrived)
		<-goOn
		_, _ = io.WriteString(w, "\n") // as above
	}))
	defer s.Close()
	cmd, stderr := command(t, "get", s.URL)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	first := make([]byte, 7)
	if _, err := io.ReadFull(stdout, first); err != nil { // streamed: it is here before the answer ends
		t.Fatal(err)
	}
	peak := peakMemory(t, cmd.Process.Pid)
	close(goOn)
	rest, err := io.ReadAll(stdout)
	if err != nil || string(first)+string(rest) != "{\"a\":1}\n" {
		t.Errorf("%q, %q, %v", first, rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	if peak > most {
		t.Errorf("peak %d KiB, most %d", peak, most)
	}
	t.Logf("peak %d KiB", peak)
}

// peakMemory is the high-water mark of a process's resident memory, in KiB.
// What wait reports would include that of the process that started it.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib
		}
	}
	t.Fatalf("no VmHWM in\n%s", status)
	return 0
}
