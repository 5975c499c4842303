// Package cpu is the reference backend: the ops of internal/backend in Go, with
// inner loops (kernels) in portable Go and, on amd64, in AVX2, AVX-512 and AMX
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

// Environment names the variable that forces a kernel set: generic, avx2, avx512 or
// avx512+amx; empty chooses by the table in select.go.
const Environment = "MOREAU_CPU"

// Backend runs the ops on the threads of this machine. Its methods are to be
// called from one goroutine at a time.
type Backend struct {
	*kernels
	linear  format // of the operands of Linear ops
	coarse  format // of many rows and a stored matrix of a coarse type
	own     format // of those of attention
	workers []*worker
	memory  pool
	stored  struct{ live, most int64 } // bytes of stored matrices
	packed  [2][]float32               // packed blocks of the two operands of a product, kept between calls
}

var _ backend.Backend = (*Backend)(nil)

// New is a backend on that many threads (all cores for 0 or less). The error
// says that MOREAU_CPU names no kernel set, or one that this machine cannot run.
func New(threads int) (*Backend, error) { return NewWith(os.Getenv(Environment), threads) }

// Sets are the names of the kernel sets that this machine and build can run.
func Sets() []string { return detect().sets() }

// NewWith is New with the kernel set of that name, whatever MOREAU_CPU says.
func NewWith(set string, threads int) (*Backend, error) {
	k, err := choose(set, detect())
	if err != nil {
		return nil, err
	}
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return newBackend(k, whole(k), whole(k), threads), nil
}

func newBackend(k *kernels, linear, coarse format, threads int) *Backend {
	b := &Backend{kernels: k, linear: linear, coarse: coarse, own: full(k), workers: make([]*worker, threads), memory: newPool()}
	for i := range b.workers {
		b.workers[i] = &worker{tile: make([]float32, max(k.mr*k.nr, linear.mr*linear.nr, coarse.mr*coarse.nr))}
	}
	return b
}

// WithBF16 is a backend as b whose Linear ops round their inputs to bf16, to
// nearest even, and sum the products in float32. All else stays float32, products of few
// rows with stored matrices included.
func (b *Backend) WithBF16() *Backend {
	f := halved(b.kernels, detect())
	return newBackend(b.kernels, f, f, len(b.workers))
}

// WithFastPrompts is a backend as b that rounds to bf16 the inputs of products of more than a few rows with
// stored matrices of coarse types, if this machine has instructions for products of bf16. llama.cpp
// rounds activations to as few bits there.
func (b *Backend) WithFastPrompts() *Backend {
	f := halved(b.kernels, detect())
	if f.suffix != "+bf16" {
		return b
	}
	return newBackend(b.kernels, b.linear, f, len(b.workers))
}

// Name is "cpu/", the kernel set, and how Linear ops are made unless in float32:
// "+bf16" by instructions on bf16, "+rounded-bf16" by those on float32.
func (b *Backend) Name() string { return "cpu/" + b.name + b.linear.suffix }

// Summing is that of sums in a few float32 accumulators.
func (b *Backend) Summing() float64 { return 1e-5 }
