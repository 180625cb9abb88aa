package godwittest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func testPipe(t *testing.T) (client, server net.Conn) {
	t.Helper()
	client, server = pipe(&net.TCPAddr{Port: 1}, &net.TCPAddr{Port: 2})
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), server.Close()); err != nil {
			t.Error(err)
		}
	})
	return client, server
}

func TestPipe_EndsLikeTCP(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := testPipe(t)
		if _, err := client.Write([]byte("last words")); err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if got := drain(t, server); got != "last words" {
			t.Errorf("the peer read %q", got)
		}
		if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a write to a closed peer = %v", err)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a read after Close = %v", err)
		}
		if _, err := client.Write(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write after Close = %v", err)
		}
	})
}

func TestPipe_Reset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := testPipe(t)
		if _, err := client.Write([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		reset(client)
		if n, err := server.Read(make([]byte, 8)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer read %d bytes, %v", n, err)
		}
	})
}

func TestPipe_WriterWaitsForTheReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := testPipe(t)
		big := bytes.Repeat([]byte("x"), 3*pipeBuffer)
		if err := client.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		n, err := client.Write(big)
		if n != pipeBuffer || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("Write = %d, %v after %v", n, err, time.Since(start))
		}
		if err := client.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := client.Write(big)
			if err = errors.Join(err, client.Close()); err != nil {
				t.Error(err)
			}
		}()
		if got := drain(t, server); len(got) != 4*pipeBuffer {
			t.Errorf("%d bytes arrived", len(got))
		}
	})
}

func TestPipe_DeadlineMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := testPipe(t)
		start := time.Now()
		deadlines := []time.Time{start.Add(time.Minute), start.Add(time.Hour)}
		for _, d := range deadlines {
			if err := client.SetReadDeadline(d); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Hour {
			t.Errorf("Read = %v after %v", err, time.Since(start))
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a second Read = %v", err)
		}
		time.AfterFunc(time.Second, func() {
			if err := client.SetReadDeadline(time.Now()); err != nil {
				t.Error(err)
			}
		})
		if err := client.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a Read that a deadline in the past interrupts = %v", err)
		}
	})
}

func TestPipe_CopiesWhatIsWritten(t *testing.T) {
	t.Parallel()
	client, server := testPipe(t)
	buf := []byte("first")
	if _, err := client.Write(buf); err != nil {
		t.Fatal(err)
	}
	copy(buf, "other")
	got := make([]byte, 5)
	if _, err := io.ReadFull(server, got); err != nil || !strings.EqualFold(string(got), "first") {
		t.Errorf("read %q, %v", got, err)
	}
}
