package checkpoint

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/tensor"
)

// shared finds a file of the collection of models beside the repository.
func shared(t *testing.T, path string) string {
	t.Helper()
	path = filepath.Join("../../../shared", path)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: %v", err)
	}
	return path
}

func TestSmolLM2(t *testing.T) {
	g, err := OpenGGUF(shared(t, "data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if n := len(g.Tensors()); n != 272 {
		t.Errorf("%d tensors, want 272", n)
	}
	layers, _ := g.Uint("llama.block_count")
	tokens, _ := g.KV()["tokenizer.ggml.tokens"].([]string)
	if layers != 30 || len(tokens) != 49152 {
		t.Errorf("%d layers, %d tokens", layers, len(tokens))
	}
	seen := map[tensor.DType]bool{}
	for _, info := range g.Tensors() {
		if seen[info.DType] {
			continue
		}
		seen[info.DType] = true
		x, err := g.Read(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, v := range x.Float32() {
			sum += float64(v) * float64(v)
		}
		if rms := math.Sqrt(sum / float64(x.Len())); !(rms > 1e-3 && rms < 100) {
			t.Errorf("%v: RMS %g", info, rms)
		}
	}
	if !seen[tensor.Q4_1] || !seen[tensor.Q8_0] || !seen[tensor.F32] {
		t.Errorf("dtypes %v", seen)
	}
}

func TestTinyStories(t *testing.T) {
	s, err := OpenSafetensors(shared(t, "data/models/TinyStories-656K"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, info := range s.Tensors() {
		x, err := s.Read(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range x.Float32() {
			if v != v {
				t.Fatalf("%v: NaN", info)
			}
		}
	}
}
