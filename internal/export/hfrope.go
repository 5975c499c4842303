package export

import (
	"math"

	"moreau/internal/model"
)

// ropeScaling is rope_scaling, which with rope_theta is the pair that transformers 4 reads and
// 5 converts; it stands beside rope_parameters, of which 4 knows nothing, where the source has them.
func ropeScaling(c *model.Config) any {
	s := c.Rope.Scaling
	switch {
	case s == nil:
		return nil
	case s.LongRope():
		return longRope(c)
	}
	scaling := object{"rope_type": s.Type, "factor": float(s.Factor)}
	switch s.Type {
	case "linear", "dynamic":
		scaling["type"] = s.Type // the name before transformers 4.43
	case "llama3":
		scaling["low_freq_factor"], scaling["high_freq_factor"] = float(s.LowFreq), float(s.HighFreq)
		scaling["original_max_position_embeddings"] = int(math.Round(s.OriginalPosition))
	case "yarn":
		yarn(scaling, s)
	}
	return scaling
}

// longRope is the scaling of LongRoPE; the attention factor follows from the contexts, but where
// a source says another.
func longRope(c *model.Config) object {
	s := c.Rope.Scaling
	factor, attention := float64(c.MaxPositions)/s.OriginalPosition, c.Rope.Attention()
	scaling := object{"type": s.Type, "short_factor": floats(s.Short), "long_factor": floats(s.Long),
		"rope_type": s.Type, "factor": float(factor), "original_max_position_embeddings": int(s.OriginalPosition)}
	if math.Abs(attention-model.LongRopeAttention(factor, s.OriginalPosition)) > 1e-6 {
		scaling["attention_factor"] = float(attention)
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

// yarn writes what the source says; transformers has defaults for the rest.
func yarn(scaling object, s *model.RopeScaling) {
	scaling["original_max_position_embeddings"] = int(math.Round(s.OriginalPosition))
	for key, value := range map[string]float64{"mscale": s.MScale, "mscale_all_dim": s.MScaleAllDim, "beta_fast": s.BetaFast, "beta_slow": s.BetaSlow} {
		if value != 0 {
			scaling[key] = float(value)
		}
	}
	if s.AttentionFactor != nil {
		scaling["attention_factor"] = float(*s.AttentionFactor)
	}
	if s.NoTruncate {
		scaling["truncate"] = false
	}
}
