package definition

import (
	"errors"
	"reflect"
	"strings"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/store/redisstore"
)

// Redis returns the redis section: where the server is through which APIs with
// limit.store redis share their limits. Its URL is empty if nothing sets it. The
// error is [Errors].
func (d *Definition) Redis() (redisstore.Config, error) {
	var bad mistakes
	c, _ := d.readRedis(&bad)
	return c, bad.err()
}

var redisPath = (*path)(nil).key("redis")

// readRedis also returns the section with all layers merged; nil if there is
// none.
func (d *Definition) readRedis(bad *mistakes) (redisstore.Config, *node) {
	var c redisstore.Config
	tree := d.section(redisType, func(f *file) *raw { return f.redis }, d.env.redis, bad)
	if tree == nil {
		return c, nil
	}
	var own mistakes
	dec := &decoder{look: d.look, bad: &own}
	dec.structure(tree, reflect.ValueOf(&c).Elem(), redisPath)
	if len(own.list) == 0 {
		checkRedis(c, tree, &own)
	}
	bad.addAll(own.list)
	return c, tree
}

// checkRedis looks at what types cannot say. No server is called.
func checkRedis(c redisstore.Config, tree *node, bad *mistakes) {
	address, err := c.Address()
	if err == nil && address.TLS {
		_, err = c.TLS.Config()
	}
	if err == nil {
		return
	}
	text, hint := configText(err)
	setting, rest, _ := strings.Cut(strings.TrimPrefix(text, "redis."), ": ")
	p := redisPath
	for _, name := range settingNames(setting) {
		p = p.key(name)
	}
	bad.at(placeIn(redisType, tree, tree.at, settingNames(setting)...), p, rest, hint)
}

// configText takes an error of kind [exchange.ErrConfig] apart.
func configText(err error) (text, hint string) {
	text = err.Error()
	if e, ok := errors.AsType[*exchange.Error](err); ok {
		hint = e.Hint
		if e.Err != nil {
			text = e.Err.Error()
		}
	}
	return strings.TrimSuffix(text, ": "+exchange.ErrConfig.Error()), hint
}
