package tensor

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
)

var blockTypes = []DType{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K}

// golden reads what testdata/gen.py made: blocks, and the values that the gguf
// package of the llama.cpp project decodes them to.
func golden(t testing.TB, d DType) (Tensor, []float32) {
	blocks, err := os.ReadFile("testdata/" + d.String() + ".blocks")
	if err != nil {
		t.Fatal(err)
	}
	values, err := os.ReadFile("testdata/" + d.String() + ".f32")
	if err != nil {
		t.Fatal(err)
	}
	return New(d, []int{1024}, blocks), New(F32, []int{1024}, values).Float32()
}

func TestDecodeGolden(t *testing.T) {
	for _, d := range blockTypes {
		q, want := golden(t, d)
		if got := q.Float32(); !slices.Equal(got, want) {
			i := 0
			for got[i] == want[i] {
				i++
			}
			t.Errorf("%s: value %d is %v, want %v", d, i, got[i], want[i])
		}
	}
}

func TestDecodeAnywhere(t *testing.T) {
	vals := make([]float32, 1024)
	for i := range vals {
		vals[i] = float32(i) - 512
	}
	tensors := []Tensor{}
	for _, d := range []DType{F32, F16, BF16} {
		tensors = append(tensors, FromFloat32(d, []int{1024}, vals))
	}
	for _, d := range blockTypes {
		q, _ := golden(t, d)
		tensors = append(tensors, q)
	}
	for _, q := range tensors {
		all := q.Float32()
		for _, lo := range []int{0, 1, 31, 32, 33, 255, 256, 257, 500, 1023, 1024} {
			for _, n := range []int{0, 1, 5, 31, 32, 33, 64, 300, 512} {
				if lo+n > 1024 {
					continue
				}
				dst := make([]float32, n+1)
				dst[n] = -7
				q.Decode(dst[:n:n], lo)
				if !slices.Equal(dst[:n], all[lo:lo+n]) || dst[n] != -7 {
					t.Fatalf("%s: values [%d, %d) differ", q.DType, lo, lo+n)
				}
			}
		}
	}
}

func TestDecodeF64(t *testing.T) {
	data := le.AppendUint64(le.AppendUint64(nil, math.Float64bits(0.1)), math.Float64bits(-3))
	if got := New(F64, []int{2}, data).Float32(); !slices.Equal(got, []float32{0.1, -3}) {
		t.Error(got)
	}
}

func TestDecodePanics(t *testing.T) {
	x := FromFloat32(F32, []int{4}, make([]float32, 4))
	for name, f := range map[string]func(){
		"outside":    func() { x.Decode(make([]float32, 2), 3) },
		"negative":   func() { x.Decode(make([]float32, 2), -1) },
		"integers":   func() { New(I8, []int{1}, []byte{1}).Float32() },
		"part block": func() { Encode(Q8_0, make([]float32, 33)) },
		"encode":     func() { Encode(I8, nil) },
		"size":       func() { New(F32, []int{2}, make([]byte, 7)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	for _, d := range blockTypes {
		q, _ := golden(t, d)
		dst := make([]float32, 100)
		if n := testing.AllocsPerRun(10, func() { q.Decode(dst, 7) }); n != 0 {
			t.Errorf("%s: %v allocations", d, n)
		}
	}
}

func TestInts(t *testing.T) {
	for d, data := range map[DType][]byte{
		I8: {0xFF, 2}, I16: {0xFF, 0xFF, 2, 0}, I32: {0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0},
		I64: {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 0, 0, 0},
	} {
		if got, err := New(d, []int{2}, data).Ints(); err != nil || !slices.Equal(got, []int64{-1, 2}) {
			t.Error(d, got, err)
		}
	}
	for _, d := range []DType{U8, Bool} {
		if got, err := New(d, []int{2}, []byte{1, 0}).Ints(); err != nil || !slices.Equal(got, []int64{1, 0}) {
			t.Error(d, got, err)
		}
	}
	if _, err := New(F32, []int{1}, make([]byte, 4)).Ints(); err == nil {
		t.Error("F32: no error")
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, d := range append([]DType{F32, F16, BF16}, blockTypes...) {
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			const n = 1 << 16
			size, _ := d.Bytes([]int{n})
			x := New(d, []int{n}, make([]byte, size))
			dst := make([]float32, n)
			b.SetBytes(4 * n)
			for b.Loop() {
				x.Decode(dst, 0)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	src := make([]float32, 1<<16)
	for i := range src {
		src[i] = float32(i-1<<15) / 1e5
	}
	for _, d := range append([]DType{F32, F16, BF16}, encodable...) {
		b.Run(d.String(), func(b *testing.B) {
			b.SetBytes(4 << 16)
			for b.Loop() {
				Encode(d, src)
			}
		})
	}
}
