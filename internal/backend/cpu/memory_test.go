package cpu

import (
	"testing"
	"unsafe"
)

func TestAlignment(t *testing.T) {
	b := newBackend(&generic, 1)
	for n := range 300 {
		data := all(b.New(n))
		if uintptr(unsafe.Pointer(unsafe.SliceData(data)))%64 != 0 {
			t.Fatalf("a buffer of %d values starts unaligned", n)
		}
	}
}

func TestSizeClass(t *testing.T) {
	for n := 1; n < 100_000; n++ {
		if size := sizeClass(n); size < n || size > max(64, n+n/4) {
			t.Fatalf("class of %d is %d", n, size)
		}
	}
}

// TestPool: reuse of the same size costs nothing, and what is kept stays within
// the peak when sizes change.
func TestPool(t *testing.T) {
	var p pool
	data, _ := p.take(1000)
	p.put(data)
	if again, used := p.take(1000); !used || unsafe.SliceData(again) != unsafe.SliceData(data) {
		t.Error("a freed buffer is not reused")
	} else {
		p.put(again)
	}
	for n := 500; n < 5000; n += 100 {
		x, _ := p.take(n)
		y, _ := p.take(2 * n)
		p.put(x)
		p.put(y)
		if p.live != 0 || p.kept > p.peak {
			t.Fatalf("live %d, kept %d, peak %d", p.live, p.kept, p.peak)
		}
	}
}
