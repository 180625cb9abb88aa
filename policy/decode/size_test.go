package decode_test

import (
	"math"
	"testing"

	"github.com/godwit-go/godwit/policy/decode"
)

func TestParseSize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]decode.Size{
		"32MiB": 32 << 20, "10MB": 10e6, "4096": 4096, "1B": 1, "2 kB": 2000, "3KiB": 3072, "1GB": 1e9, "2GiB": 2 << 30,
		"none": decode.Unlimited, " 5MB ": 5e6, "9223372036854775807": math.MaxInt64,
	} {
		if got, err := decode.ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "0", "0MiB", "-1", "+5", "1.5MB", "MB", "10mb", "10 M", "9223372036854775808", "9007199254740993KiB", "None", "1e3", "10MBx"} {
		if got, err := decode.ParseSize(in); err == nil {
			t.Errorf("%q was read as %d", in, got)
		}
	}
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"32MiB", "10MB", "none", "4096", "1kB", "99999999999GiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := decode.ParseSize(in)
		if err != nil {
			return
		}
		var back decode.Size
		text, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%q is %d, written %q, read %d, %v", in, s, text, back, err)
		}
	})
}
