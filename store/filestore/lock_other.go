//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package filestore

import (
	"errors"
	"os"
)

// tryLock has no means here.
func tryLock(*os.Root, string) (unlock func() error, err error) {
	return nil, errors.New("this system has no locks on files; share limits through a server")
}
