package main

import (
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/tensor"
)

// By default prompts that meet coarse weights are multiplied as --compute bf16 does where the CPU has instructions for it; all
// else, and everything under --compute float32, is float32.
func TestComputeOfPrompts(t *testing.T) {
	made := func(be *cpu.Backend, err error) *cpu.Backend {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return be
	}
	float, half := made((&globals{Compute: "float32"}).backend()), made((&globals{Compute: "bf16"}).backend())
	fast := strings.HasSuffix(half.Name(), "+bf16") // else "+rounded-bf16"
	for _, c := range []struct {
		compute string
		dtype   tensor.DType
		like    *cpu.Backend
	}{{"auto", tensor.BF16, half}, {"auto", tensor.F16, float}, {"float32", tensor.BF16, float}, {"bf16", tensor.F16, half}} {
		if c.compute == "auto" && !fast {
			c.like = float
		}
		be := made((&globals{Compute: c.compute}).generating())
		if got, want := prompt(be, c.dtype), prompt(c.like, c.dtype); !slices.Equal(got, want) {
			t.Errorf("--compute %s, weights in %s: not the products of %s", c.compute, c.dtype, c.like.Name())
		}
	}
	if auto := made((&globals{Compute: "auto"}).backend()); !slices.Equal(prompt(auto, tensor.BF16), prompt(float, tensor.BF16)) {
		t.Error("commands that do not generate round by default")
	}
}

// prompt is a product of sixteen rows with a stored matrix of that type.
func prompt(be backend.Backend, d tensor.DType) []float32 {
	const N, I, O = 16, 64, 32
	w := make([]float32, O*I)
	for i := range w {
		w[i] = float32(i%7) - 3
	}
	x, out, got := be.New(N*I), be.New(N*O), make([]float32, N*O)
	be.Normal(x, 1, 2)
	be.LinearForward(out, x, be.NewStored(tensor.FromFloat32(d, []int{O, I}, w)), N, I, O)
	be.Download(got, out)
	return got
}
