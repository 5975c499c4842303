package model

import (
	"math"
	"strings"
	"testing"
)

// metadata is the keys of a GGUF file, in memory.
type metadata map[string]any

func (m metadata) String(key string) (string, bool) { return valueOf[string](m, key) }
func (m metadata) Uint(key string) (uint64, bool) {
	n, ok := valueOf[int](m, key)
	return uint64(n), ok
}
func (m metadata) Flags(key string) ([]bool, bool)   { return valueOf[[]bool](m, key) }
func (m metadata) Uints(key string) ([]uint64, bool) { n, ok := m.Uint(key); return []uint64{n}, ok }
func (m metadata) Float(key string) (float64, bool)  { return valueOf[float64](m, key) }

func valueOf[T any](m metadata, key string) (v T, ok bool) { v, ok = m[key].(T); return v, ok }

// What a file says of RoPE means what llama.cpp computes of it.
func TestGGUFRope(t *testing.T) {
	const scaling = "llama.rope.scaling."
	attention := 0.1*math.Log(4) + 1
	yarn := func(more metadata) metadata {
		p := metadata{scaling + "type": "yarn", scaling + "factor": 4.}
		for key, value := range more {
			p[scaling+key] = value
		}
		return p
	}
	for _, c := range []struct {
		name      string
		keys      metadata
		factors   []float64
		attention float64
		same      string // rope_scaling of a config.json with the same angles; "": refused
	}{
		{"none", metadata{scaling + "type": "none", scaling + "factor": 4.}, nil, 1, `null`},
		{"linear", metadata{scaling + "type": "linear", scaling + "factor": 4.}, nil, 1, `{"type": "linear", "factor": 4}`},
		{"yarn", yarn(metadata{"original_context_length": 512}), nil, attention, `{"type": "yarn", "factor": 4, "original_max_position_embeddings": 512}`},
		{"original context is the model's", yarn(nil), nil, attention, `{"type": "yarn", "factor": 4}`},
		{"more attention", yarn(metadata{"attn_factor": 1.5}), nil, 1.5 * attention, `{"type": "yarn", "factor": 4}`},
		{"keys that llama.cpp does not read", yarn(metadata{"yarn_beta_fast": 8., "yarn_attn_factor": 2.}), nil, attention, `{"type": "yarn", "factor": 4}`},
		{"factors", nil, []float64{4, 4, 4, 4, 4, 4, 4, 4}, 1, `{"type": "linear", "factor": 4}`},
		{"factors, more attention", metadata{scaling + "attn_factor": 1.5}, []float64{4, 4, 4, 4, 4, 4, 4, 4}, 1.5, `{"type": "linear", "factor": 4}`},
		{"factors and yarn", yarn(nil), []float64{1, 1, 1, 1, 1, 1, 1, 1}, 0, ""},
		{"attention of linear", metadata{scaling + "type": "linear", scaling + "factor": 4., scaling + "attn_factor": 1.5}, nil, 0, ""},
		{"attention of none", metadata{scaling + "attn_factor": 1.5}, nil, 0, ""},
		{"too few factors", nil, []float64{1}, 0, ""},
		{"no factor", metadata{scaling + "type": "yarn"}, nil, 0, ""},
		{"longrope", metadata{scaling + "type": "longrope", scaling + "factor": 4.}, nil, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := metadata{"general.architecture": "llama", "llama.block_count": 1, "llama.embedding_length": 32, "llama.context_length": 2048,
				"llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.attention.head_count": 2, "llama.feed_forward_length": 8}
			for key, value := range c.keys {
				keys[key] = value
			}
			cfg, err := FromGGUF(keys, func(string) bool { return false }, 8, RopeTensors{Freqs: c.factors})
			if c.same == "" {
				if err == nil || !strings.Contains(err.Error(), "rope") {
					t.Errorf("error %v, want a refusal", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, err := FromHF([]byte(`{"model_type": "llama", "vocab_size": 8, "hidden_size": 32, "intermediate_size": 8, "num_hidden_layers": 1,
				"num_attention_heads": 2, "rope_scaling": ` + c.same + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if !near(cfg.Rope.InvFreq(16, 1), want.Rope.InvFreq(16, 1)) {
				t.Errorf("frequencies %v, want %v", cfg.Rope.InvFreq(16, 1), want.Rope.InvFreq(16, 1))
			}
			if a := cfg.Rope.Attention(); math.Abs(a-c.attention) > 1e-12 {
				t.Errorf("attention factor %g, want %g", a, c.attention)
			}
		})
	}
}

// Factors are a published scaling's within what float32 and a program's rounding change of it, and no further.
func TestFactorsOfPublishedScalings(t *testing.T) {
	for _, p := range published {
		for off, want := range map[float64]string{0: "llama3", 3e-6: "llama3", -3e-6: "llama3", 3e-5: "factors", -3e-5: "factors"} {
			for at := range 32 {
				factors := Rope{5e5, &p}.Divisors(64)
				factors[at] *= 1 + off
				if got := recognise(5e5, 64, factors); got.Type != want || want == "llama3" && got.Factor != p.Factor {
					t.Errorf("factor %g, %g off at %d: %+v, want %s", p.Factor, off, at, got, want)
				}
			}
		}
	}
}
