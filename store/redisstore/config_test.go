package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-go/godwit/exchange"
	"github.com/godwit-go/godwit/secret"
	"github.com/godwit-go/godwit/store/redisstore"
	"github.com/godwit-go/godwit/transport"
)

func TestConfig_Address(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]redisstore.Address{
		"redis://127.0.0.1":             {Network: "tcp", Address: "127.0.0.1:6379", Host: "127.0.0.1"},
		"redis://cache.example.com/":    {Network: "tcp", Address: "cache.example.com:6379", Host: "cache.example.com"},
		"valkey://[::1]:7000/3":         {Network: "tcp", Address: "[::1]:7000", Host: "::1", Database: 3},
		"rediss://cache.example.com":    {Network: "tcp", Address: "cache.example.com:6379", Host: "cache.example.com", TLS: true},
		"valkeys://cache.example.com":   {Network: "tcp", Address: "cache.example.com:6379", Host: "cache.example.com", TLS: true},
		"unix:///run/redis.sock":        {Network: "unix", Address: "/run/redis.sock"},
		"unix:///run/a%20b/s.sock?db=2": {Network: "unix", Address: "/run/a b/s.sock", Database: 2},
	} {
		if got, err := (redisstore.Config{URL: url}).Address(); err != nil || got != want {
			t.Errorf("%s: %+v, %v", url, got, err)
		}
	}
}

func TestConfig_AddressErrors(t *testing.T) {
	t.Parallel()
	const canary = "hunter2hunter2"
	for _, c := range []struct {
		config redisstore.Config
		want   string
	}{
		{redisstore.Config{}, "no URL"},
		{redisstore.Config{URL: "127.0.0.1:6379"}, "no URL"},
		{redisstore.Config{URL: "redis://u:" + canary + "@h:port"}, "no URL"},
		{redisstore.Config{URL: "redis://u:" + canary + "@h"}, "redis.password"},
		{redisstore.Config{URL: "redis://" + canary + "@h"}, "redis.password"},
		{redisstore.Config{URL: "redis://h#" + canary}, "fragment"},
		{redisstore.Config{URL: "redis://h/0?password=" + canary}, "nothing else"},
		{redisstore.Config{URL: "redis:///0"}, "nothing else"},
		{redisstore.Config{URL: "http://h"}, "none of redis"},
		{redisstore.Config{URL: "redis://h/x"}, "database"},
		{redisstore.Config{URL: "redis://h/-1"}, "database"},
		{redisstore.Config{URL: "redis://h/1/2"}, "database"},
		{redisstore.Config{URL: "unix://relative/s"}, "unix:///"},
		{redisstore.Config{URL: "unix:s"}, "unix:///"},
		{redisstore.Config{URL: "unix:///s?password=" + canary}, "unix:///"},
		{redisstore.Config{URL: "redis://h", Username: "u"}, "redis.password as well"},
		{redisstore.Config{URL: "redis://h", TLS: transport.TLS{CA: "f"}}, "rediss://"},
	} {
		_, err := c.config.Address()
		if !errors.Is(err, exchange.ErrConfig) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
	}
}

func ExampleConfig() {
	c := redisstore.Config{URL: "rediss://cache.example.com/2", Username: "godwit", Password: secret.Env("REDIS_PASSWORD")}
	fmt.Println(c.Address())
	// Output: {tcp cache.example.com:6379 cache.example.com true 2} <nil>
}
