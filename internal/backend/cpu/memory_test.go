package cpu

import (
	"testing"
	"unsafe"

	"moreau/internal/backend"
)

func TestAlignment(t *testing.T) {
	b := newBackend(&generic, full(&generic), full(&generic), 1)
	for n := range 300 {
		data := all(b.New(n))
		if uintptr(unsafe.Pointer(unsafe.SliceData(data)))%64 != 0 {
			t.Fatalf("a buffer of %d values starts unaligned", n)
		}
	}
}

func TestSizeClass(t *testing.T) {
	for n := 1; n < 100_000; n++ {
		if size := backend.SizeClass(n); size < n || size > max(64, n+n/4) {
			t.Fatalf("class of %d is %d", n, size)
		}
	}
}

// TestPool: reuse of the same size costs nothing, and what is kept stays within
// the peak and an eighth when sizes change.
func TestPool(t *testing.T) {
	p := newPool()
	data, _ := p.take(1000)
	p.put(data)
	if again, used := p.take(1000); !used || unsafe.SliceData(again) != unsafe.SliceData(data) {
		t.Error("a freed buffer is not reused")
	} else {
		p.put(again)
	}
	peak := 0
	for n := 500; n < 5000; n += 100 {
		x, _ := p.take(n)
		y, _ := p.take(2 * n)
		peak = max(peak, p.Live())
		p.put(x)
		p.put(y)
		if p.Live() != 0 || p.Taken() > peak+peak/8 {
			t.Fatalf("live %d, taken %d, peak %d", p.Live(), p.Taken(), peak)
		}
	}
	small, _ := p.take(300) // beside what is kept
	if p.Most() < peak+300 || p.Most() > peak+peak/8 {
		t.Errorf("at most %d taken, peak %d", p.Most(), peak)
	}
	p.put(small)
	p.Trim()
	if p.Taken() != 0 {
		t.Errorf("%d kept after Trim", p.Taken())
	}
}

// Trim gives up packed operands too.
func TestTrim(t *testing.T) {
	b := newBackend(&generic, full(&generic), full(&generic), 1)
	x, out := b.New(100*100), b.New(100*100)
	b.LinearForward(out, x, x, 100, 100, 100)
	taken := b.Peak()
	b.Trim()
	if len(b.packed[0])+len(b.packed[1]) > 0 || b.Peak() >= taken {
		t.Errorf("%d and %d packed values are kept", len(b.packed[0]), len(b.packed[1]))
	}
}

// What attention of a prompt behind a long cache works in does not grow with the heads of it.
func TestAttentionMemory(t *testing.T) {
	b := newBackend(&generic, full(&generic), full(&generic), 2)
	s := backend.AttentionShape{B: 1, T: 5, S: 1 << 14, H: 16, K: 16, D: 16, Scale: 1}
	q, lse := b.New(s.T*s.H*s.D), b.New(s.T*s.H)
	kv := b.New(s.S * s.K * s.D)
	given := b.Peak()
	b.AttentionForward(q, lse, q, kv, kv, s)
	if used, most := b.Peak()-given, int64(2*4*packedAtOnce); used > most {
		t.Errorf("%d bytes beside those given, want %d at most", used, most)
	}
}
