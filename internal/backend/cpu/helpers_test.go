package cpu

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// TestHelpersSleep: all tasks of every call run once, on every number of threads,
// also when calls follow each other faster than helpers come to them, and helpers
// that find no more work end.
func TestHelpersSleep(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, threads := range threadCounts {
		b := newBackend(&generic, full(&generic), full(&generic), threads)
		for n := range 200 {
			var ran atomic.Int64
			b.each(n, func(_ *worker, i int) { ran.Add(int64(i) + 1) })
			if want := int64(n * (n + 1) / 2); ran.Load() != want {
				t.Fatalf("%d threads: tasks below %d add up to %d, want %d", threads, n, ran.Load(), want)
			}
		}
	}
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, were %d", runtime.NumGoroutine(), before)
		}
	}
}
