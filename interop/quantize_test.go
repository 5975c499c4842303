package interop

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/hybridgroup/yzma/pkg/llama"

	"moreau/internal/checkpoint"
	"moreau/internal/load"
	"moreau/internal/tensor"
)

// quants are the block types with their ggml_type.
var quants = []struct {
	dtype tensor.DType
	ggml  int32
	mixed bool // llama-quantize gives some layers more bits, moreau does not
}{
	{tensor.Q8_0, 8, false},
	{tensor.Q6_K, 14, false},
	{tensor.Q4_K, 12, true},
	{tensor.Q5_K, 13, true},
	{tensor.Q4_1, 3, false},
	{tensor.Q5_0, 6, false},
	{tensor.Q5_1, 7, false},
	{tensor.Q4_0, 2, false},
}

// ggmlQuantize is llama.cpp's ggml_quantize_chunk on rows of as many values as there is importance,
// on one row without.
func ggmlQuantize(t *testing.T) func(kind int32, d tensor.DType, x, importance []float32) []byte {
	t.Helper()
	needLlamaCpp(t)
	libs, _ := filepath.Glob(filepath.Join(".cache", "llamacpp-*", "libggml-base.so"))
	if len(libs) == 0 {
		t.Skip("SKIPPED: needs libggml-base.so; run ./install-llamacpp.sh (linux, x86-64)")
	}
	path, err := filepath.Abs(libs[0])
	if err != nil {
		t.Fatal(err)
	}
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		t.Fatal(err)
	}
	var chunk func(kind int32, src, dst unsafe.Pointer, start, rows, perRow int64, weights unsafe.Pointer) uint64
	purego.RegisterLibFunc(&chunk, lib, "ggml_quantize_chunk")
	return func(kind int32, d tensor.DType, x, importance []float32) []byte {
		out := make([]byte, len(x)/d.BlockSize()*d.BlockBytes())
		rows, weights := 1, unsafe.Pointer(nil)
		if importance != nil {
			rows, weights = len(x)/len(importance), unsafe.Pointer(&importance[0])
		}
		if n := chunk(kind, unsafe.Pointer(&x[0]), unsafe.Pointer(&out[0]), 0, int64(rows), int64(len(x)/rows), weights); n != uint64(len(out)) {
			t.Fatalf("%s: llama.cpp wrote %d bytes, want %d", d, n, len(out))
		}
		return out
	}
}

// Blocks are llama.cpp's byte by byte.
func TestQuantizedBytes(t *testing.T) {
	quantize := ggmlQuantize(t)
	for _, c := range []struct {
		name string
		x    []float32
	}{{"random", randomValues()}, {"edges", edgeValues()}, {"SmolLM2", smolValues(t)}} {
		for _, q := range quants {
			if len(c.x) > 0 {
				compareBlocks(t, c.name, q.dtype, tensor.Encode(q.dtype, c.x), quantize(q.ggml, q.dtype, c.x, nil))
			}
		}
	}
}

// So are those that are weighted with an importance matrix.
func TestWeightedBytes(t *testing.T) {
	quantize := ggmlQuantize(t)
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		name string
		x    []float32
		row  int
	}{{"random", randomValues(), 1024}, {"edges", edgeValues(), 512}, {"SmolLM2", smolValues(t), 1536}} {
		c.x = c.x[:len(c.x)/c.row*c.row]
		importance := make([]float32, c.row)
		for i := range importance {
			importance[i] = float32(math.Exp(3 * r.NormFloat64()))
		}
		clear(importance[256:300])
		for _, q := range quants {
			if len(c.x) > 0 {
				compareBlocks(t, c.name, q.dtype, tensor.EncodeWeighted(q.dtype, c.x, importance), quantize(q.ggml, q.dtype, c.x, importance))
			}
		}
	}
}

func compareBlocks(t *testing.T, name string, d tensor.DType, got, want []byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d bytes of %s, llama.cpp has %d", name, len(got), d, len(want))
	}
	size, differ := d.BlockBytes(), 0
	for i := 0; i < len(got); i += size {
		if !bytes.Equal(got[i:i+size], want[i:i+size]) {
			if differ++; differ == 1 {
				t.Logf("%s: block %d of %s is\n%x, llama.cpp has\n%x", name, i/size, d, got[i:i+size], want[i:i+size])
			}
		}
	}
	t.Logf("%s: %d blocks of %s, %d differ", name, len(got)/size, d, differ)
	if differ > 0 {
		t.Errorf("%s: %d of %d blocks of %s differ from llama.cpp's", name, differ, len(got)/size, d)
	}
}

// randomValues are super-blocks of many widths and shapes.
func randomValues() []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	var x []float32
	for range 4000 {
		width, shift := math.Exp2(r.Float64()*40-30), 0.0
		if r.IntN(3) == 0 {
			shift = r.NormFloat64() * 4
		}
		for range 256 {
			v := r.NormFloat64()
			if r.IntN(50) == 0 {
				v *= 20
			}
			x = append(x, float32(width*(v+shift)))
		}
	}
	return x
}

// edgeValues are super-blocks that divide by zero, overflow or tie.
func edgeValues() []float32 {
	var x []float32
	for _, v := range []float64{0, math.Copysign(0, -1), 1, -1, 1e-45, 1e-42, -1e-39, 1e-38, 1e-30, 1e-16, 1e-15, 1e-8, 6e-5, 65504, 5e5, 8e6} {
		for _, at := range []func(i int) float64{
			func(int) float64 { return 1 },
			func(i int) float64 { return float64(i%2*2 - 1) },
			func(i int) float64 { return float64(i%16) - 8 },
			func(i int) float64 { return float64(i) / 128 },
			func(i int) float64 { return float64(i/255) - 1 },
			func(i int) float64 { return -float64(i % 32 / 31) },
		} {
			for i := range 256 {
				x = append(x, float32(v*at(i)))
			}
		}
	}
	return x
}

// smolValues are weights of a real model: 2 million of the embedding and of three matrices.
func smolValues(t *testing.T) []float32 {
	if _, err := os.Stat(smol); err != nil {
		t.Logf("without real weights: %s is not there", smol)
		return nil
	}
	m, err := load.Open(smol)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var x []float32
	for _, name := range []string{"model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.15.mlp.down_proj.weight", "model.layers.29.mlp.up_proj.weight"} {
		w, err := m.Weights.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		vals := w.Float32()
		x = append(x, vals[:min(len(vals), 1<<21)/256*256]...)
	}
	return x
}

// The tensors of a file are those that llama-quantize makes of the same model in F32.
func TestQuantizedFiles(t *testing.T) {
	needLlamaCpp(t)
	for _, model := range []string{stories, phi3, smol} {
		t.Run(filepath.Base(model), func(t *testing.T) {
			if _, err := os.Stat(model); model != stories && err != nil || model == smol && testing.Short() {
				t.Skipf("SKIPPED: needs %s, and no -short if that is large", model)
			}
			dir := t.TempDir()
			exact, theirs, ours := filepath.Join(dir, "exact.gguf"), filepath.Join(dir, "theirs.gguf"), filepath.Join(dir, "ours.gguf")
			moreau(t, "convert", model, "--dtype", "f32", "-o", exact)
			for _, q := range quants {
				if q.mixed {
					continue
				}
				params := llama.ModelQuantizeDefaultParams()
				fmt.Sscan(fileTypes[q.dtype], &params.Ftype)
				if code := llama.ModelQuantize(exact, theirs, &params); code != 0 {
					t.Fatalf("llama_model_quantize: %d", code)
				}
				moreau(t, "convert", exact, "--dtype", dtypeName(q.dtype), "-o", ours, "--force")
				sameTensors(t, q.dtype, ours, theirs)
			}
		})
	}
}

func sameTensors(t *testing.T, d tensor.DType, ours, theirs string) {
	t.Helper()
	a, errA := checkpoint.OpenGGUF(ours)
	b, errB := checkpoint.OpenGGUF(theirs)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	defer a.Close()
	defer b.Close()
	differ := 0
	for _, info := range b.Tensors() {
		x, errX := a.Read(info.Name)
		y, errY := b.Read(info.Name)
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		if x.DType != y.DType || !bytes.Equal(x.Data, y.Data) {
			if differ++; differ <= 3 {
				t.Errorf("%s: %s is %s, llama-quantize has %s or other bytes", d, info.Name, x.DType, y.DType)
			}
		}
	}
	t.Logf("%s: %d tensors, %d differ", d, len(b.Tensors()), differ)
}
