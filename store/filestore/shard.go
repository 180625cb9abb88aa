package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// version is that of the form of the files. It is in their names, so that two
// releases of different forms do not spoil each other's.
const version = "v1"

// maxFile bounds what is read, in bytes.
const maxFile = 16 << 20

// shard is one file, its lock and the file that will replace it.
type shard struct {
	*Store
	root *os.Root
	name string
}

func (f shard) data() string { return version + "-" + f.name + ".state" }
func (f shard) next() string { return version + "-" + f.name + ".next" }
func (f shard) lock() string { return version + "-" + f.name + ".lock" }

// How long to wait between two tries to get the lock: a quarter of the time
// waited, within these.
const (
	shortestPause = 20 * time.Microsecond
	longestPause  = 2 * time.Millisecond
)

// locked calls do while no other process has the lock. The system lets go of the
// lock of a process that is killed.
func (f shard) locked(ctx context.Context, do func() error) (err error) {
	start := time.Now()
	for {
		if err := f.hook("lock"); err != nil {
			return fmt.Errorf("filestore: %w", err)
		}
		unlock, err := tryLock(f.root, filepath.Join(f.dir, f.lock()))
		if err == nil {
			defer func() {
				if uerr := unlock(); err == nil && uerr != nil {
					err = fmt.Errorf("filestore: %w", uerr)
				}
			}()
			return do()
		}
		if !errors.Is(err, errBusy) {
			return fmt.Errorf("filestore: %w", err)
		}
		pause := min(max(time.Since(start)/4, shortestPause), longestPause)
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// errBusy means that another process has the lock.
var errBusy = errors.New("locked by another process")

// read returns what the file holds. What is no state file counts as empty; a
// failure to read it is one.
func (f shard) read() (*state, error) {
	st := newState()
	raw, err := f.load()
	if err == nil {
		err = st.decode(raw)
	}
	switch {
	case err == nil:
		f.sound(f.data())
		return st, nil
	case errors.Is(err, fs.ErrNotExist):
		return newState(), nil
	case errors.Is(err, errDamaged):
		f.damaged(f.data(), err)
		return newState(), nil
	}
	return nil, fmt.Errorf("filestore: %w", err)
}

func (f shard) load() ([]byte, error) {
	if err := f.hook("read"); err != nil {
		return nil, err
	}
	info, err := f.root.Lstat(f.data())
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%w: %s, %d bytes", errDamaged, info.Mode(), info.Size())
	}
	file, err := f.root.Open(f.data())
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(file)
	return raw, errors.Join(err, file.Close())
}

// write puts st in the place of what the file holds. What a process that was
// killed has left unfinished is removed; the lock makes it ours.
func (f shard) write(st *state) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("filestore: %w", err)
		}
	}()
	raw, err := st.encode()
	if err != nil {
		return err
	}
	if err := f.root.Remove(f.next()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.hook("create"); err != nil {
		return err
	}
	file, err := f.root.OpenFile(f.next(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = f.hook("write")
	if err == nil {
		_, err = file.Write(raw)
	}
	if err := errors.Join(err, f.hook("close"), file.Close()); err != nil {
		return errors.Join(err, f.root.Remove(f.next()))
	}
	if err := f.hook("rename"); err != nil {
		return err
	}
	return f.root.Rename(f.next(), f.data())
}
