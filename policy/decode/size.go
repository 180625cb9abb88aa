package decode

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. As text it is a whole number with an optional
// unit: B, kB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024); or
// none for [Unlimited].
type Size int64

// Unlimited switches a size limit off.
const Unlimited Size = -1

// units are ordered so that the first which divides a size names it best.
var units = []struct {
	name  string
	bytes Size
}{
	{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
}

// ParseSize reads a size such as 32MiB, 10MB, 4096 or none.
func ParseSize(s string) (Size, error) {
	s = strings.TrimSpace(s)
	if s == "none" {
		return Unlimited, nil
	}
	digits := strings.TrimLeft(s, "0123456789")
	n, err := strconv.ParseInt(s[:len(s)-len(digits)], 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("size %.40q is too large", s)
	}
	factor := unit(strings.TrimSpace(digits))
	switch {
	case err != nil || factor == 0:
		return 0, fmt.Errorf("size %.40q: write a whole number with B, kB, MB, GB, KiB, MiB or GiB, or none", s)
	case n == 0:
		return 0, fmt.Errorf("size %.40q: a limit of nothing lets nothing through; none switches it off", s)
	case n > math.MaxInt64/int64(factor):
		return 0, fmt.Errorf("size %.40q is too large", s)
	}
	return Size(n) * factor, nil
}

func unit(name string) Size {
	if name == "" {
		return 1
	}
	for _, u := range units {
		if u.name == name {
			return u.bytes
		}
	}
	return 0
}

// String writes the size in the largest unit that leaves a whole number, so
// that ParseSize gives it back.
func (s Size) String() string {
	if s < 0 {
		return "none"
	}
	for _, u := range units {
		if s >= u.bytes && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return "0B"
}

// MarshalText writes what String returns.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseSize does.
func (s *Size) UnmarshalText(text []byte) error {
	v, err := ParseSize(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}
