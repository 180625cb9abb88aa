package godwit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// Result is what [Each] yields for one input.
type Result[I, O any] struct {
	Index  int // place of the input, 0 for the first; -1 when the error is about no input
	Input  I
	Output O // zero if there is an error
}

// BatchOption changes how [Each] and [Gather] run.
type BatchOption func(*batch)

type batch struct {
	inOrder    bool
	collectAll bool
}

// InOrder makes [Each] yield in the order of the inputs. An input is taken no
// more than 2n places ahead of the one that is yielded next, so that a slow one
// does not make the others pile up.
func InOrder() BatchOption { return func(b *batch) { b.inOrder = true } }

// CollectAll makes [Gather] go on after an error; its error joins an
// [InputError] for each input that failed.
func CollectAll() BatchOption { return func(b *batch) { b.collectAll = true } }

// InputError is the failure of one input of [Gather].
type InputError struct {
	Index int // place of the input, 0 for the first
	Err   error
}

// Error names the input and the failure.
func (e *InputError) Error() string { return fmt.Sprintf("input %d: %v", e.Index, e.Err) }

// Unwrap returns the failure.
func (e *InputError) Unwrap() error { return e.Err }

// Each runs fn for every input, at most n at a time, and yields the results as
// they finish. An input is pulled when a worker is free, and at most n finished
// results wait to be yielded. Errors belong to their input: the loop decides
// whether to go on.
//
// Leaving the loop cancels the context of the calls under way and waits for
// them. If ctx ends before every input was tried, the last pair has Index -1
// and the context's cause. A panic in fn or inputs is raised again in the
// goroutine that runs the loop.
func Each[I, O any](ctx context.Context, n int, inputs iter.Seq[I], fn func(context.Context, I) (O, error), opts ...BatchOption) iter.Seq2[Result[I, O], error] {
	var b batch
	for _, o := range opts {
		o(&b)
	}
	return func(yield func(Result[I, O], error) bool) {
		if n < 1 {
			yield(Result[I, O]{Index: -1}, fmt.Errorf("%w: %d workers; at least one is needed", ErrRequest, n))
			return
		}
		p := startPool(ctx, n, inputs, fn, b.inOrder)
		defer p.stop()
		next := 0
		waiting := map[int]outcome[I, O]{} // finished ahead of their turn
		for o := range p.results {
			if o.panicked != nil {
				p.stop()
				panic(o.panicked)
			}
			if !b.inOrder {
				if !yield(o.result, o.err) {
					return
				}
				continue
			}
			waiting[o.result.Index] = o
			for o, ok := waiting[next]; ok; o, ok = waiting[next] {
				delete(waiting, next)
				next++
				if !yield(o.result, o.err) {
					return
				}
				<-p.ahead // one more may be taken
			}
		}
		if p.cut {
			yield(Result[I, O]{Index: -1}, context.Cause(ctx))
		}
	}
}

// Gather runs fn for every input, at most n at a time, and returns the outputs
// in the order of the inputs. The first error cancels the rest and is returned;
// with [CollectAll] every input is tried, and the outputs of those that failed
// are zero.
func Gather[I, O any](ctx context.Context, n int, inputs iter.Seq[I], fn func(context.Context, I) (O, error), opts ...BatchOption) ([]O, error) {
	var b batch
	for _, o := range opts {
		o(&b)
	}
	var out []O
	var failed []*InputError
	for r, err := range Each(ctx, n, inputs, fn) {
		switch {
		case r.Index < 0:
			return nil, err
		case err != nil && !b.collectAll:
			return nil, &InputError{r.Index, err}
		case err != nil:
			failed = append(failed, &InputError{r.Index, err})
		}
		for len(out) <= r.Index {
			out = append(out, *new(O))
		}
		out[r.Index] = r.Output
	}
	slices.SortFunc(failed, func(a, b *InputError) int { return a.Index - b.Index })
	errs := make([]error, len(failed))
	for i, e := range failed {
		errs[i] = e
	}
	return out, errors.Join(errs...)
}

// outcome is a result on its way from a worker to the loop.
type outcome[I, O any] struct {
	result   Result[I, O]
	err      error
	panicked any
}

// pool is the workers of one loop over Each.
type pool[I, O any] struct {
	results chan outcome[I, O]
	ahead   chan struct{} // a place for each input taken and not yet yielded; nil unless in order
	cut     bool          // the context ended before the inputs did; read after results is closed

	ctx    context.Context
	cancel context.CancelFunc
	fn     func(context.Context, I) (O, error)

	mu    sync.Mutex // guards the inputs
	next  func() (I, bool)
	close func()
	index int
	done  bool

	workers sync.WaitGroup
	ended   sync.Once
}

func startPool[I, O any](ctx context.Context, n int, inputs iter.Seq[I], fn func(context.Context, I) (O, error), inOrder bool) *pool[I, O] {
	p := &pool[I, O]{results: make(chan outcome[I, O]), fn: fn}
	if inOrder {
		p.ahead = make(chan struct{}, 2*n)
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.next, p.close = iter.Pull(inputs)
	p.workers.Add(n)
	for range n {
		go p.work()
	}
	go func() { // ends with the last worker
		p.workers.Wait()
		close(p.results)
	}()
	return p
}

// stop ends the workers and waits for them.
func (p *pool[I, O]) stop() {
	p.ended.Do(func() {
		p.cancel()
		for range p.results { // nobody wants them any more
		}
		p.close()
	})
}

func (p *pool[I, O]) work() {
	defer p.workers.Done()
	for {
		o, ok := p.one()
		if !ok {
			return
		}
		p.results <- o
		if o.panicked != nil {
			return
		}
	}
}

var errGoexit = errors.New("the function ended its goroutine")

// one takes an input and runs fn on it.
func (p *pool[I, O]) one() (o outcome[I, O], ok bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if r := recover(); r != nil {
			o, ok = outcome[I, O]{panicked: r}, true
			return
		}
		p.results <- outcome[I, O]{panicked: errGoexit} // runtime.Goexit: nothing is returned
	}()
	o.result.Input, o.result.Index, ok = p.take()
	if ok {
		o.result.Output, o.err = p.fn(p.ctx, o.result.Input)
	}
	if o.err != nil {
		o.result.Output = *new(O)
	}
	returned = true
	return o, ok
}

func (p *pool[I, O]) take() (input I, index int, ok bool) {
	if p.ahead != nil {
		select {
		case p.ahead <- struct{}{}:
		case <-p.ctx.Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return input, 0, false
	}
	if p.ctx.Err() != nil {
		p.done, p.cut = true, true
		return input, 0, false
	}
	p.done = true // unless next returns: it may panic
	if input, ok = p.next(); !ok {
		return input, 0, false
	}
	p.done = false
	p.index++
	return input, p.index - 1, true
}
