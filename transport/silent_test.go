package transport_test

import (
	"io"
	"log"
	"testing"
)

// silent swallows what the servers of the tests say about broken connections.
var silent = log.New(io.Discard, "", 0)

// TestMain keeps net/http from printing what the servers of the tests send on
// idle connections.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	m.Run()
}
