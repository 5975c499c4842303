package tensor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// Blocks that are chosen by importance have less error where it is, and more elsewhere; interop holds
// them to llama.cpp's bytes.
func TestEncodeWeighted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n, rows = 512, 8
	x, importance := make([]float32, n*rows), make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for i := range importance {
		importance[i] = float32(math.Exp(2 * r.NormFloat64()))
	}
	loss := func(d DType, data []byte, weigh bool) (sum float64) {
		for i, v := range New(d, []int{len(x)}, data).Float32() {
			e := float64(v - x[i])
			if weigh {
				e *= math.Sqrt(float64(importance[i%n]))
			}
			sum += e * e
		}
		return sum
	}
	for _, d := range []DType{Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K} {
		plain, weighted := Encode(d, x), EncodeWeighted(d, x, importance)
		if len(weighted) != len(plain) || !(loss(d, weighted, true) < 0.97*loss(d, plain, true)) {
			t.Errorf("%s: weighted error %g, without importance %g", d, loss(d, weighted, true), loss(d, plain, true))
		}
		if !(loss(d, weighted, false) > 0.97*loss(d, plain, false)) {
			t.Errorf("%s: error %g, without importance %g: nothing is paid", d, loss(d, weighted, false), loss(d, plain, false))
		}
		for row := range rows {
			size := len(weighted) / rows
			if !bytes.Equal(weighted[row*size:(row+1)*size], EncodeWeighted(d, x[row*n:(row+1)*n], importance)) {
				t.Errorf("%s: row %d depends on others", d, row)
			}
		}
		for _, v := range New(d, []int{n}, EncodeWeighted(d, make([]float32, n), importance)).Float32() {
			if v != 0 {
				t.Errorf("%s: zeros become %g", d, v)
			}
		}
	}
	if !bytes.Equal(EncodeWeighted(Q8_0, x, importance), Encode(Q8_0, x)) {
		t.Error("Q8_0 makes use of importance")
	}
	defer func() {
		if recover() == nil {
			t.Error("half a row passes")
		}
	}()
	EncodeWeighted(Q4_0, x[:n/2], importance)
}
