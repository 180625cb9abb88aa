// Package driver makes the stores that processes share their limits and
// breakers through: a folder for the processes of one machine, a Redis or Valkey
// server for a fleet. A definition names one, this package connects it.
//
// Nothing is opened before a store is asked for, and no server is called before
// a store is used: a program that shares nothing pays nothing, and one whose
// server is away starts and goes on as its policies say.
package driver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/filestore"
	"github.com/godwit-go/godwit/store/redisstore"
)

// Store keeps limits and breakers.
type Store interface {
	limit.Store
	breaker.Store
	// Lines returns what is known of each line of an origin. It changes nothing.
	Lines(ctx context.Context, origin string) ([]limit.Line, error)
}

// Config says where shared state is.
type Config struct {
	// Dir is the folder of the kind file.
	Dir func() (string, error)
	// Redis is the server of the kind redis.
	Redis func() (redisstore.Config, error)
	// Log takes what a store has to say. Nil: nothing is said.
	Log *slog.Logger
}

// Stores are the stores of one program, each made once. They are safe for
// concurrent use. Close them when nobody uses them any more.
type Stores struct {
	config Config

	mu     sync.Mutex
	made   map[string]Store
	server *client
	closed bool
}

// New returns stores that are made when they are asked for.
func New(c Config) *Stores { return &Stores{config: c, made: make(map[string]Store)} }

// Store returns the store of a kind: file or redis. The same one each time.
func (s *Stores) Store(kind string) (Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if store, ok := s.made[kind]; ok {
		return store, nil
	}
	var store Store
	var err error
	switch kind {
	case "file":
		store, err = s.file()
	case "redis":
		store, err = s.redis()
	default:
		err = fmt.Errorf("there is no store of the kind %.20q", kind)
	}
	if err != nil {
		return nil, err
	}
	s.made[kind] = store
	return store, nil
}

func (s *Stores) file() (Store, error) {
	dir, err := s.config.Dir()
	if err != nil {
		return nil, err
	}
	return filestore.Open(filestore.Config{Dir: dir, Log: s.config.Log})
}

func (s *Stores) redis() (Store, error) {
	c, err := s.config.Redis()
	if err != nil {
		return nil, err
	}
	server, err := newClient(c)
	if err != nil {
		return nil, err
	}
	s.server = server
	return redisstore.New(server)
}

var errClosed = errors.New("the stores are closed")

// Close ends what the stores are doing and closes their connections. A second
// Close does nothing.
func (s *Stores) Close() error {
	s.mu.Lock()
	server := s.server
	s.closed, s.server = true, nil
	s.mu.Unlock()
	if server != nil {
		server.close()
	}
	return nil
}
