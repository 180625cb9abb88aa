package filestore

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// tryLock takes the lock that is the file at path, or says that it is busy. The
// file is opened for this one handle: Windows refuses everybody else until it is
// closed. A link is opened itself, not followed.
func tryLock(_ *os.Root, path string) (unlock func() error, err error) {
	const (
		openReparsePoint = 0x00200000                // FILE_FLAG_OPEN_REPARSE_POINT
		sharingViolation = syscall.Errno(0x00000020) // ERROR_SHARING_VIOLATION
	)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL|openReparsePoint, 0)
	switch {
	case err == nil:
		return func() error { return syscall.CloseHandle(handle) }, nil
	case errors.Is(err, sharingViolation):
		return nil, errBusy
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: err}
}

// awaitLock tries again and again until it has the lock, or abandoned is closed.
func awaitLock(root *os.Root, path string, abandoned <-chan struct{}) (unlock func() error, err error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if unlock, err = tryLock(root, path); !errors.Is(err, errBusy) {
			return unlock, err
		}
		select {
		case <-tick.C:
		case <-abandoned:
			return nil, errBusy
		}
	}
}
