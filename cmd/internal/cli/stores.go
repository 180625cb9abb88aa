package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/godwit-go/godwit/cmd/internal/driver"
	"github.com/godwit-go/godwit/definition"
	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/redisstore"
)

// sharing reads a definition whose APIs may share their limits with other
// processes. What they share them through is made when an API asks for it.
func (p *program) sharing(o *options, read func(definition.Options) (*definition.Definition, error)) (*definition.Definition, error) {
	var def *definition.Definition
	stores := driver.New(driver.Config{
		Dir: limitsDir,
		Redis: func() (redisstore.Config, error) {
			c, err := def.Redis()
			if err == nil && c.URL == "" {
				err = errors.New("the server has no address; add redis: {url: redis://HOST:6379} to the file, or set GODWIT_REDIS_URL")
			}
			return c, err
		},
		Log: p.storeLog(),
	})
	p.stores = append(p.stores, stores)
	def, err := read(definition.Options{Profile: o.profile, Stores: func(kind, _ string) (limit.Store, breaker.Store, error) {
		s, err := stores.Store(kind)
		if err != nil {
			return nil, nil, err
		}
		return s, s, nil
	}})
	return def, err
}

func (p *program) closeStores() error {
	var errs []error
	for _, s := range p.stores {
		errs = append(errs, s.Close())
	}
	p.stores = nil
	return errors.Join(errs...)
}

// storeLog is where stores say what went wrong.
func (p *program) storeLog() *slog.Logger {
	if p.log != nil {
		return p.log
	}
	return slog.New(messages{slog.DiscardHandler, p})
}

// messages is a log for people.
type messages struct {
	slog.Handler
	p *program
}

func (messages) Enabled(context.Context, slog.Level) bool { return true }

func (m messages) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("warning: " + r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, "; %s: %s", a.Key, a.Value)
		return true
	})
	m.p.note(b.String())
	return nil
}
