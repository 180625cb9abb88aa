package signal_test

import (
	"strings"
	"testing"

	"github.com/godwit-go/godwit/internal/signal"
)

// TestC3_Draft08To11 reads RateLimit and RateLimit-Policy as Lists (RFC 9651).
func TestC3_Draft08To11(t *testing.T) {
	t.Parallel()
	check(t, signal.Standard, []row{
		{"policy", 200, `RateLimit-Policy: "burst";q=100;w=60;qu="requests";pk=:cHJvamVjdA==:`, "", `"burst" unit=requests scope=cHJvamVjdA== limit=100 window=1m0s [ratelimit-policy]`},
		{"limit", 200, `RateLimit: "burst";r=50;t=30`, "", `"burst" remaining=50 next=28.8s..30s [ratelimit]`},
		{"both", 200, "RateLimit: \"burst\";r=50;t=30\nRateLimit-Policy: \"burst\";q=100;w=60", "", `"burst" limit=100 remaining=50 window=1m0s next=28.8s..30s [ratelimit-policy, ratelimit]`},
		{"no rate is made of r and t", 200, "RateLimit: \"a\";r=10000;t=10\nRateLimit-Policy: \"a\";q=10000;w=1000", "", `"a" limit=10000 remaining=10000 window=16m40s next=8.8s..10s [ratelimit-policy, ratelimit]`},
		{"several lines join", 200, "RateLimit-Policy: \"a\";q=1;w=1\nRateLimit-Policy: \"b\";q=2;w=60", "", `
			"a" limit=1 window=1s [ratelimit-policy]
			"b" limit=2 window=1m0s [ratelimit-policy]`},
		{"unknown parameters", 200, `RateLimit: "a";x="y";r=5;comment=("z");t=1`, "", ``},
		{"unknown parameters that parse", 200, `RateLimit: "a";x="y";r=5;flag;t=2`, "", `"a" remaining=5 next=800ms..2s [ratelimit]`},
		{"r alone", 200, `RateLimit: "a";r=5`, "", `"a" remaining=5 [ratelimit]`},
		{"names are tokens in some drafts", 200, `RateLimit: default;r=5`, "", `"default" remaining=5 [ratelimit]`},
		{"units", 200, `RateLimit-Policy: "a";q=1;qu="content-bytes", "b";q=2;qu="concurrent-requests"`, "", `
			"a" unit=content-bytes limit=1 [ratelimit-policy]
			"b" unit=concurrent-requests limit=2 [ratelimit-policy]`},
		{"negative values are ignored", 200, `RateLimit: "a";r=-5;t=-1`, "", ``},
		{"one negative value", 200, `RateLimit: "a";r=5;t=-1`, "", `"a" remaining=5 [ratelimit]`},
		{"values of other types", 200, `RateLimit: "a";r="5";t=?1`, "", ``},
		{"a malformed field is ignored as a whole", 200, `RateLimit: "a";r=5, "b;r=5`, "", ``},
		{"a malformed field leaves the other", 200, "RateLimit: \"a\";r=5,\nRateLimit-Policy: \"a\";q=9", "", `"a" limit=9 [ratelimit-policy]`},
		{"inner lists are not items", 200, `RateLimit: ("a" "b");r=5, "c";r=1`, "", `"c" remaining=1 [ratelimit]`},
		{"a name twice, the first", 200, `RateLimit: "a";r=5, "a";r=1`, "", `"a" remaining=5 [ratelimit]`},
		{"the old fields beside it repeat it", 200, "RateLimit: \"a\";r=5\nRateLimit-Limit: 10\nRateLimit-Remaining: 5\nRateLimit-Reset: 3", "", `"a" remaining=5 [ratelimit]`},
		{"names are cut and printable", 200, `RateLimit: "` + strings.Repeat("x", 200) + `";r=5`, "", `"` + strings.Repeat("x", 128) + `" remaining=5 [ratelimit]`},
	})
	check(t, signal.Guess, []row{
		{"the de facto fields beside it repeat it", 200, "RateLimit: \"a\";r=5\nX-RateLimit-Remaining: 5", "", `"a" remaining=5 [ratelimit]`},
	})
}

func TestC3_Draft07(t *testing.T) {
	t.Parallel()
	check(t, signal.Standard, []row{
		{"dictionary", 200, "RateLimit: limit=100, remaining=50, reset=50", "", `"" limit=100 remaining=50 window=48.8s..50s [ratelimit]`},
		{"in any order", 200, "RateLimit: reset=50\nRateLimit: remaining=50", "", `"" remaining=50 window=48.8s..50s [ratelimit]`},
		{"with its policy", 200, "RateLimit: limit=100, remaining=50, reset=50\nRateLimit-Policy: 100;w=60", "", `"" limit=100 remaining=50 window=1m0s window=48.8s..50s [ratelimit]`},
		{"negative", 200, "RateLimit: limit=-100, remaining=50, reset=-1", "", `"" remaining=50 [ratelimit]`},
		{"policies are told apart by their numbers", 200, "RateLimit: limit=10, remaining=5, reset=1\nRateLimit-Policy: 10;w=1, 50;w=60", "", `
			"10;w=1" limit=10 remaining=5 window=1s window=-200ms..1s [ratelimit]
			"50;w=60" limit=50 window=1m0s [ratelimit]`},
		{"and keep their names when the other is near", 200, "RateLimit: limit=50, remaining=1, reset=20\nRateLimit-Policy: 10;w=1, 50;w=60", "", `
			"50;w=60" limit=50 remaining=1 window=1m0s window=18.8s..20s [ratelimit]
			"10;w=1" limit=10 window=1s [ratelimit]`},
		{"exhausted", 429, "RateLimit: limit=100, remaining=0, reset=50", "", `"" limit=100 remaining=0 window=48.8s..50s retry=50s refused [ratelimit, status 429, reset]`},
	})
}

func TestC3_Draft00To06(t *testing.T) {
	t.Parallel()
	check(t, signal.Standard, []row{
		{"plain", 200, "RateLimit-Limit: 100\nRateLimit-Remaining: 50\nRateLimit-Reset: 50", "", `"" limit=100 remaining=50 window=48.8s..50s [ratelimit-*]`},
		{"the first member is the number", 200, "RateLimit-Limit: 100, 100;w=60\nRateLimit-Remaining: 50\nRateLimit-Reset: 50", "", `"" limit=100 remaining=50 window=1m0s window=48.8s..50s [ratelimit-*]`},
		{"several policies", 200, "RateLimit-Limit: 10, 10;w=1, 50;w=60\nRateLimit-Remaining: 9", "", `
			"10;w=1" limit=10 remaining=9 window=1s [ratelimit-*]
			"50;w=60" limit=50 window=1m0s [ratelimit-*]`},
		{"a policy in the field of its own", 200, "RateLimit-Limit: 100\nRateLimit-Policy: 100;w=60;comment=\"fixed window\"\nRateLimit-Remaining: 50", "", `"" limit=100 remaining=50 window=1m0s [ratelimit-*]`},
		{"a policy that is not the limit", 200, "RateLimit-Limit: 100\nRateLimit-Policy: 10;w=1\nRateLimit-Remaining: 50", "", `
			"" limit=100 remaining=50 [ratelimit-*]
			"10;w=1" limit=10 window=1s [ratelimit-*]`},
		{"a window at the number, as Docker Hub has it", 200, "ratelimit-limit: 100;w=21600\nratelimit-remaining: 76;w=21600", "", `"" limit=100 remaining=76 window=6h0m0s [ratelimit-*]`},
		{"an epoch, as GitLab has it", 200, "RateLimit-Limit: 600\nRateLimit-Remaining: 599\nRateLimit-Reset: " + epoch(60e9), "", `"" limit=600 remaining=599 window=58.8s..1m0s [ratelimit-*]`},
		{"a malformed field leaves the others", 200, "RateLimit: \"a\nRateLimit-Limit: 100", "", `"" limit=100 [ratelimit-*]`},
		{"one malformed", 200, "RateLimit-Limit: many\nRateLimit-Remaining: 50\nRateLimit-Reset: -50", "", `"" remaining=50 [ratelimit-*]`},
	})
}
