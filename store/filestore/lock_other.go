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

// awaitLock is not called: tryLock never says that a lock is busy.
func awaitLock(root *os.Root, path string, _ <-chan struct{}) (unlock func() error, err error) {
	return tryLock(root, path)
}
