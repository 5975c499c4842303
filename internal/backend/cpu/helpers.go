package cpu

import (
	"sync"
	"sync/atomic"
)

// spins is how often a thread without work looks for more before it goes to sleep,
// some tens of microseconds: the ops of a pass follow each other faster than
// that, and to wake a sleeping thread can take longer than a small op.
const spins = 1 << 15

// tasks are run(w, i) for every i in [0, n), taken in turn by several threads.
type tasks struct {
	run          func(w *worker, i int)
	n            int64
	begun, ended atomic.Int64
	last         sync.WaitGroup // of one: the end of the last task
}

// take runs tasks until all have begun.
func (t *tasks) take(w *worker) {
	for i := t.begun.Add(1) - 1; i < t.n; i = t.begun.Add(1) - 1 {
		t.run(w, int(i))
		if t.ended.Add(1) == t.n {
			t.last.Done()
		}
	}
}

// wait returns when all tasks have ended.
func (t *tasks) wait() {
	for range spins {
		if t.ended.Load() == t.n {
			return
		}
	}
	t.last.Wait()
}

// listening is posted where a helper listens.
var listening = new(tasks)

// help has the worker's own goroutine take part in t, starting it where it sleeps.
// Tasks that it has not come to yet are forgotten: others have ended them.
func (w *worker) help(t *tasks) {
	if w.posted.Swap(t) == nil {
		go w.listen()
	}
}

// listen takes part in what is posted until nothing has been for a while.
func (w *worker) listen() {
	for idle := 0; ; idle++ {
		switch t := w.posted.Load(); {
		case t != listening:
			if w.posted.CompareAndSwap(t, listening) {
				t.take(w)
			}
			idle = 0
		case idle >= spins && w.posted.CompareAndSwap(listening, nil):
			return
		}
	}
}
