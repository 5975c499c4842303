package model

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/fuzztest"
)

// FuzzHFConfig reads a config.json of anybody's: it is refused or makes a model whose
// sizes can be multiplied, and reading takes 64 bytes of memory for each of the file,
// lists of numbers and their growth, and 1 MiB for up to 4096 layers.
func FuzzHFConfig(f *testing.F) {
	fuzztest.Corpus(f)
	for _, pattern := range []string{"../../testdata/*/*/config.json", "../synth/configs/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds at %s (%v)", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte(`{"model_type": "pruned_llama", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
		"num_attention_heads_per_layer": [2, 1], "num_key_value_heads_per_layer": [2, 1], "intermediate_size_per_layer": [8, 3]}`))
	f.Add([]byte(`{"model_type": "qwen3", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
		"rope_parameters": {"type": "yarn", "factor": 4, "beta_fast": 8, "beta_slow": 2, "mscale": 1, "mscale_all_dim": 0.5, "truncate": false}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c *Config
		var err error
		fuzztest.Allocates(t, len(data), 64, func() { c, err = FromHF(data) })
		if err == nil {
			checkSizes(t, c)
		}
	})
}

// checkSizes compares counts with those in floating point, which does not overflow.
func checkSizes(t *testing.T, c *Config) {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	var count, kv float64
	for _, p := range c.Params() {
		n := 1.
		for _, size := range p.Shape() {
			if size < 1 {
				t.Errorf("%s has shape %v", p.Name, p.Shape())
			}
			n *= float64(size)
		}
		count += n
	}
	for _, l := range c.Layers {
		kv += 4 * float64(l.KVHeads) * float64(c.HeadDim)
	}
	if n := float64(c.ParamCount()); !(math.Abs(n-count) <= 1e-9*count) || n > 1<<57 {
		t.Errorf("%g parameters, want %g, at most 2^57", n, count)
	}
	if n := float64(c.KVBytes()); n != kv {
		t.Errorf("%g bytes of KV cache, want %g", n, kv)
	}
	checkRope(t, c.Rope, c.Rotary())
	if c.HasPositions(LocalRope) {
		checkRope(t, c.LocalRope, c.Rotary())
	}
}

func checkRope(t *testing.T, r Rope, rotary int) {
	t.Helper()
	for _, tokens := range []int{1, mostSize} {
		for i, freq := range r.InvFreq(rotary, tokens) {
			if !(freq >= 0) || math.IsInf(freq, 0) {
				t.Errorf("frequency %d of %+v is %g", i, r, freq)
				break
			}
		}
	}
	if a := r.Attention(); !positive(a) {
		t.Errorf("attention factor %g", a)
	}
}
