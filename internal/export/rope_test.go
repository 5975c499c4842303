package export

import (
	"encoding/json"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
)

const (
	yarn64      = `"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16`
	yarnRope    = `, "rope_scaling": {` + yarn64 + `}`
	yarnFactor  = `, "rope_scaling": {` + yarn64 + `, "attention_factor": 1.5}`
	yarnMScale  = `, "rope_scaling": {` + yarn64 + `, "mscale": 0.707, "mscale_all_dim": 1.0}`
	yarnRamp    = `, "rope_scaling": {` + yarn64 + `, "beta_fast": 4.0, "beta_slow": 0.5, "truncate": false}`
	dynamicRope = `, "rope_scaling": {"rope_type": "dynamic", "type": "dynamic", "factor": 2.0}`
)

// Every scaling comes back from both containers as the same angles and the same
// attention factor, and from a folder as the same keys.
func TestRopeReadBack(t *testing.T) {
	for _, c := range []struct {
		name, modelType, more string
		cut                   int // layers
		arch                  string
	}{
		{"yarn", "llama", yarnRope, 0, "llama"},
		{"yarn, layers differ", "llama", yarnRope, 1, "deci"},
		{"yarn of a Qwen 2", "qwen2", yarnRope, 0, "qwen2"},
		{"yarn of a Qwen 3", "qwen3", yarnRope, 0, "qwen3"},
		{"attention factor", "qwen3", yarnFactor, 0, "qwen3"},
		{"mscale", "llama", yarnMScale, 0, "llama"},
		{"another ramp", "llama", yarnRamp, 0, "llama"},
		{"another ramp of a Qwen 2", "qwen2", yarnRamp, 0, "llama"}, // qwen2 reads no factors
		{"another ramp of a Qwen 3", "qwen3", yarnRamp, 0, ""},
		{"another ramp, layers differ", "mistral", sliding + yarnRamp, 1, "deci"},
		{"dynamic", "llama", dynamicRope, 0, "llama"},
		{"dynamic, layers differ", "llama", dynamicRope, 1, "deci"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, dir := cut(tiny(t, c.modelType, c.more), c.cut), t.TempDir()
			write(t, m, filepath.Join(dir, "out"), Options{})
			if back := open(t, filepath.Join(dir, "out")); !reflect.DeepEqual(back.Config.Rope, m.Config.Rope) {
				t.Errorf("the folder says %+v, want %+v", back.Config.Rope.Scaling, m.Config.Rope.Scaling)
			}
			var want map[string]any
			if err := json.Unmarshal(m.Raw["rope_scaling"], &want); err != nil {
				t.Fatal(err)
			}
			if got := config(t, filepath.Join(dir, "out"))["rope_scaling"]; !reflect.DeepEqual(got, any(want)) {
				t.Errorf("rope_scaling is %v, want %v", got, want)
			}
			path := filepath.Join(dir, "out.gguf")
			if c.arch == "" {
				testGGUF(t, m, path, "")
				return
			}
			if p := write(t, m, path, Options{}); p.Class != c.arch {
				t.Errorf("architecture %s, want %s", p.Class, c.arch)
			}
			sameAngles(t, open(t, path).Config, m.Config)
		})
	}
}

// sameAngles compares what a file holds as float32.
func sameAngles(t *testing.T, got, want *model.Config) {
	t.Helper()
	for i, f := range want.Rope.InvFreq(want.HeadDim, 1) {
		if d := math.Abs(got.Rope.InvFreq(got.HeadDim, 1)[i]-f) / f; !(d < 1e-7) {
			t.Errorf("frequency %d is off by %g", i, d)
		}
	}
	if d := math.Abs(got.Rope.Attention() - want.Rope.Attention()); !(d < 1e-6) {
		t.Errorf("attention factor %g, want %g", got.Rope.Attention(), want.Rope.Attention())
	}
}

// The keys, by name and type: llama.cpp's own (llama-arch.cpp).
func TestRopeKeys(t *testing.T) {
	const scaling = "llama.rope.scaling."
	for more, want := range map[string]map[string]any{
		yarnRope:    {"type": "yarn", "factor": float32(4), "original_context_length": uint32(16)},
		yarnFactor:  {"type": "yarn", "factor": float32(4), "original_context_length": uint32(16), "attn_factor": float32(1.5 / (0.1*math.Log(4) + 1))},
		yarnRamp:    {"attn_factor": float32(0.1*math.Log(4) + 1)},
		dynamicRope: {},
		"":          {},
	} {
		path := filepath.Join(t.TempDir(), "m.gguf")
		p := write(t, tiny(t, "llama", more), path, Options{})
		g, err := checkpoint.OpenGGUF(path)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		for _, key := range []string{"type", "factor", "original_context_length", "attn_factor", "yarn_attn_factor", "yarn_beta_fast", "yarn_beta_slow"} {
			if got := g.KV()[scaling+key]; got != want[key] {
				t.Errorf("%s: %s is %v (%[3]T), want %v", more, key, got, want[key])
			}
		}
		_, err = g.Read(model.RopeFreqs)
		if (err == nil) != (more == yarnRamp) {
			t.Errorf("%s: rope_freqs.weight: %v", more, err)
		}
		if says := strings.Contains(p.String(), "without dynamic RoPE scaling, which begins beyond the context of 64 tokens"); says != (more == dynamicRope) {
			t.Errorf("%s: the plan says %q", more, p)
		}
	}
}

// What transformers 5 alone reads: how layers of both kinds turn, and how queries grow.
func TestRopeParameters(t *testing.T) {
	dir := t.TempDir()
	write(t, tiny(t, "olmo3", sliding+yarnRope), filepath.Join(dir, "olmo3"), Options{})
	write(t, tiny(t, "ministral3", growth), filepath.Join(dir, "ministral3"), Options{})
	for name, want := range map[string]string{
		"olmo3": `{"full_attention": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 500000.0},
			"sliding_attention": {"rope_type": "default", "rope_theta": 500000.0}}`,
		"ministral3": `{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 100.0, "llama_4_scaling_beta": 0.25}`,
	} {
		var parameters any
		if err := json.Unmarshal([]byte(want), &parameters); err != nil {
			t.Fatal(err)
		}
		c := config(t, filepath.Join(dir, name))
		if got := c["rope_parameters"]; !reflect.DeepEqual(got, parameters) {
			t.Errorf("%s: rope_parameters %v, want %v", name, got, parameters)
		}
		_, pair := c["rope_scaling"]
		if _, theta := c["rope_theta"]; pair != theta || pair == (name == "ministral3") {
			t.Errorf("%s: the pair that transformers 4 reads is there: %t, %t", name, pair, theta)
		}
	}
}
