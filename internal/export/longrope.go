package export

import (
	"math"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// longRopeFactors are the tensors of LongRoPE in a GGUF file (llama.cpp: llama, deci,
// phi3), both F32 [head_dim/2].
func longRopeFactors(s *model.RopeScaling) checkpoint.Memory {
	return checkpoint.Memory{model.RopeShort: vector(s.Short), model.RopeLong: vector(s.Long)}
}

func vector(values []float64) tensor.Tensor {
	v := make([]float32, len(values))
	for i, x := range values {
		v[i] = float32(x)
	}
	return tensor.FromFloat32(tensor.F32, []int{len(v)}, v)
}

// longRopeKeys adds the metadata of LongRoPE.
func longRopeKeys(add func(key string, value any), r model.Rope) {
	add("rope.scaling.type", r.Scaling.Type)
	add("rope.scaling.original_context_length", uint32(r.Scaling.OriginalPosition))
	add("rope.scaling.attn_factor", float32(r.Attention()))
}

// longRope is rope_scaling of a config.json. Phi3Config of transformers 4 wants
// these three fields and no other; it has the original context beside them, and the
// attention factor follows from that, but where a source says another.
func longRope(c *model.Config, arch hfArch) object {
	s := c.Rope.Scaling
	scaling := object{"type": s.Type, "short_factor": floats(s.Short), "long_factor": floats(s.Long)}
	factor, attention := float64(c.MaxPositions)/s.OriginalPosition, c.Rope.Attention()
	if math.Abs(attention-model.LongRopeAttention(factor, s.OriginalPosition)) > 1e-6 {
		scaling["attention_factor"] = float(attention)
	}
	if arch.base != "Phi3" {
		scaling["rope_type"], scaling["factor"], scaling["original_max_position_embeddings"] = s.Type, float(factor), int(s.OriginalPosition)
	}
	return scaling
}

func floats(values []float64) []float {
	out := make([]float, len(values))
	for i, v := range values {
		out[i] = float(v)
	}
	return out
}
