package origin

import "testing"

func TestLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]struct{ name, loopback bool }{
		"localhost": {true, true}, "LocalHost": {true, true}, "localhost.": {true, true}, "x.localhost": {true, true}, "a.b.LOCALHOST.": {true, true},
		"": {}, ".": {}, "localhost.example.com": {}, "notlocalhost": {}, "localhost..": {}, "example.com": {},
		"127.0.0.1": {false, true}, "127.255.0.7": {false, true}, "::1": {false, true}, "::ffff:127.0.0.1": {false, true},
		"10.0.0.1": {}, "::": {}, "0.0.0.0": {},
	} {
		if LocalName(host) != want.name || Loopback(host) != want.loopback {
			t.Errorf("%q: a local name %v, loopback %v", host, LocalName(host), Loopback(host))
		}
	}
}
