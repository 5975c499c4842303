package tensor

import "testing"

func TestRecycler(t *testing.T) {
	var r Recycler
	a := r.Take(5)
	r.Put(a)
	if b := r.Take(5); &b[0] != &a[0] {
		t.Error("memory was not used again")
	}
	if b := r.Take(5); &b[0] == &a[0] {
		t.Error("memory in use was given twice")
	}
	for range 10 {
		r.Put(make([]byte, 5)) // two were taken
	}
	if n := len(r.sizes[5].free); n != 2 {
		t.Errorf("%d buffers kept, want 2", n)
	}
	if b := r.Take(6); len(b) != 6 {
		t.Errorf("%d bytes, want 6", len(b))
	}
}
