// Package bench times the ops of a backend at the shapes of a model.
package bench

import (
	"slices"
	"time"

	"moreau/internal/backend"
)

// Unit is what the speed of an op is given in.
type Unit string

// Products of matrices are limited by arithmetic, the others by memory and exp.
const (
	GFLOPS  Unit = "GFLOP/s"
	PerItem Unit = "ns/value"
)

// Op is one op at one shape.
type Op struct {
	Name  string  // linear/forward
	Shape string  // "512 x 576 -> 1536"
	Work  float64 // floating-point operations of a GFLOPS op, else values
	Unit  Unit

	prepare func(*arena) (run func())
}

// Speed is the op's speed in its unit when a run takes that long.
func (o Op) Speed(run time.Duration) float64 {
	ns := float64(run.Nanoseconds())
	if o.Unit == GFLOPS {
		return o.Work / ns
	}
	return ns / o.Work
}

// Prepare makes the operands; run is one run, free gives the memory back.
func (o Op) Prepare(be backend.Backend) (run, free func()) {
	a := &arena{be: be}
	return o.prepare(a), a.free
}

// Measure runs the op and gives the median and the best time of a run.
func (o Op) Measure(be backend.Backend) (median, best time.Duration) {
	run, free := o.Prepare(be)
	defer free()
	run() // fills caches and pools
	times := repeat(run, 3, 30*time.Millisecond)
	return times[len(times)/2], times[0]
}

// repeat times runs, at least that many and for that long, and sorts the times.
func repeat(run func(), least int, duration time.Duration) []time.Duration {
	var times []time.Duration
	for start := time.Now(); len(times) < least || time.Since(start) < duration; {
		before := time.Now()
		run()
		times = append(times, max(1, time.Since(before)))
	}
	slices.Sort(times)
	return times
}

// cached are the sizes of square products whose operands stay in a core's cache.
var cached = []int{192, 256, 384, 512}

// Peak estimates what multiply-adds allow on all threads of be, in GFLOP/s: the
// best run of products that stay in cache. Packing is included, so true peak is
// a little higher.
func Peak(be backend.Backend) float64 {
	var peak float64
	for _, n := range cached {
		forward := Linear(n, n, n)[0]
		_, best := forward.Measure(be)
		peak = max(peak, forward.Speed(best))
	}
	return peak
}

// arena hands out operands of one op.
type arena struct {
	be   backend.Backend
	kept []backend.Buffer
}

// draws is a buffer of n normal draws.
func (a *arena) draws(n int) backend.Buffer {
	b := a.be.New(n)
	a.kept = append(a.kept, b)
	a.be.Normal(b, 1, uint64(len(a.kept)))
	return b
}

func (a *arena) free() {
	for _, b := range a.kept {
		a.be.Free(b)
	}
}
