package godwit

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
)

// defaultUserAgent names the program and godwit, with the version that the
// program was built with.
var defaultUserAgent = sync.OnceValue(func() string {
	version := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == "github.com/godwit-go/godwit" && m.Version != "" && m.Version != "(devel)" && !strings.HasPrefix(m.Version, "v0.0.0-0001") { // replaced by a folder
				version = "/" + m.Version
			}
		}
	}
	program := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return r
		}
		return -1
	}, filepath.Base(os.Args[0]))
	if program == "" || program == "godwit" {
		return "godwit" + version
	}
	return program + " godwit" + version
})

// newID returns 128 random bits in hexadecimal. The generator is ChaCha8,
// seeded by the operating system.
func newID() string {
	const digits = "0123456789abcdef"
	var b [32]byte
	for half := range 2 {
		v := rand.Uint64()
		for i := range 16 {
			b[half*16+i] = digits[v&0xf]
			v >>= 4
		}
	}
	return string(b[:])
}
