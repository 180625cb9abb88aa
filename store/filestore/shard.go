package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// errBusy means that another process has the lock.
var errBusy = errors.New("locked by another process")

// granted is a lock, or why there is none.
type granted struct {
	unlock func() error
	err    error
}

// take takes the lock, for whoever has the place in the queue that leave gives
// up. A caller whose context ends leaves both to a goroutine that waits for the
// lock on, because the system's wait cannot be ended: there is one of them for
// each file at most, and it lets go of the lock at once.
func (f shard) take(ctx context.Context, leave func()) (unlock func() error, err error) {
	path := filepath.Join(f.dir, f.lock())
	if err = f.hook("lock"); err == nil {
		unlock, err = tryLock(f.root, path)
	}
	if !errors.Is(err, errBusy) {
		if err != nil {
			leave()
			return nil, err
		}
		return unlock, nil
	}
	result, abandoned := make(chan granted), make(chan struct{})
	go func() {
		unlock, err := awaitLock(f.root, path, abandoned)
		select {
		case result <- granted{unlock, err}:
		case <-abandoned:
			if err == nil {
				_ = unlock() // its file is closed, whatever that says
			}
			leave()
		}
	}()
	select {
	case g := <-result:
		if g.err != nil {
			leave()
		}
		return g.unlock, g.err
	case <-ctx.Done():
		close(abandoned)
		return nil, context.Cause(ctx)
	}
}

// change lets f change what the file holds; the lock is taken.
func (f shard) change(do func(st *state, now time.Time) (changed bool, err error)) error {
	st, err := f.read()
	if err != nil {
		return err
	}
	now := st.clock(time.Now())
	if changed, err := do(st, now); err != nil || !changed {
		return err
	}
	st.forget(now)
	return f.write(st)
}

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
	return nil, err
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
func (f shard) write(st *state) error {
	raw, err := st.encode()
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("the state of %s has %d bytes, more than %d MiB", f.data(), len(raw), maxFile>>20)
	}
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
