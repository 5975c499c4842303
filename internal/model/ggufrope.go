package model

import "fmt"

// Names of the tensors of a GGUF file that scale RoPE.
const (
	RopeFreqs = "rope_freqs.weight"         // what pairs' angles are divided by
	RopeShort = "rope_factors_short.weight" // LongRoPE's, within the original context
	RopeLong  = "rope_factors_long.weight"  // and beyond it
)

// RopeTensors is the contents of these tensors, head size / 2 values each; nil where absent.
type RopeTensors struct{ Freqs, Short, Long []float64 }

// rope reads what llama.cpp reads for a Llama (llama-model.cpp, load_hparams): YaRN's
// ramp there is always the default one, and the keys rope.scaling.yarn_* that its
// converter writes beside these have no effect. Freqs stand for a scaling that has no
// keys, Short and Long for LongRoPE whatever the keys say.
func (k *keys) rope(c *Config, tensors RopeTensors) (Rope, error) {
	r := Rope{Theta: k.floatOr("rope.freq_base", 10000)}
	kind, _ := k.m.String(k.arch + ".rope.scaling.type")
	scaled := kind != "" && kind != "none"
	switch factor := k.floatOr("rope.scaling.factor", 0); {
	case tensors.Short != nil || tensors.Long != nil:
		r.Scaling = &RopeScaling{Type: longrope, OriginalPosition: k.originalContext(c), Short: tensors.Short, Long: tensors.Long}
	case tensors.Freqs != nil && scaled && factor != 0 && factor != 1:
		return r, fmt.Errorf("the file has %s and key %s.rope.scaling.type %q, only one of them is supported", RopeFreqs, k.arch, kind)
	case tensors.Freqs != nil:
		r.Scaling = recognise(r.Theta, c.Rotary(), tensors.Freqs)
	case kind == "yarn":
		r.Scaling = &RopeScaling{Type: kind, Factor: factor, OriginalPosition: k.originalContext(c)}
	case scaled:
		r.Scaling = &RopeScaling{Type: kind, Factor: factor}
	}
	return r, k.attention(r.Scaling)
}

// originalContext is the context before scaling, the model's where no key says another.
func (k *keys) originalContext(c *Config) float64 {
	if n, ok := k.m.Uint(k.arch + ".rope.scaling.original_context_length"); ok {
		return float64(n)
	}
	return float64(c.MaxPositions)
}

// attention reads rope.scaling.attn_factor, by which llama.cpp multiplies cos and sin
// beyond what YaRN's factor does (llama-context.cpp).
func (k *keys) attention(s *RopeScaling) error {
	const key = "rope.scaling.attn_factor"
	extra := k.floatOr(key, 1)
	switch {
	case extra == 1:
		return nil
	case s != nil && s.Type == "yarn":
		extra *= s.YarnAttention()
	case s.LongRope() || s != nil && s.Factors != nil:
	default:
		return fmt.Errorf("key %s.%s is %g, which is supported with yarn scaling or %s alone", k.arch, key, extra, RopeFreqs)
	}
	s.AttentionFactor = &extra
	return nil
}
