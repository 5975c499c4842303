package model

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// transformers 4 and 5 spell the same configurations otherwise.
func TestSpellings(t *testing.T) {
	files, err := filepath.Glob("../../testdata/golden/*/config_v4.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	for _, v4 := range files {
		var read [2]*Config
		for i, name := range []string{v4, filepath.Join(filepath.Dir(v4), "config.json")} {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if read[i], err = FromHF(data); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if !reflect.DeepEqual(read[0], read[1]) {
			t.Errorf("%s says\n%+v, config.json beside it\n%+v", v4, read[0], read[1])
		}
	}
}

// What llama.cpp takes of a GGUF file where positions or windows differ from layer to layer.
func TestLayersOfGGUF(t *testing.T) {
	const s, f = "S", "F" // a window and a RoPE of its own; all keys
	for _, c := range []struct {
		arch string
		more metadata
		want string // a letter a layer; N: no positions
	}{
		{"gemma3", metadata{"attention.sliding_window": 9}, s + s + s + s + s + f + s},
		{"gemma3", metadata{"attention.sliding_window": 9, "attention.sliding_window_pattern": 3}, s + s + f + s + s + f + s},
		{"gemma3", metadata{"attention.sliding_window": 9, "attention.sliding_window_pattern": []bool{true, false, false, true, true, false, false}}, s + f + f + s + s + f + f},
		{"gemma3", metadata{}, f + f + f + f + f + f + f},
		{"smollm3", metadata{}, "FFFNFFF"},
		{"granite", metadata{"logit_scale": 4.}, f + f + f + f + f + f + f},
	} {
		m := metadata{"general.architecture": c.arch}
		for key, v := range (metadata{"embedding_length": 16, "context_length": 64, "attention.layer_norm_rms_epsilon": 1e-6, "block_count": 7,
			"attention.head_count": 4, "feed_forward_length": 8, "rope.freq_base": 1e6, "attention.key_length": 4}) {
			m[c.arch+"."+key] = v
		}
		for key, v := range c.more {
			m[c.arch+"."+key] = v
		}
		cfg, err := FromGGUF(m, func(string) bool { return false }, 8, RopeTensors{})
		if err != nil {
			t.Fatalf("%s: %v", c.arch, err)
		}
		got := ""
		for _, l := range cfg.Layers {
			switch {
			case l.Window == 9 && l.Positions == LocalRope:
				got += s
			case l.Window == 0 && l.Positions == MainRope:
				got += f
			case l.Window == 0 && l.Positions == NoRope:
				got += "N"
			}
		}
		if got != c.want || cfg.Rope.Theta != 1e6 || c.arch == "gemma3" && cfg.LocalRope.Theta != 1e4 {
			t.Errorf("%s %v: layers %s, want %s; %+v", c.arch, c.more, got, c.want, cfg.Math)
		}
	}
}

// Granite's keys, of which only the divisor of logits must be there, and what they refuse.
func TestGraniteGGUF(t *testing.T) {
	keys := func(more metadata) metadata {
		m := metadata{"general.architecture": "granite"}
		for key, v := range (metadata{"embedding_length": 16, "context_length": 64, "attention.layer_norm_rms_epsilon": 1e-6, "block_count": 1,
			"attention.head_count": 4, "feed_forward_length": 8}) {
			m["granite."+key] = v
		}
		for key, v := range more {
			m["granite."+key] = v
		}
		return m
	}
	read := func(more metadata) (*Config, error) {
		return FromGGUF(keys(more), func(string) bool { return false }, 8, RopeTensors{})
	}
	c, err := read(metadata{"logit_scale": 4., "embedding_scale": 12., "residual_scale": 0.25, "attention.scale": 0.125})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Math{EmbeddingScale: 12, ResidualScale: 0.25, ScoreScale: 0.125, LogitDivisor: 4, Rope: Rope{Theta: 10000}}); !reflect.DeepEqual(c.Math, want) {
		t.Errorf("%+v, want %+v", c.Math, want)
	}
	for _, more := range []metadata{{}, {"logit_scale": 4., "rope.scaling.finetuned": []bool{false}}, {"logit_scale": -1.}} {
		if _, err := read(more); err == nil {
			t.Errorf("%v is taken", more)
		}
	}
}

func TestFactorsOfGraniteAreRefused(t *testing.T) {
	const sizes = `{"model_type": "granite", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, `
	for _, more := range []string{`"embedding_multiplier": 0`, `"residual_multiplier": -1`, `"attention_multiplier": 0`, `"logits_scaling": 0`, `"logits_scaling": 1e30`} {
		if _, err := FromHF([]byte(sizes + more + "}")); err == nil {
			t.Errorf("%s is taken", more)
		}
	}
}

// Windows of Qwen: none unless use_sliding_window, then behind max_window_layers or by layer_types.
func TestQwenWindows(t *testing.T) {
	const sizes = `"vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4`
	for more, want := range map[string][3]int{
		``: {}, `, "sliding_window": 5, "max_window_layers": 1`: {},
		`, "use_sliding_window": true, "sliding_window": 5`:                                                                           {},
		`, "use_sliding_window": true, "sliding_window": 5, "max_window_layers": 1`:                                                   {0, 5, 5},
		`, "use_sliding_window": true, "max_window_layers": 2`:                                                                        {0, 0, 4096},
		`, "use_sliding_window": true, "sliding_window": null, "max_window_layers": 0`:                                                {},
		`, "use_sliding_window": true, "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention", "full_attention"]`: {5, 0, 0},
	} {
		for _, family := range []string{"qwen2", "qwen3"} {
			c, err := FromHF([]byte(`{"model_type": "` + family + `", ` + sizes + more + `}`))
			if err != nil {
				t.Fatalf("%s: %v", more, err)
			}
			for i, l := range c.Layers {
				if l.Window != want[i] {
					t.Errorf("%s%s: layer %d has a window of %d, want %d", family, more, i, l.Window, want[i])
				}
			}
		}
	}
}
