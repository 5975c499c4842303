package tensor

import (
	"bytes"
	"math"
	"os"
	"testing"
)

var encodable = []DType{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K}

// read reads a file of testdata.
func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// encodeValues are what testdata/gen_encode.py gave llama.cpp: super-blocks of every kind.
func encodeValues(t testing.TB) []float32 {
	data := read(t, "encode.f32")
	return New(F32, []int{len(data) / 4}, data).Float32()
}

// The bytes are llama.cpp's.
func TestEncodeGolden(t *testing.T) {
	x := encodeValues(t)
	for _, d := range encodable {
		want, got := read(t, d.String()+".encoded"), Encode(d, x)
		block := d.BlockBytes()
		for i := 0; i < len(want); i += block {
			if !bytes.Equal(got[i:i+block], want[i:i+block]) {
				t.Errorf("%s: values from %d on are\n%x, llama.cpp has\n%x", d, i/block*d.BlockSize(), got[i:i+block], want[i:i+block])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d bytes, want %d", d, len(got), len(want))
		}
	}
}

// What is read back is near: within a share of the largest value around it.
func TestEncodeIsNear(t *testing.T) {
	bounds := map[DType]float64{Q4_0: 0.13, Q4_1: 0.07, Q5_0: 0.065, Q5_1: 0.035, Q8_0: 0.005, Q4_K: 0.15, Q5_K: 0.1, Q6_K: 0.05}
	x := encodeValues(t)[:9*256]
	for _, d := range encodable {
		y := FromFloat32(d, []int{len(x)}, x).Float32()
		for i := 0; i < len(x); i += 256 {
			var most, diff float64
			for j := i; j < i+256; j++ {
				most = math.Max(most, math.Abs(float64(x[j])))
				diff = math.Max(diff, math.Abs(float64(x[j]-y[j])))
			}
			if most > 1e-3 && !(diff <= bounds[d]*most) { // the scales of smaller values are subnormal halves
				t.Errorf("%s: values from %d on reach %g and are off by %g", d, i, most, diff)
			}
		}
	}
}
