package load_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/load"
	"moreau/internal/tensor"
)

func open(t *testing.T, path string) *load.Model {
	t.Helper()
	m, err := load.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// A folder and a GGUF file of the same model give the same names, shapes and values.
// A GGUF file of a Llama has the rows of each head of q and k in another order, by
// pairs: 0, 4, 1, 5, 2, 6, 3, 7 for heads of 8.
func TestNamesAndLayout(t *testing.T) {
	hf, gguf := open(t, folder(t, llama, llamaTensors())), open(t, ggufFile(t, keys("llama"), ggufTensors()))
	if hf.Format != load.HF || gguf.Format != load.GGUF || hf.Bare || gguf.Bare || hf.Raw == nil || gguf.Raw != nil {
		t.Errorf("formats %s and %s", hf.Format, gguf.Format)
	}
	want := listed(llamaTensors())
	for _, m := range []*load.Model{hf, gguf} {
		if got := listed(m.Weights); !maps.Equal(got, want) {
			t.Errorf("%s has %v, want %v", m.Format, got, want)
		}
		if m.Config.Tied || len(m.Config.Layers) != 1 || m.Config.VocabSize != 5 || m.Config.Rope.Theta != 10000 {
			t.Errorf("%s: %+v", m.Format, m.Config)
		}
		for name, x := range llamaTensors() {
			if len(x.Shape) != 2 {
				continue
			}
			rows := upTo(0, x.Shape[0])
			if paired := strings.Contains(name, "q_proj") || strings.Contains(name, "k_proj"); paired && m == gguf {
				rows = nil
				for head := range x.Shape[0] / 8 {
					for _, i := range []int{0, 2, 4, 6, 1, 3, 5, 7} { // where rows 0, 1, 2 ... stand
						rows = append(rows, 8*head+i)
					}
				}
			}
			if got := rowsOf(t, m.Weights, name); !slices.Equal(got, rows) {
				t.Errorf("%s: %s has rows %v, want %v", m.Format, name, got, rows)
			}
		}
	}
}

// Without a head of its own a GGUF file means that the embedding is the head.
func TestTied(t *testing.T) {
	m := open(t, ggufFile(t, keys("llama"), edit(ggufTensors(), "output.weight")))
	if !m.Config.Tied || m.Config.HeadParam().Name != "model.embed_tokens.weight" {
		t.Errorf("tied %v", m.Config.Tied)
	}
	tied := strings.Replace(llama, "{", `{"tie_word_embeddings": true, `, 1)
	for _, absent := range []string{"lm_head.weight", "model.embed_tokens.weight"} { // some folders have it under the head's name
		all := llamaTensors()
		all["lm_head.weight"] = all["model.embed_tokens.weight"]
		hf := open(t, folder(t, tied, edit(all, absent)))
		got, err := hf.Weights.Read("model.embed_tokens.weight")
		if err != nil || !hf.Config.Tied || !slices.Equal(got.Float32(), all["lm_head.weight"].Float32()) {
			t.Errorf("a folder without %s: tied %v, %v", absent, hf.Config.Tied, err)
		}
	}
}

// Norms of a Gemma are 1 + w in a GGUF file and w everywhere else.
func TestOffset(t *testing.T) {
	m := open(t, ggufFile(t, keys("gemma"), edit(ggufTensors(), "output.weight")))
	for name, want := range map[string]float32{"model.layers.0.input_layernorm.weight": 0, "model.layers.0.post_attention_layernorm.weight": 1, "model.norm.weight": 2} {
		x, err := m.Weights.Read(name)
		if err != nil || x.Float32()[5] != want {
			t.Errorf("%s is %g, want %g; %v", name, x.Float32()[5], want, err)
		}
	}
	if got := rowsOf(t, m.Weights, "model.layers.0.self_attn.q_proj.weight"); !slices.Equal(got, upTo(0, 16)) {
		t.Errorf("q of a Gemma has rows %v: they are not by pairs", got)
	}
}

// Fused tensors come apart into their rows, in both containers.
func TestFused(t *testing.T) {
	hf := llamaTensors()
	for _, name := range []string{"q_proj", "k_proj", "v_proj"} {
		delete(hf, "model.layers.0.self_attn."+name+".weight")
	}
	for _, name := range []string{"gate_proj", "up_proj"} {
		delete(hf, "model.layers.0.mlp."+name+".weight")
	}
	hf["model.layers.0.self_attn.qkv_proj.weight"] = matrix(16+8+8, 6)
	hf["model.layers.0.mlp.gate_up_proj.weight"] = matrix(3+3, 6)
	gguf := checkpoint.Memory{}
	for name, x := range hf {
		switch {
		case strings.Contains(name, "qkv"):
			gguf["blk.0.attn_qkv.weight"] = x
		case strings.Contains(name, "gate_up"):
			gguf["blk.0.ffn_up.weight"] = x
		default:
			gguf[ggufNames[name]] = x
		}
	}
	const phi3 = `{"model_type": "phi3", ` + sizes + `, "original_max_position_embeddings": 32, "pad_token_id": 0}`
	for what, path := range map[string]string{"folder": folder(t, phi3, hf), "file": ggufFile(t, keys("phi3"), gguf)} {
		m := open(t, path)
		for name, rows := range map[string][]int{"self_attn.q_proj": upTo(0, 16), "self_attn.k_proj": upTo(16, 24), "self_attn.v_proj": upTo(24, 32),
			"mlp.gate_proj": upTo(0, 3), "mlp.up_proj": upTo(3, 6)} {
			if got := rowsOf(t, m.Weights, "model.layers.0."+name+".weight"); !slices.Equal(got, rows) {
				t.Errorf("%s: %s has rows %v, want %v", what, name, got, rows)
			}
		}
	}
}

// Each tensor keeps the type it is stored in.
func TestMixedTypes(t *testing.T) {
	m := llamaTensors()
	types := map[string]tensor.DType{"self_attn.q_proj": tensor.F16, "self_attn.v_proj": tensor.BF16, "mlp.up_proj": tensor.F32}
	for name, d := range types {
		name = "model.layers.0." + name + ".weight"
		m[name] = tensor.FromFloat32(d, m[name].Shape, make([]float32, m[name].Len()))
	}
	got := listed(open(t, folder(t, llama, m)).Weights)
	for name, d := range types {
		if !strings.HasPrefix(got["model.layers.0."+name+".weight"], d.String()+"[") {
			t.Errorf("%s is %s, want %s", name, got["model.layers.0."+name+".weight"], d)
		}
	}
}

// The first tensor, in the order of the model, that is not finite is named; none in a whole one.
func TestNotFinite(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		m := llamaTensors()
		for _, name := range []string{"lm_head.weight", "model.layers.0.mlp.up_proj.weight"} {
			x := m[name].Float32()
			x[len(x)-1] = float32(v)
			m[name] = tensor.FromFloat32(tensor.F32, m[name].Shape, x)
		}
		if name, err := open(t, folder(t, llama, m)).NotFinite(); err != nil || name != "model.layers.0.mlp.up_proj.weight" {
			t.Errorf("%g: %q, %v", v, name, err)
		}
	}
	if name, err := open(t, folder(t, llama, llamaTensors())).NotFinite(); err != nil || name != "" {
		t.Errorf("finite: %q, %v", name, err)
	}
}

// What cannot be used is refused, by an error that names the place and the tensor.
func TestRefusals(t *testing.T) {
	whole, file := llamaTensors(), ggufTensors()
	ints := tensor.Tensor{DType: tensor.I32, Shape: []int{3, 6}, Data: make([]byte, 3*6*4)}
	other := filepath.Join(t.TempDir(), "weights.bin")
	put(t, other, "x")
	noConfig := folder(t, "", whole)
	if err := os.Mkdir(filepath.Join(noConfig, "config.json"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path string
		want []string
	}{
		"no config":         {folder(t, "", whole), []string{"no config.json"}},
		"config a folder":   {noConfig, []string{"config.json", "no regular file"}},
		"config no object":  {folder(t, `[1]`, whole), []string{"config.json", "not a JSON object"}},
		"config no JSON":    {folder(t, `{"model_type"`, whole), []string{"config.json", "not a JSON object"}},
		"unknown family":    {folder(t, strings.Replace(llama, `"llama"`, `"rwkv"`, 1), whole), []string{"config.json", "rwkv"}},
		"missing":           {folder(t, llama, edit(whole, "model.layers.0.mlp.up_proj.weight")), []string{"tensor model.layers.0.mlp.up_proj.weight is missing", "download it again"}},
		"missing head":      {folder(t, llama, edit(whole, "lm_head.weight")), []string{"tensor lm_head.weight is missing"}},
		"more layers":       {folder(t, llama, edit(whole, "model.layers.1.mlp.up_proj.weight", matrix(3, 6))), []string{"tensor model.layers.1.mlp.up_proj.weight is of a layer", "says 1 layers"}},
		"shape":             {folder(t, llama, edit(whole, "model.layers.0.mlp.down_proj.weight", matrix(3, 6))), []string{"model.layers.0.mlp.down_proj.weight has shape [3 6]", "says [6 3]"}},
		"axes":              {folder(t, llama, edit(whole, "model.norm.weight", matrix(1, 6))), []string{"model.norm.weight has shape [1 6]", "says [6]"}},
		"integers":          {folder(t, llama, edit(whole, "model.layers.0.mlp.up_proj.weight", ints)), []string{"model.layers.0.mlp.up_proj.weight has type I32", "convert"}},
		"GGUF missing":      {ggufFile(t, keys("llama"), edit(file, "blk.0.ffn_up.weight")), []string{"tensor blk.0.ffn_up.weight is missing"}},
		"GGUF without all":  {ggufFile(t, keys("llama"), edit(file, "token_embd.weight")), []string{"no token_embd.weight"}},
		"GGUF unknown":      {ggufFile(t, keys("llama"), edit(file, "blk.0.ffn_gate_inp.weight", matrix(2, 6))), []string{"blk.0.ffn_gate_inp.weight has no place"}},
		"GGUF of layer 2":   {ggufFile(t, keys("llama"), edit(file, "blk.1.ffn_up.weight", matrix(3, 6))), []string{"blk.1.ffn_up.weight has no place"}},
		"GGUF shape":        {ggufFile(t, keys("llama"), edit(file, "blk.0.ffn_up.weight", matrix(4, 6))), []string{"blk.0.ffn_up.weight has shape [4 6]", "says [3 6]"}},
		"GGUF unknown arch": {ggufFile(t, keys("rwkv"), file), []string{"rwkv"}},
		"another file":      {other, []string{"want a Hugging Face folder or a .gguf file"}},
	} {
		m, err := load.Open(c.path)
		if err == nil {
			m.Close()
			t.Errorf("%s is opened", name)
			continue
		}
		if !errors.Is(err, load.ErrModel) {
			t.Errorf("%s: %v is no ErrModel", name, err)
		}
		for _, want := range append(c.want, c.path) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not say %q", name, err, want)
			}
		}
	}
	if _, err := load.Open(filepath.Join(t.TempDir(), "x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	if _, err := load.Open(folder(t, llama, nil)); err == nil {
		t.Error("a folder without weights is opened")
	}
}

// A file's suffix may be in capitals.
func TestSuffixInCapitals(t *testing.T) {
	path := ggufFile(t, keys("llama"), ggufTensors())
	capitals := filepath.Join(filepath.Dir(path), "M.GGUF")
	if err := os.Rename(path, capitals); err != nil {
		t.Fatal(err)
	}
	if m := open(t, capitals); m.Path != capitals {
		t.Errorf("path %s", m.Path)
	}
}

// A tokenizer may have fewer tokens than the embedding has rows, not more.
func TestTokenizerFits(t *testing.T) {
	for tokens, fits := range map[int]bool{4: true, 5: true, 6: false} {
		vocab := []string{`"ab": 0`}
		for i := 1; i < tokens; i++ {
			vocab = append(vocab, fmt.Sprintf("%q: %d", string(rune('a'+i-1)), i))
		}
		dir := folder(t, llama, llamaTensors())
		put(t, filepath.Join(dir, "tokenizer.json"), `{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
			"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {`+strings.Join(vocab, ", ")+`}, "merges": ["a b"]}}`)
		_, err := open(t, dir).Tokenizer()
		if fits != (err == nil) || !fits && (!errors.Is(err, load.ErrModel) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "6 tokens")) {
			t.Errorf("%d tokens: %v", tokens, err)
		}
	}
}

// What a folder has beyond the model is left alone, as in transformers.
func TestExtraTensors(t *testing.T) {
	m := open(t, folder(t, llama, edit(llamaTensors(), "model.layers.0.self_attn.rotary_emb.inv_freq", vector(4, 1))))
	if _, err := m.Weights.Read("model.layers.0.self_attn.q_proj.weight"); err != nil {
		t.Error(err)
	}
}
