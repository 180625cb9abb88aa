package transport_test

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/godwittest"
	"github.com/godwit-go/godwit/transport"
)

// blackHole listens at ip, which the kernel then drops every SYN for: its
// backlog is full and nobody accepts. It returns the port.
func blackHole(t *testing.T, ip [4]byte, port int) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Close(fd); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: ip, Port: port}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port = bound.(*syscall.SockaddrInet4).Port
	addr := net.JoinHostPort(net.IP(ip[:]).String(), strconv.Itoa(port))
	for range 64 {
		c, err := net.DialTimeout("tcp", addr, 300*time.Millisecond)
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			return port
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() }) // it only fills the backlog
	}
	t.Fatal("the backlog does not fill up")
	return 0
}

// A black hole costs the connect timeout, and nothing was sent.
func TestFC1_BlackHole(t *testing.T) {
	t.Parallel()
	port := blackHole(t, [4]byte{127, 0, 0, 1}, 0)
	tr := build(t, transport.Config{ConnectTimeout: 60 * time.Millisecond})
	o := send(t, tr, newRequest(t, http.MethodPost, "http://127.0.0.1:"+strconv.Itoa(port)+"/?key=hidden", "body"))
	e := wantKind(t, "black hole", o, exchange.ErrConnectTimeout)
	if e.Sent != exchange.SentNo || !e.Timeout() || o.attempt.Duration < 60*time.Millisecond {
		t.Errorf("%+v", o.attempt)
	}
}

// The first of three addresses is dead, and the next is tried within the
// attempt.
func TestFC1_FirstOfThreeAddressesIsDead(t *testing.T) {
	t.Parallel()
	s := godwittest.RawHTTP(t, func(c *godwittest.Conn, _ *http.Request) {
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	port, err := strconv.Atoi(portOf(t, s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	blackHole(t, [4]byte{127, 0, 0, 9}, port)
	tr := build(t, transport.Config{ConnectTimeout: 9 * time.Second}) // the first address gets a third of it; net.Dialer gives 2s at least
	transport.SetResolver(tr, resolverOf(t, 0, "127.0.0.9", "127.0.0.1", "127.0.0.2"))
	o := send(t, tr, newRequest(t, http.MethodPost, "http://three.test.:"+strconv.Itoa(port)+"/", "body"))
	if o.err != nil || o.body != "ok" || s.Conns() != 1 {
		t.Fatalf("%q, %v, %d connections", o.body, o.err, s.Conns())
	}
}
