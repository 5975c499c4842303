package model

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

const phi3Sizes = `"model_type": "phi3", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2`

// LongRoPE as files of Phi-3 mini 128k and Phi-3.5 mini write it, whose attention
// factor is sqrt(1 + ln 32 / ln 4096) = sqrt(17/12), and as transformers 5 saves it.
func TestLongRope(t *testing.T) {
	const factors = `"short_factor": [1, 2], "long_factor": [3, 4]`
	for _, c := range []struct {
		more                string
		original, attention float64
	}{
		{`"original_max_position_embeddings": 4096, "rope_scaling": {"type": "su", ` + factors + `}`, 4096, math.Sqrt(17. / 12)},
		{`"rope_scaling": {"type": "yarn", ` + factors + `}`, 4096, math.Sqrt(17. / 12)},
		{`"original_max_position_embeddings": 131072, "rope_scaling": {"type": "longrope", ` + factors + `}`, 131072, 1},
		{`"rope_parameters": {"rope_type": "longrope", "partial_rotary_factor": 1.0, "attention_factor": 1.5, "factor": 2.0, ` + factors + `}`, 4096, 1.5},
		{`"rope_parameters": {"rope_type": "longrope", "factor": 4096, ` + factors + `}`, 4096, math.Sqrt2},
	} {
		cfg, err := FromHF(fmt.Appendf(nil, `{%s, "max_position_embeddings": 131072, %s}`, phi3Sizes, c.more))
		if err != nil {
			t.Fatalf("%s: %v", c.more, err)
		}
		r := cfg.Rope
		if r.Scaling.OriginalPosition != c.original || math.Abs(r.Attention()-c.attention) > 1e-12 {
			t.Errorf("%s: original context %g, attention factor %g, want %g and %g", c.more, r.Scaling.OriginalPosition, r.Attention(), c.original, c.attention)
		}
		within, beyond := r.InvFreq(4, int(c.original)), r.InvFreq(4, int(c.original)+1)
		if within[0] != 1 || within[1] != .01/2 || beyond[0] != 1./3 || beyond[1] != .01/4 {
			t.Errorf("%s: angles %v within the original context, %v beyond", c.more, within, beyond)
		}
	}
}

// The keys that llama.cpp's converter writes of a Phi-3 (conversion/phi.py): no head size.
func TestPhi3Keys(t *testing.T) {
	kv := metadata{"general.architecture": "phi3", "phi3.context_length": 128, "phi3.rope.scaling.original_context_length": 32, "phi3.embedding_length": 8,
		"phi3.feed_forward_length": 8, "phi3.block_count": 1, "phi3.attention.head_count": 2, "phi3.attention.head_count_kv": 2,
		"phi3.attention.layer_norm_rms_epsilon": 1e-5, "phi3.rope.dimension_count": 4, "phi3.rope.freq_base": 1e4,
		"phi3.attention.sliding_window": 7, "phi3.rope.scaling.attn_factor": 1.25}
	has := func(string) bool { return true }
	cfg, err := FromGGUF(kv, has, 8, RopeTensors{Short: []float64{1, 2}, Long: []float64{3, 4}})
	if err != nil {
		t.Fatal(err)
	}
	s := cfg.Rope.Scaling
	if cfg.Window() != 7 || cfg.HeadDim != 4 || s.OriginalPosition != 32 || cfg.Rope.Attention() != 1.25 || !slices.Equal(s.Long, []float64{3, 4}) {
		t.Errorf("window %d, head size %d, scaling %+v", cfg.Window(), cfg.HeadDim, s)
	}
	kv["phi3.attention.sliding_window"] = 0
	delete(kv, "phi3.rope.scaling.attn_factor")
	if cfg, err = FromGGUF(kv, has, 8, RopeTensors{}); err != nil || cfg.Window() != 0 || cfg.Rope.Scaling != nil {
		t.Errorf("window %d, scaling %+v (%v), want none", cfg.Window(), cfg.Rope.Scaling, err)
	}
	kv["phi3.rope.dimension_count"] = 3
	if _, err = FromGGUF(kv, has, 8, RopeTensors{}); err == nil {
		t.Error("heads that are rotated in part are read")
	}
}
