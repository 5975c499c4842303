package imatrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

func collect(t *testing.T, g *goldentest.Golden, rows [][]int32, tokens, threads int) []Entry {
	t.Helper()
	be, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	b, err := transformer.NewBatch(rows)
	if err != nil {
		t.Fatal(err)
	}
	layers := 0
	entries, err := Collect(t.Context(), be, g.Config, g.Weights, g.Config.Stored(), b.Parts(tokens), func() { layers++ })
	if err != nil || layers != len(g.Config.Layers) {
		t.Fatalf("%d layers, %v", layers, err)
	}
	return entries
}

// What down multiplies is what it multiplies in transformers: wanda-sp, by testdata/golden/activations.py, is mean |w| of
// a column times the root of the sum of squares.
func TestSquaresAreThoseOfTransformers(t *testing.T) {
	for _, family := range []string{"llama_mha", "llama_gqa_rope3"} {
		g := goldentest.Open(t, family)
		var golden struct {
			Rows   [][]int32
			Layers []map[string]struct{ MLP []float64 }
		}
		data, err := os.ReadFile(filepath.Join(g.Dir(), "statistics.json"))
		if err == nil {
			err = json.Unmarshal(data, &golden)
		}
		if err != nil {
			t.Fatal(err)
		}
		tokens := 0
		for _, row := range golden.Rows {
			tokens += len(row)
		}
		entries := collect(t, g, golden.Rows, 1<<20, 2)
		for _, s := range g.Config.Stored() {
			p := s.Params[0]
			if p.Role != model.Down {
				continue
			}
			at := slices.IndexFunc(entries, func(e Entry) bool { return e.Tensor == s.GGUF })
			w, err := g.Weights.Read(p.Name)
			if err != nil || at < 0 || entries[at].Tokens != tokens {
				t.Fatalf("%s: entry %d, %v", s.GGUF, at, err)
			}
			values, O, I := w.Float32(), p.Shape()[0], p.Shape()[1]
			for j, want := range golden.Layers[p.Layer]["wanda-sp"].MLP {
				var mean float64
				for i := range O {
					mean += math.Abs(float64(values[i*I+j])) / float64(O)
				}
				if got := mean * math.Sqrt(entries[at].Squares[j]); !(math.Abs(got-want) <= 1e-5*want) {
					t.Fatalf("%s, %s, column %d: %g, want %g", family, s.GGUF, j, got, want)
				}
			}
		}
	}
}

// Every matrix of every layer has an entry as long as its rows, q, k and v the same; of gate and up that of the norm before
// them; the same for parts of the rows and for any number of threads.
func TestEveryMatrixHasAnEntry(t *testing.T) {
	for _, family := range []string{"llama_gqa_rope3", "phi3_fused", "gemma3", "olmo2", "qwen3_qknorm"} {
		g := goldentest.Open(t, family)
		rows := [][]int32{{1, 2, 3, 4, 5}, {6, 7, 8}, {9, 10, 11, 12}}
		entries := collect(t, g, rows, 1<<20, 1)
		at := map[string]Entry{}
		for _, e := range entries {
			at[e.Tensor] = e
		}
		for _, s := range g.Config.Stored() {
			p := s.Params[0]
			if e, ok := at[s.GGUF]; (p.Layer >= 0 && len(p.Axes) == 2) != ok || ok && (len(e.Squares) != p.Axes[1].Size() || e.Tokens != 12 || slices.Min(e.Squares) < 0 || slices.Max(e.Squares) == 0) {
				t.Errorf("%s, %s: %d squares of %d tokens", family, s.GGUF, len(e.Squares), e.Tokens)
			}
		}
		for _, threads := range []int{2, 8} {
			for i, e := range collect(t, g, rows, 1<<20, threads) {
				if !slices.Equal(e.Squares, entries[i].Squares) {
					t.Errorf("%s, %s: %d threads give other squares", family, e.Tensor, threads)
				}
			}
			for i, e := range collect(t, g, rows, 5, threads) {
				for j, v := range e.Squares {
					if want := entries[i].Squares[j]; math.Abs(v-want) > 1e-5*(want+1) {
						t.Fatalf("%s, %s in parts: column %d has %g, want %g", family, e.Tensor, j, v, want)
					}
				}
			}
		}
		if family == "llama_gqa_rope3" && (!slices.Equal(at["blk.0.attn_q.weight"].Squares, at["blk.0.attn_v.weight"].Squares) || slices.Equal(at["blk.0.attn_q.weight"].Squares, at["blk.0.ffn_up.weight"].Squares)) {
			t.Error("q and v multiply the same, q and up do not")
		}
	}
}

func TestNotFinite(t *testing.T) {
	if err := finite([]Entry{{"a", 1, []float64{1, math.Inf(1)}}}); !errors.Is(err, transformer.ErrNotFinite) {
		t.Errorf("infinite: %v", err)
	}
}

// A file gives means back, has the keys that llama-quantize wants, and its tensors in the order of their names.
func TestFile(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Header{[]string{"a.txt", "self"}, 3, 128}, []Entry{{"blk.1.x.weight", 4, []float64{2, 6}}, {"blk.0.y.weight", 2, []float64{1, 0, 3}}}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "i.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	means, err := Read(path)
	if err != nil || len(means) != 2 || !slices.Equal(means["blk.1.x.weight"], []float32{0.5, 1.5}) || !slices.Equal(means["blk.0.y.weight"], []float32{0.5, 0, 1.5}) {
		t.Errorf("%v, %v", means, err)
	}
	g, err := checkpoint.OpenGGUF(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	kv := g.KV()
	if kv["general.type"] != "imatrix" || !slices.Equal(kv["imatrix.datasets"].([]string), []string{"a.txt", "self"}) || kv["imatrix.chunk_count"] != uint32(3) || kv["imatrix.chunk_size"] != uint32(128) {
		t.Errorf("keys %v", kv)
	}
}

func TestRefusals(t *testing.T) {
	f32 := func(values ...float32) tensor.Tensor {
		return tensor.FromFloat32(tensor.F32, []int{1, len(values)}, values)
	}
	nan := float32(math.NaN())
	for want, tensors := range map[string]checkpoint.Memory{
		"not an importance matrix": {"x": f32(1)},
		`no tensor "x.counts"`:     {"x.in_sum2": f32(1)},
		"want F32 and one count":   {"x.in_sum2": f32(1, 2), "x.counts": f32(1, 1)},
		"column 1 has mean square": {"x.in_sum2": f32(1, nan), "x.counts": f32(1)},
		"column 0 has mean square": {"x.in_sum2": f32(1), "x.counts": f32(0)},
		"mean square -1":           {"x.in_sum2": f32(-1), "x.counts": f32(1)},
	} {
		var b bytes.Buffer
		if err := checkpoint.WriteGGUF(&b, nil, tensors.Tensors(), tensors.Read); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "i.gguf")
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	old := filepath.Join(t.TempDir(), "i.dat")
	if err := os.WriteFile(old, []byte("\x01\x00\x00\x00"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(old); err == nil || !strings.Contains(err.Error(), "--in-file OLD") {
		t.Errorf("an old file: %v", err)
	}
}
