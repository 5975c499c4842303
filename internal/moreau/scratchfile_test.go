package moreau

import (
	"testing"

	"moreau/internal/model"
	"moreau/internal/tensor"
)

// The file takes just the disk space that is planned for it, every place of every array
// having been written to.
func TestScratchBytes(t *testing.T) {
	r := newToy(t)
	for _, keep := range []bool{false, true} {
		store := r.scratch(t, t.TempDir(), keep).(*scratch)
		if keep {
			if err := store.begin(); err != nil {
				t.Fatal(err)
			}
		}
		for range store.places() {
			for _, p := range r.moving {
				for _, a := range []Array{Delta, Mean} {
					if err := store.Close(a, p, r.be.New(p.Len()), true); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := store.flush(); keep && err != nil {
				t.Fatal(err)
			}
			store.commit()
		}
		info, err := store.file.Stat()
		if want := store.Bytes(r.moving); err != nil || info.Size() != want {
			t.Errorf("kept %v: %d bytes, planned were %d; %v", keep, info.Size(), want, err)
		}
		store.counts = false
		store.Free()
	}
}

// Memory of the store by hand: two layers, of 100 + 20 and of 60 + 50 scalars. On their way are
// two layers read ahead and, of arrays, as many as wait, one in hand and one being written,
// which here are all.
func TestScratchMemory(t *testing.T) {
	param := func(layer, n int) model.Param {
		return model.Param{Layer: layer, Axes: []model.Axis{{Dim: model.Dim{Units: n}, Width: 1}}}
	}
	moving := []model.Param{param(0, 100), param(0, 20), param(1, 60), param(1, 50)}
	for dtype, want := range map[tensor.DType]int64{
		tensor.F32:  4 * (2*120 + 230),
		tensor.BF16: 4*100 + 2*(2*120+230), // a float32 array on its way to being encoded
	} {
		if got := (ScratchFile{DType: dtype}).hostBytes(moving); got != want {
			t.Errorf("%s: %d bytes, want %d", dtype, got, want)
		}
	}
	var many []model.Param
	for l := range 10 {
		many = append(many, param(l, 10+l))
	}
	if got, want := (ScratchFile{DType: tensor.F32}).hostBytes(many), int64(4*(2*19+19+18+17+16+15)); got != want {
		t.Errorf("ten layers: %d bytes, want %d: the five largest may be on their way", got, want)
	}
}
