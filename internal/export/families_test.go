package export

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
)

// written is what models of all families are written as.
var written = []struct {
	modelType, more string
	cut             int    // layers
	arch, class     string // "" where the container refuses
	heads           int    // != 0: query heads of both layers instead
}{
	{"mistral", sliding, 0, "llama", "MistralForCausalLM", 0},
	{"mistral", sliding, 2, "llama", "MistralForCausalLM", 0},
	{"mistral", sliding, 1, "deci", "PrunedMistralForCausalLM", 0},
	{"mistral", `, "sliding_window": 64`, 1, "deci", "PrunedLlamaForCausalLM", 0},
	{"qwen2", "", 0, "qwen2", "Qwen2ForCausalLM", 0},
	{"qwen2", llama3, 0, "llama", "Qwen2ForCausalLM", 0},
	{"qwen2", "", 2, "llama", "Qwen2ForCausalLM", 0},
	{"qwen2", "", 1, "deci", "PrunedQwen2ForCausalLM", 0},
	{"qwen2", "", 0, "llama", "Qwen2ForCausalLM", 6},
	{"qwen3", "", 0, "qwen3", "Qwen3ForCausalLM", 0},
	{"qwen3", "", 2, "qwen3", "Qwen3ForCausalLM", 0},
	{"qwen3", "", 1, "", "PrunedQwen3ForCausalLM", 0},
	{"qwen3", llama3, 0, "", "Qwen3ForCausalLM", 0},
	{"phi3", "", 0, "phi3", "Phi3ForCausalLM", 0},
	{"phi3", sliding, 0, "phi3", "Phi3ForCausalLM", 0},
	{"phi3", "", 2, "llama", "Phi3ForCausalLM", 0}, // phi3 wants heads that make up the hidden size
	{"phi3", "", 1, "deci", "PrunedPhi3ForCausalLM", 0},
	{"phi3", sliding, 1, "deci", "PrunedPhi3ForCausalLM", 0},
	{"phi3", long, 0, "phi3", "Phi3ForCausalLM", 0},
	{"phi3", long, 2, "llama", "PrunedPhi3ForCausalLM", 0}, // Phi3Config counts the factors by hidden size and heads
	{"phi3", long, 1, "deci", "PrunedPhi3ForCausalLM", 0},
	{"llama", long, 0, "llama", "LlamaForCausalLM", 0},
	{"llama", biases, 0, "llama", "LlamaForCausalLM", 0},
	{"llama", biases2, 2, "llama", "LlamaForCausalLM", 0},
	{"llama", biases2, 1, "deci", "PrunedLlamaForCausalLM", 0},
	{"llama", biases, 0, "llama", "PrunedLlamaForCausalLM", 6}, // of 16: Mistral would have no biases
	{"gemma", "", 0, "gemma", "GemmaForCausalLM", 0},
	{"gemma", "", 2, "gemma", "GemmaForCausalLM", 0},
	{"gemma", "", 1, "", "PrunedGemmaForCausalLM", 0},
	{"gemma", "", 0, "gemma", "GemmaForCausalLM", 6},
	{"gemma", llama3, 0, "", "GemmaForCausalLM", 0},
	{"gemma2", caps, 0, "gemma2", "Gemma2ForCausalLM", 0},
	{"gemma2", caps, 2, "gemma2", "Gemma2ForCausalLM", 0},
	{"gemma2", caps, 1, "", "PrunedGemma2ForCausalLM", 0},
	{"gemma2", caps, 0, "gemma2", "PrunedGemma2ForCausalLM", 6},                                                  // Gemma2Config wants heads that divide 16
	{"gemma2", "", 0, "", "Gemma2ForCausalLM", 0},                                                                // a query scalar of 256 for heads of 4
	{"gemma2", caps + `, "attn_logit_softcapping": null`, 0, "", "Gemma2ForCausalLM", 0},                         // llama.cpp caps always
	{"gemma2", caps + `, "final_logit_softcapping": null`, 0, "", "Gemma2ForCausalLM", 0},                        // the same
	{"gemma2", caps + `, "layer_types": ["full_attention", "sliding_attention"]`, 0, "", "Gemma2ForCausalLM", 0}, // its even layers slide
	{"qwen2", windowed, 0, "qwen2", "Qwen2ForCausalLM", 0},
	{"qwen2", windowed, 1, "deci", "PrunedQwen2ForCausalLM", 0},
	{"qwen3", windowed, 2, "qwen3", "Qwen3ForCausalLM", 0},
	{"qwen3", windowed, 1, "", "PrunedQwen3ForCausalLM", 0},
	{"phi3", partial, 0, "phi3", "Phi3ForCausalLM", 0},
	{"phi3", partial, 2, "", "Phi3ForCausalLM", 0}, // phi3 wants heads that make up the hidden size, and llama turns whole heads
	{"phi3", partial, 1, "", "PrunedPhi3ForCausalLM", 0},
	{"gemma3_text", sliding + scalar, 0, "gemma3", "Gemma3ForCausalLM", 0},
	{"gemma3_text", sliding + scalar, 2, "gemma3", "Gemma3ForCausalLM", 0},
	{"gemma3_text", sliding + scalar, 1, "", "PrunedGemma3ForCausalLM", 0},
	{"gemma3_text", sliding + scalar, 0, "gemma3", "PrunedGemma3ForCausalLM", 6}, // Gemma3TextConfig wants heads that divide 16
	{"gemma3_text", sliding + scalar + `, "layer_types": ["full_attention", "sliding_attention"], "final_logit_softcapping": 3`, 0, "gemma3", "Gemma3ForCausalLM", 0},
	{"gemma3_text", sliding + scalar + `, "sliding_window_pattern": 1`, 0, "gemma3", "Gemma3ForCausalLM", 0},
	{"gemma3_text", sliding, 0, "", "Gemma3ForCausalLM", 0}, // a query scalar of 256 for heads of 4
	{"gemma3_text", sliding + scalar + llama3, 0, "", "Gemma3ForCausalLM", 0},
	{"granite", factors, 0, "granite", "GraniteForCausalLM", 0},
	{"granite", factors + biases2 + llama3, 2, "granite", "GraniteForCausalLM", 0},
	{"granite", factors, 1, "", "PrunedGraniteForCausalLM", 0},
	{"smollm3", "", 0, "smollm3", "SmolLM3ForCausalLM", 0},
	{"smollm3", "", 2, "smollm3", "SmolLM3ForCausalLM", 0},
	{"smollm3", "", 1, "deci", "PrunedLlamaForCausalLM", 0}, // of two layers, none is the fourth: a Llama
	{"smollm3", `, "no_rope_layers": [0, 1]`, 1, "", "PrunedSmolLM3ForCausalLM", 0},
	{"smollm3", `, "no_rope_layers": [0, 1]`, 0, "", "SmolLM3ForCausalLM", 0},
	{"seed_oss", "", 0, "seed_oss", "SeedOssForCausalLM", 0},
	{"seed_oss", "", 2, "seed_oss", "SeedOssForCausalLM", 0},
	{"seed_oss", "", 1, "deci", "PrunedQwen2ForCausalLM", 0},
	{"seed_oss", llama3, 0, "llama", "SeedOssForCausalLM", 0},
	{"seed_oss", `, "attention_out_bias": true`, 0, "llama", "SeedOssForCausalLM", 6}, // seed_oss has no bias of o
	{"seed_oss", `, "attention_out_bias": true`, 1, "deci", "PrunedLlamaForCausalLM", 0},
	{"ernie4_5", "", 0, "ernie4_5", "Ernie4_5ForCausalLM", 0},
	{"ernie4_5", "", 2, "ernie4_5", "Ernie4_5ForCausalLM", 6},
	{"ernie4_5", "", 1, "deci", "PrunedLlamaForCausalLM", 0},
	{"ernie4_5", `, "use_bias": true`, 0, "llama", "Ernie4_5ForCausalLM", 0}, // ernie4_5 has none of o and the MLP
	{"ernie4_5", `, "use_bias": true`, 1, "deci", "PrunedLlamaForCausalLM", 0},
	{"olmo2", "", 0, "olmo2", "Olmo2ForCausalLM", 0},
	{"olmo2", "", 2, "", "Olmo2ForCausalLM", 0}, // olmo2 wants heads that make up the hidden size
	{"olmo2", "", 1, "", "PrunedOlmo2ForCausalLM", 0},
	{"olmo2", llama3, 0, "", "Olmo2ForCausalLM", 0},
	{"olmo3", sliding, 0, "olmo2", "Olmo3ForCausalLM", 0},
	{"olmo3", sliding + `, "layer_types": ["full_attention", "sliding_attention"]` + yarnRope, 0, "olmo2", "Olmo3ForCausalLM", 0},
	{"olmo3", sliding + yarnRope, 1, "", "PrunedOlmo3ForCausalLM", 0},
	{"olmo3", sliding + `, "layer_types": ["full_attention", "full_attention"]` + yarnRope, 0, "olmo2", "Olmo3ForCausalLM", 0},
	{"ministral3", growth, 0, "mistral3", "Ministral3ForCausalLM", 0},
	{"ministral3", growth, 2, "mistral3", "Ministral3ForCausalLM", 0},
	{"ministral3", growth, 1, "", "PrunedMinistral3ForCausalLM", 0},
	{"ministral3", strings.Replace(growth, `"factor"`, `"beta_fast": 4.0, "factor"`, 1), 0, "mistral3", "Ministral3ForCausalLM", 0},
	{"ministral3", growth + sliding, 0, "mistral3", "Ministral3ForCausalLM", 0},
}

func TestFamilies(t *testing.T) {
	for _, c := range written {
		t.Run(fmt.Sprintf("%s%s-%d-%d", c.modelType, c.more, c.cut, c.heads), func(t *testing.T) {
			m := cut(tiny(t, c.modelType, c.more), c.cut)
			if c.heads > 0 {
				l := model.Layer{Heads: c.heads, KVHeads: c.heads / 2, Intermediate: 6}
				layers := []model.Layer{l, l}
				for i := range layers {
					layers[i].Window, layers[i].Positions = m.Config.Layers[i].Window, m.Config.Layers[i].Positions
				}
				m = resized(m, m.Config.WithLayers(layers))
			}
			dir := t.TempDir()
			folder := filepath.Join(dir, "out")
			if p := write(t, m, folder, Options{}); p.Class != c.class {
				t.Errorf("class %s, want %s", p.Class, c.class)
			}
			if n := config(t, folder)["num_attention_heads"].(float64); strings.HasSuffix(c.class, "LlamaForCausalLM") && 16%int(n) != 0 {
				t.Errorf("num_attention_heads is %g, which LlamaConfig refuses for a hidden size of 16", n)
			}
			back := open(t, folder)
			same(t, back, m)
			testGGUF(t, m, filepath.Join(dir, "source.gguf"), c.arch)
			// What came back from the folder is written as the same class again.
			again := Model{Config: back.Config, Weights: back.Weights, Raw: back.Raw, Dir: folder}
			if p := write(t, again, filepath.Join(dir, "again"), Options{}); p.Class != c.class {
				t.Errorf("class %s when written again, want %s", p.Class, c.class)
			}
		})
	}
}

// testGGUF writes a file and reads it: the window is gone, and the context as long as it.
func testGGUF(t *testing.T, m Model, path, arch string) {
	t.Helper()
	if arch == "" {
		if _, err := NewPlan(m, path, Options{}); err == nil || !strings.Contains(err.Error(), "write a Hugging Face folder") {
			t.Errorf("error %v, want a refusal", err)
		}
		return
	}
	p := write(t, m, path, Options{})
	if p.Class != arch {
		t.Errorf("architecture %s, want %s", p.Class, arch)
	}
	want := m
	context := 64
	f, err := asGGUF(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	if f.window > 0 {
		context = f.window
		layers := slices.Clone(m.Config.Layers)
		for i := range layers {
			layers[i].Window = 0
		}
		want.Config = m.Config.WithLayers(layers)
		if !strings.Contains(p.String(), "context cut to the sliding window of 7 tokens") {
			t.Errorf("the plan does not say that the context is cut: %s", p)
		}
	}
	back := open(t, path)
	same(t, back, want)
	if n := back.Config.MaxPositions; n != context {
		t.Errorf("context of %d tokens, want %d", n, context)
	}
	testRows(t, m, path, arch)
}

// testRows looks at the file itself: the last head of q's and k's biases is in pairs in llama and deci alone.
func testRows(t *testing.T, m Model, path, arch string) {
	t.Helper()
	g, err := checkpoint.OpenGGUF(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for file, name := range map[string]string{"blk.1.attn_q.bias": "self_attn.q_proj.bias", "blk.1.attn_k.bias": "self_attn.k_proj.bias"} {
		x, err := g.Read(file)
		if !m.Config.Has(model.QBias) {
			if err == nil {
				t.Errorf("%s in a model without biases", file)
			}
			continue
		}
		y, errY := m.Weights.Read("model.layers.1." + name)
		if err != nil || errY != nil {
			t.Fatal(err, errY)
		}
		last := x.Len() - m.Config.HeadDim
		got, want := x.Float32()[last:], slices.Clone(y.Float32()[last:])
		if arch != "qwen2" && arch != "seed_oss" {
			want[1], want[2] = want[2], want[1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s of %s: the last head is %v, want %v", file, arch, got, want)
		}
	}
}

// A window, a bias of some projections: what the folder says.
func TestFamilyConfig(t *testing.T) {
	dir := t.TempDir()
	write(t, cut(tiny(t, "mistral", sliding), 1), filepath.Join(dir, "mistral"), Options{})
	if c := config(t, filepath.Join(dir, "mistral")); c["sliding_window"] != 7. || c["model_type"] != "pruned_mistral" ||
		c["auto_map"].(map[string]any)["AutoModel"] != "modeling_pruned_mistral.PrunedMistralModel" || !exists(filepath.Join(dir, "mistral", "modeling_pruned_mistral.py")) {
		t.Errorf("config.json of a mistral: %v", c)
	}
	write(t, tiny(t, "llama", biases), filepath.Join(dir, "llama"), Options{})
	if c := config(t, filepath.Join(dir, "llama")); c["attention_bias"] != true || c["mlp_bias"] != false {
		t.Errorf("config.json of a llama: %v", c)
	}
	// Queries see all keys: nothing of another family's window may remain.
	odd := model.Layer{Heads: 3, KVHeads: 3, Intermediate: 6}
	m := tiny(t, "llama", sliding)
	write(t, resized(m, m.Config.WithLayers([]model.Layer{odd, odd})), filepath.Join(dir, "odd"), Options{})
	if c := config(t, filepath.Join(dir, "odd")); c["sliding_window"] != nil || c["model_type"] != "mistral" {
		t.Errorf("config.json of a llama of 3 heads: %v", c)
	}
	write(t, tiny(t, "gemma2", caps+`, "final_logit_softcapping": null`), filepath.Join(dir, "gemma2"), Options{})
	if c := config(t, filepath.Join(dir, "gemma2")); c["hidden_activation"] != "gelu_pytorch_tanh" || c["sliding_window"] != 7. || c["query_pre_attn_scalar"] != 4. ||
		c["attn_logit_softcapping"] != 20. || c["final_logit_softcapping"] != nil || c["tie_word_embeddings"] != true ||
		fmt.Sprint(c["layer_types"]) != "[sliding_attention full_attention]" {
		t.Errorf("config.json of a gemma2: %v", c)
	}
	some := tiny(t, "llama", "")
	own := *some.Config
	own.Optional = model.RolesOf(model.QBias)
	if _, err := NewPlan(resized(some, &own), filepath.Join(dir, "some"), Options{}); err == nil || !strings.Contains(err.Error(), "write a .gguf file") {
		t.Errorf("biases of q alone: %v", err)
	}
	write(t, resized(some, &own), filepath.Join(dir, "some.gguf"), Options{})
}
