// Package cpu is the reference backend: the ops of internal/backend in Go, with
// inner loops (kernels) in portable Go and, on amd64, in AVX2 and AVX-512
// assembly. Work is cut into blocks of fixed size that threads take in turn, and
// every sum runs in a fixed order, so results depend on the inputs and the kernel
// set, never on the number of threads.
package cpu

//go:generate go run ./asmgen

import (
	"os"
	"runtime"

	"moreau/internal/backend"
)

// Environment names the variable that forces a kernel set: generic, avx2 or
// avx512; empty chooses by the table in select.go.
const Environment = "MOREAU_CPU"

// Backend runs the ops on the threads of this machine. Its methods are to be
// called from one goroutine at a time.
type Backend struct {
	*kernels
	workers []*worker
	memory  pool
	packed  [2][]float32 // packed blocks of the two operands of a product, kept between calls
}

var _ backend.Backend = (*Backend)(nil)

// New is a backend on that many threads (all cores for 0 or less). The error
// says that MOREAU_CPU names no kernel set, or one that this machine cannot run.
func New(threads int) (*Backend, error) {
	k, err := choose(os.Getenv(Environment), detect())
	if err != nil {
		return nil, err
	}
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return newBackend(k, threads), nil
}

func newBackend(k *kernels, threads int) *Backend {
	b := &Backend{kernels: k, workers: make([]*worker, threads)}
	for i := range b.workers {
		b.workers[i] = &worker{tile: make([]float32, k.mr*k.nr)}
	}
	return b
}

// Name is "cpu/" and the kernel set.
func (b *Backend) Name() string { return "cpu/" + b.name }
