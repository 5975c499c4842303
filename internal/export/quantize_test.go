package export

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// wide is a model of hidden size 256, with so many channels in each layer, and its weights.
func wide(t *testing.T, tied bool, channels ...int) Model {
	t.Helper()
	m := stories(t)
	own := *m.Config
	own.HiddenSize, own.HeadDim, own.Tied = 256, 64, tied
	var layers []model.Layer
	for _, n := range channels {
		layers = append(layers, model.Layer{Heads: 4, KVHeads: 2, Intermediate: n})
	}
	m.Config = own.WithLayers(layers)
	w := checkpoint.Memory{}
	for i, p := range m.Config.Params() {
		vals := make([]float32, p.Len())
		for j := range vals {
			vals[j] = float32(math.Sin(float64(j*j+i))) / 8
		}
		w[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), vals)
	}
	m.Weights = w
	return m
}

// The table of types: vectors stay F32, the output matrix is finer, rows that
// are no whole blocks fall back.
func TestQuantizedTypes(t *testing.T) {
	const embed, head, q, down = "model.embed_tokens.weight", "lm_head.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.down_proj.weight"
	for _, c := range []struct {
		ask       tensor.DType
		channels  int
		tied      bool
		fileType  uint32
		want      string // embed, head, q, down
		fallbacks []Fallback
	}{
		{tensor.Q8_0, 256, false, 7, "Q8_0 Q8_0 Q8_0 Q8_0", nil},
		{tensor.Q8_0, 40, false, 7, "Q8_0 Q8_0 Q8_0 F16", []Fallback{{"Q8_0", "F16", 1}}},
		{tensor.Q6_K, 256, true, 18, "Q6_K none Q6_K Q6_K", nil},
		{tensor.Q4_K, 256, false, 14, "Q4_K Q6_K Q4_K Q4_K", nil},
		{tensor.Q4_K, 256, true, 14, "Q6_K none Q4_K Q4_K", nil},
		{tensor.Q4_K, 96, false, 14, "Q4_K Q6_K Q4_K Q5_0", []Fallback{{"Q4_K", "Q5_0", 1}}},
		{tensor.Q4_K, 33, false, 14, "Q4_K Q6_K Q4_K F16", []Fallback{{"Q4_K", "F16", 1}}},
		{tensor.Q5_K, 96, false, 16, "Q5_K Q6_K Q5_K Q5_1", []Fallback{{"Q5_K", "Q5_1", 1}}},
		{tensor.Q6_K, 96, false, 18, "Q6_K Q6_K Q6_K Q8_0", []Fallback{{"Q6_K", "Q8_0", 1}}},
		{tensor.Q5_1, 96, false, 9, "Q5_1 Q6_K Q5_1 Q5_1", nil},
		{tensor.Q5_0, 96, true, 8, "Q6_K none Q5_0 Q5_0", nil},
		{tensor.Q4_0, 96, true, 2, "Q6_K none Q4_0 Q4_0", nil},
		{tensor.Q4_1, 96, false, 3, "Q4_1 Q6_K Q4_1 Q4_1", nil},
	} {
		path := filepath.Join(t.TempDir(), "a.gguf")
		m := wide(t, c.tied, c.channels)
		p := write(t, m, path, Options{DType: &c.ask})
		if p.DType != c.ask || !reflect.DeepEqual(p.Fallbacks, c.fallbacks) {
			t.Errorf("%s, %d channels: the plan says %s, fallbacks %v, want %v", c.ask, c.channels, p.DType, p.Fallbacks, c.fallbacks)
		}
		if strings.Contains(p.String(), "fell back") != (c.fallbacks != nil) {
			t.Errorf("the plan says %q", p)
		}
		back := open(t, path)
		types := map[string]tensor.DType{}
		for _, info := range back.Weights.Tensors() {
			types[info.Name] = info.DType
			if len(info.Shape) == 1 && info.DType != tensor.F32 {
				t.Errorf("%s is %s", info.Name, info.DType)
			}
		}
		var got []string
		for _, name := range []string{embed, head, q, down} {
			d, ok := types[name]
			got = append(got, map[bool]string{true: d.String(), false: "none"}[ok])
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s, %d channels, tied %t: %s, want %s", c.ask, c.channels, c.tied, s, c.want)
		}
		g, err := checkpoint.OpenGGUF(path)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if a, b := g.KV()["general.file_type"], g.KV()["general.quantization_version"]; a != c.fileType || b != uint32(2) {
			t.Errorf("%s: file type %v, quantisation version %v", c.ask, a, b)
		}
	}
}

// What is stored in the type asked for passes as it is, even where encoding
// what it decodes to would give other bytes.
func TestQuantizedPassesUntouched(t *testing.T) {
	m := constant(t, tensor.F32, 1)
	const name = "model.layers.0.self_attn.v_proj.weight"
	quantise(t, m, name)
	q8 := tensor.Q8_0
	path := filepath.Join(t.TempDir(), "a.gguf")
	write(t, m, path, Options{DType: &q8})
	want, _ := m.Weights.Read(name)
	if got, err := open(t, path).Weights.Read(name); err != nil || !bytes.Equal(got.Data, want.Data) {
		t.Errorf("the blocks changed (%v)", err)
	}
	if bytes.Equal(tensor.Encode(q8, want.Float32()), want.Data) {
		t.Error("the test has blocks that encoding gives too")
	}
}

// Without a type asked for, blocks keep theirs in a file, each matrix its own, also where a cut or a
// refit made them F32: wider are those whose rows are no whole blocks any more. Folders hold no blocks.
func TestBlocksAreKept(t *testing.T) {
	const q, up, down, o, head = "model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight", "model.layers.0.self_attn.o_proj.weight", "lm_head.weight"
	dense := wide(t, false, 512)
	types := map[string]tensor.DType{q: tensor.Q4_K, up: tensor.Q5_K, down: tensor.Q6_K, o: tensor.Q4_1, head: tensor.BF16}
	w := dense.Weights.(checkpoint.Memory)
	for name, d := range types {
		w[name] = tensor.FromFloat32(d, w[name].Shape, w[name].Float32())
	}
	refitted, err := checkpoint.Override(w, []checkpoint.Info{{Name: o, DType: tensor.F32, Shape: w[o].Shape}}, func(string) (tensor.Tensor, error) {
		return tensor.FromFloat32(tensor.F32, w[o].Shape, w[o].Float32()), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		channels, gone int
		down           tensor.DType
		fallbacks      []Fallback
	}{{512, 0, tensor.Q6_K, nil}, {512, 256, tensor.Q6_K, nil}, {512, 32, tensor.Q8_0, []Fallback{{"Q6_K", "Q8_0", 1}}}, {512, 33, tensor.F16, []Fallback{{"Q6_K", "F16", 1}}}} {
		var units []int
		for i := range c.gone {
			units = append(units, 2*i%c.channels+i/256)
		}
		slices.Sort(units)
		cut, err := prune.Cut{dense.Config.Dim(0, model.MLP): units}.Run(t.Context(), stage.Model{Config: dense.Config, Weights: refitted})
		if err != nil {
			t.Fatal(err)
		}
		m := dense
		m.Config, m.Weights = cut.Config, cut.Weights
		path := filepath.Join(t.TempDir(), "a.gguf")
		p := write(t, m, path, Options{})
		if !reflect.DeepEqual(p.Fallbacks, c.fallbacks) {
			t.Errorf("%d gone: fallbacks %v, want %v", c.gone, p.Fallbacks, c.fallbacks)
		}
		want := maps.Clone(types)
		want[down] = c.down
		back := open(t, path)
		for name, d := range want {
			if x, err := back.Weights.Read(name); err != nil || x.DType != d {
				t.Errorf("%d gone: %s is %s, want %s (%v)", c.gone, name, x.DType, d, err)
			}
		}
		if x, _ := back.Weights.Read(q); !bytes.Equal(x.Data, w[q].Data) {
			t.Errorf("%d gone: the blocks of q changed", c.gone)
		}
		folder := filepath.Join(t.TempDir(), "a")
		if p := write(t, m, folder, Options{}); p.DType != tensor.F16 || p.Fallbacks != nil {
			t.Errorf("a folder of %s, fallbacks %v", p.DType, p.Fallbacks)
		}
	}
}

// The bytes do not depend on the number of threads.
func TestQuantizedThreads(t *testing.T) {
	m := wide(t, false, 1024) // 262144 values a matrix: four parts
	q4 := tensor.Q4_K
	var files [][]byte
	for _, threads := range []int{1, 2, 3, 100} {
		path := filepath.Join(t.TempDir(), "a.gguf")
		write(t, m, path, Options{DType: &q4, Threads: threads})
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	for i := range files {
		if !bytes.Equal(files[i], files[0]) {
			t.Errorf("file %d differs", i)
		}
	}
}

// Weights that blocks cannot hold are refused by name, and nothing stays.
func TestQuantizedRefusesValues(t *testing.T) {
	const name = "model.layers.1.mlp.up_proj.weight"
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	beyond := map[tensor.DType]float32{tensor.Q8_0: 8.4e6, tensor.Q4_0: 6e5, tensor.Q4_1: 1e6, tensor.Q4_K: 1e8, tensor.Q6_K: 2.7e8}
	for d, large := range beyond {
		for _, c := range []struct {
			v    float32
			want string
		}{{nan, "holds NaN or infinite values"}, {inf, "holds NaN or infinite values"}, {large, fmt.Sprintf("holds %g, which is too large for %s", large, d)}, {-3e38, "holds -3e+38, which is too large for"}} {
			m := wide(t, true, 256, 256)
			w := m.Weights.(checkpoint.Memory)
			bad := w[name].Float32()
			bad[1000] = c.v
			w[name] = tensor.FromFloat32(tensor.F32, w[name].Shape, bad)
			dir := t.TempDir()
			p, err := NewPlan(m, filepath.Join(dir, "a.gguf"), Options{DType: &d})
			if err != nil {
				t.Fatal(err)
			}
			err = p.Write(context.Background(), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s of %g: error %v, want %q and the tensor's name", d, c.v, err, c.want)
			}
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("%s of %g: %s is left", d, c.v, entries[0].Name())
			}
		}
	}
}

// What can be encoded can be written, and the other way round.
func TestEveryTypeHasARow(t *testing.T) {
	n := 0
	for d := tensor.F32; d <= tensor.Q6_K; d++ {
		if d.Encodable() {
			n++
			if _, ok := fileType(d); !ok {
				t.Errorf("%s has no row", d)
			}
		}
	}
	if n != len(dtypes) {
		t.Errorf("%d types can be encoded, %d written", n, len(dtypes))
	}
}

// Norms are no matrices that fall back.
func TestQuantizedFallbacks(t *testing.T) {
	q4 := tensor.Q4_K
	p := write(t, stories(t), filepath.Join(t.TempDir(), "a.gguf"), Options{DType: &q4})
	want := []Fallback{{"Q6_K", "Q8_0", 1}, {"Q4_K", "Q5_0", 5 * 6}, {"Q4_K", "F16", 5}} // rows of 64 values, and of 172 in down_proj
	if !reflect.DeepEqual(p.Fallbacks, want) {
		t.Errorf("fallbacks %v, want %v", p.Fallbacks, want)
	}
}

// Pruned models of every family keep their sizes planned to the byte.
func TestQuantizedPruned(t *testing.T) {
	for _, family := range goldentest.Families {
		t.Run(family, func(t *testing.T) {
			if family == "qwen3_qknorm" {
				t.Skip("GGUF cannot hold it: TestFamilies")
			}
			for _, d := range []tensor.DType{tensor.Q8_0, tensor.Q4_0, tensor.Q4_K} {
				write(t, prunedGolden(t, family), filepath.Join(t.TempDir(), "a.gguf"), Options{DType: &d})
			}
		})
	}
}
