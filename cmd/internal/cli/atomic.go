package cli

import (
	"errors"
	"os"
	"path/filepath"
)

// atomicFile is a file that takes its place complete or not at all: it is
// written beside it, synced and renamed.
type atomicFile struct {
	*os.File
	path string
	done bool
}

// createAtomic begins a file. perm is that of a new one; one that is replaced
// keeps its own.
func createAtomic(path string, perm os.FileMode) (*atomicFile, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // what a link names is replaced, not the link
	}
	if info, err := os.Stat(path); err == nil {
		perm = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*")
	if err != nil {
		return nil, err
	}
	a := &atomicFile{File: f, path: path}
	if err := f.Chmod(perm); err != nil {
		return nil, errors.Join(err, a.abort())
	}
	return a, nil
}

// commit puts the file into its place.
func (a *atomicFile) commit() error {
	if err := a.Sync(); err != nil {
		return errors.Join(err, a.abort())
	}
	if err := a.Close(); err != nil {
		a.done = true
		return errors.Join(err, os.Remove(a.Name()))
	}
	a.done = true
	if err := os.Rename(a.Name(), a.path); err != nil {
		return errors.Join(err, os.Remove(a.Name()))
	}
	return syncDir(filepath.Dir(a.path))
}

// abort removes what was written. After commit it does nothing.
func (a *atomicFile) abort() error {
	if a.done {
		return nil
	}
	a.done = true
	return errors.Join(a.Close(), os.Remove(a.Name()))
}

// syncDir makes a rename durable where folders can be synced.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // a folder that cannot be read can still be written to; the rename is done
	}
	_ = d.Sync() // not every system can; the rename is done
	return d.Close()
}

// writePrivate writes a file that only its owner reads, in folders likewise.
func writePrivate(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := createAtomic(path, 0o600)
	if err != nil {
		return err
	}
	if err := f.Chmod(0o600); err != nil {
		return errors.Join(err, f.abort())
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.abort())
	}
	return f.commit()
}

// outFile is where -O writes: a regular file atomically, anything else, such as
// a device or a named pipe, directly.
func outFile(path string) (w *os.File, finish func(ok bool) error, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, nil, errors.New("it is a directory")
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, nil, err
		}
		return f, func(bool) error { return f.Close() }, nil
	}
	f, err := createAtomic(path, 0o666&^umask())
	if err != nil {
		return nil, nil, err
	}
	return f.File, func(ok bool) error {
		if ok {
			return f.commit()
		}
		return f.abort()
	}, nil
}
