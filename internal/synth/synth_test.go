package synth

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"

	"moreau/internal/model"
	"moreau/internal/tensor"
)

// The counts are those of the published models.
func TestParameterCounts(t *testing.T) {
	want := map[string]int64{
		"llama-7b":     6_738_415_616,
		"llama-13b":    13_015_864_320,
		"llama3-8b":    8_030_261_248,
		"vicuna-7b":    6_738_415_616,
		"tinyllama":    1_100_048_384,
		"smollm2-135m": 134_515_008,
	}
	if len(Names()) != len(want) {
		t.Errorf("names %q, want %d", Names(), len(want))
	}
	for _, name := range Names() {
		cfg, raw, err := Geometry(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := cfg.ParamCount(); n != want[name] || !Known(name) || raw["model_type"] == nil {
			t.Errorf("%s has %d parameters, want %d", name, n, want[name])
		}
	}
	if _, _, err := Geometry("gpt-5"); err == nil || Known("gpt-5") || !strings.Contains(err.Error(), "known are llama-13b, llama-7b") {
		t.Errorf("gpt-5: %v", err)
	}
}

// small is a model of two layers with matrices of several chunks, one of them broken.
func small(t *testing.T) *model.Config {
	t.Helper()
	cfg, _, err := Geometry("smollm2-135m")
	if err != nil {
		t.Fatal(err)
	}
	cfg.VocabSize = 301
	return cfg.WithLayers(cfg.Layers[:2])
}

func TestScales(t *testing.T) {
	cfg := small(t)
	for _, d := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16} {
		m := New(cfg, d, 1, 2)
		for _, p := range cfg.Params() {
			x, err := m.Read(p.Name)
			if err != nil {
				t.Fatal(err)
			}
			mean, deviation := moments(x.Float32())
			wantMean, want := 0., std
			switch {
			case len(p.Axes) == 1:
				wantMean, want = 1, 0
			case p.Role == model.O || p.Role == model.Down:
				want = std / 2
			}
			// Five deviations of the estimates, and a hundredth for the rounding of BF16.
			n := math.Sqrt(float64(p.Len()))
			if math.Abs(mean-wantMean) > 5*want/n || math.Abs(deviation-want) > want*(5/n+0.01) {
				t.Errorf("%s %s: mean %g, deviation %g, want %g and %g", d, p.Name, mean, deviation, wantMean, want)
			}
		}
	}
}

func moments(x []float32) (mean, deviation float64) {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(x))
	return sum / n, math.Sqrt(max(0, squares/n-sum/n*sum/n))
}

// Neighbours, and the same places of two tensors, have nothing to do with each other.
func TestDrawsAreIndependent(t *testing.T) {
	m := New(small(t), tensor.F32, 1, 2)
	read := func(name string) []float32 {
		x, err := m.Read("model.layers.0." + name + ".weight")
		if err != nil {
			t.Fatal(err)
		}
		return x.Float32()
	}
	gate, up := read("mlp.gate_proj"), read("mlp.up_proj")
	for lag := 1; lag <= 8; lag++ {
		if r := correlation(gate, gate[lag:]); math.Abs(r) > 5/math.Sqrt(float64(len(gate))) {
			t.Errorf("lag %d: correlation %g", lag, r)
		}
	}
	seen := map[[4]float32]bool{} // what one random number makes comes once, in whatever chunk
	for _, x := range [][]float32{gate, up} {
		for four := range slices.Chunk(x, 4) {
			if draws := [4]float32(four); seen[draws] {
				t.Fatalf("%v is drawn twice", four)
			} else {
				seen[draws] = true
			}
		}
	}
	if r := correlation(gate, up); math.Abs(r) > 5/math.Sqrt(float64(len(gate))) {
		t.Errorf("gate and up: correlation %g", r)
	}
}

// correlation of values of mean 0 and deviation std, over the shorter length.
func correlation(x, y []float32) float64 {
	var sum float64
	n := min(len(x), len(y))
	for i := range n {
		sum += float64(x[i]) * float64(y[i])
	}
	return sum / float64(n) / (std * std)
}

func TestSameForAllThreads(t *testing.T) {
	cfg := small(t)
	for _, d := range []tensor.DType{tensor.F32, tensor.F16} {
		want := New(cfg, d, 7, 1)
		for _, info := range want.Tensors() {
			a, _ := want.Read(info.Name)
			for _, threads := range []int{2, 3, 8} {
				b, err := New(cfg, d, 7, threads).Read(info.Name)
				if err != nil || !bytes.Equal(a.Data, b.Data) {
					t.Errorf("%s %s: other bytes with %d threads (%v)", d, info.Name, threads, err)
				}
			}
			c, _ := New(cfg, d, 8, 2).Read(info.Name)
			if bytes.Equal(a.Data, c.Data) != (len(info.Shape) == 1) {
				t.Errorf("%s %s: seeds 7 and 8 should differ in matrices alone", d, info.Name)
			}
		}
	}
	if _, err := New(cfg, tensor.F32, 1, 1).Read("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown tensor: %v", err)
	}
}

func BenchmarkFill(b *testing.B) {
	for _, d := range []tensor.DType{tensor.F32, tensor.F16} {
		b.Run(d.String(), func(b *testing.B) {
			data := make([]byte, 64<<20)
			q := newQuantiles(d, std)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				q.fill(data, 1, 2)
			}
		})
	}
}
