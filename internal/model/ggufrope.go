package model

import "fmt"

// rope reads what llama.cpp reads for a Llama (llama-model.cpp, load_hparams): YaRN's
// ramp there is always the default one, and the keys rope.scaling.yarn_* that its
// converter writes beside these have no effect. Factors, those of rope_freqs.weight,
// stand for a scaling that has no keys.
func (k *keys) rope(c *Config, tensors RopeTensors) (Rope, error) {
	r := Rope{Theta: 10000}
	if f, ok := k.m.Float(k.arch + ".rope.freq_base"); ok {
		r.Theta = f
	}
	if tensors.Short != nil || tensors.Long != nil {
		r.Scaling = k.longRope(c.MaxPositions, tensors)
		return r, nil
	}
	factors := tensors.Freqs
	kind, _ := k.m.String(k.arch + ".rope.scaling.type")
	scaled := kind != "" && kind != "none"
	switch factor, _ := k.m.Float(k.arch + ".rope.scaling.factor"); {
	case factors != nil && scaled && factor != 0 && factor != 1:
		return r, fmt.Errorf("the file has rope_freqs.weight and key %s.rope.scaling.type %q, only one of them is supported", k.arch, kind)
	case factors != nil:
		r.Scaling = recognise(r.Theta, c.HeadDim, factors)
	case scaled:
		r.Scaling = &RopeScaling{Type: kind, Factor: factor}
	}
	if kind == "yarn" && factors == nil {
		r.Scaling.OriginalPosition = float64(c.MaxPositions)
		if n, ok := k.m.Uint(k.arch + ".rope.scaling.original_context_length"); ok {
			r.Scaling.OriginalPosition = float64(n)
		}
	}
	return r, k.attention(&r)
}

// attention reads rope.scaling.attn_factor, by which llama.cpp multiplies cos and sin
// beyond what YaRN's factor does (llama-context.cpp).
func (k *keys) attention(r *Rope) error {
	key := k.arch + ".rope.scaling.attn_factor"
	extra, ok := k.m.Float(key)
	if !ok || extra == 1 {
		return nil
	}
	s := r.Scaling
	switch {
	case s != nil && s.Type == "yarn":
		extra *= s.YarnAttention()
	case s != nil && s.Factors != nil:
	default:
		return fmt.Errorf("key %s is %g, which is supported with yarn scaling or rope_freqs.weight alone", key, extra)
	}
	s.AttentionFactor = &extra
	return nil
}
