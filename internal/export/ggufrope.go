package export

import (
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// ropeFactors is rope_freqs.weight, by which llama.cpp divides the angles, or the two
// tensors of LongRoPE, all F32 [rotary/2]; nil where there is none, or where metadata
// keys say the same (ropeKeys).
func ropeFactors(c *model.Config) checkpoint.Memory {
	switch f, s := c.Features(), c.Rope.Scaling; {
	case f.Has(model.LongRopes):
		return checkpoint.Memory{model.RopeShort: vector(s.Short), model.RopeLong: vector(s.Long)}
	case f&(factorRopes&^keyedRopes) != 0:
		return checkpoint.Memory{model.RopeFreqs: vector(c.Rope.Divisors(c.Rotary()))}
	}
	return nil
}

func vector(values []float64) tensor.Tensor {
	v := make([]float32, len(values))
	for i, x := range values {
		v[i] = float32(x)
	}
	return tensor.FromFloat32(tensor.F32, []int{len(v)}, v)
}

// ropeKeys adds the metadata of the scalings that llama.cpp computes from keys. It
// multiplies cos and sin by YaRN's attention factor, as it follows from the factor
// alone, and by rope.scaling.attn_factor (llama-context.cpp), which here makes up
// the difference. Of a Llama it reads no rope.scaling.yarn_*, and has the default ramp alone.
func ropeKeys(add func(key string, value any), c *model.Config) {
	s, attention := c.Rope.Scaling, c.Rope.Attention()
	switch f := c.Features(); {
	case f.Has(model.LongRopes):
		add("rope.scaling.type", s.Type)
		add("rope.scaling.original_context_length", uint32(s.OriginalPosition))
		add("rope.scaling.attn_factor", float32(attention))
		return
	case f.Has(model.LinearRope):
		add("rope.scaling.type", s.Type)
		add("rope.scaling.factor", float32(s.Factor))
	case f.Has(model.YarnRope) && !f.Has(model.YarnRamp):
		add("rope.scaling.type", s.Type)
		add("rope.scaling.factor", float32(s.Factor))
		add("rope.scaling.original_context_length", uint32(s.OriginalPosition))
		attention /= s.YarnAttention()
	}
	if attention != 1 {
		add("rope.scaling.attn_factor", float32(attention))
	}
}
