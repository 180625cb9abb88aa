//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// tryLock takes the lock that is the file at path, in root, or says that it is
// busy. The lock belongs to the open file, so it excludes other stores of this
// process as well, and the system lets go of it when the process is killed. Lock
// files stay: whoever removed one would leave two processes with a lock each.
func tryLock(root *os.Root, path string) (unlock func() error, err error) {
	return flock(root, path, syscall.LOCK_EX|syscall.LOCK_NB)
}

// awaitLock takes the lock, however long it is busy.
func awaitLock(root *os.Root, path string, _ <-chan struct{}) (unlock func() error, err error) {
	return flock(root, path, syscall.LOCK_EX)
}

func flock(root *os.Root, path string, how int) (unlock func() error, err error) {
	file, err := root.OpenFile(filepath.Base(path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return file.Close, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errBusy
	}
	return nil, errors.Join(err, file.Close())
}
